//! `vm.pause`, `vm.cont`, `vm.shutdown`, `vm.balloon`: one effect each, without a lease. What keeps them apart is the domain's
//! lane; what keeps them right is that each names the states it is valid in.

use std::sync::Arc;
use std::time::Duration;

use vdsm_core::clock;
use vdsm_core::errors::Code;
use vdsm_core::jobs::{Look, Nature, Outcome, Step, StepCall, StepKind, StepSpec};
use vdsm_core::status::Status;
use vdsm_core::tree::Tree;

use super::{VERSION, call_failed, no_vm, planned, text, vm};
use crate::libvirt::CallError;
use crate::room::{Room, RoomError, cpus, lives};
use crate::vm::state::{Cpus, Input, State};

/// What is done to a running machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Control {
    /// Stop the virtual CPUs.
    Pause,
    /// Let them go on.
    Cont,
    /// Press the power button.
    Shutdown,
    /// Ask the balloon for memory.
    Balloon,
}

impl Control {
    pub(crate) const ALL: [Control; 4] = [Control::Pause, Control::Cont, Control::Shutdown, Control::Balloon];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Control::Pause => "vm.pause",
            Control::Cont => "vm.cont",
            Control::Shutdown => "vm.shutdown",
            Control::Balloon => "vm.balloon",
        }
    }

    /// The kind of step.
    pub(crate) fn kind(room: Arc<Room>, act: Control) -> ControlStep {
        ControlStep { room, act }
    }

    /// The step for `vm`; not for the balloon, which needs a target.
    pub(crate) fn plan(self, vm: &str) -> Step {
        planned(self.name(), vm, None, |_| {})
    }

    /// The step that asks the balloon of `vm` for so many KiB.
    pub(crate) fn plan_balloon(vm: &str, target_kib: u64) -> Step {
        // As text: a number of this size has no other place in a value.
        planned(Control::Balloon.name(), vm, None, |parameters| {
            parameters.text_at("target", &target_kib.to_string());
        })
    }

    /// Whether it can be done in `state`.
    const fn is_valid_in(self, state: State) -> bool {
        match state {
            State::Up | State::RebootInProgress => true,
            State::Paused => match self {
                Control::Cont | Control::Balloon | Control::Shutdown => true,
                Control::Pause => false,
            },
            State::WaitForLaunch
            | State::PoweringDown
            | State::MigrationSource
            | State::MigrationDestination
            | State::SavingState
            | State::RestoringState
            | State::Down => false,
        }
    }

    const fn code(self) -> Code {
        match self {
            Control::Pause | Control::Cont | Control::Shutdown => Code::Unexpected,
            Control::Balloon => Code::BalloonErr,
        }
    }
}

/// A kind of step that does one of [`Control`].
pub(crate) struct ControlStep {
    room: Arc<Room>,
    act: Control,
}

impl ControlStep {
    /// Asks the domain, and tells its machine.
    async fn carry_out(&self, id: &str, target_kib: u64) -> Result<(), RoomError> {
        let (domains, vms) = (&self.room.domains, &self.room.vms);
        let input = match self.act {
            Control::Pause => {
                domains.suspend(id).await?;
                Input::Paused
            }
            Control::Cont => {
                domains.resume(id).await?;
                Input::Continued
            }
            Control::Shutdown => {
                domains.press_power_button(id).await?;
                Input::ShutdownRequested
            }
            Control::Balloon => {
                domains.set_memory(id, target_kib).await?;
                vms.change(id, |record| record.balloon_target_kib = Some(target_kib)).await?;
                return Ok(());
            }
        };
        vms.apply(id, &input, clock::now()).await?;
        Ok(())
    }

    /// Does it where the machine's state allows it. The target is the balloon's.
    pub(crate) async fn run(&self, id: &str, target_kib: u64) -> Outcome {
        if let Err(status) = self.check(id) {
            return Outcome::Failed(status);
        }
        match self.carry_out(id, target_kib).await {
            Ok(()) => Outcome::Done(Tree::nil()),
            Err(RoomError::Store(error)) => Outcome::Unknown(self.act.code().with(error.to_string())),
            // A libvirt that has just begun may not find a domain that runs; to a manager, that machine exists.
            Err(RoomError::Libvirt(CallError::NoDomain)) if self.room.vms.get(id).is_some_and(|view| lives(&view.record)) => {
                Outcome::Failed(self.act.code().with("libvirt does not find the running machine now"))
            }
            Err(RoomError::Libvirt(error)) => call_failed(&error, self.act.code()),
        }
    }

    fn check(&self, id: &str) -> Result<(), Status> {
        let view = self.room.vms.get(id).ok_or_else(no_vm)?;
        let state = view.record.machine.state();
        if self.act.is_valid_in(state) {
            return Ok(());
        }
        Err(self.act.code().with(format!("the machine is {}", state.name())))
    }
}

#[async_trait::async_trait]
impl StepKind for ControlStep {
    fn spec(&self) -> StepSpec {
        StepSpec { name: self.act.name(), version: VERSION, nature: Nature::Decides, limit: Duration::from_secs(40), tries: 1 }
    }

    async fn act(&self, call: StepCall<'_>) -> Outcome {
        self.run(vm(call), text(call, "target").parse().unwrap_or(0)).await
    }

    async fn look(&self, call: StepCall<'_>) -> Look {
        let id = vm(call);
        let wanted = match self.act {
            Control::Pause => Cpus::Stopped,
            Control::Cont => Cpus::Running,
            // A button that was pressed and a target that was set leave nothing that tells ours from another's.
            Control::Shutdown | Control::Balloon => return Look::NotDone,
        };
        match self.room.domains.state(id).await {
            Ok(state) if state.is_active() && cpus(state) == wanted => Look::Done(Tree::nil()),
            Ok(_) | Err(CallError::NoDomain) => Look::NotDone,
            Err(error) => Look::Unknown(error.to_string()),
        }
    }
}
