//! A host for unit tests: runs a hook on a document, natively, and shows what it did; makes samples for a shaper. Not there in components.

mod samples;

use std::cell::RefCell;

use crate::hook::log::Level;
use crate::hook::{self, DomainHook, HookCall, HookError};

pub use samples::{Row, Samples};

thread_local! {
    static LINES: RefCell<Vec<(Level, String)>> = const { RefCell::new(Vec::new()) };
}

pub(crate) fn log(level: Level, message: &str) {
    LINES.with_borrow_mut(|lines| lines.push((level, message.to_owned())));
}

/// Calls `what` and gives the lines it logged as well.
pub fn logged<T>(what: impl FnOnce() -> T) -> (T, Vec<(Level, String)>) {
    LINES.take();
    let result = what();
    (result, LINES.take())
}

/// One call of a hook, to be set up.
#[derive(Clone, Debug)]
pub struct Hook {
    call: HookCall,
    document: String,
}

impl Hook {
    /// A call at a point, for a machine with a fixed id, without properties, on an empty domain, at time and seed 0.
    pub fn new(point: &str) -> Hook {
        let vm_id = "11111111-2222-4333-8444-555555555555".to_owned();
        let call = HookCall { point: point.to_owned(), vm_id, properties: Vec::new(), time: 0, seed: 0 };
        Hook { call, document: "<domain/>".to_owned() }
    }

    /// Sets a custom property of the machine.
    #[must_use]
    pub fn property(mut self, name: &str, value: &str) -> Hook {
        self.call.properties.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Sets the document.
    #[must_use]
    pub fn document(mut self, document: &str) -> Hook {
        document.clone_into(&mut self.document);
        self
    }

    /// Sets the id of the machine.
    #[must_use]
    pub fn vm_id(mut self, id: &str) -> Hook {
        id.clone_into(&mut self.call.vm_id);
        self
    }

    /// Sets the clock (milliseconds since the epoch) and the seed.
    #[must_use]
    pub fn chance(mut self, time: u64, seed: u64) -> Hook {
        (self.call.time, self.call.seed) = (time, seed);
        self
    }

    /// Runs the hook.
    pub fn run<T: DomainHook>(self) -> Ran {
        let (result, log) = logged(|| hook::run::<T>(&self.call, &self.document));
        Ran { before: self.document, result, log }
    }
}

/// What a hook did.
#[derive(Clone, Debug)]
pub struct Ran {
    before: String,
    /// The edited document, none when it was kept, or the failure.
    pub result: Result<Option<String>, HookError>,
    /// What it logged.
    pub log: Vec<(Level, String)>,
}

impl Ran {
    /// The document as the next hook of the chain sees it: a failed hook's edit is dropped.
    pub fn document(&self) -> &str {
        match &self.result {
            Ok(Some(edited)) => edited,
            _ => &self.before,
        }
    }
}
