//! A transaction as clients see it.

use chrono::{DateTime, SecondsFormat, Utc};
use diesel::Queryable;
use diesel::sql_types::{Integer, Json, Nullable, Numeric, Text, Timestamptz, Uuid as SqlUuid};
use rust_decimal::Decimal;
use serde::{Serialize, Serializer};
use utoipa::ToSchema;
use uuid::Uuid;

use super::event::Event;
use super::metadata::Metadata;
use super::status::Status;
use super::write::Write;

/// The SQL types of the columns in which every statement of the ledger returns a transaction, in the order of [`Transaction`]'s fields.
pub type TransactionColumns = (
    SqlUuid,
    Text,
    Numeric,
    Text,
    Nullable<Text>,
    Nullable<Text>,
    Nullable<Text>,
    Nullable<Text>,
    Nullable<Text>,
    Nullable<Json>,
    Text,
    Nullable<Text>,
    Integer,
    SqlUuid,
    Timestamptz,
    Timestamptz,
);

/// A payment between a Stellar account and an anchor.
#[derive(Clone, Debug, PartialEq, Serialize, Queryable, ToSchema)]
pub struct Transaction {
    pub id: Uuid,
    pub stellar_account: String,
    /// With the scale that it was sent with.
    #[serde(with = "rust_decimal::serde::str")]
    #[schema(value_type = String, example = "100.50")]
    pub amount: Decimal,
    pub asset_code: String,
    #[schema(required)]
    pub callback_type: Option<String>,
    #[schema(required)]
    pub callback_status: Option<String>,
    #[schema(required)]
    pub anchor_transaction_id: Option<String>,
    #[schema(required)]
    pub memo: Option<String>,
    #[schema(required)]
    pub memo_type: Option<String>,
    #[schema(required, value_type = Option<Object>)]
    pub metadata: Option<Metadata>,
    pub status: Status,
    #[schema(required)]
    pub status_reason: Option<String>,
    /// 1, and one more with each change.
    pub version: i32,
    #[serde(skip)]
    pub write_id: Uuid,
    #[serde(serialize_with = "rfc3339_micros")]
    pub created_at: DateTime<Utc>,
    #[serde(serialize_with = "rfc3339_micros")]
    pub updated_at: DateTime<Utc>,
}

impl Transaction {
    /// The write that made this version.
    pub fn write(&self) -> Write {
        Write {
            version: self.version,
            id: self.write_id,
        }
    }

    /// The transaction as the write that this event records was answered.
    pub fn as_of(self, write_id: Uuid, event: Event) -> Transaction {
        Transaction {
            version: event.version,
            write_id,
            status: event.status,
            status_reason: event.status_reason,
            callback_status: event.callback_status,
            updated_at: event.at,
            ..self
        }
    }

    /// The transaction as its create was answered. Only these fields ever change; the row keeps the callback status of version 1 as
    /// `first_callback_status`.
    pub fn as_created(self, first_callback_status: Option<String>) -> Transaction {
        Transaction {
            callback_status: first_callback_status,
            status: Status::Pending,
            status_reason: None,
            version: 1,
            write_id: self.id,
            updated_at: self.created_at,
            ..self
        }
    }
}

/// RFC 3339, UTC, always six decimals and `Z`.
pub fn rfc3339_micros<S: Serializer>(
    time: &DateTime<Utc>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&time.to_rfc3339_opts(SecondsFormat::Micros, true))
}
