//! From a body to the bytes of its reply, in a task of its own: a client that hangs up cancels nothing, a panic is a fault.

use std::sync::Arc;
use std::time::Instant;

use tokio::task::JoinError;
use tracing::Instrument as _;

use super::request::Body;
use super::{Caller, MethodCall, Service, Shared};
use crate::decode::{DecodeError, Request, decode_request};
use crate::encode::{Document, encode_fault, encode_reply};
use crate::fault::Fault;

/// Bodies above this size are decoded where blocking is allowed.
const LARGE: usize = 256 << 10;

/// The document that answers `body`: always one, whatever happens.
pub(super) async fn answer(body: Body, caller: Caller, arrived: Instant, shared: Arc<Shared>) -> Document {
    // The semaphore is never closed. The permit goes with the task, so that hanging up does not make room.
    let permit = Arc::clone(&shared.requests).acquire_owned().await;
    let peer = caller.peer.clone();
    let task = tokio::spawn(async move {
        let document = call(body, caller, arrived, &shared.service).await;
        drop(permit);
        document
    });
    task.await.unwrap_or_else(|error| {
        tracing::error!(%peer, panicked = error.is_panic(), "a call ended without a reply");
        encode_fault(&internal()).into()
    })
}

/// The answer when a task of ours broke.
fn internal() -> Fault {
    Fault::python("<type 'exceptions.RuntimeError'>", "internal error")
}

async fn call(body: Body, caller: Caller, arrived: Instant, service: &Arc<dyn Service>) -> Document {
    let Request { method, arguments, held } = match decode(body, service).await {
        Ok(Ok(request)) => request,
        Ok(Err(error)) => {
            tracing::warn!(peer = %caller.peer, %error, "request not understood");
            return encode_fault(&error.fault()).into();
        }
        Err(error) => {
            tracing::error!(peer = %caller.peer, %error, "decoding broke");
            return encode_fault(&internal()).into();
        }
    };
    service.seen(&caller);
    let span = tracing::info_span!("call", method, peer = %caller.peer, flow_id = caller.flow_id.as_deref());
    let call = MethodCall { method, arguments, held, caller, arrived };
    async {
        match service.call(call).await {
            Ok(reply) => encode_reply(&reply.value, &reply.held).unwrap_or_else(|error| {
                tracing::error!(%error, "the reply cannot be sent");
                encode_fault(&error.fault()).into()
            }),
            Err(fault) => encode_fault(&fault).into(),
        }
    }
    .instrument(span)
    .await
}

async fn decode(body: Body, service: &Arc<dyn Service>) -> Result<Result<Request, DecodeError>, JoinError> {
    if body.bytes.len() <= LARGE {
        return Ok(decode_request(&body.bytes, |method| service.secrets(method)));
    }
    let service = Arc::clone(service);
    tokio::task::spawn_blocking(move || decode_request(&body.bytes, |method| service.secrets(method))).await
}
