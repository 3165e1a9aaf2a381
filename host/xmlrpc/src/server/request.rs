//! One HTTP request: the rules it must keep before its body is read, the body within its limits, and the response.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use http::header::{CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, TRANSFER_ENCODING};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::timeout;

use super::dispatch;
use super::{BUFFER_UNIT, Caller, Shared};
use crate::encode::Document;

/// Bodies up to this size need no share of the memory for large ones: the connection limit bounds them.
const SMALL: usize = 64 << 10;

/// Whether the client may still be sending what nobody will read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rest {
    Read,
    Unread,
}

/// Why a request gets no XML.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Refusal {
    Method,
    Page,
    Encoding,
    LengthRequired,
    TooLarge,
    TooSlow,
    Broken,
}

impl Refusal {
    fn status(self) -> StatusCode {
        match self {
            Refusal::Method => StatusCode::NOT_IMPLEMENTED,
            Refusal::Page => StatusCode::NOT_FOUND,
            Refusal::Encoding => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Refusal::LengthRequired => StatusCode::LENGTH_REQUIRED,
            Refusal::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Refusal::TooSlow => StatusCode::REQUEST_TIMEOUT,
            Refusal::Broken => StatusCode::BAD_REQUEST,
        }
    }

    fn text(self) -> &'static str {
        match self {
            Refusal::Method => "Unsupported method",
            Refusal::Page => "No such page",
            Refusal::Encoding => "Unsupported content encoding",
            Refusal::LengthRequired => "Content-Length required",
            Refusal::TooLarge => "Request too large",
            Refusal::TooSlow => "Request took too long",
            Refusal::Broken => "Request incomplete",
        }
    }
}

/// Answers `request`.
pub(super) async fn answer(request: Request<Incoming>, mut caller: Caller, shared: Arc<Shared>) -> (Response<Document>, Rest) {
    let (head, body) = request.into_parts();
    caller.flow_id = flow_id(&head.headers);
    let body = match admit(&head, shared.limits.body) {
        Ok(length) => receive(body, length, &shared).await,
        Err(refusal) => Err(refusal),
    };
    match body {
        Ok(body) => (respond(dispatch::answer(body, caller, Instant::now(), shared).await), Rest::Read),
        Err(refusal) => {
            tracing::debug!(peer = %caller.peer, reason = refusal.text(), "request refused");
            (refuse(refusal), Rest::Unread)
        }
    }
}

/// Checks the head alone, and gives the length of the body.
fn admit(head: &Parts, largest: usize) -> Result<usize, Refusal> {
    if head.method != Method::POST {
        return Err(Refusal::Method);
    }
    if !matches!(head.uri.path(), "/" | "/RPC2") || head.uri.query().is_some() {
        return Err(Refusal::Page);
    }
    if head.headers.get(CONTENT_ENCODING).is_some_and(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"identity")) {
        return Err(Refusal::Encoding);
    }
    if head.headers.contains_key(TRANSFER_ENCODING) {
        return Err(Refusal::LengthRequired);
    }
    let length = head.headers.get(CONTENT_LENGTH).ok_or(Refusal::LengthRequired)?;
    // hyper has refused what is no number; what does not fit a usize is too large all the more.
    let length = length.to_str().ok().and_then(|digits| digits.trim().parse().ok()).unwrap_or(usize::MAX);
    if length > largest { Err(Refusal::TooLarge) } else { Ok(length) }
}

/// A correlation id of reasonable size, else none.
fn flow_id(headers: &HeaderMap) -> Option<String> {
    headers.get("FlowID").and_then(|id| id.to_str().ok()).filter(|id| !id.is_empty() && id.len() <= 256).map(str::to_owned)
}

/// A whole body and its share of the memory for large ones, given back with it.
pub(super) struct Body {
    pub(super) bytes: Bytes,
    _share: Option<OwnedSemaphorePermit>,
}

/// The whole body, in time and within the memory for bodies.
async fn receive(body: Incoming, length: usize, shared: &Shared) -> Result<Body, Refusal> {
    let limits = &shared.limits;
    let whole = async {
        let units = u32::try_from(length.div_ceil(BUFFER_UNIT)).unwrap_or(u32::MAX);
        // The semaphore is never closed.
        let share = if length > SMALL { Arc::clone(&shared.buffers).acquire_many_owned(units).await.ok() } else { None };
        collect(body, length, limits.body_idle).await.map(|bytes| Body { bytes, _share: share })
    };
    timeout(limits.body_total, whole).await.unwrap_or(Err(Refusal::TooSlow))
}

async fn collect(mut body: Incoming, length: usize, idle: Duration) -> Result<Bytes, Refusal> {
    let mut all = BytesMut::new();
    loop {
        let frame = match timeout(idle, body.frame()).await {
            Err(_) => return Err(Refusal::TooSlow),
            Ok(None) => return if all.len() == length { Ok(all.freeze()) } else { Err(Refusal::Broken) },
            Ok(Some(Err(_))) => return Err(Refusal::Broken),
            Ok(Some(Ok(frame))) => frame,
        };
        let Ok(data) = frame.into_data() else { continue };
        // The usual body comes in one piece and is not copied.
        if all.is_empty() && data.len() == length {
            return Ok(data);
        }
        if all.len().saturating_add(data.len()) > length {
            return Err(Refusal::Broken);
        }
        all.extend_from_slice(&data);
    }
}

fn respond(document: Document) -> Response<Document> {
    let mut response = Response::new(document);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/xml"));
    response
}

/// A refused request's body was not read, so the connection cannot go on.
fn refuse(refusal: Refusal) -> Response<Document> {
    let mut response = Response::new(Document::from(refusal.text().as_bytes().to_vec()));
    *response.status_mut() = refusal.status();
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    response
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    //! Rung: pure.
    use super::*;

    fn head(method: &str, uri: &str, headers: &[(&str, &str)]) -> Parts {
        let mut request = Request::builder().method(method).uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    #[test]
    fn both_pages_of_vdsm_take_a_post_with_a_length() {
        for page in ["/", "/RPC2", "http://host/RPC2"] {
            assert_eq!(admit(&head("POST", page, &[("content-length", "7")]), 10), Ok(7));
        }
        assert_eq!(admit(&head("POST", "/", &[("content-length", "10"), ("content-encoding", "identity")]), 10), Ok(10));
    }

    #[test]
    fn each_broken_rule_has_its_answer() {
        for (method, uri, headers, refusal) in [
            ("GET", "/", &[][..], Refusal::Method),
            ("GET", "/nowhere", &[], Refusal::Method),
            ("POST", "/RPC2/", &[("content-length", "1")], Refusal::Page),
            ("POST", "/RPC2?x", &[("content-length", "1")], Refusal::Page),
            ("POST", "/", &[("content-length", "1"), ("content-encoding", "gzip")], Refusal::Encoding),
            ("POST", "/", &[], Refusal::LengthRequired),
            ("POST", "/", &[("transfer-encoding", "chunked")], Refusal::LengthRequired),
            ("POST", "/", &[("content-length", "11")], Refusal::TooLarge),
            ("POST", "/", &[("content-length", "18446744073709551616")], Refusal::TooLarge),
        ] {
            assert_eq!(admit(&head(method, uri, headers), 10), Err(refusal), "{method} {uri} {headers:?}");
        }
    }
}
