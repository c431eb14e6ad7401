//! W3C Trace Context: who sent `traceparent` finds its request in the log, and the span of it in the answer.

use crate::support::wait::s;
use crate::support::{App, eventually, key, minimal, shared};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const SPAN: &str = "00f067aa0ba902b7";

/// The line of the access log about this request.
fn line_of(app: &App, request_id: &str) -> String {
    let line = || {
        let log = app.log();
        let mut lines = log.lines().filter(|line| line.contains(" access "));
        lines
            .find(|line| line.contains(request_id))
            .map(str::to_owned)
    };
    eventually(s(5), "the request is logged", || line().is_some());
    line().unwrap()
}

#[test]
fn a_trace_is_logged_and_its_span_answered() {
    let shared = shared();
    let (request_id, traceparent) = (key(), format!("00-{TRACE}-{SPAN}-01"));
    let headers = [
        ("traceparent", traceparent.as_str()),
        ("X-Request-Id", &request_id),
        ("Idempotency-Key", &request_id),
    ];
    let created = shared.app.create_with(&headers, &minimal()).expect(201);
    let answered = created.header("traceresponse").to_owned();
    let span = answered
        .strip_prefix(&format!("00-{TRACE}-"))
        .and_then(|rest| rest.strip_suffix("-01"));
    let span = span.unwrap_or_else(|| panic!("{answered}"));
    assert_ne!(span, SPAN);
    let line = line_of(&shared.app, &request_id);
    for part in [
        format!("trace_id={TRACE}"),
        format!("span_id={span}"),
        format!("parent_span_id={SPAN}"),
    ] {
        assert!(line.contains(&part), "{part} in {line}");
    }
    let refused = shared
        .app
        .get_with("/transactions/x", &headers)
        .problem(400, "invalid_id");
    assert!(
        refused
            .header("traceresponse")
            .starts_with(&format!("00-{TRACE}-"))
    );
}

#[test]
fn a_request_without_a_proper_trace_has_none() {
    let shared = shared();
    for sent in [
        "",
        "no",
        &format!("ff-{TRACE}-{SPAN}-01"),
        &format!("00-{TRACE}-{SPAN}-01-x"),
    ] {
        let request_id = key();
        let headers = [("traceparent", sent), ("X-Request-Id", &request_id)];
        let answer = shared.app.get_with("/errors", &headers).expect(200);
        assert_eq!(answer.header("traceresponse"), "", "{sent}");
        let line = line_of(&shared.app, &request_id);
        assert!(
            line.contains("trace_id=- span_id=- parent_span_id=-"),
            "{line}"
        );
    }
}
