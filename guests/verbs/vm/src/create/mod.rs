//! `create`: a machine from a configuration, in three rounds.
//!
//! 1. Check, register, answer; then, past the answer, wait for a slot and prepare the disks.
//! 2. Write the domain document and run the hooks that may edit it.
//! 3. Start what the hooks made of it, then run those that may look at it.
//!
//! A refusal in the first round is the caller's. Later ones end the machine Down with the text as its exit message.

mod configuration;
#[cfg(test)]
mod tests;
mod unserved;
mod validation;

use std::collections::BTreeMap;

use vdsm_sdk::hook::log;
use vdsm_sdk::host::{ask as host, machine_aliases};
use vdsm_sdk::storage::{ask as storage, plan as disks};
use vdsm_sdk::verb::{
    Access, Call, Decision, Fact, Order, Owner, Status, Step, SubjectRef, again, all_done, answer, arguments, finish, note, plan as job,
};
use vdsm_sdk::vm::ask::{State, Vm};
use vdsm_sdk::vm::{ask, plan};
use vdsm_sdk::wire::{Object, Value, decode, encode};
use vdsm_sdk::{array, object};

use crate::answers::{NO_VM, UNEXPECTED, refuse};
use crate::devices::{self, Defaults, Family};
use crate::domain::{self, Disks, DisplayTls, Emulation, Host, Prepared};
use crate::reading::Unstartable;
use configuration::{Additions, Medium};
use validation::Situation;

/// How long a machine waits for its turn to start, in milliseconds: others may be slow.
const SLOT_WAIT_MS: u32 = 600_000;

/// What the steps of the last round gave.
type Outcomes = BTreeMap<Step, Value>;

/// One round.
pub(crate) fn decide(call: &Call, facts: &[Fact]) -> Result<Decision, Status> {
    let parameters = parameters(call)?;
    let outcomes = all_done(facts)?;
    let note = note(call);
    match note.text("next") {
        None => register(&parameters),
        Some("document") => write_document(&note, &outcomes),
        Some(_) => start(&parameters, &note, &outcomes),
    }
}

fn parameters(call: &Call) -> Result<Object, Status> {
    let parameters = arguments(call).at("0").and_then(Value::as_object).map(configuration::shown_later);
    parameters.ok_or_else(|| refuse(UNEXPECTED, "vmParams is no struct"))
}

fn machine() -> Result<Vm, Status> {
    ask::subject(0, 0).ok_or_else(|| refuse(NO_VM, ""))
}

fn setting(name: &str, default: &str) -> String {
    host::setting(name).unwrap_or_else(|| default.into())
}

fn register(parameters: &Object) -> Result<Decision, Status> {
    let vm = ask::subject(0, 0);
    let identity = decode(&host::identity()).unwrap_or_default();
    let system = identity.at("operatingSystem.name").and_then(Value::as_text).unwrap_or("unknown");
    let known = vm.as_ref().is_some_and(|vm| vm.state() != State::Absent);
    validation::check(parameters, &Situation { known, system })?;
    unserved::check(parameters)?;
    let vm = machine()?;
    let mut conf = configuration::complete(&vm.id(), parameters, &additions());
    // What cannot be started is known all the same: VDSM answers first and fails then.
    let fit = devices::normalise(&mut conf, &defaults());
    plan::register(&vm, &encode(&conf.clone().into()));
    job::reply(&answer(object! { "vmList": conf.clone() }));
    let prepared = if fit.is_ok() { prepare(&conf)? } else { Value::default() };
    Ok(again(Order::InTurn, object! { "next": "document", "disks": prepared }))
}

fn additions() -> Additions {
    Additions {
        nic_model: setting("vars.nic_model", "rtl8139,pv"),
        gateway: setting("addresses.guests_gateway_ip", ""),
        links: decode(&host::network()).unwrap_or_default(),
    }
}

fn defaults() -> Defaults {
    Defaults { bridge: setting("vars.default_bridge", "engine") }
}

/// Plans a step for every disk: pairs of device number and step.
fn prepare(conf: &Object) -> Result<Value, Status> {
    let owner = Owner::Subject(SubjectRef { index: 0, item: 0 });
    let mut planned = Vec::new();
    for drive in devices::devices(conf)?.into_iter().filter(|device| device.family == Family::Disk) {
        // A disk that names nothing to open is found out when the document is written.
        let Some(Medium::Fixed(path)) = configuration::medium(drive.members) else { continue };
        let file = file(path).ok_or_else(|| drive.unfit("its path is not where a request may name a file"))?;
        planned.push(array![drive.number as i32, disks::prepare(&file, owner).cast_signed()]);
    }
    Ok(Value::Array(planned))
}

