//! Finding machines again: after a start, after libvirt was away, after events were lost.
//!
//! libvirt's listing is the truth about what runs; a record says what ran. Whoever is not listed is gone only when its QEMU is gone
//! too; while that runs it is waited for, and after that its state is unknown, never Down. A domain under our mark without a record
//! is written down, never destroyed; one whose machine was reported Down is ended, since its manager may have started that elsewhere.

use std::collections::HashMap;
use std::sync::Arc;

use futures_util::stream::{self, StreamExt, TryStreamExt};
use tokio::time::Instant;
use vdsm_core::clock;

use crate::libvirt::CallError;
use crate::ownership;
use crate::room::{Room, RoomError, Sight, cpus, lives};
use crate::vm::readback::minimal_conf;
use crate::vm::record::{VmRecord, VmView};
use crate::vm::state::{Input, Machine, State, left_to_do};

/// What adoption came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Adopted {
    /// Nothing is left to be looked at.
    Whole,
    /// A domain is to be looked at again although no record says so: its machine was reported Down.
    Again,
}

/// How many domains are looked at together: one that hangs takes the time of a call, and many must not take that one by one.
const LOOKS_TOGETHER: usize = 16;

/// Brings all records in line with what runs. An error means that libvirt could not be asked: then nothing was concluded. What the end
/// of a machine asks for goes on after it ([`Room::concluded`]): it may have to wait for a job that is only settled now.
pub(crate) async fn adopt(room: &Arc<Room>) -> Result<Adopted, RoomError> {
    let deadline = Instant::now() + room.patience.settle;
    let before = room.vms.view();
    let running = room.domains.settled(room.patience.settle).await?.into_iter().filter(|info| info.state.is_active());
    let looked_at = stream::iter(running).map(|info| async move {
        let whose = take_in(room, &info.uuid).await?;
        Ok::<_, RoomError>((info.uuid, whose))
    });
    // Somebody else's domain says nothing about a machine of ours with its uuid.
    let ours = looked_at.buffer_unordered(LOOKS_TOGETHER).try_filter(|(_, whose)| std::future::ready(*whose != Whose::NotOurs));
    let ours: HashMap<String, Whose> = ours.try_collect().await?;
    for uuid in ours.iter().filter(|(_, whose)| **whose == Whose::ReportedDown).map(|(uuid, _)| uuid) {
        end_reported_down(room, uuid);
    }
    let is_listed = |view: &VmView| ours.contains_key(&view.record.id.to_ascii_lowercase());
    let unlisted: Vec<_> = before.values().filter(|view| !is_listed(view)).cloned().collect();
    let learnt = stream::iter(unlisted).map(|view| async move { Ok::<_, RoomError>((missing(room, &view, deadline).await?, view)) });
    for (input, view) in learnt.buffer_unordered(LOOKS_TOGETHER).try_collect::<Vec<_>>().await? {
        if let Some(input) = input {
            end(room, &view.record.id, input).await;
        }
    }
    for view in before.values().filter(|view| left_to_do(&view.record.machine).is_some()) {
        conclude(room, &view.record.id);
    }
    let again = ours.iter().any(|(uuid, whose)| match whose {
        Whose::ReportedDown => true,
        Whose::OutOfSight => room.vms.of_domain(uuid).is_some_and(|view| view.record.machine.state() == State::Down),
        Whose::Ours | Whose::NotOurs => false,
    });
    Ok(if again { Adopted::Again } else { Adopted::Whole })
}

/// A domain that began to run unasked: a start that libvirt was late with, or somebody else's.
pub(crate) async fn meet(room: Arc<Room>, uuid: String) {
    match take_in(&room, &uuid).await {
        Ok(Whose::Ours | Whose::NotOurs) => {}
        // Looked at with all others, and again until it is settled.
        Ok(Whose::ReportedDown | Whose::OutOfSight) => room.resync.notify_one(),
        Err(error) => tracing::warn!(domain = uuid, %error, "it was started and cannot be looked at"),
    }
}

/// Whose a domain is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Whose {
    /// Ours.
    Ours,
    /// As far as is known ours; it cannot be told now.
    OutOfSight,
    /// Ours, and its machine was reported as ended.
    ReportedDown,
    /// Somebody else's, or gone since.
    NotOurs,
}

