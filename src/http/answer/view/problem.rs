//! The body of every answer that is not a success (RFC 9457).

use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::reference::{codes, outcomes};
use crate::ledger::ask::draft::Violation;
use crate::ledger::model::status::Status;

#[derive(Serialize, ToSchema)]
pub struct Problem<'p> {
    #[serde(rename = "type")]
    pub type_uri: String,
    pub title: &'static str,
    pub status: u16,
    /// What a program decides by. `GET /errors` lists all codes.
    #[schema(schema_with = codes)]
    pub code: &'static str,
    /// For people; may change.
    pub detail: &'p str,
    /// The path of the request.
    pub instance: &'p str,
    pub request_id: &'p str,
    /// The identical request may succeed later.
    pub retryable: bool,
    #[serde(flatten)]
    pub extras: &'p Extras,
}

/// What only some codes have.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
pub struct Extras {
    /// Of a 5xx: whether the request may have taken effect.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = outcomes)]
    pub outcome: Option<&'static str>,
    /// At most 20 of what is wrong with the body.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub errors: Option<Vec<Violation>>,
    /// What the idempotency key stands for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub transaction_ids: Option<Vec<Uuid>>,
    /// Which transaction has the `anchor_transaction_id`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub existing_id: Option<Uuid>,
    /// In which fields it differs.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub conflicting_fields: Option<Vec<&'static str>>,
    /// Which item of the batch, from 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub index: Option<usize>,
    /// The status as it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub from: Option<Status>,
    /// The status that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub to: Option<Status>,
    /// What the status may become.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub allowed: Option<Vec<Status>>,
}
