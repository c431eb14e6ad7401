//! What handlers take out of a request. Each extractor says what is wrong as a [`Problem`].

use super::envelope::RequestId;
use super::problem::{self, Problem};
use crate::ledger::ask::caller::Caller;
use crate::ledger::ask::change::Expected;
use crate::ledger::ask::consistency::Consistency;
use crate::ledger::ask::key::IdempotencyKey;
use crate::ledger::ask::token::Token;
use crate::ledger::model::write::Write;
use actix_web::dev::Payload;
use actix_web::http::header::{self, EntityTag, Header, HeaderMap, IfMatch, IfNoneMatch};
use actix_web::{FromRequest, HttpMessage, HttpRequest, web};
use futures_util::future::LocalBoxFuture;
use std::future::{Ready, ready};
use std::time::Duration;
use uuid::Uuid;

pub const MAX_BODY_BYTES: usize = 64 * 1024;
pub const MAX_BATCH_BODY_BYTES: usize = 2 * 1024 * 1024;
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// The raw bytes of a JSON body. What they mean is the ledger's business.
pub struct JsonBody(pub web::Bytes);

impl FromRequest for JsonBody {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<JsonBody, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let checked = check_media_type(request);
        let bytes = web::Bytes::from_request(request, payload);
        Box::pin(async move {
            checked?;
            let unreadable =
                |_| Problem::new(&problem::MALFORMED_JSON, "the body did not arrive in time");
            let bytes = tokio::time::timeout(BODY_TIMEOUT, bytes)
                .await
                .map_err(unreadable)?;
            bytes.map(JsonBody).map_err(|error| {
                match error.as_response_error().status_code().as_u16() {
                    413 => Problem::new(
                        &problem::PAYLOAD_TOO_LARGE,
                        format!("a body may have {MAX_BODY_BYTES} bytes, that of a batch {MAX_BATCH_BODY_BYTES}"),
                    ),
                    _ => Problem::new(&problem::MALFORMED_JSON, "the body could not be read"),
                }
            })
        })
    }
}

fn check_media_type(request: &HttpRequest) -> Result<(), Problem> {
    let encoded = request
        .headers()
        .get(header::CONTENT_ENCODING)
        .is_some_and(|encoding| encoding != "identity");
    let utf8 = matches!(request.encoding(), Ok(encoding) if encoding.name() == "UTF-8");
    if request
        .content_type()
        .eq_ignore_ascii_case("application/json")
        && !encoded
        && utf8
    {
        return Ok(());
    }
    Err(Problem::new(
        &problem::UNSUPPORTED_MEDIA_TYPE,
        "send application/json in UTF-8, not compressed",
    ))
}

/// A resource without parameters: any is unknown.
pub struct NoQuery;

impl FromRequest for NoQuery {
    type Error = Problem;
    type Future = Ready<Result<NoQuery, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let query = request.query_string();
        ready(
            match query.split(['&', '=']).find(|name| !name.is_empty()) {
                None => Ok(NoQuery),
                Some(_) => Err(Problem::new(
                    &problem::UNKNOWN_PARAMETER,
                    "this resource takes no query parameters",
                )),
            },
        )
    }
}

/// `{id}` of the path, in the hyphenated form of RFC 9562.
pub struct Id(pub Uuid);

impl FromRequest for Id {
    type Error = Problem;
    type Future = Ready<Result<Id, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let text = request.match_info().get("id").unwrap_or_default();
        let id = (text.len() == 36)
            .then(|| Uuid::try_parse(text).ok())
            .flatten();
        ready(id.map(Id).ok_or_else(|| {
            Problem::new(
                &problem::INVALID_ID,
                "an id looks like 0199f6a2-7c1e-7d3a-9b6f-3f0c5a1e2b44",
            )
        }))
    }
}

/// There is no authentication yet: all requests are one client's, and all transactions one owner's.
impl FromRequest for Caller {
    type Error = Problem;
    type Future = Ready<Result<Caller, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let id = request
            .extensions()
            .get::<RequestId>()
            .map(|id| id.0.clone());
        ready(match id {
            Some(request_id) => Ok(Caller {
                owner: "default".into(),
                client: "anonymous".into(),
                request_id,
            }),
            None => Err(Problem::internal("a request without an id")),
        })
    }
}

