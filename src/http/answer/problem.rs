//! An answer that is not a success, as RFC 9457 describes it.

use std::fmt;

use actix_web::body::BoxBody;
use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderValue};
use actix_web::{HttpResponse, ResponseError};

use super::codes::{INTERNAL_ERROR, INVALID_PARAMETER, KINDS, Kind};
use super::view::{self, Extras};

/// One answer that is not a success. `instance` and `request_id` are added by [`crate::http::layers`], which know the request.
#[derive(Clone, Debug)]
pub struct Problem {
    pub kind: &'static Kind,
    /// Boxed, since every `Result` with a `Problem` would be as large as its content.
    content: Box<Content>,
}

#[derive(Clone, Debug)]
struct Content {
    detail: String,
    /// For the log, never for the client.
    cause: Option<String>,
    extras: Extras,
    headers: Vec<(header::HeaderName, HeaderValue)>,
}

impl Problem {
    pub fn new(kind: &'static Kind, detail: impl Into<String>) -> Problem {
        let extras = Extras {
            outcome: (kind.status >= 500).then_some(kind.outcome),
            ..Extras::default()
        };
        let content = Content {
            detail: detail.into(),
            cause: None,
            extras,
            headers: Vec::new(),
        };
        let problem = Problem {
            kind,
            content: Box::new(content),
        };
        if kind.retryable {
            problem.with_header(header::RETRY_AFTER, HeaderValue::from_static("1"))
        } else {
            problem
        }
    }

    /// A bug, or a schema that this version does not expect. The cause goes to the log, with the request id.
    pub fn internal(cause: impl ToString) -> Problem {
        let mut problem = Problem::new(&INTERNAL_ERROR, INTERNAL_ERROR.title);
        problem.content.cause = Some(cause.to_string());
        problem
    }

    pub fn cause(&self) -> Option<&str> {
        self.content.cause.as_deref()
    }

    /// Replaces the extra members, all but `outcome`.
    pub fn with(mut self, extras: Extras) -> Problem {
        self.content.extras = Extras {
            outcome: self.content.extras.outcome,
            ..extras
        };
        self
    }

    pub fn with_header(mut self, name: header::HeaderName, value: HeaderValue) -> Problem {
        self.content.headers.push((name, value));
        self
    }

    /// For an answer that actix made: only its status is known.
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
        let body = view::Problem {
            type_uri: kind.type_uri(),
            title: kind.title,
            status: kind.status,
            code: kind.code,
            detail: &self.content.detail,
            instance,
            request_id,
            retryable: kind.retryable,
            extras: &self.content.extras,
        };
        let mut response = HttpResponse::build(self.kind.http_status());
        response.content_type("application/problem+json");
        for header in self.content.headers {
            response.insert_header(header);
        }
        response.json(body)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind.code, self.content.detail)
    }
}

/// [`crate::http::layers`] writes the body, since it knows the request.
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
                    && problem.content.extras.outcome.is_some()
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
