//! What a machine is doing, as a pure reducer: a machine, one thing that happened, and the clock give the machine after it.
//! States, exits and event effects are VDSM's (3.3 `vm.py`); where VDSM's behaviour was an accident (pause code of running
//! machines, machines that vanish without a word) the better one is taken.
//!
//! The reducer owns every change of [`Machine`]. It never touches libvirt, the store or a hook: what a change leaves to be done
//! there is read off the machine ([`left_to_do`]), and so is not forgotten by a daemon that ends before it is done.

use serde::{Deserialize, Serialize};
use vdsm_core::clock::Millis;
use vdsm_core::errors::texts;

/// Internal state, as `list` reports it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum State {
    /// Written down, its domain not yet running.
    WaitForLaunch,
    /// Running.
    Up,
    /// The guest restarts itself.
    RebootInProgress,
    /// Its virtual CPUs were stopped on request.
    Paused,
    /// Its resources are being released.
    PoweringDown,
    /// Moving to another host.
    MigrationSource,
    /// Arriving from another host.
    MigrationDestination,
    /// Being saved to a volume.
    SavingState,
    /// Being restored from a volume.
    RestoringState,
    /// Ended; stays until it is destroyed.
    Down,
}

impl State {
    /// VDSM's text.
    pub const fn name(self) -> &'static str {
        match self {
            State::WaitForLaunch => "WaitForLaunch",
            State::Up => "Up",
            State::RebootInProgress => "RebootInProgress",
            State::Paused => "Paused",
            State::PoweringDown => "Powering down",
            State::MigrationSource => "Migration Source",
            State::MigrationDestination => "Migration Destination",
            State::SavingState => "Saving State",
            State::RestoringState => "Restoring state",
            State::Down => "Down",
        }
    }
}

/// Whether the virtual CPUs run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Cpus {
    /// They do.
    Running,
    /// They do not.
    Stopped,
}

/// How a machine ended, as the manager reads it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exit {
    /// 0 or 1 on the wire.
    pub code: ExitCode,
    /// VDSM's text, then `: ` and our detail where there is one.
    pub message: String,
}

/// `exitCode`: a manager of 3.3 knows no others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ExitCode {
    /// 0.
    Normal,
    /// 1.
    Error,
}

impl ExitCode {
    /// The number on the wire.
    pub const fn number(self) -> i32 {
        match self {
            ExitCode::Normal => 0,
            ExitCode::Error => 1,
        }
    }
}

impl Exit {
    /// An end VDSM has a text for.
    pub fn known(end: texts::Exit) -> Exit {
        let code = if end.code() == 0 { ExitCode::Normal } else { ExitCode::Error };
        Exit { code, message: end.message().to_owned() }
    }

    /// An error in words of its own.
    pub fn error(message: impl Into<String>) -> Exit {
        Exit { code: ExitCode::Error, message: message.into() }
    }

    fn with_detail(mut self, detail: &str) -> Exit {
        self.message = format!("{}: {detail}", self.message);
        self
    }
}

/// Why the virtual CPUs stand still.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PauseCode {
    /// On request.
    NoErr,
    /// An I/O error.
    Eio,
    /// No space left on a volume.
    Enospc,
    /// No access.
    Eperm,
    /// Anything else.
    Eother,
}

impl PauseCode {
    /// The text on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            PauseCode::NoErr => "NOERR",
            PauseCode::Eio => "EIO",
            PauseCode::Enospc => "ENOSPC",
            PauseCode::Eperm => "EPERM",
            PauseCode::Eother => "EOTHER",
        }
    }

    /// From libvirt's reason (`enospc`, `eio`, …).
    pub fn of_reason(reason: &str) -> PauseCode {
        match reason.to_ascii_uppercase().as_str() {
            "ENOSPC" => PauseCode::Enospc,
            "EIO" => PauseCode::Eio,
            "EPERM" => PauseCode::Eperm,
            _ => PauseCode::Eother,
        }
    }
}

/// The last thing the guest did to itself; shown for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum GuestEvent {
    /// It was started.
    PoweringUp,
    /// It restarts.
    RebootInProgress,
    /// It was asked to end.
    PoweringDown,
}

