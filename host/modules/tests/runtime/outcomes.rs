//! Components that trap, loop, flood, reach beyond their grant or return nonsense: each ends as its own outcome, and others are served.
//! Rung: mock host.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use vdsm_core::descriptor::Access;
use vdsm_core::held::{Held, HeldTable, Secret};
use vdsm_core::jobs::{Decision, Planned};
use vdsm_core::tree::Tree;
use vdsm_modules::CallFailure;
use vdsm_modules::module::LoadError;

use crate::build::{self, Verb, ping};
use crate::image::{HELD, Image, RawNode};
use crate::lab::{self, decide, load, version};

const LOG: &str = "(import \"vdsm:hook/log@0.1.0\" \"write\" (func $log (param i32 i32 i32)))";
const TOUCH: &str = "(import \"test:lab/plan@0.1.0\" \"touch\" (func $touch (param i32 i32) (result i32)))";
const PUT: &str = "(import \"test:lab/plan@0.1.0\" \"put\" (func $put (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))";
const LEASE: &str = "(import \"vdsm:verb/plan@0.1.0\" \"lease\" (func $lease (param i32 i32 i32 i32 i32 i32) (result i32)))";
const FOREVER: &str = "(loop (br 0))";

/// Decides once with a component, under a manifest's further lines.
async fn once(more: &str, component: Vec<u8>) -> Result<Decision, CallFailure> {
    let module = load(&lab::verb("m", more), &component).await.unwrap();
    decide(&module, HeldTable::new()).await
}

fn ended(outcome: Result<Decision, CallFailure>, word: &str, says: &str) {
    let failure = outcome.expect_err(word);
    assert_eq!(failure.outcome(), word, "{failure}");
    let text = failure.to_string();
    assert!(text.contains(says) && text.contains("m@"), "`{text}` does not say `{says}` and who");
}

#[tokio::test]
async fn a_trap_is_a_trap() {
    let component = Verb { decide: "(unreachable)", ..Verb::default() }.build(|image| build::answer(image, 1));
    ended(once("", component).await, "trap", "unreachable");
    let component = Verb { decide: "(drop (i32.load (i32.const -4)))", ..Verb::default() }.build(|image| build::answer(image, 1));
    ended(once("", component).await, "trap", "out of bounds");
    let recursion = Verb { decide: "(call $deeper)", more: "(func $deeper (call $deeper) (call $deeper))", ..Verb::default() };
    ended(once("", recursion.build(|image| build::answer(image, 1))).await, "trap", "stack");
}

#[tokio::test]
async fn a_loop_spends_its_cpu_budget_and_others_are_served_meanwhile() {
    let looping = Verb { decide: FOREVER, ..Verb::default() }.build(|image| build::answer(image, 1));
    let looping = load(&lab::verb("m", "[limits]\ncpu-ms = 100"), &looping).await.unwrap();
    let other = load(&lab::verb("other", ""), &ping(7)).await.unwrap();
    let mut best = Duration::MAX;
    for _ in 0..5 {
        let begun = Instant::now();
        // One thread: what loops must give way by itself.
        let (spent, served) = tokio::join!(async { (decide(&looping, HeldTable::new()).await, begun.elapsed()) }, async {
            (version(&decide(&other, HeldTable::new()).await.unwrap()), begun.elapsed())
        },);
        ended(spent.0, "budget", "its 100 ms of CPU time");
        assert_eq!(served.0, 7);
        assert!(served.1 < spent.1, "the other call waited for the looping one");
        best = best.min(spent.1);
    }
    assert!(best >= Duration::from_millis(90) && best < Duration::from_millis(200), "{best:?}");
}

