//! The knot between rooms and modules: the hypervisor room runs hooks and shapes through the registry, and the registry links what that
//! room offers. The room gets this stand-in first, the registry is put in before anything is called.

use std::sync::{Arc, OnceLock};

use vdsm_core::tree::Tree;
use vdsm_modules::hooks::{ChainOutcome, ChainRequest, HookRunner};
use vdsm_modules::registry::Registry;
use vdsm_modules::shaper::{Samples, ShapeError, Shaper};

/// Stands in for the registry until it is there.
#[derive(Default)]
pub(super) struct Modules(OnceLock<Arc<Registry>>);

impl Modules {
    /// Puts the registry in; the first one stays.
    pub(super) fn set(&self, registry: Arc<Registry>) {
        let _ = self.0.set(registry);
    }
}

#[async_trait::async_trait]
impl HookRunner for Modules {
    async fn run(&self, request: ChainRequest) -> ChainOutcome {
        match self.0.get() {
            Some(registry) => registry.run(request).await,
            None => ChainOutcome { document: request.document, runs: Vec::new(), failed: Some("modules are not loaded yet".into()) },
        }
    }
}

#[async_trait::async_trait]
impl Shaper for Modules {
    async fn shape(&self, samples: Samples) -> Result<Tree, ShapeError> {
        match self.0.get() {
            Some(registry) => registry.shape(samples).await,
            None => Err(ShapeError("modules are not loaded yet".into())),
        }
    }

    fn generation(&self) -> u64 {
        self.0.get().map_or(0, |registry| registry.current().number)
    }
}
