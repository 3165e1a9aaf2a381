//! The floor: a hyper server that reads each request and sends the same bytes back. No XML, no dispatch, no modules.

use std::convert::Infallible;
use std::io::{Read, Write};

use anyhow::Context;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response, header};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

/// Serves what stands on standard input until killed; says where in the daemon's words.
/// Its runtime is the daemon's: as many workers as there are processors.
pub(crate) fn serve_stdin() -> anyhow::Result<()> {
    let mut body = Vec::new();
    std::io::stdin().read_to_end(&mut body).context("the bytes to serve")?;
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(async {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        writeln!(std::io::stdout().lock(), "listening on http://{}/", listener.local_addr()?)?;
        serve(listener, Bytes::from(body)).await
    })
}

async fn serve(listener: TcpListener, body: Bytes) -> anyhow::Result<()> {
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let body = body.clone();
        tokio::spawn(async move {
            let service = service_fn(|request: Request<Incoming>| answer(request, body.clone()));
            // A client that goes away ends its connection and nothing else.
            let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

async fn answer(request: Request<Incoming>, body: Bytes) -> Result<Response<Full<Bytes>>, Infallible> {
    // Read whole, as any server must before it knows what is asked.
    let _ = request.into_body().collect().await;
    let mut response = Response::new(Full::new(body));
    response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static("text/xml"));
    Ok(response)
}
