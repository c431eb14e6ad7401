//! JSON bodies.

use std::collections::HashSet;

use serde_json::{Map, Value};
use synapse_core::ledger::ask::batch::{Batch, BatchError, Drafts};
use synapse_core::ledger::ask::caller::{Author, Caller};
use synapse_core::ledger::ask::change::StatusChange;
use synapse_core::ledger::ask::create::Create;
use synapse_core::ledger::ask::draft::{BodyError, Draft, Rules, Violation};
use synapse_core::ledger::ask::fingerprint;
use synapse_core::ledger::ask::key::IdempotencyKey;
use synapse_core::ledger::model::json as strict;

/// All codes that a field can be refused with.
const CODES: [&str; 23] = [
    "amount_format",
    "amount_not_positive",
    "amount_precision",
    "amount_too_large",
    "asset_code_format",
    "asset_code_not_allowed",
    "control_character",
    "duplicate_in_batch",
    "enum",
    "format",
    "length",
    "memo_hash_format",
    "memo_id_range",
    "memo_pair",
    "memo_text_too_long",
    "nul_character",
    "required",
    "strkey_checksum",
    "strkey_format",
    "too_deep",
    "too_large",
    "type",
    "unknown_field",
];

fn are_violations(violations: &[Violation]) {
    assert!((1..=20).contains(&violations.len()), "{violations:?}");
    for Violation {
        pointer,
        code,
        detail,
    } in violations
    {
        assert!(pointer.is_empty() || pointer.starts_with('/'), "{pointer}");
        assert!(CODES.contains(code), "{code}");
        assert!(!detail.is_empty() && detail.len() <= 200, "{detail}");
    }
}

/// What is no JSON to us is none to anybody, or has a key twice; and the other way round.
fn is_malformed(body: &[u8], detail: &str) {
    assert!(!detail.is_empty() && detail.len() <= 1000, "{detail}");
    let others = serde_json::from_slice::<Value>(body);
    assert!(
        others.is_err() || detail.starts_with("duplicate key"),
        "{detail}"
    );
}

pub fn json(body: &[u8]) {
    let value = match strict::parse(body) {
        Ok(value) => value,
        Err(malformed) => return is_malformed(body, &malformed.0),
    };
    assert_eq!(
        serde_json::from_slice::<Value>(body).ok().as_ref(),
        Some(&value)
    );
    let written = value.to_string();
    assert_eq!(strict::parse(written.as_bytes()), Ok(value.clone()));
    let first = value.as_object().and_then(|object| object.keys().next());
    if let Some(key) = first {
        let twice = format!("{{{}:0,{}", Value::from(key.as_str()), &written[1..]);
        assert!(strict::parse(twice.as_bytes()).is_err(), "{twice}");
    }
}

pub fn create(body: &[u8]) {
    let rules = Rules::default();
    let draft = match Draft::parse(body, &rules) {
        Ok(draft) => draft,
        Err(BodyError::Malformed(detail)) => return is_malformed(body, &detail),
        Err(BodyError::Invalid(violations)) => return are_violations(&violations),
    };
    let sent: Value = serde_json::from_slice(body).unwrap();
    let text = |name: &str| sent[name].as_str().map(str::to_owned);
    assert_eq!(text("amount"), Some(draft.amount.to_string()));
    assert_eq!(
        text("stellar_account").as_ref(),
        Some(&draft.stellar_account)
    );
    assert_eq!(text("asset_code").as_ref(), Some(&draft.asset_code));
    assert_eq!(text("callback_type"), draft.callback_type);
    assert_eq!(text("callback_status"), draft.callback_status);
    assert_eq!(text("anchor_transaction_id"), draft.anchor_transaction_id);
    assert_eq!(text("memo"), draft.memo.clone().map(|memo| memo.value));
    assert_eq!(
        Some(sent["metadata"].to_string()).filter(|_| !sent["metadata"].is_null()),
        draft
            .metadata
            .as_ref()
            .map(|metadata| metadata.text().to_owned())
    );
    let restricted = Rules {
        asset_codes: vec!["XYZ".into()],
        ..Rules::default()
    };
    assert_eq!(
        Draft::parse(body, &restricted).is_ok(),
        draft.asset_code == "XYZ"
    );
    let has_handle = draft.anchor_transaction_id.is_some();
    let created = Create::new(draft, None, caller(), body.len());
    assert_eq!(created.is_ok(), has_handle);
}

fn print(body: &Value) -> Option<[u8; 32]> {
    print_of(&body.to_string())
}

fn print_of(body: &str) -> Option<[u8; 32]> {
    let draft = Draft::parse(body.as_bytes(), &Rules::default()).ok()?;
    let print = fingerprint::fingerprint("POST", "/transactions", &[draft]);
    Some(print)
}

/// The same request in other words has the same fingerprint; another one has another.
pub fn fingerprint(body: &[u8]) {
    if Draft::parse(body, &Rules::default()).is_err() {
        return;
    }
    let sent: Value = serde_json::from_slice(body).unwrap();
    let print_sent = print_of(std::str::from_utf8(body).unwrap());
    assert!(print_sent.is_some());
    for same in [
        sent.to_string(),
        serde_json::to_string_pretty(&sent).unwrap(),
        backwards(&sent).to_string(),
        with_explicit_nulls(&sent).to_string(),
        with_another_zero(&sent).to_string(),
        escaped(&sent.to_string()),
    ] {
        assert_eq!(print_of(&same), print_sent, "{same}");
    }
    let others = others(&sent);
    let prints: HashSet<_> = others.iter().filter_map(print).chain(print_sent).collect();
    let accepted = others.iter().filter_map(print).count();
    assert_eq!(
        prints.len(),
        accepted + 1,
        "two requests have one fingerprint"
    );
}