#[tokio::test]
async fn instantiation_and_describe_are_within_the_budget() {
    for (name, component) in [
        ("start", Verb { more: "(func $start (loop (br 0))) (start $start)", ..Verb::default() }),
        ("describe", Verb { describe: FOREVER, ..Verb::default() }),
    ] {
        let component = component.build(|image| build::answer(image, 1));
        match load(&lab::verb("m", "[limits]\ncpu-ms = 20"), &component).await {
            Err(LoadError::Smoke(failure)) => assert_eq!(failure.outcome(), "budget", "{name}"),
            other => panic!("{name}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn memory_is_one_budget_over_all_memories() {
    let grow = |first: u32, second: u32| {
        let decide = format!("(drop (memory.grow (i32.const {first}))) (drop (memory.grow $second (i32.const {second})))");
        Verb { decide: &decide, more: "(memory $second 1)", ..Verb::default() }.build(|image| build::answer(image, 3))
    };
    // 16 MiB are 256 pages; 33 stand at the beginning.
    let limits = "[limits]\nmemory-mib = 16";
    assert_eq!(version(&once(limits, grow(111, 112)).await.unwrap()), 3);
    ended(once(limits, grow(111, 113)).await, "budget", "16 MiB of memory");
    ended(once(limits, grow(0, 300)).await, "budget", "16 MiB of memory");
}

#[tokio::test]
async fn what_a_memory_itself_refuses_is_not_counted() {
    let decide = "(loop (drop (memory.grow $small (i32.const 100))) (local.set 1 (i32.add (local.get 1) (i32.const 1)))
        (br_if 0 (i32.lt_u (local.get 1) (i32.const 50)))) (drop (memory.grow (i32.const 10)))";
    let component = Verb { decide, more: "(memory $small 1 2)", ..Verb::default() }.build(|image| build::answer(image, 4));
    assert_eq!(version(&once("[limits]\nmemory-mib = 16", component).await.unwrap()), 4);
}

#[tokio::test]
async fn output_is_limited_in_each_result_and_in_all_steps_together() {
    // A text of 1.5 MiB in the reply.
    let huge = |image: &mut Image| {
        let nodes = image.put(&[0, 0, 5, 0, 0, 0, 0, 0, 0, 0, 24, 0]);
        let tree = [0, 0, 1 << 18, 3 << 19, 0, 0, nodes, 1_u32].map(u32::to_le_bytes).concat();
        image.reply(tree)
    };
    let component = Verb::default().build(huge);
    ended(once("[limits]\ncopied-kib = 1024", component).await, "budget", "too much data");
    // Sixty steps of 100 KiB each: no one of them is too large.
    let steps = Verb {
        imports: PUT,
        decide: "(loop (drop (call $put (i32.const 0) (i32.const 0) (i32.const 524288) (i32.const 102400) (i32.const 0) (i32.const 0)
            (i32.const 700000) (i32.const 1))) (local.set 1 (i32.add (local.get 1) (i32.const 1))) (br_if 0 (i32.lt_u (local.get 1) (i32.const 60))))",
        more: "(data (i32.const 700000) \"\\00\\00\\05\\00\\00\\00\\00\\00\\00\\90\\01\\00\")",
        ..Verb::default()
    }
    .build(|image| image.act(None));
    let grant = "[grant]\n\"test:lab/plan.put\" = true\n";
    ended(once(&format!("{grant}[limits]\ncopied-kib = 1024"), steps.clone()).await, "budget", "KiB left");
    match once(grant, steps).await.unwrap() {
        Decision::Act(round) => assert_eq!(round.steps.len(), 60),
        other => panic!("{other:?}"),
    }
}

/// Remembers the messages of log events.
#[derive(Clone, Default)]
struct Heard(Arc<Mutex<Vec<String>>>);

impl tracing::Subscriber for Heard {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        metadata.target() == "module"
    }
    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        tracing::span::Id::from_u64(1)
    }
    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}
    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}
    fn event(&self, event: &tracing::Event<'_>) {
        struct Message<'a>(&'a Heard);
        impl tracing::field::Visit for Message<'_> {
            fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn std::fmt::Debug) {
                if field.name() == "message" {
                    self.0.0.lock().unwrap().push(format!("{value:?}"));
                }
            }
        }
        event.record(&mut Message(self));
    }
    fn enter(&self, _: &tracing::span::Id) {}
    fn exit(&self, _: &tracing::span::Id) {}
}

#[tokio::test]
async fn a_flood_of_log_lines_is_cut_and_that_is_told_once() {
    let flood = Verb {
        imports: LOG,
        decide: "(loop (call $log (i32.const 1) (i32.const 600000) (i32.const 10)) (local.set 1 (i32.add (local.get 1) (i32.const 1)))
            (br_if 0 (i32.lt_u (local.get 1) (i32.const 1000))))",
        more: "(data (i32.const 600000) \"line\\0amore.\")",
        ..Verb::default()
    }
    .build(|image| build::answer(image, 5));
    let heard = Heard::default();
    let _guard = tracing::subscriber::set_default(heard.clone());
    let decision = once("[grant]\n\"vdsm:hook/log\" = true\n[limits]\nlog-bytes = 100", flood).await.unwrap();
    assert_eq!(version(&decision), 5, "a flood of lines is no failure of the call");
    let lines = heard.0.lock().unwrap();
    assert_eq!(lines[..9], vec!["line more."; 9], "a line stays one line");
    assert_eq!(lines[9..], ["(log budget of 100 bytes spent, further lines of this call are dropped)"]);
}

