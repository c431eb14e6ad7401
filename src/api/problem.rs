//! Everything that can go wrong, as a client sees it: RFC 9457. The only place that knows status codes.

use crate::ledger::model::write::Write;
use actix_web::body::BoxBody;
use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderValue};
use actix_web::{HttpResponse, ResponseError};
use serde_json::{Map, Value, json};
use std::fmt;

/// One code of the contract, section 9.
#[derive(Debug, PartialEq, Eq)]
pub struct Kind {
    pub code: &'static str,
    pub status: u16,
    pub title: &'static str,
    pub retryable: bool,
    /// Whether the request may have taken effect.
    pub outcome: &'static str,
}

impl Kind {
    pub fn type_uri(&self) -> String {
        format!("/problems/{}", self.code.replace('_', "-"))
    }
}

macro_rules! kinds {
    ($($name:ident = $status:literal $code:literal $title:literal $([$retryable:ident])? $(outcome $outcome:literal)?;)*) => {
        $(pub const $name: Kind = Kind {
            code: $code,
            status: $status,
            title: $title,
            retryable: { let _retryable = false; $(let $retryable = true; let _retryable = $retryable;)? _retryable },
            outcome: { let _outcome = "not_applied"; $(let _outcome = $outcome;)? _outcome },
        };)*
        /// Every code, as `GET /errors` lists them.
        pub const KINDS: &[&Kind] = &[$(&$name),*];
    };
}

kinds! {
    MALFORMED_JSON = 400 "malformed_json" "The body is not JSON";
    VALIDATION_FAILED = 400 "validation_failed" "Request is not valid";
    UNKNOWN_FIELD = 400 "unknown_field" "The body has an unknown field";
    INVALID_PARAMETER = 400 "invalid_parameter" "A query parameter is not valid";
    UNKNOWN_PARAMETER = 400 "unknown_parameter" "Unknown query parameter";
    INVALID_CURSOR = 400 "invalid_cursor" "The cursor is damaged or belongs to another search";
    INVALID_ID = 400 "invalid_id" "The id is not a UUID";
    INVALID_IF_MATCH = 400 "invalid_if_match" "If-Match must be one strong entity tag or *";
    INVALID_CONSISTENCY_TOKEN = 400 "invalid_consistency_token" "The consistency token or level is not valid";
    IDEMPOTENCY_KEY_MISSING = 400 "idempotency_key_missing" "A create needs an Idempotency-Key or an anchor_transaction_id";
    INVALID_IDEMPOTENCY_KEY = 400 "invalid_idempotency_key" "The idempotency key is not valid";
    DUPLICATE_IN_BATCH = 400 "duplicate_in_batch" "An anchor_transaction_id occurs twice in the batch";
    UNAUTHORIZED = 401 "unauthorized" "Authentication is required";
    INVALID_SIGNATURE = 401 "invalid_signature" "The signature is not valid";
    SIGNATURE_TIMESTAMP_OUT_OF_RANGE = 401 "signature_timestamp_out_of_range" "The signed time is too far from now";
    FORBIDDEN = 403 "forbidden" "Not allowed";
    NOT_FOUND = 404 "not_found" "No such resource";
    TRANSACTION_NOT_FOUND = 404 "transaction_not_found" "No such transaction";
    METHOD_NOT_ALLOWED = 405 "method_not_allowed" "The method is not allowed here";
    ANCHOR_TRANSACTION_CONFLICT = 409 "anchor_transaction_conflict" "The anchor_transaction_id exists with other fields";
    INVALID_STATUS_TRANSITION = 409 "invalid_status_transition" "The status cannot change like this";
    CONSISTENCY_TOKEN_UNKNOWN = 409 "consistency_token_unknown" "The write named by the token is lost";
    IDEMPOTENCY_REQUEST_IN_PROGRESS = 409 "idempotency_request_in_progress" "A request with this key is still in progress" [retryable];
    PRECONDITION_FAILED = 412 "precondition_failed" "The transaction has changed";
    PAYLOAD_TOO_LARGE = 413 "payload_too_large" "The body is too large";
    UNSUPPORTED_MEDIA_TYPE = 415 "unsupported_media_type" "The body must be application/json";
    IDEMPOTENCY_KEY_REUSED = 422 "idempotency_key_reused" "The key was used for another request";
    PRECONDITION_REQUIRED = 428 "precondition_required" "If-Match is required";
    RATE_LIMITED = 429 "rate_limited" "Too many requests" [retryable];
    INTERNAL_ERROR = 500 "internal_error" "Internal error" outcome "unknown";
    PRIMARY_UNAVAILABLE = 503 "primary_unavailable" "No primary database is available" [retryable];
    OUTCOME_UNKNOWN = 503 "outcome_unknown" "The outcome is not known yet" [retryable] outcome "unknown";
    READ_UNAVAILABLE = 503 "read_unavailable" "No database is available for reads" [retryable];
    CONSISTENCY_UNAVAILABLE = 503 "consistency_unavailable" "No database can answer this consistently now" [retryable];
    OVERLOADED = 503 "overloaded" "More requests than can be served" [retryable];
    DRAINING = 503 "draining" "This instance is shutting down" [retryable];
    DURABILITY_UNAVAILABLE = 503 "durability_unavailable" "The write would not be replicated" [retryable];
    SPLIT_BRAIN = 503 "split_brain" "Two primary databases claim to be the one" [retryable];
    CALLBACK_NOT_CONFIGURED = 503 "callback_not_configured" "No callback secret is configured" [retryable];
}

