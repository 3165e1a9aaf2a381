//! Verbs that are served when their module is gone: `destroy`, so that a machine can always be ended.

use std::sync::Arc;

use vdsm_core::descriptor::{Descriptor, PathError};
use vdsm_core::jobs::Decider;
use vdsm_hypervisor::{Hypervisor, destroy_descriptor};
use vdsm_modules::state::CallFacts;

use super::dispatch::NativeVerb;

/// `destroy` without a module, and so without hooks.
pub(super) struct Destroy {
    descriptor: Arc<Descriptor>,
    hypervisor: Arc<Hypervisor>,
}

impl Destroy {
    pub(super) fn new(hypervisor: Arc<Hypervisor>) -> Result<Destroy, PathError> {
        Ok(Destroy { descriptor: Arc::new(destroy_descriptor()?), hypervisor })
    }
}

impl NativeVerb for Destroy {
    fn descriptor(&self) -> &Arc<Descriptor> {
        &self.descriptor
    }

    fn decider(&self, facts: &Arc<CallFacts>) -> Box<dyn Decider> {
        let vm = facts.subject(0, 0).map(|subject| subject.id.clone()).unwrap_or_default();
        self.hypervisor.native_destroy_plan(&vm)
    }
}
