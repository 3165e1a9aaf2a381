//! Rung: pure. Each rule of a manifest: what is written is enforced, or refused with file, line and what would be right.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use std::any::Any;
use std::path::Path;
use std::sync::Arc;

use vdsm_core::jobs::StepKind;
use wasmtime::component::Linker;

use super::*;
use crate::capability::Capability;
use crate::grant::FunctionSpec;
use crate::state::{CallFacts, CallState};

const ASK: &str = "test:lab/ask";
const PLAN: &str = "test:lab/plan";
const FUNCTIONS: &[FunctionSpec] = &[
    FunctionSpec { interface: ASK, name: "name", rule: ScopeRule::Flag, step: None },
    FunctionSpec { interface: ASK, name: "own", rule: ScopeRule::SubjectsOrAll, step: None },
    FunctionSpec { interface: ASK, name: "all", rule: ScopeRule::AllOnly, step: None },
    FunctionSpec { interface: ASK, name: "setting", rule: ScopeRule::Names, step: None },
    FunctionSpec { interface: PLAN, name: "touch", rule: ScopeRule::SubjectsOrAll, step: Some("lab.touch") },
];

/// A room with a function for each rule of scopes.
struct Lab;

impl Capability for Lab {
    fn package(&self) -> &'static str {
        "test:lab"
    }
    fn functions(&self) -> &'static [FunctionSpec] {
        FUNCTIONS
    }
    fn subject_kinds(&self) -> &'static [&'static str] {
        &["tube"]
    }
    fn check_name(&self, _function: &FunctionSpec, name: &str) -> Result<(), String> {
        if name == "vars.ssl" { Ok(()) } else { Err(format!("no setting `{name}`; the nearest is `vars.ssl`")) }
    }
    fn link(&self, _interface: &str, _linker: &mut Linker<CallState>) -> wasmtime::Result<()> {
        Ok(())
    }
    fn snapshot(&self, _call: &CallFacts) -> Box<dyn Any + Send> {
        Box::new(())
    }
    fn steps(&self) -> Vec<Arc<dyn StepKind>> {
        Vec::new()
    }
}

fn parse(text: &str) -> Result<Manifest, ManifestError> {
    Manifest::parse(Path::new("etc/m.toml"), text, &Offer::new(vec![Arc::new(Lab)]))
}

/// The line that holds `mark` and the reason must be what is told.
fn refused(text: &str, mark: &str, says: &str) {
    let error = parse(text).expect_err(text);
    let line = 1 + text.lines().position(|line| line.contains(mark)).unwrap_or_else(|| panic!("no {mark} in {text}"));
    assert!(error.reason.contains(says), "`{}` does not say `{says}`", error.reason);
    assert_eq!(error.line, line, "{error}\n{text}");
    assert!(error.to_string().starts_with(&format!("etc/m.toml:{line}: ")));
}

const VERB: &str = "name = \"m\"\nkind = \"verb\"\ncomponent = \"m.wasm\"\n\n[verb]\nserves = [\"ping\"]\n";
const HOOK: &str = "name = \"m\"\nkind = \"hook\"\ncomponent = \"m.wasm\"\norder = 7\n\n[hook]\npoints = [\"before_vm_start\"]\n\
                    properties = { size = \"[0-9]+\" }\nedit = [\"domain/sysinfo\"]\non-failure = \"ignore\"\n";
const POLICY: &str = "name = \"m\"\nkind = \"policy\"\ncomponent = \"m.wasm\"\n\n[policy]\ndomain = \"memory\"\ninterval-s = 10\n\
                      parameters = { guestFree = 0.3, balloonEnabled = true, steps = [1, 5000000000, \"a\"], deep = { when = 1979-05-27 } }\n";