/// A domain that runs: looked at when it is written down, written down when it is ours and not.
async fn take_in(room: &Arc<Room>, uuid: &str) -> Result<Whose, RoomError> {
    let known = room.vms.of_domain(uuid);
    let id = known.as_ref().map_or(uuid, |view| &view.record.id);
    if known.is_none() && room.vms.take_in(id).await?.is_none() && !write_down(room, id).await? {
        return Ok(Whose::NotOurs);
    }
    match room.look(id).await {
        Ok(Sight::Running(_)) if room.is_down(id) => Ok(Whose::ReportedDown),
        Ok(Sight::Running(_)) => Ok(Whose::Ours),
        Ok(Sight::Nothing) => Ok(Whose::NotOurs),
        Err(RoomError::Libvirt(CallError::Disconnected(reason))) => Err(CallError::Disconnected(reason).into()),
        Err(RoomError::Libvirt(error)) => {
            tracing::warn!(vm = id, %error, "it runs and cannot be looked at");
            room.vms.apply(id, &Input::OutOfSight, clock::now()).await?;
            Ok(Whose::OutOfSight)
        }
        Err(error) => Err(error),
    }
}

/// Whether the domain is ours, and now has a record.
async fn write_down(room: &Arc<Room>, id: &str) -> Result<bool, RoomError> {
    let (state, document) = match room.see(id).await {
        Ok(Some(seen)) => seen,
        Ok(None) => return Ok(false),
        Err(CallError::Disconnected(reason)) => return Err(CallError::Disconnected(reason).into()),
        Err(error) => {
            tracing::warn!(domain = id, %error, "whose domain it is cannot be told");
            return Ok(false);
        }
    };
    if !ownership::is_ours(&document, &room.identity.root_id) {
        return Ok(false);
    }
    match minimal_conf(id, &document) {
        Ok(conf) => {
            tracing::warn!(vm = id, "a machine of ours that nothing was written down of");
            room.vms.adopt(VmRecord::found(id, conf, Machine::found(cpus(state), clock::now()), &room.place)).await?;
            Ok(true)
        }
        Err(error) => {
            tracing::error!(vm = id, %error, "a machine of ours whose document cannot be read");
            Ok(false)
        }
    }
}

/// What is known of a machine that is not listed. None: nothing that changes it.
async fn missing(room: &Arc<Room>, view: &VmView, deadline: Instant) -> Result<Option<Input>, RoomError> {
    let record = &view.record;
    match record.machine.state() {
        // Nothing ran, or its start is under way and sees for itself.
        State::Down | State::WaitForLaunch => return Ok(None),
        State::Up
        | State::RebootInProgress
        | State::Paused
        | State::PoweringDown
        | State::MigrationSource
        | State::MigrationDestination
        | State::SavingState
        | State::RestoringState => {}
    }
    if record.boot_id != room.place.boot_id {
        return Ok(Some(Input::OtherBoot));
    }
    while lives(record) {
        if Instant::now() >= deadline {
            return Ok(Some(Input::OutOfSight));
        }
        tokio::time::sleep(room.patience.look_again).await;
        if let Some(Sight::Running(_)) = seen_meanwhile(room, &record.id).await? {
            return Ok(None);
        }
    }
    // The listing may be older than what happened since to the record.
    if room.vms.get(&record.id).is_none_or(|now| now.version != view.version) {
        return Ok(None);
    }
    match room.is_running_ours(&record.id).await {
        Ok(true) => Ok(None),
        Ok(false) => Ok(Some(Input::Vanished)),
        Err(CallError::Disconnected(reason)) => Err(CallError::Disconnected(reason).into()),
        Err(error) => {
            tracing::warn!(vm = record.id, %error, "whether it runs cannot be told");
            Ok(Some(Input::OutOfSight))
        }
    }
}

async fn seen_meanwhile(room: &Arc<Room>, id: &str) -> Result<Option<Sight>, RoomError> {
    match room.look(id).await {
        Ok(sight) => Ok(Some(sight)),
        Err(RoomError::Libvirt(CallError::Disconnected(reason))) => Err(CallError::Disconnected(reason).into()),
        Err(RoomError::Libvirt(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Tells a machine what became of it, and begins what follows.
pub(crate) async fn end(room: &Arc<Room>, id: &str, input: Input) {
    if let Err(error) = room.vms.apply(id, &input, clock::now()).await {
        tracing::error!(vm = id, %error, "what became of a machine cannot be written down");
    }
    if room.vms.get(id).is_some_and(|view| left_to_do(&view.record.machine).is_some()) {
        conclude(room, id);
    }
}

fn conclude(room: &Arc<Room>, id: &str) {
    let (room, id) = (room.clone(), id.to_owned());
    tokio::spawn(async move { room.conclude(&id).await });
}

fn end_reported_down(room: &Arc<Room>, uuid: &str) {
    if let Some(view) = room.vms.of_domain(uuid) {
        let room = room.clone();
        tokio::spawn(async move { room.end_reported_down(&view.record.id).await });
    }
}

#[cfg(test)]
mod tests;