impl GuestEvent {
    /// VDSM's text.
    pub const fn name(self) -> &'static str {
        match self {
            GuestEvent::PoweringUp => "Powering up",
            GuestEvent::RebootInProgress => "RebootInProgress",
            GuestEvent::PoweringDown => "Powering down",
        }
    }
}

/// How far what the machine held has been given back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Release {
    /// It holds what it was given.
    No,
    /// A destroy is giving it back; the end of QEMU is no news then.
    ByDestroy,
    /// QEMU ended by itself; we are giving it back.
    ByItself,
    /// All is given back; the chain of its end is still to run.
    Returned,
    /// That chain ran as well.
    Done,
}

/// The last watchdog event of the machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Watchdog {
    /// When.
    pub at: Millis,
    /// `ignore`, `pause`, `reset`, `destroy`, `shutdown` or `log`.
    pub action: String,
}

/// What the reducer knows of a machine. Fields are added with a serde default.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// As stored; what is read is [`Machine::state`].
    pub stored: State,
    /// Whether the virtual CPUs run.
    pub cpus: Cpus,
    /// How it ended. Set once: the first wins. Known before the state is Down, while its resources are given back.
    pub exit: Option<Exit>,
    /// Why it stands still.
    pub pause_code: Option<PauseCode>,
    /// The last guest event and its time.
    pub guest_event: Option<(GuestEvent, Millis)>,
    /// When its guest was (re)started.
    pub started_at: Option<Millis>,
    /// How far its release is.
    pub release: Release,
    /// Since when libvirt cannot tell what it does; none: it can.
    pub unknown_since: Option<Millis>,
    /// Seconds from UTC to which the guest set its clock; none: it did not since the start.
    #[serde(default)]
    pub clock_offset: Option<i64>,
    /// Address of its display client; empty without one.
    #[serde(default)]
    pub client_ip: String,
    /// Its last watchdog event.
    #[serde(default)]
    pub watchdog: Option<Watchdog>,
}

impl Machine {
    /// A machine that was just written down.
    pub fn registered() -> Machine {
        Machine::in_state(State::WaitForLaunch)
    }

    /// A machine found running that nothing is written down of; its guest counts as started now.
    pub fn found(cpus: Cpus, now: Millis) -> Machine {
        Machine { cpus, started_at: Some(now), ..Machine::in_state(State::Up) }
    }

    fn in_state(stored: State) -> Machine {
        Machine {
            stored,
            cpus: Cpus::Running,
            exit: None,
            pause_code: None,
            guest_event: None,
            started_at: None,
            release: Release::No,
            unknown_since: None,
            clock_offset: None,
            client_ip: String::new(),
            watchdog: None,
        }
    }

    /// The internal state as it is read: stopped virtual CPUs show as Paused where the stored state says nothing better.
    pub const fn state(&self) -> State {
        match (self.stored, self.cpus) {
            (State::Up | State::PoweringDown | State::RebootInProgress, Cpus::Stopped) => State::Paused,
            (stored, _) => stored,
        }
    }
}

/// Why libvirt says a domain stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// The guest powered itself off.
    Shutdown,
    /// It moved to another host.
    Migrated,
    /// It was saved.
    Saved,
    /// Destroyed, crashed, failed, or ended some other way.
    Other,
}

/// Why libvirt says virtual CPUs stand still.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Suspension {
    /// On request.
    Paused,
    /// An I/O error, migration, a snapshot, or something else.
    Other,
}

/// What QEMU does about an I/O error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IoAction {
    /// It stops the virtual CPUs.
    Pause,
    /// It tells the guest, or nobody.
    Report,
}

