//! A log line for every request: what was asked, by whom, from where, and with what result. Paths, queries and bodies are not in it.

use super::problems::Code;
use super::{Answer, Principal, RequestId, Trace, Who};
use actix_web::HttpMessage;
use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::LOCATION;
use actix_web::middleware::Next;
use std::time::Instant;
use uuid::Uuid;

pub async fn access_log(request: ServiceRequest, next: Next<impl MessageBody + 'static>) -> Answer {
    let started = Instant::now();
    let response = next.call(request).await?.map_into_boxed_body();
    write(&response, started);
    Ok(response)
}

/// Fields that are unknown or do not exist are written as a dash.
fn write(response: &ServiceResponse<BoxBody>, started: Instant) {
    let request = response.request();
    let extensions = request.extensions();
    let (who, acting) = (extensions.get::<Who>(), extensions.get::<Principal>());
    let route = request.match_pattern();
    let route = route.as_deref().unwrap_or("-");
    let code = response.response().extensions();
    let code = code.get::<Code>().map_or("-", |code| code.0);
    let served_by = response.headers().get("x-served-by");
    let served_by = served_by.and_then(|by| by.to_str().ok()).unwrap_or("-");
    let known = who.and_then(|who| who.client.as_deref());
    let known = known.map_or("-", |client| client.name.as_str());
    let client = acting.map_or(known, |acting| acting.client.as_str());
    let owner = acting.map_or("-", |acting| acting.owner.as_str());
    let key = who.and_then(|who| who.key).map(|key| key.short());
    let key = key.as_deref().unwrap_or("-");
    let peer = who.map(|who| who.address.to_string());
    let peer = peer.as_deref().unwrap_or("-");
    let transaction = transaction_id(response).map(|id| id.to_string());
    let transaction_id = transaction.as_deref().unwrap_or("-");
    let request_id = RequestId::of(request);
    let trace = extensions.get::<Trace>();
    let trace_id = trace.map_or("-", |trace| trace.id.as_str());
    let span_id = trace.map_or("-", |trace| trace.span.as_str());
    let parent_span_id = trace.map_or("-", |trace| trace.parent_span.as_str());
    log::info!(target: "access", method = request.method().as_str(), route, status = response.status().as_u16(), code, client, owner, key,
        peer, transaction_id, served_by, duration_us = started.elapsed().as_micros(), request_id = request_id.as_str(),
        trace_id, span_id, parent_span_id; "request");
}

/// The transaction that was created, otherwise the one that the path names.
fn transaction_id(response: &ServiceResponse<BoxBody>) -> Option<Uuid> {
    let made = response.headers().get(LOCATION);
    let made = made.and_then(|location| location.to_str().ok()?.rsplit('/').next());
    let id = made.or_else(|| response.request().match_info().get("id"))?;
    Uuid::try_parse(id).ok()
}
