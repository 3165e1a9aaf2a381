//! `vdsClient`: the command line to a host, as VDSM's users know it.

#[path = "../client/mod.rs"]
mod client;

fn main() -> std::process::ExitCode {
    client::main()
}
