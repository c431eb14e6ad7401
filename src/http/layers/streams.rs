//! The requests of HTTP/2: so many on a connection, and none that a stop cuts or waits for in vain.
//!
//! A client on HTTP/1.1 is told `Connection: close`, and comes back elsewhere. On HTTP/2 the word would be GOAWAY (RFC 9113, section 6.8),
//! which actix does not send: its clients would use their connections on, and idle ones would hold the stop until its time is out. So
//! when the drain time is over, at t = 10 s, their new requests are refused (`draining`, not applied), those under way are finished, and
//! the service ends when there is none left, say at t = 10.2 s.

use super::Answer;
use crate::http::Api;
use crate::http::answer::{Problem, codes};
use actix_web::HttpResponse;
use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::ServiceRequest;
use actix_web::http::Version;
use actix_web::http::header::RETRY_AFTER;
use actix_web::middleware::Next;
use actix_web::web::{Bytes, Data};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll};

/// On one connection: as many as two browsers open. RFC 9113 (section 5.1.2) lets a server say so at the start of a connection; actix says
/// nothing, and its clients may open as many as they like, each of which holds its answer until that is taken.
const MAX_STREAMS: usize = 256;

/// Held by a connection of HTTP/2, and by each of its requests that is under way: that tells how many there are.
#[derive(Clone, Default)]
pub struct OpenStreams(Arc<()>);

/// Outermost: what is one too many costs no line of the log. Its answer has no body, since one that is not taken would stay.
pub async fn few_streams(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Answer {
    let Some(open) = request.request().conn_data::<OpenStreams>().cloned() else {
        return Ok(next.call(request).await?.map_into_boxed_body());
    };
    if Arc::strong_count(&open.0) - 1 > MAX_STREAMS {
        let mut refused = HttpResponse::ServiceUnavailable();
        return Ok(request.into_response(refused.insert_header((RETRY_AFTER, "1")).finish()));
    }
    let response = next.call(request).await?.map_into_boxed_body();
    Ok(response.map_body(|_, body| {
        BoxBody::new(Streamed {
            body,
            _stream: open,
        })
    }))
}

pub async fn streams(
    api: Data<Api>,
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Answer {
    if request.version() != Version::HTTP_2 {
        return Ok(next.call(request).await?.map_into_boxed_body());
    }
    let Some(stream) = api.traffic.stream() else {
        let detail = "this instance is stopping; nothing was applied";
        return Ok(request.error_response(Problem::new(&codes::DRAINING, detail)));
    };
    let response = next.call(request).await?.map_into_boxed_body();
    Ok(response.map_body(|_, body| {
        BoxBody::new(Streamed {
            body,
            _stream: stream,
        })
    }))
}

/// What is open.
#[derive(Default)]
pub struct Traffic {
    closing: AtomicBool,
    /// Connections that end by themselves: all but those of HTTP/2.
    connections: AtomicUsize,
    streams: AtomicUsize,
}

impl Traffic {
    /// A connection of HTTP/1.1.
    pub fn connection(self: &Arc<Self>) -> Open {
        Open::count(self, |traffic| &traffic.connections)
    }

    fn stream(self: &Arc<Self>) -> Option<Open> {
        let stream = Open::count(self, |traffic| &traffic.streams);
        // Counted first: who closes and then counts misses none.
        (!self.closing.load(Ordering::SeqCst)).then_some(stream)
    }

    /// From now on requests of HTTP/2 are refused.
    pub fn close(&self) {
        self.closing.store(true, Ordering::SeqCst);
    }

    pub fn is_over(&self) -> bool {
        let count = |of: &AtomicUsize| of.load(Ordering::SeqCst);
        count(&self.connections) == 0 && count(&self.streams) == 0
    }
}

/// One of those that are counted, until it is dropped.
pub struct Open {
    traffic: Arc<Traffic>,
    of: fn(&Traffic) -> &AtomicUsize,
}

impl Open {
    fn count(traffic: &Arc<Traffic>, of: fn(&Traffic) -> &AtomicUsize) -> Open {
        of(traffic).fetch_add(1, Ordering::SeqCst);
        let traffic = traffic.clone();
        Open { traffic, of }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        (self.of)(&self.traffic).fetch_sub(1, Ordering::SeqCst);
    }
}

/// A body, and its request, which is under way until the body has been sent.
struct Streamed<S> {
    body: BoxBody,
    _stream: S,
}

impl<S: Unpin> MessageBody for Streamed<S> {
    type Error = <BoxBody as MessageBody>::Error;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        Pin::new(&mut self.body).poll_next(context)
    }
}
