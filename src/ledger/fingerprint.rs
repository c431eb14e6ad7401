//! What makes a create repeatable: the client's key, and the fingerprint that tells a retry from another request.

use std::collections::BTreeMap;
use std::str::FromStr;

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::draft::Draft;

const MAX_KEY_BYTES: usize = 255;

/// SHA-256 of a canonical JSON text, which is unambiguous by itself. Stored for days, so it must come out the
/// same in every later version: a field that is added must be left out where it is absent.
pub fn fingerprint(method: &str, path: &str, drafts: &[Draft]) -> [u8; 32] {
    let drafts: Vec<Value> = drafts.iter().map(canonical_draft).collect();
    Sha256::digest(json!([method, path, drafts]).to_string()).into()
}

fn canonical_draft(draft: &Draft) -> Value {
    let memo = draft.memo.as_ref();
    let members = [
        ("stellar_account", Some(json!(draft.stellar_account))),
        ("amount", Some(json!(draft.amount.canonical()))),
        ("asset_code", Some(json!(draft.asset_code))),
        (
            "callback_type",
            draft.callback_type.as_ref().map(|text| json!(text)),
        ),
        (
            "callback_status",
            draft.callback_status.as_ref().map(|text| json!(text)),
        ),
        (
            "anchor_transaction_id",
            draft.anchor_transaction_id.as_ref().map(|text| json!(text)),
        ),
        ("memo", memo.map(|memo| json!(memo.value))),
        ("memo_type", memo.map(|memo| json!(memo.kind.as_str()))),
        ("metadata", draft.metadata.as_ref().map(sorted)),
    ];
    let present = members
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value?)));
    sorted(&Value::Object(present.collect()))
}

/// The same value with the keys of every object in byte order.
fn sorted(value: &Value) -> Value {
    match value {
        Value::Array(items) => items.iter().map(sorted).collect(),
        Value::Object(members) => {
            let by_key: BTreeMap<_, _> = members.iter().collect();
            let in_order = by_key
                .into_iter()
                .map(|(key, member)| (key.clone(), sorted(member)));
            Value::Object(in_order.collect::<Map<_, _>>())
        }
        scalar => scalar.clone(),
    }
}

/// The value of `Idempotency-Key`, without its quotes: `^[A-Za-z0-9._:\-]{1,255}$`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct IdempotencyKey(String);

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be 1 to 255 of A-Z, a-z, 0-9 and . _ : -, with or without double quotes around")]
pub struct InvalidIdempotencyKey;

impl IdempotencyKey {
    pub fn parse(text: &str) -> Result<IdempotencyKey, InvalidIdempotencyKey> {
        let quoted = text
            .strip_prefix('"')
            .and_then(|rest| rest.strip_suffix('"'));
        let key = quoted.unwrap_or(text);
        let in_alphabet = |b: u8| b.is_ascii_alphanumeric() || b"._:-".contains(&b);
        if !(1..=MAX_KEY_BYTES).contains(&key.len()) || !key.bytes().all(in_alphabet) {
            return Err(InvalidIdempotencyKey);
        }
        Ok(IdempotencyKey(key.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for IdempotencyKey {
    type Err = InvalidIdempotencyKey;

    fn from_str(text: &str) -> Result<IdempotencyKey, InvalidIdempotencyKey> {
        IdempotencyKey::parse(text)
    }
}
