//! The trace that a request belongs to (W3C Trace Context).
//!
//! A client that sent `traceparent` finds its trace and the span of this request in the log, and the span in the answer's `traceresponse`.
//! They are not passed on: the service calls no other service, and a statement that named its trace would have another text for each
//! request, so that no database could keep it prepared.

use super::Answer;
use actix_web::HttpMessage;
use actix_web::body::MessageBody;
use actix_web::dev::ServiceRequest;
use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use actix_web::middleware::Next;

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACERESPONSE: HeaderName = HeaderName::from_static("traceresponse");

/// All in lower-case hexadecimal digits, as they are written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trace {
    pub id: String,
    /// The caller's.
    pub parent_span: String,
    /// This request's.
    pub span: String,
    flags: String,
}

pub async fn trace(request: ServiceRequest, next: Next<impl MessageBody + 'static>) -> Answer {
    let trace = sent(request.headers()).and_then(|text| Trace::parse(text, rand::random()));
    let Some(trace) = trace else {
        return Ok(next.call(request).await?.map_into_boxed_body());
    };
    let header = HeaderValue::from_str(&trace.response());
    request.extensions_mut().insert(trace);
    let mut response = next.call(request).await?.map_into_boxed_body();
    if let Ok(header) = header {
        response.headers_mut().insert(TRACERESPONSE, header);
    }
    Ok(response)
}

fn sent(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(TRACEPARENT);
    let (value, another) = (values.next()?, values.next());
    value.to_str().ok().filter(|_| another.is_none())
}

impl Trace {
    /// `00-<trace>-<span>-<flags>`; a later version may go on behind a dash. None: not one, and the standard says to do as if it was not
    /// there.
    fn parse(text: &str, span: u64) -> Option<Trace> {
        let mut parts = text.splitn(5, '-');
        let mut hex = |digits: usize| {
            let part = parts.next()?;
            let is_hex = part.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
            (part.len() == digits && is_hex).then(|| part.to_owned())
        };
        let (version, id, parent_span, flags) = (hex(2)?, hex(32)?, hex(16)?, hex(2)?);
        let is_nothing = |id: &str| id.bytes().all(|b| b == b'0');
        let is_longer = parts.next().is_some();
        let is_proper = version != "ff" && !(version == "00" && is_longer);
        (is_proper && !is_nothing(&id) && !is_nothing(&parent_span)).then(|| Trace {
            id,
            parent_span,
            span: format!("{:016x}", span.max(1)),
            flags,
        })
    }

    fn response(&self) -> String {
        format!("00-{}-{}-{}", self.id, self.span, self.flags)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    const SPAN: &str = "00f067aa0ba902b7";

    #[test]
    fn a_proper_traceparent_is_read_and_answered_with_a_span_of_its_own() {
        let trace = Trace::parse(&format!("00-{TRACE}-{SPAN}-01"), 255).unwrap();
        assert_eq!(
            (trace.id.as_str(), trace.parent_span.as_str()),
            (TRACE, SPAN)
        );
        assert_eq!(trace.response(), format!("00-{TRACE}-00000000000000ff-01"));
        assert!(Trace::parse(&format!("cc-{TRACE}-{SPAN}-01-later"), 1).is_some());
    }

    #[test]
    fn what_is_not_one_is_as_if_it_was_not_there() {
        let zeros = "0".repeat(32);
        let long = "a".repeat(5000);
        for text in [
            String::new(),
            format!("00-{TRACE}-{SPAN}"),
            format!("00-{TRACE}-{SPAN}-01-more"),
            format!("00-{TRACE}-{SPAN}-1"),
            format!("ff-{TRACE}-{SPAN}-01"),
            format!("00-{}-{SPAN}-01", TRACE.to_uppercase()),
            format!("00-{zeros}-{SPAN}-01"),
            format!("00-{TRACE}-{}-01", &zeros[..16]),
            format!("00-{TRACE} -{SPAN}-01"),
            format!("00-{long}-{SPAN}-01"),
        ] {
            assert_eq!(Trace::parse(&text, 1), None, "{text}");
        }
    }
}
