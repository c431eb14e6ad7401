//! The body of a create, validated as a whole.
//!
//! Every violation is collected, so that a client sees all of its mistakes in one answer.

mod fields;
pub mod rules;
#[cfg(test)]
mod tests;

use serde_json::Value;

pub(super) use self::fields::Fields;
use crate::ledger::model::amount::Amount;
use crate::ledger::model::json::{self, Malformed};
use crate::ledger::model::memo::{Memo, MemoError, MemoType};
use crate::ledger::model::metadata::{Metadata, MetadataError, escape_pointer};
use crate::ledger::model::strkey::{self, StrkeyCheck};

/// At most so many violations are reported, so that the answer to a bad request stays small.
pub const MAX_VIOLATIONS: usize = 20;

/// One thing that is wrong with a body. `detail` never repeats what the client sent.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
pub struct Violation {
    /// RFC 6901; empty for the whole body.
    pub pointer: String,
    pub code: &'static str,
    pub detail: String,
}

/// The rules that an operator may change.
#[derive(Debug, Clone, Default)]
pub struct Rules {
    pub strkey_check: StrkeyCheck,
    /// Empty: any code of the right form.
    pub asset_codes: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BodyError {
    Malformed(String),
    Invalid(Vec<Violation>),
}

impl From<Malformed> for BodyError {
    fn from(Malformed(detail): Malformed) -> BodyError {
        BodyError::Malformed(detail)
    }
}

/// The contents of a transaction that does not exist yet: it has neither id nor times.
#[derive(Debug, Clone, PartialEq)]
pub struct Draft {
    pub stellar_account: String,
    pub amount: Amount,
    pub asset_code: String,
    pub callback_type: Option<String>,
    pub callback_status: Option<String>,
    pub anchor_transaction_id: Option<String>,
    pub memo: Option<Memo>,
    pub metadata: Option<Metadata>,
}

impl Draft {
    pub fn parse(body: &[u8], rules: &Rules) -> Result<Draft, BodyError> {
        let value = json::parse(body)?;
        let mut violations = Vec::new();
        Draft::from_value(&value, "", rules, &mut violations).ok_or(BodyError::Invalid(violations))
    }

    /// `at` is the pointer to `value` in the body: "" or "/transactions/3". None: at least one violation was found; it is reported unless
    /// there are [`MAX_VIOLATIONS`] already.
    pub fn from_value(
        value: &Value,
        at: &str,
        rules: &Rules,
        violations: &mut Vec<Violation>,
    ) -> Option<Draft> {
        let mut fields = Fields::open(value, at, violations)?;
        let stellar_account = stellar_account(&mut fields, rules.strkey_check);
        let amount = amount(&mut fields);
        let asset_code = asset_code(&mut fields, &rules.asset_codes);
        let callback_type = callback_type(&mut fields);
        let callback_status = callback_status(&mut fields);
        let anchor_transaction_id = anchor_transaction_id(&mut fields);
        let memo = memo(&mut fields);
        let metadata = metadata(&mut fields);
        fields.reject_unread();
        if !fields.all_valid() {
            return None;
        }
        Some(Draft {
            stellar_account: stellar_account?,
            amount: amount?,
            asset_code: asset_code?,
            callback_type,
            callback_status,
            anchor_transaction_id,
            memo,
            metadata,
        })
    }
}

fn stellar_account(fields: &mut Fields, check: StrkeyCheck) -> Option<String> {
    let text = fields.required_text("stellar_account")?;
    match strkey::check(text, check) {
        Ok(()) => Some(text.to_owned()),
        Err(error) => fields.reject("stellar_account", error.code(), error),
    }
}

fn amount(fields: &mut Fields) -> Option<Amount> {
    let text = fields.required_text("amount")?;
    match Amount::parse(text) {
        Ok(amount) => Some(amount),
        Err(error) => fields.reject("amount", error.code(), error),
    }
}

fn asset_code(fields: &mut Fields, allowed: &[String]) -> Option<String> {
    let text = fields.required_text("asset_code")?;
    if !rules::is_asset_code(text) {
        return fields.reject("asset_code", "asset_code_format", rules::ASSET_CODE);
    }
    if !allowed.is_empty() && !allowed.iter().any(|code| code == text) {
        let detail = "this asset is not accepted here";
        return fields.reject("asset_code", "asset_code_not_allowed", detail);
    }
    Some(text.to_owned())
}

fn callback_type(fields: &mut Fields) -> Option<String> {
    let text = fields.text("callback_type")?;
    if !rules::CALLBACK_TYPES.contains(&text) {
        let detail = format!("must be one of {}", rules::CALLBACK_TYPES.join(", "));
        return fields.reject("callback_type", "enum", detail);
    }
    Some(text.to_owned())
}

fn callback_status(fields: &mut Fields) -> Option<String> {
    let text = fields.text("callback_status")?;
    if !rules::is_callback_status(text) {
        let detail = "must be 1 to 40 of a-z and _, beginning with a letter";
        return fields.reject("callback_status", "format", detail);
    }
    Some(text.to_owned())
}

fn anchor_transaction_id(fields: &mut Fields) -> Option<String> {
    let text = fields.text("anchor_transaction_id")?;
    for (code, detail) in rules::anchor_transaction_id_errors(text) {
        fields.reject::<()>("anchor_transaction_id", code, detail);
    }
    Some(text.to_owned())
}

/// If a member has the wrong type, that alone is reported, not also that the pair of memo and memo_type is incomplete.
fn memo(fields: &mut Fields) -> Option<Memo> {
    let memo = fields.checked_text("memo");
    let memo_type = fields.checked_text("memo_type");
    let kind = memo_type.as_ref().ok().copied().flatten();
    if let Some(Err(error)) = kind.map(str::parse::<MemoType>) {
        // Reported whatever the memo is.
        fields.reject::<()>(error.field(), error.code(), error);
        let missing = matches!(memo, Ok(None)).then_some(MemoError::MemoMissing)?;
        return fields.reject(missing.field(), missing.code(), missing);
    }
    match Memo::parse(memo.ok()?, memo_type.ok()?) {
        Ok(memo) => memo,
        Err(error) => fields.reject(error.field(), error.code(), error),
    }
}

fn metadata(fields: &mut Fields) -> Option<Metadata> {
    let metadata = Metadata::of(fields.value("metadata")?);
    let reject = |errors: Vec<MetadataError>| {
        for error in errors {
            let pointer = format!("/metadata{}", error.pointer());
            fields.reject_at(&pointer, error.code(), error);
        }
    };
    metadata.map_err(reject).ok()
}
