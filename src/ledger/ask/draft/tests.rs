use proptest::prelude::*;
use serde_json::json;

use super::*;

const ACCOUNT: &str = "GA7QYNF7SOWQ3GLR2BGMZEHXAVIRZA4KVWLTJJFC7MGXUA74P7UJVSGZ";

const TEXT_FIELDS: [&str; 8] = [
    "stellar_account",
    "amount",
    "asset_code",
    "callback_type",
    "callback_status",
    "anchor_transaction_id",
    "memo",
    "memo_type",
];

fn minimal() -> Value {
    json!({"stellar_account": ACCOUNT, "amount": "100.50", "asset_code": "USDC"})
}

fn with(field: &str, value: Value) -> Value {
    let mut body = minimal();
    body[field] = value;
    body
}

fn parse(body: &Value) -> Result<Draft, BodyError> {
    Draft::parse(body.to_string().as_bytes(), &Rules::default())
}

fn violations(body: &Value) -> Vec<(String, &'static str)> {
    match parse(body) {
        Err(BodyError::Invalid(violations)) => pairs(violations),
        other => panic!("{body} gave {other:?}"),
    }
}

fn pairs(violations: Vec<Violation>) -> Vec<(String, &'static str)> {
    violations
        .into_iter()
        .map(|v| (v.pointer, v.code))
        .collect()
}