impl FromRequest for Consistency {
    type Error = Problem;
    type Future = Ready<Result<Consistency, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(consistency(request.headers()))
    }
}

fn consistency(headers: &HeaderMap) -> Result<Consistency, Problem> {
    let invalid = |detail: &str| Problem::new(&problem::INVALID_CONSISTENCY_TOKEN, detail);
    let level = one_value(headers, "x-read-consistency")
        .map_err(|()| invalid("X-Read-Consistency occurs twice"))?;
    let is_strong = match level.as_deref() {
        None | Some("eventual") => false,
        Some("strong") => true,
        Some(_) => return Err(invalid("X-Read-Consistency is eventual or strong")),
    };
    let tokens = one_value(headers, "x-consistency-token")
        .map_err(|()| invalid("X-Consistency-Token occurs twice"))?;
    let tokens = tokens
        .map_or(Ok(Vec::new()), |list| Token::parse_list(&list))
        .map_err(|error| invalid(&error.to_string()))?;
    Ok(match (is_strong, tokens.is_empty()) {
        (true, _) => Consistency::Strong(tokens),
        (false, false) => Consistency::Session(tokens),
        (false, true) => Consistency::Eventual,
    })
}

/// `Idempotency-Key`, alias `X-Idempotency-Key`. It may be there several times, but only with one value.
pub struct Key(pub Option<IdempotencyKey>);

impl FromRequest for Key {
    type Error = Problem;
    type Future = Ready<Result<Key, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(key(request.headers()).map(Key))
    }
}

fn key(headers: &HeaderMap) -> Result<Option<IdempotencyKey>, Problem> {
    let invalid = |detail: &str| Problem::new(&problem::INVALID_IDEMPOTENCY_KEY, detail);
    let mut found: Option<IdempotencyKey> = None;
    for value in headers
        .get_all("idempotency-key")
        .chain(headers.get_all("x-idempotency-key"))
    {
        let text = value.to_str().map_err(|_| invalid("a key is ASCII"))?;
        let key = IdempotencyKey::parse(text).map_err(|error| invalid(&error.to_string()))?;
        if found.as_ref().is_some_and(|first| *first != key) {
            return Err(invalid("two different keys were sent"));
        }
        found = Some(key);
    }
    Ok(found)
}

/// `If-Match` of a change: one strong entity tag, or `*`.
pub fn if_match(request: &HttpRequest) -> Result<Expected, Problem> {
    let invalid = || Problem::new(&problem::INVALID_IF_MATCH, problem::INVALID_IF_MATCH.title);
    let value = one_value(request.headers(), "if-match").map_err(|()| invalid())?;
    let value = value.ok_or_else(|| {
        Problem::new(
            &problem::PRECONDITION_REQUIRED,
            "send If-Match with the ETag of the version that is to be changed, or *",
        )
    })?;
    match IfMatch::parse(request) {
        Ok(IfMatch::Any) => Ok(Expected::Any),
        // actix leaves out what it cannot read of a list: one tag is what was sent only if it is all of it.
        Ok(IfMatch::Items(tags)) => match &tags[..] {
            [tag] if !tag.weak && tag.to_string() == value => Ok(expected(tag)),
            _ => Err(invalid()),
        },
        Err(_) => Err(invalid()),
    }
}

/// A well-formed tag that no write of this service ever had matches nothing.
fn expected(tag: &EntityTag) -> Expected {
    tag.tag()
        .parse()
        .map_or(Expected::Nothing, Expected::Exactly)
}

/// `If-None-Match` is met by this write (weak comparison, RFC 9110 section 13.1.2).
pub fn none_match_is_met(request: &HttpRequest, write: Write) -> bool {
    let current = EntityTag::new_strong(write.etag().to_string());
    match IfNoneMatch::parse(request) {
        Ok(IfNoneMatch::Any) => true,
        Ok(IfNoneMatch::Items(tags)) => tags.iter().any(|tag| tag.weak_eq(&current)),
        Err(_) => false,
    }
}

/// Err where the header occurs more than once or is not text.
fn one_value(headers: &HeaderMap, name: &str) -> Result<Option<String>, ()> {
    let mut values = headers.get_all(name);
    let first = values.next();
    if values.next().is_some() {
        return Err(());
    }
    first
        .map(|value| {
            value
                .to_str()
                .map(|text| text.trim().to_owned())
                .map_err(|_| ())
        })
        .transpose()
}