/// Something that happened to a machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// It will not start; the text becomes the exit message.
    StartFailed(String),
    /// The pause step did it.
    Paused,
    /// The cont step did it.
    Continued,
    /// The power button was pressed.
    ShutdownRequested,
    /// A destroy began.
    ReleaseBegun,
    /// What it held is given back.
    Released,
    /// The chain of its end ran.
    LastChainRan,
    /// libvirt: it stopped.
    Stopped(Stop),
    /// libvirt: its virtual CPUs stand still.
    Suspended(Suspension),
    /// libvirt: its virtual CPUs run.
    Resumed,
    /// libvirt: the guest restarted itself.
    Rebooted,
    /// libvirt: an I/O error with its reason.
    IoError(IoAction, PauseCode),
    /// libvirt: the guest set its clock so many seconds from UTC. Of a domain whose clock is `variable`, as ours are, libvirt (1.2.5 and
    /// later) adds the configured adjustment to QEMU's figure.
    ClockChanged(i64),
    /// libvirt: a display client came.
    ClientConnected(String),
    /// libvirt: the display client went.
    ClientGone,
    /// libvirt: the watchdog barked and this was done.
    WatchdogFired(String),
    /// It was looked for and runs: after its start, or after libvirt was out of sight.
    Seen(Cpus),
    /// It was looked for where it must be if it runs, and is not there.
    Vanished,
    /// It was written down under another boot of this host.
    OtherBoot,
    /// libvirt cannot be asked now.
    OutOfSight,
}

/// What is to be done about a machine that ended by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Give back what the machine held, then feed [`Input::Released`].
    ReleaseNatively,
    /// Run the after_vm_destroy chain with the last document, then feed [`Input::LastChainRan`].
    RunAfterDestroy,
}

/// What is still to be done about a machine that ended by itself, the next thing first; to be asked again when that is done.
pub const fn left_to_do(machine: &Machine) -> Option<Effect> {
    match (machine.release, machine.stored) {
        (Release::ByItself, State::PoweringDown) => Some(Effect::ReleaseNatively),
        (Release::Returned, State::Down) => Some(Effect::RunAfterDestroy),
        (Release::No | Release::ByDestroy | Release::ByItself | Release::Returned | Release::Done, _) => None,
    }
}

/// The machine after `input`. Total: any input in any state gives one, often the same.
pub fn reduce(before: &Machine, input: &Input, now: Millis) -> Machine {
    let mut machine = before.clone();
    if machine.stored == State::Down {
        // Down is terminal; only that its last chain ran may still be learnt.
        if *input == Input::LastChainRan {
            machine.release = Release::Done;
        }
        return machine;
    }
    step(&mut machine, input, now);
    machine
}

fn step(machine: &mut Machine, input: &Input, now: Millis) {
    match input {
        Input::StartFailed(text) => end(machine, Exit::error(text.clone())),
        Input::Paused => pause(machine),
        Input::Continued => go_on(machine),
        Input::ShutdownRequested => machine.guest_event = Some((GuestEvent::PoweringDown, now)),
        Input::ReleaseBegun => {
            machine.stored = State::PoweringDown;
            machine.cpus = Cpus::Running;
            machine.release = Release::ByDestroy;
        }
        Input::Released => released(machine),
        Input::LastChainRan => {}
        Input::Stopped(stop) => stopped(machine, *stop),
        Input::Suspended(reason) => suspended(machine, *reason),
        Input::Resumed => resumed(machine),
        Input::Rebooted => {
            machine.started_at = Some(now);
            machine.guest_event = Some((GuestEvent::RebootInProgress, now));
        }
        Input::IoError(IoAction::Pause, code) => {
            machine.cpus = Cpus::Stopped;
            machine.pause_code = Some(*code);
        }
        Input::IoError(IoAction::Report, _) => {}
        Input::ClockChanged(offset) => machine.clock_offset = Some(*offset),
        Input::ClientConnected(address) => machine.client_ip.clone_from(address),
        Input::ClientGone => machine.client_ip.clear(),
        Input::WatchdogFired(action) => machine.watchdog = Some(Watchdog { at: now, action: action.clone() }),
        Input::Seen(cpus) => seen(machine, *cpus, now),
        Input::Vanished => died(machine, Exit::known(texts::Exit::LostQemu)),
        Input::OtherBoot => died(machine, Exit::known(texts::Exit::LostQemu).with_detail("the host was restarted")),
        Input::OutOfSight => out_of_sight(machine, now),
    }
}