#[test]
fn what_is_written_is_what_the_module_gets() {
    let verb = parse(&format!("{VERB}shapes = true\n[limits]\ncpu-ms = 20\nsteps-per-round = 3\n")).unwrap();
    assert_eq!((verb.name.as_str(), verb.component.as_str(), verb.file.as_path()), ("m", "m.wasm", Path::new("etc/m.toml")));
    assert_eq!(verb.kind, Kind::Verb(VerbSection { serves: vec!["ping".into()], shapes: true }));
    assert_eq!(verb.budget, Budget { cpu_ms: 20, steps: 3, ..Budget::default() });
    assert_eq!(verb.grant, Grant::default(), "what is not written is not granted");
    let Kind::Hook(hook) = parse(HOOK).unwrap().kind else { panic!("no hook") };
    assert_eq!(
        (hook.order, hook.on_failure, hook.points[0].name, hook.edit),
        (7, OnFailure::Ignore, "before_vm_start", vec!["domain/sysinfo".into()])
    );
    assert!(hook.properties["size"].fits("12") && !hook.properties["size"].fits("12a") && !hook.properties["size"].fits("12\n"));
    let Kind::Hook(hook) = parse(&HOOK.replace("order = 7\n", "")).unwrap().kind else { panic!("no hook") };
    assert_eq!(hook.order, 50);
    let Kind::Policy(policy) = parse(POLICY).unwrap().kind else { panic!("no policy") };
    assert_eq!((policy.domain.as_str(), policy.interval_s), ("memory", 10));
    let parameters = policy.parameters_tree();
    let root = parameters.root();
    assert_eq!((root.get("guestFree").unwrap().as_double(), root.get("balloonEnabled").unwrap().as_bool()), (Some(0.3), Some(true)));
    let steps: Vec<_> = root.get("steps").unwrap().items().collect();
    assert_eq!((steps[0].as_int(), steps[1].as_int64(), steps[2].as_text()), (Some(1), Some(5_000_000_000), Some("a")));
    assert_eq!(root.get("deep").unwrap().get("when").unwrap().as_text(), Some("1979-05-27"));
}

#[test]
fn scopes_are_granted_as_written_and_the_more_specific_one_holds() {
    let grant = "[grant]\n\"vdsm:hook/log\" = true\n\"test:lab/ask.own\" = \"subjects\"\n\"test:lab/ask.all\" = \"*\"\n\
                 \"test:lab/ask.setting\" = [\"vars.ssl\"]\n\"test:lab/plan\" = \"*\"\n\"test:lab/plan.touch\" = \"subjects\"\n";
    let grant = parse(&format!("{VERB}{grant}")).unwrap().grant;
    let scopes: Vec<String> = grant.iter().map(|(name, scope)| format!("{name} {}", scope.describe())).collect();
    assert_eq!(
        scopes,
        [
            "test:lab/ask.all *",
            "test:lab/ask.own subjects",
            "test:lab/ask.setting [vars.ssl]",
            "test:lab/plan.touch subjects",
            "vdsm:hook/log.write *"
        ]
    );
}

#[test]
fn an_unknown_key_is_refused_with_the_nearest() {
    refused(&VERB.replace("component", "componant"), "componant", "no key `componant`; the nearest is `component`");
    refused(&format!("{VERB}shape = true\n"), "shape =", "no key `shape`; the nearest is `shapes`");
    refused(&HOOK.replace("edit", "edits"), "edits", "no key `edits`; the nearest is `edit`");
    refused(&POLICY.replace("interval-s", "interval"), "interval", "no key `interval`; the nearest is `interval-s`");
    refused(&format!("{VERB}[limits]\nmemory = 1\n"), "memory = 1", "no key `memory`; the nearest is `memory-mib`");
}

#[test]
fn what_is_no_toml_or_of_another_type_is_refused_at_its_line() {
    refused(&VERB.replace("[verb]", "[verb"), "[verb", "");
    refused(&VERB.replace("serves = [\"ping\"]", "serves = \"ping\""), "serves", "expected a sequence");
    refused(&HOOK.replace("order = 7", "order = \"7\""), "order", "expected i32");
    refused(&HOOK.replace("\"ignore\"", "\"ignored\""), "ignored", "`ignore`");
    refused(&format!("{VERB}[limits]\ncpu-ms = -1\n"), "cpu-ms", "-1");
    assert!(parse(&VERB.replace("kind = \"verb\"\n", "")).unwrap_err().reason.contains("missing field `kind`"));
    assert!(parse(&HOOK.replace("on-failure = \"ignore\"\n", "")).unwrap_err().reason.contains("missing field `on-failure`"));
}

#[test]
fn the_name_is_the_files() {
    refused(&VERB.replace("\"m\"", "\"n\""), "name =", "the file of module `n` is called `n.toml`, not `m.toml`");
    for bad in ["", "M", "a b", "../m", "ä", &"a".repeat(65)] {
        refused(&VERB.replace("\"m\"", &format!("\"{bad}\"")), "name =", "is no module name");
    }
}

#[test]
fn the_component_is_a_file_name() {
    for bad in ["m", "m.so", "a/m.wasm", "../m.wasm", "/m.wasm"] {
        refused(&VERB.replace("m.wasm", bad), "component =", "is no file name ending in .wasm");
    }
}

