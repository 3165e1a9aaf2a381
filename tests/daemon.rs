//! The daemon as a process: start, stop, what keeps it from starting.
//! Rung: test:///default.

use std::process::Command;

use vdsm_tests::{Daemon, Host, Rung, source};

fn vdsmd() -> Command {
    Command::new(source::program("vdsmd"))
}

#[test]
fn a_second_daemon_on_one_root_is_refused() {
    if !Rung::TestDriver.stands() {
        return;
    }
    let host = Host::on_test_driver();
    let first = host.start();
    first.wait_until_serving();
    let (status, said) = Daemon::refuses(host.path(), vdsmd());
    assert!(!status.success(), "{said}");
    assert_eq!(first.call("ping", |_| {}).code(), 0, "the first goes on");
}

#[test]
fn tls_that_is_not_there_yet_is_refused_naming_file_and_line() {
    if !Rung::TestDriver.stands() {
        return;
    }
    let host = Host::on_test_driver();
    host.configure(&[("vars", "ssl", "true")]);
    let (status, said) = Daemon::refuses(host.path(), vdsmd());
    assert!(!status.success());
    let path = host.path().join("etc/vdsm/vdsm.conf");
    let text = std::fs::read_to_string(&path).unwrap();
    let line = text.lines().position(|line| line == "ssl = true").unwrap() + 1;
    assert!(said.contains(&format!("etc/vdsm/vdsm.conf:{line}")), "{said}");
}

#[test]
fn sigterm_ends_it_in_order() {
    if !Rung::TestDriver.stands() {
        return;
    }
    let host = Host::on_test_driver();
    let daemon = host.start();
    daemon.wait_until_serving();
    assert!(daemon.stop().success());
}