/// The domain of a machine that was to be launched runs.
fn started(machine: &mut Machine, cpus: Cpus, now: Millis) {
    machine.cpus = cpus;
    machine.started_at = Some(now);
    machine.guest_event = Some((GuestEvent::PoweringUp, now));
    machine.stored = match cpus {
        Cpus::Running => State::Up,
        Cpus::Stopped => {
            machine.pause_code = Some(PauseCode::NoErr);
            State::Paused
        }
    };
}

fn pause(machine: &mut Machine) {
    match machine.stored {
        State::Up | State::RebootInProgress | State::Paused => {
            machine.stored = State::Paused;
            machine.cpus = Cpus::Stopped;
            machine.pause_code = Some(PauseCode::NoErr);
        }
        State::WaitForLaunch
        | State::PoweringDown
        | State::MigrationSource
        | State::MigrationDestination
        | State::SavingState
        | State::RestoringState
        | State::Down => {}
    }
}

fn go_on(machine: &mut Machine) {
    match machine.stored {
        State::Up | State::RebootInProgress | State::Paused => {
            machine.stored = State::Up;
            machine.cpus = Cpus::Running;
            machine.pause_code = None;
        }
        State::WaitForLaunch
        | State::PoweringDown
        | State::MigrationSource
        | State::MigrationDestination
        | State::SavingState
        | State::RestoringState
        | State::Down => {}
    }
}

fn suspended(machine: &mut Machine, reason: Suspension) {
    machine.cpus = Cpus::Stopped;
    match reason {
        // An I/O error says why by an event of its own, before or after this one.
        Suspension::Paused => machine.pause_code = machine.pause_code.or(Some(PauseCode::NoErr)),
        Suspension::Other => {}
    }
}

fn resumed(machine: &mut Machine) {
    machine.cpus = Cpus::Running;
    machine.pause_code = None;
    // Somebody else may have let it go on; a migration's state is its own.
    if machine.stored == State::Paused {
        machine.stored = State::Up;
    }
}

fn stopped(machine: &mut Machine, stop: Stop) {
    match (stop, machine.stored) {
        // Whoever migrates or saves ends it.
        (Stop::Migrated, State::MigrationSource) | (Stop::Saved, State::SavingState) => {}
        (Stop::Shutdown, _) => died(machine, Exit::known(texts::Exit::User)),
        (Stop::Migrated | Stop::Saved | Stop::Other, _) => died(machine, Exit::known(texts::Exit::LostQemu)),
    }
}

/// QEMU is gone: who gives back what the machine held depends on who is at it already.
fn died(machine: &mut Machine, exit: Exit) {
    machine.unknown_since = None;
    match (machine.release, machine.stored) {
        // Its start is at work or about to be undone: that sees for itself, ends the machine, and gives back what it took.
        (Release::No, State::WaitForLaunch) => {}
        (Release::No, _) => {
            machine.exit.get_or_insert(exit);
            machine.stored = State::PoweringDown;
            machine.cpus = Cpus::Running;
            machine.release = Release::ByItself;
        }
        (Release::ByDestroy, _) => {
            machine.exit.get_or_insert(Exit::known(texts::Exit::Admin));
        }
        (Release::ByItself | Release::Returned | Release::Done, _) => {}
    }
}

fn released(machine: &mut Machine) {
    machine.release = Release::Returned;
    end(machine, Exit::known(texts::Exit::LostQemu));
}

fn end(machine: &mut Machine, exit: Exit) {
    machine.stored = State::Down;
    machine.unknown_since = None;
    machine.exit.get_or_insert(exit);
}

fn seen(machine: &mut Machine, cpus: Cpus, now: Millis) {
    machine.unknown_since = None;
    match machine.stored {
        State::WaitForLaunch => started(machine, cpus, now),
        State::Up | State::RebootInProgress => machine.cpus = cpus,
        State::Paused => match cpus {
            Cpus::Running => go_on(machine),
            Cpus::Stopped => machine.cpus = cpus,
        },
        State::PoweringDown
        | State::MigrationSource
        | State::MigrationDestination
        | State::SavingState
        | State::RestoringState
        | State::Down => {}
    }
}

fn out_of_sight(machine: &mut Machine, now: Millis) {
    machine.unknown_since = machine.unknown_since.or(Some(now));
}

#[cfg(test)]
mod tests;