#[test]
fn the_kind_is_known_and_has_its_section_and_no_other() {
    refused(&VERB.replace("\"verb\"", "\"verbs\""), "kind =", "no kind `verbs`; the nearest is `verb`");
    refused("name = \"m\"\nkind = \"hok\"\ncomponent = \"m.wasm\"\n", "kind =", "no kind `hok`; the nearest is `hook`");
    let with_section = "name = \"m\"\nkind = \"hok\"\ncomponent = \"m.wasm\"\norder = 3\n[hook]\npoints = [\"before_vm_start\"]\nedit = []\non-failure = \"fail\"\n";
    refused(with_section, "kind =", "no kind `hok`; the nearest is `hook`");
    refused("name = \"m\"\nkind = \"hook\"\ncomponent = \"m.wasm\"\n", "kind =", "a module of kind `hook` needs a section [hook]");
    refused(
        &format!("{VERB}\n[policy]\ndomain = \"memory\"\ninterval-s = 1\n"),
        "[policy]",
        "[policy] has no effect in a module of kind `verb`",
    );
    refused(&VERB.replace("kind = \"verb\"", "kind = \"verb\"\norder = 3"), "order = 3", "`order` has an effect on hooks only");
}

#[test]
fn the_verbs_are_named_once() {
    refused(&VERB.replace("[\"ping\"]", "[]"), "serves", "names no verb");
    refused(&VERB.replace("[\"ping\"]", "[\"ping\", \"ping\"]"), "serves", "names `ping` twice");
    assert!(parse(&format!("{}shapes = true\n", VERB.replace("[\"ping\"]", "[]"))).is_ok(), "a module may shape and do nothing else");
}

#[test]
fn points_are_known_and_named_once() {
    refused(
        &HOOK.replace("before_vm_start", "before_vm_stat"),
        "points",
        "no hook point `before_vm_stat` is served; the nearest is `before_vm_start`",
    );
    refused(&HOOK.replace("[\"before_vm_start\"]", "[]"), "points", "names none");
    refused(&HOOK.replace("[\"before_vm_start\"]", "[\"before_vm_start\", \"before_vm_start\"]"), "points", "named twice");
}

#[test]
fn patterns_compile() {
    refused(&HOOK.replace("[0-9]+", "[0-9"), "properties", "the pattern is wrong");
    refused(&HOOK.replace("[0-9]+", "a)(b"), "properties", "the pattern is wrong");
}

#[test]
fn edits_need_a_point_that_applies_them_and_name_elements() {
    refused(&HOOK.replace("before_vm_start", "after_vm_start"), "edit", "`edit` has no effect");
    refused(&HOOK.replace("domain/sysinfo", "sysinfo"), "edit", "begins with `domain`");
    for bad in ["domain/", "domain//os", "domain/os/", "domain/ os", "domain/@type", "domain/*", "domain/:os", "domain/a:b:"] {
        refused(&HOOK.replace("domain/sysinfo", bad), "edit", "matches no element");
    }
    let both = HOOK.replace("[\"before_vm_start\"]", "[\"after_vm_start\", \"before_vm_start\"]");
    assert!(parse(&both).is_ok());
}

#[test]
fn an_unknown_grant_is_refused_with_the_nearest() {
    refused(
        &format!("{VERB}[grant]\n\"test:lab/asks\" = true\n"),
        "asks",
        "nothing is called `test:lab/asks`; the nearest is `test:lab/ask`",
    );
    refused(&format!("{VERB}[grant]\n\"test:lab/ask.nam\" = true\n"), "nam\"", "nothing is called `test:lab/ask.nam`");
    refused(&format!("{VERB}[grant]\n\"test:lab\" = true\n"), "test:lab", "nothing is called `test:lab`");
}

#[test]
fn a_scope_fits_the_rule_of_its_function() {
    let cases = [
        ("ask.name", "false", "write `true`"),
        ("ask.name", "\"*\"", "write `true`"),
        ("ask.own", "true", "write \"subjects\" or \"*\""),
        ("ask.own", "\"subject\"", "write \"subjects\" or \"*\""),
        ("ask.own", "[\"a\"]", "write \"subjects\" or \"*\""),
        ("ask.all", "\"subjects\"", "write \"*\""),
        ("ask.all", "true", "write \"*\""),
        ("ask.setting", "\"*\"", "write a list of names"),
        ("ask.setting", "[]", "write a list of names"),
        ("ask.setting", "[1]", "write a list of names"),
        ("ask.setting", "[\"vars.ssl\", \"vars.sls\"]", "no setting `vars.sls`; the nearest is `vars.ssl`"),
    ];
    for (function, scope, says) in cases {
        refused(&format!("{VERB}[grant]\n\"test:lab/{function}\" = {scope}\n"), function, says);
    }
    refused(&format!("{VERB}[grant]\n\"test:lab/ask\" = true\n"), "test:lab/ask", "test:lab/ask.own: write");
}

