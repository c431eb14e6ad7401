//! What is sent.

use data_encoding::BASE32_NOPAD;
use serde_json::{Value, json};
use uuid::Uuid;

pub const ACCOUNT: &str = "GA7QYNF7SOWQ3GLR2BGMZEHXAVIRZA4KVWLTJJFC7MGXUA74P7UJVSGZ";

/// What an address is of, by its version byte.
pub const GENERAL: u8 = 48;
pub const CONTRACT: u8 = 16;
pub const MUXED: u8 = 96;

/// A valid address that nobody else uses.
pub fn account() -> String {
    strkey(GENERAL, &rand::random::<[u8; 32]>())
}

/// SEP-23: version byte, payload, CRC16-XModem little-endian; in base32.
pub fn strkey(version: u8, payload: &[u8]) -> String {
    let mut bytes = vec![version];
    bytes.extend_from_slice(payload);
    let checksum = crc::Crc::<u16>::new(&crc::CRC_16_XMODEM).checksum(&bytes);
    bytes.extend_from_slice(&checksum.to_le_bytes());
    BASE32_NOPAD.encode(&bytes)
}

/// An idempotency key that nobody else uses.
pub fn key() -> String {
    Uuid::now_v7().to_string()
}

pub fn minimal() -> Value {
    json!({"stellar_account": ACCOUNT, "amount": "100.50", "asset_code": "USDC"})
}

/// Every field, with an anchor id of its own.
pub fn full() -> Value {
    json!({
        "stellar_account": ACCOUNT, "amount": "100.50", "asset_code": "USDC", "callback_type": "deposit",
        "callback_status": "pending_external", "anchor_transaction_id": format!("anchor-tx-{}", key()),
        "memo": "payment ref", "memo_type": "text", "metadata": {"order": "A-17", "nested": {"n": [1, -2.5, null, true]}}
    })
}

pub fn with(mut body: Value, field: &str, value: impl Into<Value>) -> Value {
    body[field] = value.into();
    body
}
