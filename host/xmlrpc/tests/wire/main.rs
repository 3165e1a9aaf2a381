//! The codec, the server and the client as their users see them. One binary, so that it links once.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod client;
mod codec;
mod lifecycle;
mod python;
mod server;
mod support;