fn backwards(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            let members = members.iter().rev();
            let members = members.map(|(key, member)| (key.clone(), backwards(member)));
            Value::Object(members.collect())
        }
        Value::Array(items) => items.iter().map(backwards).collect(),
        other => other.clone(),
    }
}

const FIELDS: [&str; 9] = [
    "stellar_account",
    "amount",
    "asset_code",
    "callback_type",
    "callback_status",
    "anchor_transaction_id",
    "memo",
    "memo_type",
    "metadata",
];

fn with_explicit_nulls(value: &Value) -> Value {
    let mut value = value.clone();
    for field in FIELDS {
        if value.get(field).is_none() {
            value[field] = Value::Null;
        }
    }
    value
}

/// 1 is 1.0, and 1.0 is 1.00. Where there is no more room for a zero, as it is.
fn with_another_zero(value: &Value) -> Value {
    let amount = value["amount"].as_str().unwrap();
    let longer = match amount.split_once('.') {
        None => format!("{amount}.0"),
        Some((_, decimals)) if decimals.len() < 7 => format!("{amount}0"),
        Some(_) => amount.to_owned(),
    };
    let mut value = value.clone();
    value["amount"] = longer.into();
    value
}

/// Every letter as `\u0061`. It is compact JSON: outside of strings, letters are only those of literals and exponents.
fn escaped(compact: &str) -> String {
    let (mut in_string, mut after_backslash) = (false, false);
    let mut units = [0; 2];
    let escape = |c: char| {
        if c == '"' && !after_backslash {
            in_string = !in_string;
        }
        let as_it_is = !in_string || c == '"' || c == '\\' || after_backslash || c.is_ascii_digit();
        // What follows \u are four digits, of which letters must stay as they are.
        after_backslash = in_string && c == '\\' && !after_backslash;
        if as_it_is || c.is_ascii_hexdigit() {
            return c.to_string();
        }
        let units = c.encode_utf16(&mut units).iter();
        units.map(|unit| format!("\\u{unit:04x}")).collect()
    };
    compact.chars().map(escape).collect()
}

/// Each differs from it, and from each other, in one thing that counts.
fn others(sent: &Value) -> Vec<Value> {
    let without = |names: &[&str]| {
        let mut value = sent.clone();
        let members: &mut Map<_, _> = value.as_object_mut().unwrap();
        names.iter().for_each(|name| drop(members.remove(*name)));
        value
    };
    let groups: [&[&str]; 5] = [
        &["callback_type"],
        &["callback_status"],
        &["anchor_transaction_id"],
        &["memo", "memo_type"],
        &["metadata"],
    ];
    let is_there = |group: &&&[&str]| !sent[group[0]].is_null();
    let mut others: Vec<Value> = groups.iter().filter(is_there).map(|g| without(g)).collect();
    let mut amount = sent.clone();
    amount["amount"] = if sent["amount"].as_str().unwrap().starts_with("31") {
        "32"
    } else {
        "31"
    }
    .into();
    let mut asset = sent.clone();
    asset["asset_code"] = if sent["asset_code"] == "OTHER" {
        "ANOTHER"
    } else {
        "OTHER"
    }
    .into();
    others.extend([amount, asset]);
    if let Some(metadata) = sent["metadata"].as_object() {
        let mut more = sent.clone();
        let unused = "m".repeat(metadata.keys().map(String::len).max().unwrap_or(0) + 1);
        more["metadata"][unused] = Value::Null;
        others.push(more);
    }
    others
}

pub fn batch(body: &[u8]) {
    let rules = Rules::default();
    let drafts = match Drafts::parse(body, &rules) {
        Ok(drafts) => drafts,
        Err(BatchError::Body(BodyError::Malformed(detail))) => return is_malformed(body, &detail),
        Err(
            BatchError::Body(BodyError::Invalid(violations)) | BatchError::Duplicates(violations),
        ) => {
            return are_violations(&violations);
        }
    };
    let sent: Value = serde_json::from_slice(body).unwrap();
    let items = sent["transactions"].as_array().unwrap();
    let key = IdempotencyKey::parse("key").unwrap();
    let batch = Batch::new(drafts, key, &caller(), body.len());
    assert!((1..=1000).contains(&items.len()));
    assert_eq!(batch.creates().len(), items.len());
    let mut anchors = HashSet::new();
    for ((place, create), item) in (0..).zip(batch.creates()).zip(items) {
        assert_eq!(create.item, place);
        let alone = Draft::parse(item.to_string().as_bytes(), &rules).ok();
        assert_eq!(alone.as_ref(), Some(&create.draft));
        let anchor = create.draft.anchor_transaction_id.as_ref();
        assert!(anchor.is_none_or(|anchor| anchors.insert(anchor)));
    }
    let ids: HashSet<_> = batch.creates().iter().map(|create| create.id).collect();
    assert_eq!(ids.len(), items.len());
}

pub fn change(body: &[u8]) {
    let change = match StatusChange::parse(body) {
        Ok(change) => change,
        Err(BodyError::Malformed(detail)) => return is_malformed(body, &detail),
        Err(BodyError::Invalid(violations)) => return are_violations(&violations),
    };
    let reason = change.status_reason.as_deref().unwrap_or_default();
    assert!(reason.len() <= 500 && !reason.chars().any(char::is_control));
    let written = serde_json::json!({
        "status": change.status.as_str(), "status_reason": change.status_reason
    });
    let again = StatusChange::parse(written.to_string().as_bytes());
    assert_eq!(again, Ok(change));
}

fn caller() -> Caller {
    Caller {
        owner: "default".into(),
        author: Author::Client("fuzz".into()),
        request_id: "request".into(),
    }
}
