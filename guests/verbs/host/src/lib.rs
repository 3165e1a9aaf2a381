//! The verbs of the host itself: `ping`, and what a manager reads of capabilities, hardware and statistics.
//!
//! Each verb is a file of its own and a pure function from what the host knows to VDSM's members with VDSM's types; this file is the
//! contract with the host. All of them answer at once; none plans anything.

mod capabilities;
mod clock;
mod hardware;
mod settings;
mod statistics;
#[cfg(test)]
mod tests;
mod words;

use settings::Settings;
use vdsm_sdk::host::ask;
use vdsm_sdk::object;
use vdsm_sdk::verb::{Call, Decision, Descriptor, Fact, Plane, Status, Tree, VerbModule, answer, descriptor, status};
use vdsm_sdk::wire::{Object, Value, decode};

/// What an unexpected end of a global verb becomes.
fn unexpected(detail: &str) -> Status {
    status(16, "Unexpected exception", detail)
}

struct HostVerbs;

impl VerbModule for HostVerbs {
    fn describe() -> Vec<Descriptor> {
        let verb =
            |name: &str, help: &str| Descriptor { help: help.into(), answer_ms: 10_000, ..descriptor(name, Plane::Global, unexpected("")) };
        vec![
            verb("ping", "Answers that the daemon is there."),
            verb("getVdsCapabilities", "What this host is and can do."),
            verb("getVdsHardwareInfo", "What DMI says of this machine."),
            verb("getVdsStats", "How busy this host is."),
        ]
    }

    fn decide(call: &Call, _facts: &[Fact]) -> Decision {
        match call.verb.as_str() {
            "ping" => Decision::Reply(answer(object! {})),
            "getVdsCapabilities" => info(capabilities()),
            "getVdsHardwareInfo" => match hardware::information(&read(ask::hardware())) {
                Ok(members) => info(members),
                Err(status) => Decision::Refuse(status),
            },
            "getVdsStats" => info(statistics(call)),
            other => Decision::Refuse(unexpected(&format!("`{other}` is no verb of this module"))),
        }
    }
}

fn info(members: Object) -> Decision {
    Decision::Reply(answer(object! { "info": members }))
}

/// What the host hands over is well formed; nil reads as "knows nothing".
fn read(tree: Tree) -> Value {
    decode(&tree).unwrap_or_default()
}

fn capabilities() -> Object {
    capabilities::capabilities(&capabilities::Host {
        identity: read(ask::identity()),
        hardware: read(ask::hardware()),
        packages: read(ask::packages()),
        network: read(ask::network()),
        client: read(ask::client()),
        settings: Settings::read(ask::setting),
    })
}

fn statistics(call: &Call) -> Object {
    let identity = read(ask::identity());
    let generation = identity.text("generation").unwrap_or_default();
    statistics::statistics(&read(ask::statistics()), &Settings::read(ask::setting), generation, call.time)
}

vdsm_sdk::export_verbs!(HostVerbs);
