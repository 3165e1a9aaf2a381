//! The clock of policies: facts in, decisions out, each bounded before it is applied.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use vdsm_core::clock;
use vdsm_core::jobs::Outcome;
use vdsm_hypervisor::Hypervisor;
use vdsm_modules::manifest::Kind;
use vdsm_modules::module::Module;
use vdsm_modules::policy::{PolicyDecision, PolicyMemory, PolicySubject, Tick};
use vdsm_modules::registry::Registry;
use vdsm_system::Board;

use super::dispatch::Dispatch;

/// How often it is looked whether a policy is due.
const LOOK: Duration = Duration::from_secs(1);
/// The one control there is.
const BALLOON_TARGET: &str = "balloon-target";
const BALLOON_MAX: u32 = 120;
const BALLOON_MIN: u32 = 121;
const MEMORY_TOTAL: u32 = 300;
const MEMORY_FREE: u32 = 301;

/// What is kept of a policy between ticks; memory only, as its interface says.
#[derive(Default)]
struct Kept {
    due: Option<Instant>,
    memory: Option<PolicyMemory>,
}

/// Runs until it is dropped.
pub(super) async fn tick(registry: Arc<Registry>, hypervisor: Arc<Hypervisor>, board: Arc<Board>, dispatch: Arc<Dispatch>) {
    let mut kept: HashMap<String, Kept> = HashMap::new();
    let mut clock = tokio::time::interval(LOOK);
    clock.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    loop {
        clock.tick().await;
        if dispatch.is_recovering() {
            continue;
        }
        let generation = registry.current();
        kept.retain(|name, _| generation.module(name).is_some());
        for module in generation.policies() {
            let Kind::Policy(section) = &module.manifest.kind else { continue };
            let interval = Duration::from_secs(u64::from(section.interval_s));
            let state = kept.entry(module.manifest.name.clone()).or_default();
            if state.due.is_some_and(|due| Instant::now() < due) {
                continue;
            }
            state.due = Some(Instant::now() + interval);
            let subjects = subjects(&hypervisor, &board, interval);
            state.memory = one(module, &hypervisor, subjects, state.memory.take()).await;
        }
    }
}

fn subjects(hypervisor: &Hypervisor, board: &Board, interval: Duration) -> Vec<PolicySubject> {
    let memory = board.statistics().memory;
    let host = vec![(MEMORY_TOTAL, kib(memory.total_mib)), (MEMORY_FREE, kib(memory.free_mib))];
    let guests = hypervisor.statistics().memory_figures(interval);
    std::iter::once(PolicySubject { id: String::new(), metrics: host })
        .chain(guests.into_iter().map(|(id, metrics)| PolicySubject { id, metrics }))
        .collect()
}

#[allow(clippy::cast_precision_loss)]
fn kib(mib: u64) -> f64 {
    (mib * 1024) as f64
}

async fn one(
    module: &Arc<Module>,
    hypervisor: &Hypervisor,
    subjects: Vec<PolicySubject>,
    memory: Option<PolicyMemory>,
) -> Option<PolicyMemory> {
    let seed = uuid::Uuid::new_v4().as_u64_pair().0;
    let tick = Tick { time: clock::now(), seed, subjects: subjects.clone(), memory: memory.clone() };
    match module.decide_memory(tick).await {
        Ok((decisions, memory)) => {
            for decision in decisions {
                apply(module, hypervisor, &subjects, &decision).await;
            }
            memory
        }
        Err(failure) => {
            tracing::error!(policy = module.manifest.name, outcome = failure.outcome(), %failure, "a tick came to nothing; nothing is changed");
            memory
        }
    }
}

async fn apply(module: &Module, hypervisor: &Hypervisor, subjects: &[PolicySubject], decision: &PolicyDecision) {
    let policy = &module.manifest.name;
    let Some(target) = bounded(subjects, decision) else {
        tracing::warn!(
            policy,
            subject = decision.subject,
            control = decision.name,
            value = decision.value,
            "a decision that names nothing is refused"
        );
        return;
    };
    match hypervisor.set_balloon(&decision.subject, target).await {
        Outcome::Done(_) => tracing::info!(policy, vm = decision.subject, target_kib = target, "balloon"),
        Outcome::Failed(status) | Outcome::Unknown(status) => tracing::warn!(policy, vm = decision.subject, %status, "balloon"),
        Outcome::Skipped => {}
    }
}

/// The decision as KiB within what the machine's balloon can do; none: unknown control or subject, or no number.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn bounded(subjects: &[PolicySubject], decision: &PolicyDecision) -> Option<u64> {
    if decision.name != BALLOON_TARGET || !decision.value.is_finite() {
        return None;
    }
    let subject = subjects.iter().find(|subject| !subject.id.is_empty() && subject.id == decision.subject)?;
    let figure = |id| subject.metrics.iter().find(|(known, _)| *known == id).map(|(_, value)| *value);
    let (least, most) = (figure(BALLOON_MIN)?, figure(BALLOON_MAX)?);
    Some(decision.value.max(least).min(most).max(0.0) as u64)
}

#[cfg(test)]
mod tests {
    //! Rung: pure.
    use super::*;

    fn decide(name: &str, subject: &str, value: f64) -> Option<u64> {
        let subjects = [
            PolicySubject { id: String::new(), metrics: vec![(MEMORY_TOTAL, 1.0)] },
            PolicySubject { id: "a".into(), metrics: vec![(BALLOON_MIN, 512.0), (BALLOON_MAX, 2048.0)] },
            PolicySubject { id: "b".into(), metrics: vec![] },
        ];
        bounded(&subjects, &PolicyDecision { subject: subject.into(), name: name.into(), value })
    }

    #[test]
    fn a_decision_is_bounded_by_the_balloon() {
        assert_eq!(decide("balloon-target", "a", 1000.7), Some(1000));
        assert_eq!(decide("balloon-target", "a", 1.0), Some(512));
        assert_eq!(decide("balloon-target", "a", 1e12), Some(2048));
    }

    #[test]
    fn what_names_nothing_is_refused() {
        for (name, subject, value) in [
            ("ksm-run", "a", 1.0),
            ("balloon-target", "c", 1.0),
            ("balloon-target", "", 1.0),
            ("balloon-target", "b", 1.0),
            ("balloon-target", "a", f64::NAN),
        ] {
            assert_eq!(decide(name, subject, value), None, "{name} {subject} {value}");
        }
    }
}
