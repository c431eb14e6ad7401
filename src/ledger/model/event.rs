//! One line of a transaction's history.

use chrono::{DateTime, Utc};
use diesel::Queryable;
use diesel::sql_types::{Integer, Nullable, Text, Timestamptz};
use serde::Serialize;
use utoipa::ToSchema;

use super::status::Status;
use super::transaction::rfc3339_micros;

/// The SQL types of [`Event`]'s fields, in their order.
pub type EventColumns = (
    Integer,
    Text,
    Text,
    Nullable<Text>,
    Nullable<Text>,
    Text,
    Text,
    Timestamptz,
);

/// What made a version: its create (`created`), a change of its status (`status_changed`), or a callback of its anchor (`callback`).
#[derive(Clone, Debug, PartialEq, Serialize, Queryable, ToSchema)]
pub struct Event {
    pub version: i32,
    pub kind: String,
    pub status: Status,
    #[schema(required)]
    pub status_reason: Option<String>,
    #[schema(required)]
    pub callback_status: Option<String>,
    pub actor: String,
    pub request_id: String,
    #[serde(serialize_with = "rfc3339_micros")]
    pub at: DateTime<Utc>,
}
