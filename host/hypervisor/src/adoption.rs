//! Finding machines again: after a start, after libvirt was away, after events were lost.
//!
//! libvirt's listing is the truth about what runs; a record says what ran. Whoever is not listed is gone only when its QEMU is gone
//! too; while that runs it is waited for, and after that its state is unknown, never Down. A domain under our mark without a record
//! is written down, never destroyed.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::time::Instant;
use vdsm_core::clock;

use crate::libvirt::{CallError, DomainInfo};
use crate::ownership;
use crate::process::Process;
use crate::room::{Room, RoomError, Sight, cpus};
use crate::vm::readback::minimal_conf;
use crate::vm::record::{VmRecord, VmView};
use crate::vm::state::{Input, Machine, State, left_to_do};

/// Brings all records in line with what runs. An error means that libvirt could not be asked: then nothing was concluded.
pub(crate) async fn adopt(room: &Arc<Room>) -> Result<(), RoomError> {
    let deadline = Instant::now() + room.patience.settle;
    let before = room.vms.view();
    let mut listed: HashMap<String, DomainInfo> = room
        .domains
        .settled(room.patience.settle)
        .await?
        .into_iter()
        .filter(|info| info.state.is_active())
        .map(|info| (info.uuid.clone(), info))
        .collect();
    let mut foreign = Vec::new();
    for info in listed.values() {
        if take_in(room, info).await? == Whose::NotOurs {
            foreign.push(info.uuid.clone());
        }
    }
    // Somebody else's domain says nothing about a machine of ours with its uuid.
    listed.retain(|uuid, _| !foreign.contains(uuid));
    let mut ends = Vec::new();
    for view in before.values().filter(|view| !listed.contains_key(&view.record.id.to_ascii_lowercase())) {
        if let Some(input) = missing(room, view, deadline).await? {
            ends.push(tokio::spawn(end(room.clone(), view.record.id.clone(), input)));
        }
    }
    for view in before.values().filter(|view| !left_to_do(&view.record.machine).is_empty()) {
        ends.push(tokio::spawn(finish(room.clone(), view.clone())));
    }
    // Hooks may take their time; what they do to a machine that ended holds nobody up.
    let _ = tokio::time::timeout(room.patience.settle, futures_util::future::join_all(ends)).await;
    Ok(())
}

/// Whose a listed domain is.
#[derive(PartialEq, Eq)]
enum Whose {
    /// Ours, or it cannot be told now.
    Ours,
    /// Somebody else's, or gone since.
    NotOurs,
}

/// A domain that runs: looked at when it is written down, written down when it is ours and not.
async fn take_in(room: &Arc<Room>, info: &DomainInfo) -> Result<Whose, RoomError> {
    let known = room.vms.of_domain(&info.uuid);
    let id = known.as_ref().map_or(&info.uuid, |view| &view.record.id);
    if known.is_none() && room.vms.take_in(id).await?.is_none() && !write_down(room, info).await? {
        return Ok(Whose::NotOurs);
    }
    match room.look(id).await {
        Ok(Sight::Running(_)) => Ok(Whose::Ours),
        Ok(Sight::Nothing) => Ok(Whose::NotOurs),
        Err(RoomError::Libvirt(CallError::Disconnected(reason))) => Err(CallError::Disconnected(reason).into()),
        Err(RoomError::Libvirt(error)) => {
            tracing::warn!(vm = id, %error, "it runs and cannot be looked at");
            room.vms.apply(id, &Input::OutOfSight, clock::now()).await?;
            Ok(Whose::Ours)
        }
        Err(error) => Err(error),
    }
}

/// Whether the domain is ours, and now has a record.
async fn write_down(room: &Arc<Room>, info: &DomainInfo) -> Result<bool, RoomError> {
    let id = &info.uuid;
    let (state, document) = match room.see(id).await {
        Ok(Some(seen)) => seen,
        Ok(None) => return Ok(false),
        Err(CallError::Disconnected(reason)) => return Err(CallError::Disconnected(reason).into()),
        Err(error) => {
            tracing::warn!(domain = info.name, %error, "whose domain it is cannot be told");
            return Ok(false);
        }
    };
    if !ownership::is_ours(&document, &room.identity.root_id) {
        return Ok(false);
    }
    match minimal_conf(id, &document) {
        Ok(conf) => {
            tracing::warn!(vm = id, domain = info.name, "a machine of ours that nothing was written down of");
            room.vms.adopt(VmRecord::found(id, &info.name, conf, Machine::found(cpus(state), clock::now()), &room.place)).await?;
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
    while record.process.is_some_and(Process::is_alive) {
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
        Err(error) => Err(error.into()),
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

async fn finish(room: Arc<Room>, view: Arc<VmView>) {
    room.carry_out(&view.record.id, &left_to_do(&view.record.machine)).await;
}

/// Tells a machine what became of it, and does what follows.
pub(crate) async fn end(room: Arc<Room>, id: String, input: Input) {
    match room.vms.apply(&id, &input, clock::now()).await {
        Ok(Some(change)) => room.carry_out(&id, &change.effects).await,
        Ok(None) => {}
        Err(error) => tracing::error!(vm = id, %error, "what became of a machine cannot be written down"),
    }
}

#[cfg(test)]
mod tests;
