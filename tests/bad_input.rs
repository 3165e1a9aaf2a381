//! Bad input: calls that make no sense, components that do what none should, manifests and settings that are wrong. Each gets its
//! own answer, and everything else goes on.
//! Rung: test:///default.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::time::Duration;

use vdsm_core::tree::TreeBuilder;
use vdsm_tests::process::{PATIENCE, wait_for};
use vdsm_tests::{Daemon, Host, Rung, source};

use crate::build::{self, Described, Verb};
use crate::image::Image;

const NOBODY: &str = "3b0c7d5a-51f2-4e0e-a1a4-6a2d3f9b7c09";

fn serving(host: &Host) -> Daemon {
    let daemon = host.start();
    daemon.wait_until_serving();
    daemon
}

/// A call that must be answered with a status, and what it said.
fn refused(daemon: &Daemon, verb: &str, fill: impl FnOnce(&mut TreeBuilder)) -> (i32, String) {
    let reply = daemon.try_call(verb, fill).unwrap_or_else(|error| panic!("{verb}: a fault: {error:?}"));
    (reply.code(), reply.message().to_owned())
}

/// Verbs with the code that answers an unexpected call, and the number of arguments that is too many.
const ARITY: [(&str, i32, usize); 15] = [
    ("ping", 16, 1),
    ("getVdsCapabilities", 16, 1),
    ("getVdsHardwareInfo", 16, 1),
    ("getVdsStats", 16, 1),
    ("create", 16, 2),
    ("destroy", 16, 2),
    ("list", 16, 3),
    ("getVmStats", 16, 2),
    ("getAllVmStats", 16, 1),
    ("pause", 16, 2),
    ("cont", 16, 2),
    ("shutdown", 16, 4),
    ("setBalloonTarget", 16, 3),
    ("connectStorageServer", 1000, 5),
    ("disconnectStorageServer", 1000, 5),
];

#[test]
fn a_wrong_number_of_arguments_is_a_status_that_says_how_many() {
    if !Rung::TestDriver.stands() {
        return;
    }
    let host = Host::on_test_driver();
    let daemon = serving(&host);
    for (verb, code, many) in ARITY {
        let (answered, text) = refused(&daemon, verb, |arguments| {
            for _ in 0..many {
                arguments.text(NOBODY);
            }
        });
        assert_eq!(answered, code, "{verb}: {text}");
        assert!(text.contains(&format!("{verb} takes")) && text.contains(&format!("{many} came")), "{verb}: {text}");
    }
    let served = daemon.try_call("system.listMethods", |_| {}).unwrap();
    let served = served.value().items().filter_map(|name| name.as_text()).filter(|name| !name.starts_with("system."));
    let untried: Vec<_> = served.filter(|name| !ARITY.iter().any(|(tried, ..)| tried == name)).collect();
    assert!(untried.is_empty(), "verbs without a case: {untried:?}");
}

#[test]
fn an_argument_of_a_wrong_type_is_a_status_that_names_it() {
    if !Rung::TestDriver.stands() {
        return;
    }
    let host = Host::on_test_driver();
    let daemon = serving(&host);
    let (code, text) = refused(&daemon, "create", |arguments| {
        arguments.text("no struct");
    });
    assert!(code == 16 && text.contains("vmParams"), "{code} {text}");
    let vm = |fill: fn(&mut TreeBuilder)| {
        refused(&daemon, "create", |arguments| {
            arguments.open_object();
            fill(arguments);
            arguments.close();
        })
    };
    let missing = vm(|conf| {
        conf.text_at("display", "vnc").int_at("memSize", 32);
    });
    assert_eq!(missing, (11, "Missing required parameter vmId".into()));
    let (code, text) = vm(|conf| {
        conf.int_at("vmId", 5).text_at("display", "vnc").int_at("memSize", 32);
    });
    assert!(code == 11 && text.contains("vmId"), "{code} {text}");
    for verb in ["destroy", "getVmStats", "pause", "cont", "shutdown"] {
        let (code, text) = refused(&daemon, verb, |arguments| {
            arguments.open_object().close();
        });
        assert!(matches!(code, 1 | 16), "{verb}: {code} {text}");
    }
    for verb in ["connectStorageServer", "disconnectStorageServer"] {
        let (code, text) = refused(&daemon, verb, |arguments| {
            arguments.int(4).text("pool").text("no list");
        });
        assert!(code != 0 && text.contains("conList"), "{verb}: {code} {text}");
    }
    let created = vm(|conf| {
        conf.text_at("vmId", NOBODY).text_at("display", "vnc").int_at("memSize", 32);
    });
    assert_eq!(created.0, 0, "{}", created.1);
    let ask = || {
        refused(&daemon, "setBalloonTarget", |arguments| {
            arguments.text(NOBODY).open_array().close();
        })
    };
    let (code, text) = wait_for("the VM to run", PATIENCE, || Some(ask()).filter(|(_, text)| !text.contains("not started yet")));
    assert!(code == 53 && text.contains("target"), "{code} {text}");
    assert_eq!(daemon.call("ping", |_| {}).code(), 0);
}

