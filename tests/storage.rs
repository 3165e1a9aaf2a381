//! A local directory as a storage server: connected and disconnected through the port.
//! Rung: test:///default.

use vdsm_tests::{Host, Rung};

use crate::manage::{connection, links, serving};

#[test]
fn a_local_directory_is_linked_while_it_is_connected() {
    if !Rung::TestDriver.stands() {
        return;
    }
    let host = Host::on_test_driver();
    let daemon = serving(&host);
    let directory = tempfile::tempdir().unwrap();
    let address = directory.path().to_str().unwrap();
    assert_eq!(links(&host), [""; 0]);
    for _again in 0..2 {
        assert_eq!(connection(&daemon, "connectStorageServer", address), 0);
        assert_eq!(links(&host), [address]);
    }

    daemon.kill();
    let daemon = serving(&host);
    assert_eq!(links(&host), [address], "it outlives the daemon");
    for _again in 0..2 {
        assert_eq!(connection(&daemon, "disconnectStorageServer", address), 0);
        assert_eq!(links(&host), [""; 0]);
    }
    assert!(directory.path().is_dir(), "the directory itself is nobody's to remove");
}