#[tokio::test]
async fn steps_are_limited_and_scoped() {
    let touch = |id: &str, times: u32| {
        let decide = format!(
            "(loop (drop (call $touch (i32.const 600000) (i32.const {}))) (local.set 1 (i32.add (local.get 1) (i32.const 1)))
             (br_if 0 (i32.lt_u (local.get 1) (i32.const {times}))))",
            id.len()
        );
        let more = format!("(data (i32.const 600000) \"{id}\")");
        Verb { imports: TOUCH, decide: &decide, more: &more, ..Verb::default() }.build(|image| image.act(None))
    };
    let subjects = "[grant]\n\"test:lab/plan.touch\" = \"subjects\"\n";
    match once(subjects, touch("mine", 128)).await.unwrap() {
        Decision::Act(round) => {
            assert!(round.steps.len() == 128 && matches!(&round.steps[0], Planned::Room(step) if step.kind == "lab.touch"))
        }
        other => panic!("{other:?}"),
    }
    ended(once(subjects, touch("mine", 129)).await, "denied", "more than 128 steps");
    ended(once(&format!("{subjects}[limits]\nsteps-per-round = 2"), touch("mine", 3)).await, "denied", "more than 2 steps");
    ended(once(subjects, touch("theirs", 1)).await, "denied", "`test:lab/plan.touch` reaches `theirs`, outside its scope subjects");
    assert!(once("[grant]\n\"test:lab/plan.touch\" = \"*\"", touch("theirs", 1)).await.is_ok());
}

#[tokio::test]
async fn live_handles_are_limited() {
    let open = |times: u32, after: &str| {
        let decide = format!(
            "(loop (local.set 2 (call $open)) {after} (local.set 1 (i32.add (local.get 1) (i32.const 1)))
             (br_if 0 (i32.lt_u (local.get 1) (i32.const {times}))))"
        );
        let imports = "(import \"test:lab/ask@0.1.0\" \"open\" (func $open (result i32)))
            (import \"test:lab/ask@0.1.0\" \"[resource-drop]tube\" (func $drop (param i32)))";
        Verb { imports, decide: &decide, ..Verb::default() }.build(|image| build::answer(image, 8))
    };
    let limits = "[grant]\n\"test:lab/ask.open\" = true\n[limits]\nhandles = 10";
    assert_eq!(version(&once(limits, open(10, "")).await.unwrap()), 8);
    ended(once(limits, open(11, "")).await, "budget", "more than its 10 handles");
    assert_eq!(version(&once(limits, open(50, "(call $drop (local.get 2))")).await.unwrap()), 8, "what is dropped does not count");
}

#[tokio::test]
async fn a_lease_of_a_kind_that_does_not_exist_is_denied() {
    let lease = |kind: &str| {
        let decide = format!(
            "(drop (call $lease (i32.const 600000) (i32.const {}) (i32.const 600000) (i32.const 1) (i32.const 1) (i32.const 10)))",
            kind.len()
        );
        let more = format!("(data (i32.const 600000) \"{kind}\")");
        Verb { imports: LEASE, decide: &decide, more: &more, ..Verb::default() }.build(|image| image.act(None))
    };
    let grant = "[grant]\n\"vdsm:verb/plan.lease\" = true";
    match once(grant, lease("vm")).await.unwrap() {
        Decision::Act(round) => assert!(matches!(&round.steps[..], [Planned::Lease { access: Access::Exclusive, wait_ms: 10, .. }])),
        other => panic!("{other:?}"),
    }
    ended(once(grant, lease("vmx")).await, "denied", "`vdsm:verb/plan.lease`: no kind of lease is called `vmx`");
}

#[tokio::test]
async fn decisions_that_make_no_sense_are_bad_output() {
    let touching = |decision: fn(&mut Image) -> u32| {
        Verb {
            imports: TOUCH,
            decide: "(drop (call $touch (i32.const 600000) (i32.const 4)))",
            more: "(data (i32.const 600000) \"mine\")",
            ..Verb::default()
        }
        .build(decision)
    };
    let grant = "[grant]\n\"test:lab/plan.touch\" = \"subjects\"";
    ended(once(grant, touching(|image| build::answer(image, 1))).await, "bad-output", "steps were planned, but the decision is not `act`");
    ended(once(grant, touching(|image| image.refuse(16))).await, "bad-output", "steps were planned");
    let plain = |decision: fn(&mut Image) -> u32| once("", Verb::default().build(decision));
    ended(plain(|image| image.refuse(0)).await, "bad-output", "a refusal with code 0");
    ended(plain(|image| image.put(&[9; 48])).await, "bad-output", "");
    let text = |image: &mut Image| {
        let members = image.tree(&Tree::text("no structure"));
        image.reply(members)
    };
    ended(plain(text).await, "bad-output", "the members of an answer are an object");
}

