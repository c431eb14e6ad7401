//! A transaction as clients see it, and its history.

use crate::schema::{transaction_events, transactions};
use chrono::{DateTime, SecondsFormat, Utc};
use diesel::prelude::*;
use rust_decimal::Decimal;
use serde::{Serialize, Serializer};
use uuid::Uuid;

#[derive(Clone, Debug, PartialEq, Serialize, Queryable, QueryableByName, Selectable)]
#[diesel(table_name = transactions, check_for_backend(diesel::pg::Pg))]
pub struct Transaction {
    pub id: Uuid,
    pub stellar_account: String,
    #[serde(with = "rust_decimal::serde::str")]
    pub amount: Decimal,
    pub asset_code: String,
    pub callback_type: Option<String>,
    pub callback_status: Option<String>,
    pub anchor_transaction_id: Option<String>,
    pub memo: Option<String>,
    pub memo_type: Option<String>,
    pub metadata: Option<serde_json::Value>,
    pub status: String,
    pub status_reason: Option<String>,
    pub version: i32,
    #[serde(serialize_with = "rfc3339_micros")]
    pub created_at: DateTime<Utc>,
    #[serde(serialize_with = "rfc3339_micros")]
    pub updated_at: DateTime<Utc>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Queryable, Selectable)]
#[diesel(table_name = transaction_events, check_for_backend(diesel::pg::Pg))]
pub struct TransactionEvent {
    pub version: i32,
    pub kind: String,
    pub status: String,
    pub status_reason: Option<String>,
    pub callback_status: Option<String>,
    pub actor: String,
    pub request_id: String,
    #[serde(serialize_with = "rfc3339_micros")]
    pub at: DateTime<Utc>,
}

/// RFC 3339, UTC, always six decimals and `Z`.
pub fn rfc3339_micros<S: Serializer>(
    time: &DateTime<Utc>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&time.to_rfc3339_opts(SecondsFormat::Micros, true))
}