#[test]
fn a_vm_that_nobody_knows_is_code_1_for_every_verb() {
    if !Rung::TestDriver.stands() {
        return;
    }
    let host = Host::on_test_driver();
    let daemon = serving(&host);
    for verb in ["destroy", "getVmStats", "pause", "cont", "shutdown", "setBalloonTarget"] {
        let (code, text) = refused(&daemon, verb, |arguments| {
            arguments.text(NOBODY);
            if verb == "setBalloonTarget" {
                arguments.int(32_768);
            }
        });
        assert_eq!((code, text.as_str()), (1, "Virtual machine does not exist"), "{verb}");
    }
}

#[test]
fn a_body_that_claims_too_much_is_refused_before_it_is_sent() {
    if !Rung::TestDriver.stands() {
        return;
    }
    let host = Host::on_test_driver();
    let daemon = serving(&host);
    let mut connection = TcpStream::connect(daemon.address()).unwrap();
    connection.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    // Only the head is sent: an answer before any of the body shows that none of it is waited for.
    connection.write_all(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/xml\r\nContent-Length: 1000000000000\r\n\r\n").unwrap();
    let mut head = [0; 12];
    connection.read_exact(&mut head).unwrap();
    assert_eq!(&head, b"HTTP/1.1 413");
    assert_eq!(daemon.call("ping", |_| {}).code(), 0);
}

/// The manifest of a verb module called `name` that serves a verb of that name.
fn manifest(name: &str, more: &str) -> String {
    format!("name = \"{name}\"\nkind = \"verb\"\ncomponent = \"{name}.wasm\"\n[verb]\nserves = [\"{name}\"]\n{more}\n")
}

const LOG: &str = "(import \"vdsm:hook/log@0.1.0\" \"write\" (func $log (param i32 i32 i32)))";
const ALL: &str = "(import \"vdsm:vm/plan@0.1.0\" \"statistics-of-all\" (func $all (result i32)))";
const LEASE: &str = "(import \"vdsm:verb/plan@0.1.0\" \"lease\" (func $lease (param i32 i32 i32 i32 i32 i32) (result i32)))";

/// A module that serves the verb `name` with `verb`'s bodies.
fn hostile(host: &Host, name: &str, more: &str, verb: Verb<'_>, decision: impl FnOnce(&mut Image) -> u32) {
    let described = [Described { name, ..Described::default() }];
    host.add_module(name, &manifest(name, more), &Verb { described: &described, ..verb }.build(decision));
}

fn done(image: &mut Image) -> u32 {
    build::answer(image, 1)
}

#[test]
fn hostile_modules_end_as_their_own_outcome_while_others_are_served() {
    if !Rung::TestDriver.stands() {
        return;
    }
    let host = Host::on_test_driver();
    hostile(&host, "traps", "", Verb { decide: "(unreachable)", ..Verb::default() }, done);
    hostile(&host, "loops", "[limits]\ncpu-ms = 200", Verb { decide: "(loop (br 0))", ..Verb::default() }, done);
    hostile(&host, "nonsense", "", Verb::default(), |image| image.put(&[9; 48]));
    let flood = Verb {
        imports: LOG,
        decide: "(loop (call $log (i32.const 1) (i32.const 600000) (i32.const 10)) (local.set 1 (i32.add (local.get 1) (i32.const 1)))
            (br_if 0 (i32.lt_u (local.get 1) (i32.const 5000))))",
        more: "(data (i32.const 600000) \"flood line\")",
        ..Verb::default()
    };
    hostile(&host, "floods", "[grant]\n\"vdsm:hook/log\" = true\n[limits]\nlog-bytes = 100", flood, done);
    let eats = Verb { decide: "(drop (memory.grow (i32.const 1000)))", ..Verb::default() };
    hostile(&host, "eats", "[limits]\nmemory-mib = 16", eats, done);
    let leases = Verb {
        imports: LEASE,
        decide: "(drop (call $lease (i32.const 600000) (i32.const 4) (i32.const 600000) (i32.const 4) (i32.const 1) (i32.const 10)))",
        more: "(data (i32.const 600000) \"moon\")",
        ..Verb::default()
    };
    hostile(&host, "leases", "[grant]\n\"vdsm:verb/plan.lease\" = true", leases, |image| image.act(None));
    // What its manifest does not grant is missing before it ever runs.
    hostile(&host, "reaches", "", Verb { imports: ALL, decide: "(drop (call $all))", ..Verb::default() }, |image| image.act(None));
    let daemon = serving(&host);

    let outcomes = [
        ("traps", "trap", "unreachable"),
        ("loops", "budget", "200 ms of CPU time"),
        ("nonsense", "bad-output", ""),
        ("eats", "budget", "16 MiB of memory"),
        ("leases", "denied", "no kind of lease is called `moon`"),
    ];
    let other = daemon.another_client();
    std::thread::scope(|scope| {
        // Somebody else's calls meanwhile.
        let calm = scope.spawn(|| (0..200).for_each(|_| assert_eq!(other.call("ping", |_| {}).code(), 0)));
        for (verb, outcome, says) in outcomes {
            let (code, text) = refused(&daemon, verb, |_| {});
            assert_eq!(code, 16, "{verb}: {text}");
            assert!(text.contains(says), "{verb}: {text}");
            // The log is written beside the calls: its line may come after the reply.
            let told = || daemon.log().lines().any(|line| line.contains(outcome) && line.contains(verb)).then_some(());
            wait_for(&format!("`{outcome}` of {verb} in the log"), PATIENCE, told);
        }
        assert_eq!(refused(&daemon, "floods", |_| {}).0, 0);
        calm.join().unwrap();
    });
    assert!(daemon.log().matches("flood line").count() < 20, "a flood is cut");
    let (code, text) = refused(&daemon, "reaches", |_| {});
    assert!(code == 16 && text.contains("reaches"), "{code} {text}");
    assert!(host.tool(&["module", "list"]).contains("vdsm:vm/plan"), "{}", host.tool(&["module", "list"]));
    assert_eq!(daemon.call("ping", |_| {}).code(), 0);
}