/// The handle of a file by its path, whichever part of the request named it.
fn file(path: &str) -> Option<storage::File> {
    let kinds = 1..=crate::descriptors::FILE_PATHS.len() as u32;
    let mut handles = kinds.flat_map(|kind| (0..storage::subjects(kind)).filter_map(move |item| storage::subject_file(kind, item)));
    handles.find(|file| file.path() == path)
}

fn write_document(note: &Value, outcomes: &Outcomes) -> Result<Decision, Status> {
    let vm = machine()?;
    let conf = vm.conf().and_then(|conf| decode(&conf).ok());
    let mut conf = conf.and_then(|conf| conf.as_object().cloned()).ok_or_else(|| refuse(NO_VM, "its record is gone"))?;
    devices::normalise(&mut conf, &defaults())?;
    let disks = prepared(&conf, note, outcomes)?;
    let document = domain::document(&vm.id(), &conf, &disks, &host_facts())?;
    let step = plan::run_hooks(&vm, "before_vm_start", &document);
    Ok(again(Order::InTurn, object! { "next": "start", "document": step.cast_signed() }))
}

/// Where the disks are, by the outcomes of their steps.
fn prepared(conf: &Object, note: &Value, outcomes: &Outcomes) -> Result<Disks, Status> {
    let steps = note.get("disks").map(Value::items).unwrap_or_default();
    let step_of = |number: usize| -> Option<Step> {
        let pair = steps.iter().find(|pair| pair.at("0").and_then(Value::as_int) == i32::try_from(number).ok())?;
        Some(pair.at("1")?.as_int()?.cast_unsigned())
    };
    let mut disks = Disks::new();
    for drive in devices::devices(conf)?.into_iter().filter(|device| device.family == Family::Disk) {
        match configuration::medium(drive.members) {
            Some(Medium::None) => {}
            Some(Medium::Removable(path)) => _ = disks.insert(drive.number, Prepared { path: path.into(), block: false }),
            None => return Err(drive.unfit("Bad volume specification: it names nothing to open").into()),
            Some(Medium::Fixed(_)) => {
                let outcome = step_of(drive.number).and_then(|step| outcomes.get(&step));
                let disk = outcome.and_then(read_prepared).ok_or_else(|| drive.unfit("its file was not prepared"))?;
                disks.insert(drive.number, disk);
            }
        }
    }
    Ok(disks)
}

fn read_prepared(outcome: &Value) -> Option<Prepared> {
    let block = outcome.get("block").and_then(Value::as_bool).unwrap_or_default();
    Some(Prepared { path: outcome.text("path")?.to_owned(), block })
}

fn host_facts() -> Host {
    let identity = decode(&host::identity()).unwrap_or_default();
    let part = |path: &str| identity.at(path).and_then(Value::as_text).unwrap_or_default();
    let emulation = if configuration::is_on(&setting("vars.fake_kvm_support", "false")) {
        log::info("fake_kvm_support: the domain type is qemu, whatever was asked for");
        Emulation::Always
    } else {
        Emulation::AsAsked
    };
    Host {
        release: format!("{}-{}", part("operatingSystem.version"), part("operatingSystem.release")),
        uuid: part("uuid").to_owned(),
        channels: ask::channel_directory().trim_end_matches('/').to_owned(),
        emulation,
        display_tls: if configuration::is_on(&setting("vars.ssl", "true")) { DisplayTls::Offered } else { DisplayTls::Off },
        machine_aliases: machine_aliases(&setting("compat.machine_aliases", "")).unwrap_or_default().into_iter().collect(),
        drive_cache: setting("vars.qemu_drive_cache", "none"),
    }
}

fn start(parameters: &Object, note: &Value, outcomes: &Outcomes) -> Result<Decision, Status> {
    let vm = machine()?;
    let step = note.get("document").and_then(Value::as_int).map(i32::cast_unsigned);
    let document = step.and_then(|step| outcomes.get(&step)?.as_text());
    let document = document.ok_or_else(|| Unstartable::new("the hooks returned no document"))?;
    let accepted = domain::for_libvirt(document);
    if accepted != document {
        log::debug("min_guarantee is left out: libvirt starts no QEMU domain that has one");
    }
    // Only now: a disk that cannot be looked at must not keep other machines from starting.
    job::lease("vm-slot", "start", Access::Shared, SLOT_WAIT_MS);
    plan::start(&vm, &accepted, configuration::starts_paused(parameters));
    plan::run_hooks(&vm, "after_vm_start", "");
    Ok(finish(Order::InTurn))
}
