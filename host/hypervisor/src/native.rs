//! `destroy` without a module: for when the one that serves it is gone. The same steps, without hooks.

use std::sync::Arc;

use vdsm_core::descriptor::{Access, ArgumentPath, Busy, Descriptor, Face, Parameter, PathError, Plane, Subject, WhenBusy};
use vdsm_core::errors::{Code, texts};
use vdsm_core::held::HeldTable;
use vdsm_core::jobs::{Answer, Decider, Decision, Fact, Order, Planned, Round};
use vdsm_core::status::Status;
use vdsm_core::tree::Tree;

use crate::room::Room;
use crate::steps::Release;

/// The verb.
const DESTROY: &str = "destroy";

/// What `destroy` is, whether or not a module serves it.
pub fn destroy_descriptor() -> Result<Descriptor, PathError> {
    // A start under way gives way to it; everything else is waited for.
    let busy = vec![Busy { holder: "create".into(), then: WhenBusy::Cancel }];
    Ok(Descriptor {
        name: DESTROY.into(),
        plane: Plane::Global,
        face: Face::None,
        help: "End a virtual machine and forget it (served by the host itself: no hooks run).".into(),
        parameters: vec![Parameter { name: "vmId".into(), shape: "string".into(), optional: false, help: "the machine".into() }],
        secrets: Vec::new(),
        subjects: vec![Subject { kind: "vm".into(), path: ArgumentPath::parse("0")?, access: Some(Access::Exclusive), busy }],
        answer_ms: 150_000,
        default_error: Code::Unexpected.status(),
    })
}

/// The plan of one `destroy`.
pub(crate) struct DestroyPlan {
    room: Arc<Room>,
    vm: String,
}

impl DestroyPlan {
    pub(crate) fn new(room: Arc<Room>, vm: &str) -> DestroyPlan {
        DestroyPlan { room, vm: vm.to_owned() }
    }
}

#[async_trait::async_trait]
impl Decider for DestroyPlan {
    async fn decide(&mut self, _facts: Vec<Fact>, _note: Option<Tree>) -> Result<Decision, Status> {
        if self.room.vms.get(&self.vm).is_none() {
            return Ok(Decision::Refuse(Code::NoVm.status()));
        }
        let answer = Answer { members: Tree::empty_object(), message: Some(texts::MACHINE_DESTROYED.to_owned()), held: HeldTable::new() };
        let steps = vec![Planned::Commit, Planned::Room(Release::plan(&self.vm)), Planned::Answer(answer)];
        Ok(Decision::Act(Round { order: Order::InTurn, steps, again: None }))
    }
}
