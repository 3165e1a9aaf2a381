//! `destroy`: the end of a machine in whatever state it is.

use vdsm_sdk::verb::{Answer, Decision, Order, Status, finish, plan as job};
use vdsm_sdk::vm::ask::State;
use vdsm_sdk::vm::{ask, plan};
use vdsm_sdk::wire::empty_object;

use crate::answers::{NO_VM, refuse};

/// The only round. Hooks that look on cannot stop it: past the commit it is carried out even after a crash.
pub(crate) fn decide() -> Result<Decision, Status> {
    let vm = ask::subject(0, 0).filter(|vm| vm.state() != State::Absent).ok_or_else(|| refuse(NO_VM, ""))?;
    plan::run_hooks(&vm, "before_vm_destroy", "");
    job::commit();
    plan::release(&vm);
    plan::run_hooks(&vm, "after_vm_destroy", "");
    job::reply(&Answer { members: empty_object(), message: Some("Machine destroyed".into()) });
    Ok(finish(Order::InTurn))
}