#[tokio::test]
async fn malformed_trees_are_bad_output() {
    let deep: Vec<_> = (0..70).map(|_| (0, 8, 1, 0)).chain([(0, 0, 0, 0)]).collect();
    let malformed: Vec<(&str, Vec<RawNode>)> = vec![
        ("do not form one value", vec![]),
        ("do not form one value", vec![(0, 9, 2, 0), (0, 2, 1, 0)]),
        ("do not form one value", vec![(0, 2, 1, 0), (0, 2, 1, 0)]),
        ("outside its pool", vec![(0, 5, 0, 99)]),
        ("outside its pool", vec![(0, 5, u32::MAX, u32::MAX)]),
        ("outside its pool", vec![(0, 9, 1, 0), (7, 2, 1, 0)]),
        ("nested deeper", deep),
    ];
    for (says, nodes) in malformed {
        let component = Verb::default().build(|image| {
            let members = image.raw_tree(&["only"], "text", &nodes);
            image.reply(members)
        });
        ended(once("", component).await, "bad-output", says);
    }
    let note = Verb::default().build(|image| {
        let note = image.raw_tree(&[], "", &[]);
        image.act(Some(note))
    });
    ended(once("", note).await, "bad-output", "do not form one value");
}

#[tokio::test]
async fn a_note_has_a_size_whatever_it_is_made_of() {
    let with = |keys: usize, text: usize| {
        Verb::default().build(|image| {
            let names: Vec<String> = (0..keys).map(|number| format!("{number:0>1000}")).collect();
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            let note = image.raw_tree(&names, &"t".repeat(text), &[(0, 0, 0, 0)]);
            image.act(Some(note))
        })
    };
    assert!(matches!(once("", with(1, 60_000)).await.unwrap(), Decision::Act(round) if round.again.is_some()));
    ended(once("", with(1, 65_000)).await, "bad-output", "a note of more than 65536 bytes");
    ended(once("", with(70, 0)).await, "bad-output", "a note of more than 65536 bytes");
}

#[tokio::test]
async fn held_values_are_those_of_the_call() {
    let held = HeldTable::new();
    let secret = held.keep(Held::Secret(Arc::new(Secret::new("s3cret".into()))));
    let large = held.keep(Held::Tree(Arc::new(Tree::text("x".repeat(600 << 10)))));
    let other = HeldTable::new().keep(Held::Tree(Arc::new(Tree::nil())));
    let reply = |nodes: Vec<(u32, u32)>| {
        let members: Vec<_> =
            [(0, 9, u32::try_from(nodes.len()).unwrap(), 0)].into_iter().chain(nodes.iter().map(|(a, b)| (0, HELD, *a, *b))).collect();
        Verb::default().build(|image| {
            let members = image.raw_tree(&["value"], "", &members);
            image.reply(members)
        })
    };
    let limits = "[limits]\ncopied-kib = 1024";
    let call = async |nodes: Vec<(u32, u32)>| {
        let module = load(&lab::verb("m", limits), &reply(nodes)).await.unwrap();
        decide(&module, held.clone()).await
    };
    match call(vec![(secret.slot, secret.table), (large.slot, large.table)]).await.unwrap() {
        Decision::Reply(answer) => assert!(!format!("{answer:?}").contains("s3cret")),
        other => panic!("{other:?}"),
    }
    ended(call(vec![(other.slot, other.table)]).await, "bad-output", "a held value that this call does not have");
    ended(call(vec![(99, large.table)]).await, "bad-output", "a held value that this call does not have");
    // A few bytes each, but each stands for 600 KiB.
    ended(call(vec![(large.slot, large.table); 2]).await, "budget", "1024 KiB");
}

#[tokio::test]
async fn a_failed_call_leaves_the_next_one_alone() {
    // A second call in the same store would trap.
    let counting = Verb {
        decide: "(if (global.get $called) (then unreachable)) (global.set $called (i32.const 1))",
        more: "(global $called (mut i32) (i32.const 0))",
        ..Verb::default()
    };
    let module = load(&lab::verb("m", ""), &counting.build(|image| build::answer(image, 6))).await.unwrap();
    for _ in 0..3 {
        assert_eq!(version(&decide(&module, HeldTable::new()).await.unwrap()), 6, "a fresh store remembers nothing");
    }
}

#[tokio::test]
async fn many_calls_at_once_all_find_room() {
    let module = load(
        &lab::verb("m", ""),
        &Verb { more: "(memory $b 1) (memory $c 1) (memory $d 1)", ..Verb::default() }.build(|image| build::answer(image, 1)),
    )
    .await
    .unwrap();
    let outcomes = futures_util::future::join_all((0..300).map(|_| decide(&module, HeldTable::new()))).await;
    assert!(outcomes.iter().all(Result::is_ok), "{:?}", outcomes.into_iter().find_map(Result::err));
}
