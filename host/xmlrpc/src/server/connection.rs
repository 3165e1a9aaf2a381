//! One connection from its first byte to its last, over any stream.

use std::convert::Infallible;
use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::watch;

use super::request;
use super::stall::Stall;
use super::{Caller, Limits, Shared};

/// Room for a request's headers, in bytes.
const HEADERS: usize = 16 << 10;

/// Serves `stream` until the client closes it, breaks a rule or `stopping` turns true.
pub(super) async fn run<S>(stream: S, caller: Caller, shared: Arc<Shared>, mut stopping: watch::Receiver<bool>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let limits = shared.limits.clone();
    let unread = Arc::new(AtomicBool::new(false));
    let service = service_fn(|request| {
        let (caller, shared, unread) = (caller.clone(), Arc::clone(&shared), Arc::clone(&unread));
        Box::pin(async move {
            let (response, rest) = request::answer(request, caller, shared).await;
            unread.store(rest == request::Rest::Unread, Ordering::Relaxed);
            Ok::<_, Infallible>(response)
        })
    });
    let io = TokioIo::new(Stall::new(stream, limits.write_stall));
    let mut http = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.headers)
        .max_header_size(HEADERS)
        .half_close(true)
        .title_case_headers(true)
        .serve_connection(io, service);
    let mut told = false;
    let ended = loop {
        tokio::select! {
            ended = poll_fn(|cx| http.poll_without_shutdown(cx)) => break ended,
            _ = stopping.wait_for(|stop| *stop), if !told => {
                told = true;
                std::pin::Pin::new(&mut http).graceful_shutdown();
            }
        }
    };
    if let Err(error) = ended {
        tracing::debug!(peer = %caller.peer, %error, "connection broken off");
        return;
    }
    let stream = http.into_parts().io.into_inner();
    close(stream, unread.load(Ordering::Relaxed), &limits).await;
}

/// Closes. A client that was refused may still be sending; closing on it would throw away the refusal before it reads it.
async fn close(mut stream: impl AsyncRead + AsyncWrite + Unpin, unread: bool, limits: &Limits) {
    // An error here means that the client is gone already.
    let _ = stream.shutdown().await;
    if unread {
        let mut scratch = [0; 8192];
        let discard = async { while matches!(stream.read(&mut scratch).await, Ok(1..)) {} };
        let _ = tokio::time::timeout(limits.linger, discard).await;
    }
}
