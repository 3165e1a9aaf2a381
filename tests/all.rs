//! The black-box tests: a real daemon, real clients, real libvirt and QEMU. One binary, one module per subject; each says its
//! rung. What they share is the harness in `tests/harness`.

mod arrows;
mod bad_input;
mod concurrency;
mod configuration;
mod crash;
mod daemon;
mod extending;
mod installation;
mod libvirt;
mod machine;
mod manage;
mod manager;
mod metrics;
mod papers;
mod ping;
mod power;
mod served;
mod storage;
mod walk;
mod writing_hooks;

// Components that do what no component should, as the module runtime's own tests build them.
#[allow(dead_code)]
#[path = "../host/modules/tests/runtime/build.rs"]
mod build;
#[allow(dead_code)]
#[path = "../host/modules/tests/runtime/image.rs"]
mod image;
