//! A batch: up to a thousand creates under one key, all of them or none.

use std::collections::HashSet;

use serde_json::Value;

use super::caller::Caller;
use super::create::Create;
use super::draft::{BodyError, Draft, Fields, Rules, Violation};
use super::fingerprint::fingerprint;
use super::key::IdempotencyKey;
use crate::ledger::model::json;

pub const MAX_ITEMS: usize = 1000;

/// The drafts of a batch, in the order of the body. There is at least one, and no two have the same anchor id.
#[derive(Debug, Clone, PartialEq)]
pub struct Drafts(Vec<Draft>);

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BatchError {
    Body(BodyError),
    /// The later one of each pair of items with the same anchor id.
    Duplicates(Vec<Violation>),
}

impl Drafts {
    /// Reads the body `{"transactions": […]}`.
    pub fn parse(body: &[u8], rules: &Rules) -> Result<Drafts, BatchError> {
        let value = json::parse(body).map_err(|error| BatchError::Body(error.into()))?;
        let mut violations = Vec::new();
        let drafts = drafts(&value, rules, &mut violations);
        let drafts = drafts.ok_or(BatchError::Body(BodyError::Invalid(violations)))?;
        let duplicates = duplicates(&drafts);
        if !duplicates.is_empty() {
            return Err(BatchError::Duplicates(duplicates));
        }
        Ok(Drafts(drafts))
    }
}

/// None: at least one violation was found.
fn drafts(value: &Value, rules: &Rules, violations: &mut Vec<Violation>) -> Option<Vec<Draft>> {
    let mut fields = Fields::open(value, "", violations)?;
    let items = match fields.value("transactions") {
        None => fields.reject("transactions", "required", "is required"),
        Some(Value::Array(items)) if (1..=MAX_ITEMS).contains(&items.len()) => Some(items),
        Some(Value::Array(_)) => {
            let detail = format!("must have 1 to {MAX_ITEMS} items");
            fields.reject("transactions", "length", detail)
        }
        Some(_) => fields.reject("transactions", "type", "must be an array"),
    };
    fields.reject_unread();
    let all_known = fields.all_valid();
    let mut drafts = Vec::new();
    for (nth, item) in items?.iter().enumerate() {
        let at = format!("/transactions/{nth}");
        drafts.extend(Draft::from_value(item, &at, rules, violations));
    }
    (all_known && violations.is_empty()).then_some(drafts)
}

fn duplicates(drafts: &[Draft]) -> Vec<Violation> {
    let mut seen = HashSet::new();
    let repeats = drafts.iter().enumerate().filter(|(_, draft)| {
        let anchor_transaction_id = draft.anchor_transaction_id.as_deref();
        anchor_transaction_id.is_some_and(|id| !seen.insert(id))
    });
    let violation = |(nth, _)| Violation {
        pointer: format!("/transactions/{nth}/anchor_transaction_id"),
        code: "duplicate_in_batch",
        detail: "an earlier item has the same one".into(),
    };
    let violations = repeats.map(violation);
    violations.take(super::draft::MAX_VIOLATIONS).collect()
}

/// A request to create the transactions of a batch, good for any number of attempts.
///
/// Its items share one key, and one fingerprint that covers all of them in their order. As with a single create, the ids are made before
/// the first attempt: finding them under the key means that an earlier attempt of this very request committed.
#[derive(Debug, Clone)]
pub struct Batch {
    creates: Vec<Create>,
    key: IdempotencyKey,
    /// The length of the request's body.
    pub bytes: usize,
}

impl Batch {
    pub fn new(
        Drafts(drafts): Drafts,
        key: IdempotencyKey,
        caller: &Caller,
        bytes: usize,
    ) -> Batch {
        let fingerprint = fingerprint("POST", "/transactions/batch", &drafts);
        let creates = (0..).zip(drafts).map(|(item, draft)| Create {
            id: uuid::Uuid::now_v7(),
            draft,
            key: Some(key.clone()),
            item,
            fingerprint,
            caller: caller.clone(),
            bytes: 0,
        });
        Batch {
            creates: creates.collect(),
            key,
            bytes,
        }
    }

    pub fn creates(&self) -> &[Create] {
        &self.creates
    }

    pub fn key(&self) -> &IdempotencyKey {
        &self.key
    }

    /// The fingerprint that all items have.
    pub fn fingerprint(&self) -> &[u8; 32] {
        &self.creates[0].fingerprint
    }

    pub fn caller(&self) -> &Caller {
        &self.creates[0].caller
    }
}
