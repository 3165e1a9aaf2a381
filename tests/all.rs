//! The black-box tests: a real daemon, real clients, real libvirt and QEMU. One binary, one module per subject; each says its
//! rung. What they share is the harness in `tests/harness`.

mod arrows;
mod configuration;
mod crash;
mod daemon;
mod extending;
mod installation;
mod machine;
mod manager;
mod papers;
mod ping;
mod walk;
mod writing_hooks;
