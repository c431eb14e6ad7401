//! What clients send, as the OpenAPI document describes it. The ledger reads bodies strictly, with a code for each mistake
//! (`ledger/ask`), so nothing is read into these structs: the examples of the document are made from them.

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::ledger::model::status::Status;

/// A transaction that does not exist yet. `memo` and `memo_type` go together. A create needs an `Idempotency-Key` or an
/// `anchor_transaction_id`. Unknown fields are refused; null is the same as absent.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateTransaction {
    /// A Stellar account (`G…`), contract (`C…`) or muxed account (`M…`) with a right checksum (SEP-23).
    #[schema(
        pattern = "^([GC][A-Z2-7]{55}|M[A-Z2-7]{68})$",
        format = "stellar-address"
    )]
    pub stellar_account: String,
    /// Above 0, at most 922337203685.4775807, at most 7 decimals; kept with the scale that it was sent with.
    #[schema(
        pattern = r"^(0|[1-9][0-9]{0,11})(\.[0-9]{1,7})?$",
        format = "stellar-amount"
    )]
    pub amount: String,
    #[schema(pattern = "^([A-Z0-9]{1,12}|native)$")]
    pub asset_code: String,
    #[schema(pattern = "^(deposit|withdrawal)(-exchange)?$")]
    pub callback_type: Option<String>,
    #[schema(pattern = "^[a-z][a-z_]{0,39}$")]
    pub callback_status: Option<String>,
    /// Unique for ever: 1 to 255 bytes, no control character, no white space at the ends.
    #[schema(min_length = 1, max_length = 255)]
    pub anchor_transaction_id: Option<String>,
    /// By `memo_type`: a text of at most 28 bytes, an id from 0 to 18446744073709551615, or 32 bytes as hexadecimal or base64.
    pub memo: Option<String>,
    #[schema(pattern = "^(text|id|hash)$")]
    pub memo_type: Option<String>,
    /// At most 16 KiB as compact JSON, 64 keys, 8 levels. Integers of 64 bits are kept exactly, other numbers as IEEE 754 doubles (RFC 8259,
    /// section 6): send longer ones as strings.
    #[schema(value_type = Option<Object>)]
    pub metadata: Option<Value>,
}

/// 1 to 1000 transactions, all of them or none.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateBatch {
    #[schema(min_items = 1, max_items = 1000)]
    pub transactions: Vec<CreateTransaction>,
}

/// Allowed: pending → processing, completed, failed; processing → completed, failed; failed → pending.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeStatus {
    pub status: Status,
    /// At most 500 bytes, no control character.
    #[schema(max_length = 500)]
    pub status_reason: Option<String>,
}
