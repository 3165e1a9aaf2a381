//! `vdsm-tool`: what the operator asks of the running daemon: its modules, hooks, verbs and jobs.

#[path = "../tool/mod.rs"]
mod tool;

fn main() -> std::process::ExitCode {
    tool::main()
}
