//! Memory policies: decisions as data, on a tick.

use crate::bindings::policy::exports::vdsm::policy::memory::{self as raw, Guest};
use crate::hook::log;
use crate::verb::Status;
use crate::wire::{self, Tree, Value};

/// Ids of metrics, by the names of `metrics.md` beside the interface. Sizes are KiB.
pub mod metric {
    /// Machine: the balloon's upper bound.
    pub const BALLOON_MAX: u32 = 120;
    /// Machine: the memory guaranteed to it, 0 when none is.
    pub const BALLOON_MIN: u32 = 121;
    /// Machine: what was last asked of the balloon.
    pub const BALLOON_TARGET: u32 = 122;
    /// Machine: what it has now.
    pub const BALLOON_CURRENT: u32 = 123;
    /// Host: memory the kernel manages.
    pub const MEMORY_TOTAL: u32 = 300;
    /// Host: memory free or used for nothing but buffers and cache.
    pub const MEMORY_FREE: u32 = 301;
    /// Machine: what the guest itself leaves unused.
    pub const MEMORY_UNUSED: u32 = 310;
}

/// The host, or a machine, and what is known of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Subject {
    /// Id of the machine; empty for the host.
    pub id: String,
    /// Metric ids and numbers.
    pub metrics: Vec<(u32, f64)>,
}

impl Subject {
    /// A metric; none when it is not known, or not a finite number.
    pub fn metric(&self, id: u32) -> Option<f64> {
        self.metrics.iter().find(|(known, _)| *known == id).map(|(_, value)| *value).filter(|value| value.is_finite())
    }
}

/// What a policy wants.
#[derive(Clone, Debug, PartialEq)]
pub enum Decision {
    /// Ask a machine's balloon for so many KiB.
    BalloonTarget {
        /// Id of the machine.
        machine: String,
        /// The target.
        kib: f64,
    },
}

/// What a policy sees.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tick {
    /// Milliseconds since the epoch.
    pub time: u64,
    /// A random number.
    pub seed: u64,
    /// The host, and every machine that is up.
    pub subjects: Vec<Subject>,
    /// The parameters; they have been checked.
    pub parameters: Value,
    /// What the tick before left; nil at first, and when another schema left it.
    pub memory: Value,
}

/// A memory policy: a pure function from a tick to decisions and what the next tick should know.
pub trait MemoryPolicy {
    /// Names the shape of its memory; a new shape needs a new name.
    const SCHEMA: &'static str;

    /// Refuses parameters that cannot be worked with; the ones in force stay.
    fn check(parameters: &Value) -> Result<(), Status>;

    /// Decides. The memory it returns is given to the next tick.
    fn decide(tick: &Tick) -> (Vec<Decision>, Value);
}

impl<T: MemoryPolicy> Guest for T {
    fn check(parameters: Tree) -> Result<(), Status> {
        log::panics();
        T::check(&wire::decode(&parameters).unwrap_or_default())
    }

    fn decide(
        time: u64,
        seed: u64,
        subjects: Vec<raw::Subject>,
        parameters: Tree,
        memory: Option<raw::Memory>,
    ) -> (Vec<raw::Decision>, Option<raw::Memory>) {
        log::panics();
        let subjects = subjects.into_iter().map(|raw::Subject { id, metrics }| Subject { id, metrics }).collect();
        let parameters = wire::decode(&parameters).unwrap_or_default();
        let tick = Tick { time, seed, subjects, parameters, memory: known::<T>(memory) };
        let (decisions, memory) = T::decide(&tick);
        let memory = raw::Memory { schema: T::SCHEMA.to_owned(), value: wire::encode(&memory) };
        (decisions.into_iter().map(raw_decision).collect(), Some(memory))
    }
}

/// Memory of the policy's own schema; of another one nothing.
fn known<T: MemoryPolicy>(memory: Option<raw::Memory>) -> Value {
    let Some(raw::Memory { schema, value }) = memory else { return Value::Nil };
    if schema != T::SCHEMA {
        log::info(&format!("memory of schema `{schema}` is left behind, ours is `{}`", T::SCHEMA));
        return Value::Nil;
    }
    wire::decode(&value).unwrap_or_default()
}

fn raw_decision(decision: Decision) -> raw::Decision {
    match decision {
        Decision::BalloonTarget { machine, kib } => raw::Decision { subject: machine, name: "balloon-target".to_owned(), value: kib },
    }
}

/// Exports a type that implements [`crate::policy::MemoryPolicy`] as the component's memory policy.
#[macro_export]
macro_rules! export_memory_policy {
    ($policy:ident) => {
        const _: fn() = || {
            fn implements<T: $crate::policy::MemoryPolicy>() {}
            implements::<$policy>();
        };
        #[cfg(target_arch = "wasm32")]
        $crate::bindings::policy::export_memory_policy_glue!($policy with_types_in $crate::bindings::policy);
    };
}

#[cfg(test)]
mod tests {
    //! What crosses the boundary: decisions by name, memory of the policy's own schema only. Rung: pure.

    use super::*;
    use crate::mock;

    struct Counts;

    impl MemoryPolicy for Counts {
        const SCHEMA: &'static str = "counts/2";

        fn check(_: &Value) -> Result<(), Status> {
            Ok(())
        }

        fn decide(tick: &Tick) -> (Vec<Decision>, Value) {
            let seen = tick.memory.as_int().unwrap_or(0);
            (vec![Decision::BalloonTarget { machine: "a".into(), kib: f64::from(seen) }], Value::Int(seen + 1))
        }
    }

    fn tick(memory: Option<raw::Memory>) -> (Vec<raw::Decision>, Option<raw::Memory>) {
        <Counts as Guest>::decide(0, 0, Vec::new(), wire::encode(&Value::Nil), memory)
    }

    #[test]
    fn memory_goes_from_tick_to_tick() {
        let (first, memory) = tick(None);
        let (second, _) = tick(memory);
        let decision = |value| vec![raw::Decision { subject: "a".into(), name: "balloon-target".into(), value }];
        assert_eq!((first, second), (decision(0.0), decision(1.0)));
    }

    #[test]
    fn memory_of_another_schema_is_left_behind_and_logged() {
        let older = raw::Memory { schema: "counts/1".into(), value: wire::encode(&Value::Int(7)) };
        let ((decisions, _), lines) = mock::logged(|| tick(Some(older)));
        assert_eq!(decisions.first().map(|decision| decision.value), Some(0.0));
        assert_eq!(lines, [(log::Level::Info, "memory of schema `counts/1` is left behind, ours is `counts/2`".into())]);
    }

    #[test]
    fn a_number_that_is_none_is_not_known() {
        let subject = Subject { id: String::new(), metrics: vec![(1, f64::NAN), (2, 5.0)] };
        assert_eq!([1, 2, 3].map(|id| subject.metric(id)), [None, Some(5.0), None]);
    }
}