#[test]
fn only_verbs_are_given_plan_functions() {
    for (kind, text) in [("hook", HOOK), ("policy", POLICY)] {
        for function in ["test:lab/plan.touch\" = \"*\"", "vdsm:verb/plan.commit\" = true", "vdsm:verb/plan\" = true"] {
            refused(&format!("{text}[grant]\n\"{function}\n"), function, &format!("has no effect in a module of kind `{kind}`"));
        }
        assert!(parse(&format!("{text}[grant]\n\"test:lab/ask.own\" = \"subjects\"\n")).is_ok());
    }
}

#[test]
fn limits_only_narrow_and_leave_something() {
    for (name, most) in
        [("memory-mib", 64), ("cpu-ms", 250), ("log-bytes", 16_384), ("steps-per-round", 128), ("handles", 4096), ("copied-kib", 65_536)]
    {
        refused(&format!("{VERB}[limits]\n{name} = {}\n", most + 1), name, &format!("the most is {most}"));
        refused(&format!("{VERB}[limits]\n{name} = 0\n"), name, "would let the module do nothing");
        assert!(parse(&format!("{VERB}[limits]\n{name} = {most}\n")).is_ok());
    }
    refused(&format!("{VERB}[limits]\nlog-bytes = 10\ncpu-ms = 0\n"), "cpu-ms", "cpu-ms = 0");
}

#[test]
fn dangers_are_named_where_they_are() {
    let raw = |edit: &str| HOOK.replace("domain/sysinfo", edit);
    let named = "[grant]\ndangerous = [\"raw-qemu-arguments\"]\n";
    // A prefix is the document's choice, and part of the element is the element.
    for edit in [
        "domain",
        "domain/qemu:commandline",
        "domain/q:commandline",
        "domain/commandline",
        "domain/qemu:commandline/qemu:arg",
        "domain/qemu:override",
    ] {
        refused(&raw(edit), "edit", "needs `dangerous = [\"raw-qemu-arguments\"]`");
        let manifest = parse(&format!("{}{named}", raw(edit))).unwrap();
        let dangerous: Vec<_> = manifest.dangerous.iter().map(|danger| (danger.name, danger.gives)).collect();
        assert_eq!(dangerous, [("raw-qemu-arguments", "full control of QEMU")], "{edit}");
    }
    assert!(parse(HOOK).unwrap().dangerous.is_empty());
    refused(&format!("{HOOK}{named}"), "dangerous", "`raw-qemu-arguments` has no effect");
    refused(&format!("{VERB}{named}"), "dangerous", "`raw-qemu-arguments` has no effect");
    refused(
        &format!("{VERB}{}", named.replace("raw-qemu", "rawqemu")),
        "dangerous",
        "no danger is called `rawqemu-arguments`; the nearest is `raw-qemu-arguments`",
    );
    refused(&format!("{VERB}[grant]\ndangerous = true\n"), "dangerous", "`dangerous` is a list of names");
}

#[test]
fn a_policy_has_a_domain_an_interval_and_parameters() {
    refused(&POLICY.replace("\"memory\"", "\"memry\""), "domain", "no policy domain `memry`; the nearest is `memory`");
    for bad in ["0", "3601"] {
        refused(&POLICY.replace("interval-s = 10", &format!("interval-s = {bad}")), "interval-s", "must be 1 to 3600");
    }
    let deep = format!("parameters = {{ a = {}1{} }}", "[".repeat(70), "]".repeat(70));
    refused(&format!("{}{deep}\n", &POLICY[..POLICY.find("parameters").unwrap()]), "parameters", "nested too deep");
    let none = parse(&POLICY[..POLICY.find("parameters").unwrap()]).unwrap();
    assert!(matches!(none.kind, Kind::Policy(policy) if policy.parameters_tree() == Tree::empty_object()));
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let error = Manifest::read(Path::new("/nowhere/m.toml"), &Offer::default()).unwrap_err();
    assert!(error.to_string().starts_with("/nowhere/m.toml:1: cannot be read"), "{error}");
}
