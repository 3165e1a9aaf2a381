//! VDSM's wire: the XML-RPC codec, the HTTP server and the client. It knows values and callers, nothing of VMs.
//!
//! Values come from the wire straight into the arena of [`vdsm_core::tree`] and go from it straight into one buffer. What a
//! method means, which of its arguments are secret and whether a caller counts as seen is asked of a [`Service`].
#![forbid(unsafe_code)]

mod characters;
mod client;
mod decode;
mod encode;
mod fault;
mod number;
mod server;

pub use client::{CallError, Client, Timeouts};
pub use decode::{Answer, DecodeError, MAX_BODY, MAX_VALUES, Reason, Request, decode_request, decode_response};
pub use encode::{ArrayWriter, Document, EncodeError, EncodeReason, MAX_REPLY, encode_fault, encode_reply, encode_request};
pub use fault::Fault;
pub use server::{Caller, Credentials, Limits, Listener, MethodCall, Reply, Service, serve};