/// One answer that is not a success. `instance` and `request_id` are added where the response leaves.
#[derive(Clone, Debug)]
pub struct Problem {
    pub kind: &'static Kind,
    /// Boxed: a `Result` is as large as its largest side.
    content: Box<Content>,
}

#[derive(Clone, Debug)]
struct Content {
    detail: String,
    /// For the log, never for the client.
    cause: Option<String>,
    members: Map<String, Value>,
    headers: Vec<(header::HeaderName, HeaderValue)>,
}

impl Problem {
    pub fn new(kind: &'static Kind, detail: impl Into<String>) -> Problem {
        let content = Content {
            detail: detail.into(),
            cause: None,
            members: Map::new(),
            headers: Vec::new(),
        };
        let problem = Problem {
            kind,
            content: Box::new(content),
        };
        let problem = if kind.status >= 500 {
            problem.with("outcome", kind.outcome)
        } else {
            problem
        };
        if kind.retryable {
            problem.with_header(header::RETRY_AFTER, HeaderValue::from_static("1"))
        } else {
            problem
        }
    }

    /// A bug, or a schema that is not ours. The cause goes to the log with the request id.
    pub fn internal(cause: impl ToString) -> Problem {
        let mut problem = Problem::new(&INTERNAL_ERROR, INTERNAL_ERROR.title);
        problem.content.cause = Some(cause.to_string());
        problem
    }

    pub fn cause(&self) -> Option<&str> {
        self.content.cause.as_deref()
    }

    pub fn with(mut self, member: &str, value: impl Into<Value>) -> Problem {
        self.content.members.insert(member.into(), value.into());
        self
    }

    pub fn with_header(mut self, name: header::HeaderName, value: HeaderValue) -> Problem {
        self.content.headers.push((name, value));
        self
    }

    /// Said by a replica that no primary could correct: it may be stale, and says so.
    pub fn said_by_replica(self, lag_ms: Option<u64>) -> Problem {
        let lag = lag_ms.map(|ms| {
            (
                header::HeaderName::from_static("x-replica-lag-ms"),
                HeaderValue::from(ms),
            )
        });
        let problem = self
            .with_header(
                header::HeaderName::from_static("x-served-by"),
                HeaderValue::from_static("replica"),
            )
            .with_header(
                header::HeaderName::from_static("x-read-consistency"),
                HeaderValue::from_static("eventual"),
            );
        lag.into_iter().fold(problem, |problem, (name, value)| {
            problem.with_header(name, value)
        })
    }

    /// Made by the framework: all that is known is a status.
    pub fn of_status(status: StatusCode) -> Problem {
        let known = KINDS.iter().find(|kind| kind.status == status.as_u16());
        match known {
            Some(kind) if status != StatusCode::BAD_REQUEST => Problem::new(kind, kind.title),
            _ if status.is_client_error() => {
                Problem::new(&INVALID_PARAMETER, "the request could not be understood")
            }
            _ => Problem::internal(format!("the framework answered {status}")),
        }
    }

    pub fn render(self, instance: &str, request_id: &str) -> HttpResponse {
        let kind = self.kind;
        let mut body = json!({
            "type": kind.type_uri(), "title": kind.title, "status": kind.status, "code": kind.code, "detail": self.content.detail,
            "instance": instance, "request_id": request_id, "retryable": kind.retryable,
        });
        if let Value::Object(body) = &mut body {
            body.extend(self.content.members);
        }
        let mut response = HttpResponse::build(self.kind.http_status());
        response.content_type("application/problem+json");
        for header in self.content.headers {
            response.insert_header(header);
        }
        response.body(body.to_string())
    }
}

impl Kind {
    fn http_status(&self) -> StatusCode {
        StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind.code, self.content.detail)
    }
}

/// The body is written by [`super::envelope`], which knows the request.
impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        self.kind.http_status()
    }

    fn error_response(&self) -> HttpResponse<BoxBody> {
        let mut response = HttpResponse::new(self.status_code());
        response.extensions_mut().insert(self.clone());
        response
    }
}

/// A write as a strong entity tag.
pub fn etag(write: Write) -> HeaderValue {
    let tag = format!("\"{}\"", write.etag());
    HeaderValue::from_str(&tag).unwrap_or(HeaderValue::from_static("\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_code_stands_once_and_every_503_is_retryable_with_an_outcome() {
        let codes: HashSet<_> = KINDS.iter().map(|kind| kind.code).collect();
        assert_eq!(codes.len(), KINDS.len());
        for kind in KINDS.iter().filter(|kind| kind.status == 503) {
            let problem = Problem::new(kind, "");
            assert!(
                kind.retryable
                    && problem.content.members.contains_key("outcome")
                    && problem.content.headers[0].0 == header::RETRY_AFTER
            );
        }
        let unknown: Vec<_> = KINDS
            .iter()
            .filter(|kind| kind.outcome == "unknown")
            .map(|kind| kind.code)
            .collect();
        assert_eq!(unknown, ["internal_error", "outcome_unknown"]);
    }
}
