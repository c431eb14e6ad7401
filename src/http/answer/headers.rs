//! What answers have in common: their headers, and the page of a list.

use actix_web::http::header::{ETAG, HeaderName, HeaderValue, LINK, LOCATION};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};
use chrono::{DateTime, SecondsFormat, Utc};
use serde::Serialize;

use super::view::{List, Meta};
use crate::dispatch::{Durability, Origin, Served, Written};
use crate::ledger::ask::consistency::Consistency;
use crate::ledger::ask::token::Token;
use crate::ledger::model::transaction::Transaction;
use crate::ledger::model::write::Write;

/// UTC, always six decimals and `Z`.
pub fn rfc3339(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Micros, true)
}

/// A write as a strong entity tag.
pub fn etag(write: Write) -> HeaderValue {
    let tag = format!("\"{}\"", write.etag());
    HeaderValue::from_str(&tag).unwrap_or(HeaderValue::from_static("\"\""))
}

pub fn replayed(replayed: bool) -> (&'static str, &'static str) {
    (
        "Idempotent-Replayed",
        if replayed { "true" } else { "false" },
    )
}

/// The path of the transaction.
pub fn location(transaction: &Transaction) -> (HeaderName, String) {
    (LOCATION, format!("/transactions/{}", transaction.id))
}

/// `transaction` is the one inside `written`.
pub fn answer_write<A>(
    mut response: HttpResponseBuilder,
    transaction: &Transaction,
    written: &Written<A>,
) -> HttpResponse {
    response.insert_header((ETAG, etag(transaction.write())));
    say_what_was_written(&mut response, transaction, written);
    response.json(transaction)
}

pub fn say_what_was_written<A>(
    response: &mut HttpResponseBuilder,
    transaction: &Transaction,
    written: &Written<A>,
) {
    let token = Token {
        transaction_id: transaction.id,
        write: transaction.write(),
    };
    response.insert_header(("X-Read-Consistency", "strong"));
    response.insert_header(("X-Served-By", "primary"));
    response.insert_header(("X-Consistency-Token", token.to_string()));
    response.insert_header(("X-Durability", durability(&written.durability)));
    say_which_region(response, written.region.as_deref());
}

fn durability(durability: &Durability) -> HeaderValue {
    match durability {
        Durability::Local => HeaderValue::from_static("local"),
        Durability::Replicated { regions } => {
            let told = regions.as_ref().and_then(|regions| {
                HeaderValue::from_str(&format!("replicated; regions=\"{regions}\"")).ok()
            });
            told.unwrap_or(HeaderValue::from_static("replicated"))
        }
    }
}

/// No header if the settings name no region.
fn say_which_region(response: &mut HttpResponseBuilder, region: Option<&str>) {
    if let Some(region) = region {
        response.insert_header(("X-Served-By-Region", region));
    }
}

/// Says up to when a page of transactions is settled: see [`Served::settled_until`].
pub fn add_settled_header(response: &mut HttpResponse, settled_until: Option<DateTime<Utc>>) {
    let until = settled_until.map(rfc3339);
    let until = until.and_then(|until| HeaderValue::from_str(&until).ok());
    if let Some(until) = until {
        let name = HeaderName::from_static("x-settled-until");
        response.headers_mut().insert(name, until);
    }
}

pub fn answer_list<T: Serialize, V>(
    request: &HttpRequest,
    served: &Served<V>,
    consistency: &Consistency,
    data: &[T],
    next_cursor: Option<String>,
    next_link_query: Option<String>,
) -> HttpResponse {
    let mut response = HttpResponse::Ok();
    add_read_headers(&mut response, &served.origin, consistency);
    if let Some(query) = next_link_query {
        let link = format!("<{}?{query}>; rel=\"next\"", request.path());
        response.insert_header((LINK, link));
    }
    let has_more = next_cursor.is_some();
    let meta = Meta {
        next_cursor,
        has_more,
    };
    response.json(List { data, meta })
}

pub fn add_read_headers(
    response: &mut HttpResponseBuilder,
    origin: &Origin,
    consistency: &Consistency,
) {
    for header in read_headers(origin, consistency.as_str()) {
        response.insert_header(header);
    }
}

/// Which node answered a read, and what its answer is worth.
pub fn read_headers(
    origin: &Origin,
    consistency: &'static str,
) -> impl Iterator<Item = (HeaderName, HeaderValue)> {
    let region = origin.region.as_deref();
    let headers = [
        (
            "x-read-consistency",
            Some(HeaderValue::from_static(consistency)),
        ),
        (
            "x-served-by",
            Some(HeaderValue::from_static(origin.role.as_str())),
        ),
        ("x-replica-lag-ms", origin.lag_ms.map(HeaderValue::from)),
        (
            "x-served-by-region",
            region.and_then(|region| HeaderValue::from_str(region).ok()),
        ),
    ];
    let present = headers.into_iter();
    present.filter_map(|(name, value)| Some((HeaderName::from_static(name), value?)))
}
