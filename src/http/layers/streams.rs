//! The requests of HTTP/2: how many may be open on a connection, and how they end when the service stops.
//!
//! A client on HTTP/1.1 is told `Connection: close`, and opens its next connection elsewhere. HTTP/2 has GOAWAY for that (RFC 9113, section
//! 6.8), which actix does not send: clients would go on using their connections, and idle ones would hold the stop up until its time is
//! over. So when the drain time is over, at t = 10 s, new requests on HTTP/2 are refused (`draining`, not applied), those under way are
//! finished, and the service ends when there is none left, say at t = 10.2 s.

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

/// How many requests may be open on one connection: as many as two browsers open. A server can announce that at the start of a connection
/// (RFC 9113, section 5.1.2). actix does not, so clients may open as many as they like, and each of them keeps its answer in memory until
/// that is taken.
const MAX_STREAMS: usize = 256;

/// Counts the open requests of a connection of HTTP/2: the connection and each of its requests hold a clone.
#[derive(Clone, Default)]
pub struct OpenStreams(Arc<()>);

/// The outermost layer, so that a request too many is not even logged. Its answer has no body, since one that is not taken would stay in
/// memory.
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

/// How many connections and requests are open.
#[derive(Default)]
pub struct Traffic {
    closing: AtomicBool,
    /// Connections that end by themselves: all but those of HTTP/2.
    connections: AtomicUsize,
    streams: AtomicUsize,
}

impl Traffic {
    /// Counts a connection of HTTP/1.1.
    pub fn connection(self: &Arc<Self>) -> Open {
        Open::count(self, |traffic| &traffic.connections)
    }

    fn stream(self: &Arc<Self>) -> Option<Open> {
        let stream = Open::count(self, |traffic| &traffic.streams);
        // Counted before the check, so that `close` followed by `is_over` misses none.
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

/// Counts one connection or request, until it is dropped.
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

/// A body that keeps its request counted until it has been sent.
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