#[test]
fn a_bad_manifest_and_a_bad_component_keep_only_themselves_from_serving() {
    if !Rung::TestDriver.stands() {
        return;
    }
    let host = Host::on_test_driver();
    let manifest = std::fs::read_to_string(host.manifest("verbs-host")).unwrap();
    let line = manifest.lines().count() + 1;
    std::fs::write(host.manifest("verbs-host"), manifest + "colour = \"blue\"\n").unwrap();
    std::fs::write(host.component("verbs-storage"), b"\0asm no component").unwrap();
    let daemon = host.start();
    daemon.wait_until_serving();
    let listed = host.tool(&["module", "list"]);
    assert!(listed.contains(&format!("verbs-host.toml:{line}")) && listed.contains("colour"), "{listed}");
    assert!(listed.contains("verbs-storage") && listed.contains("verbs-vm"), "{listed}");
    let (code, text) = refused(&daemon, "ping", |_| {});
    assert!(code == 16 && text.contains("verbs-host"), "{code} {text}");
    let (code, text) = refused(&daemon, "connectStorageServer", |arguments| {
        arguments.int(4).text("").open_array().close();
    });
    assert!(code != 0 && text.contains("verbs-storage"), "{code} {text}");
    assert_eq!(daemon.call("list", |_| {}).code(), 0);
    let log = daemon.log();
    assert!(log.contains("verbs-host") && log.contains("verbs-storage"), "the daemon says what is missing:\n{log}");
}

#[test]
fn an_unknown_setting_is_reported_and_a_wrong_value_refuses_with_file_and_line() {
    if !Rung::TestDriver.stands() {
        return;
    }
    let host = Host::on_test_driver();
    host.configure(&[("vars", "use_volume_lease", "false"), ("vars", "favourite_colour", "blue")]);
    let daemon = serving(&host);
    let log = daemon.log();
    assert!(log.lines().any(|line| line.contains("WARN") && line.contains("favourite_colour") && line.contains("vdsm.conf:")), "{log}");
    assert!(daemon.stop().success());

    host.configure(&[("addresses", "management_port", "many")]);
    let (status, said) = Daemon::refuses(host.path(), Command::new(source::program("vdsmd")));
    assert!(!status.success(), "{said}");
    let text = std::fs::read_to_string(host.path().join("etc/vdsm/vdsm.conf")).unwrap();
    let line = text.lines().position(|line| line == "management_port = many").unwrap() + 1;
    assert!(said.contains(&format!("etc/vdsm/vdsm.conf:{line}")), "{said}");
}
