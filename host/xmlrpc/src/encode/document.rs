//! A document in pieces: what was encoded for a reply, and large parts that were encoded before and are shared.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};

/// The bytes of a document, in order. As a body it is sent piece by piece, none of which is copied.
#[derive(Clone, Debug, Default)]
pub struct Document {
    pieces: VecDeque<Bytes>,
    length: usize,
}

impl Document {
    /// How many bytes it has.
    pub fn len(&self) -> usize {
        self.length
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }
}

impl From<Vec<Bytes>> for Document {
    fn from(pieces: Vec<Bytes>) -> Document {
        let pieces: VecDeque<Bytes> = pieces.into_iter().filter(|piece| !piece.is_empty()).collect();
        Document { length: pieces.iter().map(Bytes::len).sum(), pieces }
    }
}

impl From<Vec<u8>> for Document {
    fn from(bytes: Vec<u8>) -> Document {
        Document::from(vec![Bytes::from(bytes)])
    }
}

impl From<Document> for Vec<u8> {
    fn from(document: Document) -> Vec<u8> {
        match document.pieces.len() {
            1 => document.pieces.into_iter().next().map(Vec::from).unwrap_or_default(),
            _ => document.pieces.iter().flatten().copied().collect(),
        }
    }
}

impl Body for Document {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let piece = self.pieces.pop_front();
        self.length -= piece.as_ref().map_or(0, Bytes::len);
        Poll::Ready(piece.map(|piece| Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.pieces.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.length as u64)
    }
}
