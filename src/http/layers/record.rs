//! What is kept of every request: it is counted for `/metrics`, and has a line in the access log, which says what was asked, by whom, from
//! where, and with what result. Paths, queries and bodies are in neither.

use super::problems::Code;
use super::{Answer, Principal, RequestId, Trace, Who};
use crate::http::{Api, METHODS};
use actix_web::HttpMessage;
use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::LOCATION;
use actix_web::middleware::Next;
use actix_web::web::Data;
use std::time::Instant;
use uuid::Uuid;

/// The status of a request that ended before its answer, as nginx writes it.
pub const UNANSWERED: u16 = 499;

pub async fn record(
    api: Data<Api>,
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Answer {
    let mut asked = Asked::of(api, &request);
    let response = next.call(request).await?.map_into_boxed_body();
    asked.answered(&response);
    Ok(response)
}

/// A request that has not been recorded yet.
///
/// For example: at t = 0 ms a create comes, at t = 1 ms it is sent to the database, and at t = 2 ms its client closes the connection. actix
/// drops what waits for the answer, and this with it; the row is stored at t = 3 ms. So the request is recorded then too, or whoever hangs
/// up early could store transactions without a trace. (So it is if the service is stopped at once, or has a bug, before the answer.)
struct Asked {
    api: Data<Api>,
    started: Instant,
    method: &'static str,
    route: Option<String>,
    client: String,
    key: String,
    peer: String,
    request_id: String,
    trace: Option<Trace>,
    is_recorded: bool,
}

/// How a request ended. What is not known, or does not exist, is a dash.
struct Outcome<'r> {
    status: u16,
    code: &'r str,
    client: &'r str,
    owner: &'r str,
    transaction_id: &'r str,
    served_by: &'r str,
}

impl Asked {
    fn of(api: Data<Api>, request: &ServiceRequest) -> Asked {
        let extensions = request.extensions();
        let who = extensions.get::<Who>();
        let client = who.and_then(|who| who.client.as_deref());
        let key = who.and_then(|who| who.key);
        let method = METHODS.into_iter().find(|it| *it == request.method());
        Asked {
            api,
            started: Instant::now(),
            // A client may send any word, and one as long as a head may be.
            method: method.unwrap_or("other"),
            route: request.match_pattern(),
            client: client.map_or_else(dash, |client| client.name.clone()),
            key: key.map_or_else(dash, |key| key.short()),
            peer: who.map_or_else(dash, |who| who.address.to_string()),
            request_id: RequestId::of(request),
            trace: extensions.get::<Trace>().cloned(),
            is_recorded: false,
        }
    }

    fn answered(&mut self, response: &ServiceResponse<BoxBody>) {
        let extensions = response.request().extensions();
        let principal = extensions.get::<Principal>();
        let code = response.response().extensions();
        let served_by = response.headers().get("x-served-by");
        let transaction_id = transaction_id(response).map(|id| id.to_string());
        self.record(&Outcome {
            status: response.status().as_u16(),
            code: code.get::<Code>().map_or("-", |code| code.0),
            client: principal.map_or(&self.client, |principal| &principal.client),
            owner: principal.map_or("-", |principal| &principal.owner),
            transaction_id: transaction_id.as_deref().unwrap_or("-"),
            served_by: served_by.and_then(|by| by.to_str().ok()).unwrap_or("-"),
        });
        self.is_recorded = true;
    }

    fn record(&self, outcome: &Outcome) {
        let Outcome {
            status,
            code,
            client,
            owner,
            transaction_id,
            served_by,
        } = *outcome;
        let Asked {
            api,
            method,
            key,
            peer,
            request_id,
            ..
        } = self;
        let (route, took) = (self.route.as_deref(), self.started.elapsed());
        api.requests.count(method, route, status, took);
        api.requests.refused(code);
        let trace = self.trace.as_ref();
        let trace_id = trace.map_or("-", |trace| trace.id.as_str());
        let span_id = trace.map_or("-", |trace| trace.span.as_str());
        let parent_span_id = trace.map_or("-", |trace| trace.parent_span.as_str());
        log::info!(target: "access", method = *method, route = route.unwrap_or("-"), status, code, client, owner, key = key.as_str(),
            peer = peer.as_str(), transaction_id, served_by, duration_us = took.as_micros(),
            request_id = request_id.as_str(), trace_id, span_id, parent_span_id; "request");
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        if !self.is_recorded {
            self.record(&Outcome {
                status: UNANSWERED,
                code: "unanswered",
                client: &self.client,
                owner: "-",
                transaction_id: "-",
                served_by: "-",
            });
        }
    }
}

fn dash() -> String {
    "-".to_owned()
}

/// The one of the path, or the one that was made.
fn transaction_id(response: &ServiceResponse<BoxBody>) -> Option<Uuid> {
    let made = response.headers().get(LOCATION);
    let made = made.and_then(|location| location.to_str().ok()?.rsplit('/').next());
    let id = made.or_else(|| response.request().match_info().get("id"))?;
    Uuid::try_parse(id).ok()
}
