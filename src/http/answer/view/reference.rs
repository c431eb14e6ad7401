//! What the service tells developers about itself.

use serde::Serialize;
use utoipa::ToSchema;

use super::one_of;
use crate::http::answer::codes::{KINDS, Kind};

/// One code of the table of errors.
#[derive(Serialize, ToSchema)]
pub struct ErrorCode {
    #[schema(schema_with = codes)]
    pub code: &'static str,
    pub status: u16,
    /// `type` of the problem.
    #[serde(rename = "type")]
    pub type_uri: String,
    pub title: &'static str,
    /// The identical request may succeed later.
    pub retryable: bool,
    #[schema(schema_with = outcomes)]
    pub outcome: &'static str,
}

impl From<&'static Kind> for ErrorCode {
    fn from(kind: &'static Kind) -> ErrorCode {
        ErrorCode {
            code: kind.code,
            status: kind.status,
            type_uri: kind.type_uri(),
            title: kind.title,
            retryable: kind.retryable,
            outcome: kind.outcome,
        }
    }
}

pub(super) fn codes() -> utoipa::openapi::Object {
    one_of(KINDS.iter().map(|kind| kind.code))
}

pub(super) fn outcomes() -> utoipa::openapi::Object {
    one_of(["not_applied", "unknown"])
}