fn one(field: &str, value: Value) -> &'static str {
    match violations(&with(field, value)).as_slice() {
        [(pointer, code)] if *pointer == format!("/{field}") => code,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_full_body_becomes_a_draft() {
    let body = json!({
        "stellar_account": ACCOUNT, "amount": "100.50", "asset_code": "native", "callback_type": "deposit",
        "callback_status": "pending_external", "anchor_transaction_id": "anchor tx/ü", "memo": "7",
        "memo_type": "id", "metadata": {"order": "A-17"}
    });
    let draft = parse(&body).expect("valid");
    assert_eq!(draft.amount.to_string(), "100.50");
    assert_eq!(draft.asset_code, "native");
    assert_eq!(draft.callback_type.as_deref(), Some("deposit"));
    assert_eq!(draft.callback_status.as_deref(), Some("pending_external"));
    assert_eq!(draft.anchor_transaction_id.as_deref(), Some("anchor tx/ü"));
    assert_eq!(draft.memo.map(|memo| memo.value).as_deref(), Some("7"));
    let metadata = draft.metadata.as_ref().map(Metadata::text);
    assert_eq!(metadata, Some(r#"{"order":"A-17"}"#));
}

#[test]
fn an_explicit_null_is_absent() {
    let mut body = minimal();
    for field in TEXT_FIELDS.into_iter().skip(3).chain(["metadata"]) {
        body[field] = Value::Null;
    }
    assert_eq!(parse(&body), parse(&minimal()));
    assert_eq!(one("amount", Value::Null), "required");
}

#[test]
fn required_fields_are_required() {
    let missing = violations(&json!({}));
    let expected = ["/stellar_account", "/amount", "/asset_code"];
    assert_eq!(
        missing,
        expected.map(|pointer| (pointer.to_owned(), "required"))
    );
}

#[test]
fn every_field_tells_a_wrong_type() {
    for field in TEXT_FIELDS {
        for value in [json!(1), json!(1.5), json!(true), json!([]), json!({})] {
            assert_eq!(one(field, value), "type");
        }
    }
    assert_eq!(one("metadata", json!("{}")), "type");
}

#[test]
fn a_nul_in_any_string_has_its_own_code() {
    for field in TEXT_FIELDS {
        assert_eq!(one(field, json!("a\0")), "nul_character");
    }
    let in_metadata = violations(&with("metadata", json!({"a": ["\0"]})));
    assert_eq!(in_metadata, [("/metadata/a/0".to_owned(), "nul_character")]);
}

#[test]
fn every_rule_of_a_field_has_its_code() {
    let long = "x".repeat(256);
    let cases = [
        ("stellar_account", "G123", "strkey_format"),
        (
            "stellar_account",
            "GA7QYNF7SOWQ3GLR2BGMZEHXAVIRZA4KVWLTJJFC7MGXUA74P7UJVSGA",
            "strkey_checksum",
        ),
        ("amount", "1e5", "amount_format"),
        ("amount", "0", "amount_not_positive"),
        ("amount", "922337203685.4775808", "amount_too_large"),
        ("amount", "1.12345678", "amount_precision"),
        ("asset_code", "usdc", "asset_code_format"),
        ("asset_code", "", "asset_code_format"),
        ("asset_code", "ABCDEFGHIJKLM", "asset_code_format"),
        ("callback_type", "Deposit", "enum"),
        ("callback_type", "", "enum"),
        ("callback_status", "", "format"),
        ("callback_status", "_a", "format"),
        ("callback_status", "a-b", "format"),
        ("callback_status", "a1", "format"),
        ("callback_status", &long[..41], "format"),
        ("anchor_transaction_id", "", "length"),
        ("anchor_transaction_id", &long, "length"),
        ("anchor_transaction_id", "a\nb", "control_character"),
        ("anchor_transaction_id", "a\u{7f}", "control_character"),
        ("anchor_transaction_id", "\u{85}a", "control_character"),
        ("anchor_transaction_id", " a", "format"),
        ("anchor_transaction_id", "a\u{a0}", "format"),
    ];
    for (field, value, code) in cases {
        assert_eq!(one(field, json!(value)), code, "{field} {value:?}");
    }
    assert!(parse(&with("anchor_transaction_id", json!(&long[..255]))).is_ok());
    assert!(parse(&with("callback_status", json!(&long[..40]))).is_ok());
}

#[test]
fn a_memo_points_to_the_field_to_change() {
    let long = "x".repeat(29);
    let cases = [
        (json!("x"), Value::Null, "/memo_type", "memo_pair"),
        (Value::Null, json!("id"), "/memo", "memo_pair"),
        (json!("x"), json!("y"), "/memo_type", "enum"),
        (json!("x"), json!("id"), "/memo", "memo_id_range"),
        (json!("x"), json!("hash"), "/memo", "memo_hash_format"),
        (json!(long), json!("text"), "/memo", "memo_text_too_long"),
        (json!(7), Value::Null, "/memo", "type"),
    ];
    for (memo, memo_type, pointer, code) in cases {
        let mut body = with("memo", memo);
        body["memo_type"] = memo_type;
        assert_eq!(violations(&body), [(pointer.to_owned(), code)]);
    }
}

#[test]
fn a_memo_type_that_there_is_none_of_is_told_whatever_the_memo_is() {
    let unknown = ("/memo_type".to_owned(), "enum");
    let table = [
        (Value::Null, Some(("/memo".to_owned(), "memo_pair"))),
        (json!(5), Some(("/memo".to_owned(), "type"))),
        (json!("x"), None),
    ];
    for (memo, other) in table {
        let mut body = with("memo", memo);
        body["memo_type"] = json!("foo");
        let mut told = violations(&body);
        told.sort();
        let mut expected: Vec<_> = other.into_iter().chain([unknown.clone()]).collect();
        expected.sort();
        assert_eq!(told, expected);
    }
}

#[test]
fn all_violations_come_back_at_once() {
    let body = json!({
        "amount": 1, "asset_code": "usdc", "callback_type": "x", "callback_status": "X",
        "anchor_transaction_id": format!("\n{}", "x".repeat(255)), "memo": "x", "metadata": [], "st/at~us": "pending"
    });
    let expected = [
        ("/stellar_account", "required"),
        ("/amount", "type"),
        ("/asset_code", "asset_code_format"),
        ("/callback_type", "enum"),
        ("/callback_status", "format"),
        ("/anchor_transaction_id", "length"),
        ("/anchor_transaction_id", "control_character"),
        ("/memo_type", "memo_pair"),
        ("/metadata", "type"),
        ("/st~1at~0us", "unknown_field"),
    ];
    assert_eq!(
        violations(&body),
        expected.map(|(pointer, code)| (pointer.to_owned(), code))
    );
}

#[test]
fn at_most_twenty_violations_are_reported() {
    let mut body = minimal();
    for index in 0..50 {
        body[format!("x{index}")] = json!(1);
    }
    assert_eq!(violations(&body).len(), MAX_VIOLATIONS);
}

#[test]
fn an_item_that_finds_the_report_full_is_still_refused() {
    let mut report = Vec::new();
    for index in 0..30 {
        let at = format!("/transactions/{index}");
        assert_eq!(
            Draft::from_value(&json!({}), &at, &Rules::default(), &mut report),
            None
        );
    }
    assert_eq!(report.len(), MAX_VIOLATIONS);
    assert_eq!(report[3].pointer, "/transactions/1/stellar_account");
    assert!(Draft::from_value(&minimal(), "", &Rules::default(), &mut report).is_some());
}

#[test]
fn a_body_that_is_no_object_has_the_wrong_type() {
    for body in [json!([]), json!(null), json!("x"), json!(1)] {
        assert_eq!(violations(&body), [(String::new(), "type")]);
    }
    let mut report = Vec::new();
    Draft::from_value(&json!(1), "/transactions/3", &Rules::default(), &mut report);
    assert_eq!(pairs(report), [("/transactions/3".to_owned(), "type")]);
}

#[test]
fn a_body_that_is_no_json_is_malformed() {
    let twice =
        format!(r#"{{"stellar_account":"{ACCOUNT}","amount":"1","amount":"2","asset_code":"A"}}"#);
    for body in [&b""[..], b"{", b"{} {}", b"\xff", twice.as_bytes()] {
        let result = Draft::parse(body, &Rules::default());
        assert!(matches!(result, Err(BodyError::Malformed(_))), "{result:?}");
    }
}

#[test]
fn the_operator_restricts_assets_and_relaxes_keys() {
    let rules = Rules {
        strkey_check: StrkeyCheck::Shape,
        asset_codes: vec!["USDC".to_owned(), "native".to_owned()],
    };
    let codes = |body: Value| match Draft::parse(body.to_string().as_bytes(), &rules) {
        Ok(_) => vec![],
        Err(BodyError::Invalid(violations)) => violations.iter().map(|v| v.code).collect(),
        Err(other) => panic!("{other:?}"),
    };
    assert!(codes(with("stellar_account", json!("G".repeat(56)))).is_empty());
    assert!(codes(with("asset_code", json!("native"))).is_empty());
    assert_eq!(
        codes(with("asset_code", json!("EURC"))),
        ["asset_code_not_allowed"]
    );
    assert_eq!(
        codes(with("asset_code", json!("eurc"))),
        ["asset_code_format"]
    );
}

fn scalar() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        Just(json!({})),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        "1|0|-1|text|id|native|deposit|G[A-Z2-7]{55}".prop_map(Value::from),
    ]
}

proptest! {
    #[test]
    fn any_object_gives_a_draft_or_violations_within_the_limit(
        body in prop::collection::hash_map(
            "stellar_account|amount|asset_code|callback_type|callback_status|anchor_transaction_id|memo|memo_type|metadata|[a-z/~]{1,3}",
            scalar(),
            0..40,
        )
    ) {
        let body = Value::Object(body.into_iter().collect());
        if let Err(BodyError::Invalid(found)) = parse(&body) {
            prop_assert!((1..=MAX_VIOLATIONS).contains(&found.len()));
            for violation in found.iter().filter(|v| v.code != "required" && v.code != "memo_pair") {
                prop_assert!(body.pointer(&violation.pointer).is_some(), "{:?}", violation);
            }
        }
    }

    #[test]
    fn an_accepted_anchor_id_is_kept_byte_for_byte(id in ".{0,40}") {
        if let Ok(draft) = parse(&with("anchor_transaction_id", json!(id))) {
            prop_assert_eq!(draft.anchor_transaction_id, Some(id));
        }
    }
}
