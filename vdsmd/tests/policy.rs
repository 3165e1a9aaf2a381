//! The memory policy decides, the daemon bounds, libvirt's domain changes: a tick from figures to the current memory of a domain.
//!
//! The daemon runs in this process: `test:///default` is one host for all connections of a process, so that a connection of the
//! test's own sees the daemon's domains. Its figures are made up, because the test driver has no guests that would give any.
//! Rung: test:///default.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use vdsm_core::logging::Echo;
use vdsm_core::tree::Tree;
use vdsm_hypervisor::libvirt::synthetic::uuid;
use vdsm_hypervisor::libvirt::{Libvirt, LibvirtConfig};
use vdsm_xmlrpc::Client;
use vdsmd::daemon::{Options, run};

const PATIENCE: Duration = Duration::from_secs(20);
/// Each made-up guest has 1 GiB and leaves about half of it unused.
const GIB_KIB: u64 = 1 << 20;
/// Pressure always, and 5 % of a guest's memory in each tick.
const PARAMETERS: &str = "\n[policy.parameters]\nballoonEnabled = true\npressureThreshold = 1.0\npressureRelief = 1.0\nguestFree = 0.0\n";

/// A root with the packaged modules, the memory policy switched on and ticking every other second.
fn root() -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    let tree = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let modules = std::env::var_os("VDSM_TEST_MODULES").map_or_else(|| tree.join("target/modules"), PathBuf::from);
    let mut install = Command::new(tree.join("packaging/build/install.sh"));
    install.args(["modules", "configuration", "directories"]).env("DESTDIR", root.path()).env("MODULES", modules);
    assert!(install.status().unwrap().success());
    let etc = root.path().join("etc/vdsm");
    let settings = "[vars]\nssl = false\n[addresses]\nmanagement_ip = 127.0.0.1\nmanagement_port = 0\n[libvirt]\nuri = test:///default\n";
    std::fs::write(etc.join("vdsm.conf"), settings).unwrap();
    let manifest = etc.join("modules.d/memory.toml");
    let packaged = std::fs::read_to_string(&manifest).unwrap();
    let ticking = packaged.replace("interval-s = 10\n", &format!("interval-s = 2\n{PARAMETERS}"));
    assert_ne!(ticking, packaged);
    std::fs::write(&manifest, ticking).unwrap();
    root
}

async fn until<T, F: Future<Output = Option<T>>>(what: &str, mut look: impl FnMut() -> F) -> T {
    let begin = Instant::now();
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(begin.elapsed() < PATIENCE, "waited {PATIENCE:?} for {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn log(root: &Path) -> String {
    std::fs::read_to_string(root.join("var/log/vdsm/vdsm.log")).unwrap_or_default()
}

/// The port, which the daemon's log tells beside its first line of output.
fn port(root: &Path) -> Option<u16> {
    let log = log(root);
    let line = log.lines().find(|line| line.contains("listening"))?;
    let rest = line.split_once("127.0.0.1:")?.1;
    rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

async fn call(client: &Client, method: &str, arguments: Tree) -> i32 {
    let reply = client.call(method, &arguments).await.unwrap();
    reply.root().get("status").and_then(|status| status.get("code")).and_then(|code| code.as_int()).unwrap()
}

/// A machine of so many MiB whose balloon has a device, and of which so much is guaranteed.
fn machine(vm: &str, memory: i32, guaranteed: i32) -> Tree {
    Tree::array(|arguments| {
        arguments.open_object();
        arguments.text_at("vmId", vm).text_at("vmName", vm).text_at("vmType", "kvm").text_at("display", "vnc");
        arguments.int_at("memSize", memory).int_at("memGuaranteedSize", guaranteed);
        arguments.array_at("devices", |devices| {
            devices.open_object();
            devices.text_at("type", "balloon").text_at("device", "memballoon").object_at("specParams", |specification| {
                specification.text_at("model", "virtio");
            });
            devices.close();
        });
        arguments.close();
    })
}

/// The domain's current memory in KiB, as libvirt says.
async fn current(libvirt: &Libvirt, vm: &str) -> Option<u64> {
    let xml = libvirt.xml(vm).await.ok()?;
    let (_, rest) = xml.split_once("<currentMemory unit='KiB'>")?;
    rest.split_once('<')?.0.parse().ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_decision_of_the_memory_policy_is_the_current_memory_of_the_domain() {
    let root = root();
    let options = Options { root: root.path().to_owned(), log_level: "info".into(), echo: Echo::Off, synthetic_samples: Some(3) };
    let daemon = tokio::spawn(run(options));
    let port = until("the port", || async { port(root.path()) }).await;
    let client = Client::tcp("127.0.0.1", port);
    until("libvirt behind the daemon", || async { (call(&client, "list", Tree::array(|_| {})).await != 99).then_some(()) }).await;

    let [free, held, small] = [uuid(0), uuid(1), uuid(2)];
    // One that may shrink, one of which almost all is guaranteed, and one that is smaller than its figures say.
    for (vm, memory, guaranteed) in [(&free, 1024, 0), (&held, 1024, 1000), (&small, 512, 0)] {
        assert_eq!(call(&client, "create", machine(vm, memory, guaranteed)).await, 0);
    }
    let (events, _unheard) = tokio::sync::mpsc::channel(64);
    let libvirt = Libvirt::start(LibvirtConfig::new("test:///default"), events).unwrap();

    let shrunk = until("a target below all memory", || async { current(&libvirt, &free).await.filter(|kib| *kib < GIB_KIB) }).await;
    // The made-up figure of the moment is up to 1 MiB below 1 GiB; the policy takes 5 % of that.
    assert!(((GIB_KIB - 1024) * 95 / 100..=GIB_KIB * 95 / 100).contains(&shrunk), "{shrunk}");
    let guaranteed = until("the guarantee", || async { current(&libvirt, &held).await.filter(|kib| *kib < GIB_KIB) }).await;
    assert_eq!(guaranteed, 1000 * 1024, "never below what is guaranteed");

    // Decided from figures of a larger machine: the daemon bounds it by the machine's own memory, and says so.
    let decided = until("a decision on the small one", || async {
        log(root.path()).lines().find(|line| line.contains("balloon") && line.contains(&small)).map(str::to_owned)
    })
    .await;
    assert!(decided.contains(&(512 * 1024).to_string()), "{decided}");
    assert_eq!(current(&libvirt, &small).await, Some(512 * 1024));
    libvirt.close().await;
    daemon.abort();
}
