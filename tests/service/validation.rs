//! Every rule of every field.

use crate::support::bodies::{ACCOUNT, CONTRACT, GENERAL, MUXED, strkey};
use crate::support::{full, key, minimal, shared, with};
use serde_json::{Map, Value, json};

#[track_caller]
fn refused(body: &Value) -> Vec<(String, String)> {
    shared()
        .app
        .create(body)
        .problem(400, "validation_failed")
        .violations()
}

/// The one field that is wrong, and the one rule that it breaks.
#[track_caller]
fn one(field: &str, value: Value) -> String {
    let violations = refused(&with(minimal(), field, value.clone()));
    assert_eq!(violations.len(), 1, "{field}={value}: {violations:?}");
    assert_eq!(violations[0].0, format!("/{field}"), "{value}");
    violations[0].1.clone()
}

#[track_caller]
fn all(field: &str, code: &str, values: &[&str]) {
    for value in values {
        assert_eq!(one(field, json!(value)), code, "{field}={value:?}");
    }
}

#[track_caller]
fn accepted(field: &str, values: &[&str]) {
    let it = shared();
    for value in values {
        let answer = it.app.create(&with(minimal(), field, *value)).expect(201);
        assert_eq!(answer.json()[field], *value);
    }
}

#[test]
fn required_fields_are_required_and_null_is_absent() {
    let fields = ["stellar_account", "amount", "asset_code"];
    let required = fields.map(|field| (format!("/{field}"), "required".to_owned()));
    assert_eq!(refused(&json!({})), required);
    assert_eq!(
        refused(&json!({"stellar_account": null, "amount": null, "asset_code": null})),
        required
    );
}

#[test]
fn a_body_that_is_no_object_has_the_wrong_type() {
    for body in [
        json!([]),
        json!("x"),
        json!(1),
        json!(null),
        json!([minimal()]),
    ] {
        assert_eq!(refused(&body), [(String::new(), "type".to_owned())]);
    }
}

#[test]
fn every_string_field_refuses_other_types() {
    let fields = [
        "stellar_account",
        "amount",
        "asset_code",
        "callback_type",
        "callback_status",
        "anchor_transaction_id",
        "memo",
        "memo_type",
    ];
    for field in fields {
        for value in [
            json!(1),
            json!(100.5),
            json!(true),
            json!(["x"]),
            json!({"x": "y"}),
        ] {
            assert_eq!(one(field, value), "type");
        }
        assert_eq!(one(field, json!("a\0b")), "nul_character", "{field}");
    }
}

#[test]
fn an_address_is_checked_by_form_and_checksum() {
    let random: [u8; 40] = std::array::from_fn(|i| (i * 7) as u8);
    accepted(
        "stellar_account",
        &[
            ACCOUNT,
            &strkey(GENERAL, &random[..32]),
            &strkey(CONTRACT, &random[..32]),
            &strkey(MUXED, &random),
        ],
    );
    let lower = ACCOUNT.to_lowercase();
    let (blank, short) = (format!("{ACCOUNT} "), &ACCOUNT[..55]);
    let (secret, hash) = (strkey(144, &random[..32]), strkey(184, &random[..32]));
    let odd = [
        "",
        "G",
        &lower,
        &blank,
        short,
        &secret,
        &hash,
        "GA7QYNF7SOWQ3GLR2BGMZEHXAVIRZA4KVWLTJJFC7MGXUA74P7UJVSG1",
    ];
    all("stellar_account", "strkey_format", &odd);
    all(
        "stellar_account",
        "strkey_checksum",
        &["GA7QYNF7SOWQ3GLR2BGMZEHXAVIRZA4KVWLTJJFC7MGXUA74P7UJVSGA"],
    );
}

#[test]
fn an_amount_is_an_exact_decimal_in_a_string() {
    accepted(
        "amount",
        &[
            "1",
            "0.0000001",
            "100.50",
            "100.5000000",
            "922337203685.4775807",
        ],
    );
    let odd = [
        "", " 1", "1 ", "+1", "--1", "01", "00.1", ".5", "1.", "1e5", "1E5", "0x1", "1_000", "1,5",
        "NaN", "Infinity", "١",
    ];
    all("amount", "amount_format", &odd);
    all(
        "amount",
        "amount_not_positive",
        &["0", "0.0", "0.0000000", "-1", "-0.5"],
    );
    all(
        "amount",
        "amount_too_large",
        &[
            "922337203685.4775808",
            "922337203686",
            "999999999999.9999999",
        ],
    );
    all("amount", "amount_precision", &["1.12345678", "0.00000001"]);
}

#[test]
fn an_asset_code_is_upper_case_or_native() {
    accepted("asset_code", &["X", "USDC", "123456789012", "native"]);
    all(
        "asset_code",
        "asset_code_format",
        &[
            "",
            "usdc",
            "Native",
            "US-C",
            "ABCDEFGHIJKLM",
            " USDC",
            "ÜSD",
        ],
    );
}

#[test]
fn a_callback_type_is_one_of_four() {
    accepted(
        "callback_type",
        &[
            "deposit",
            "withdrawal",
            "deposit-exchange",
            "withdrawal-exchange",
        ],
    );
    all(
        "callback_type",
        "enum",
        &["", "Deposit", "deposit_exchange", "payment"],
    );
}

#[test]
fn a_callback_status_is_a_lower_case_word() {
    accepted(
        "callback_status",
        &["a", "pending_external", &"x".repeat(40)],
    );
    all(
        "callback_status",
        "format",
        &["", "_a", "A", "a-b", "a1", " a", &"x".repeat(41)],
    );
}

#[test]
fn an_anchor_id_is_kept_as_it_is_or_refused() {
    accepted(
        "anchor_transaction_id",
        &[
            &format!("ü {}", key()),
            &format!("{}{}", "x".repeat(255 - 36), key()),
        ],
    );
    all(
        "anchor_transaction_id",
        "length",
        &["", &"x".repeat(256), &"ü".repeat(128)],
    );
    all(
        "anchor_transaction_id",
        "control_character",
        &["a\nb", "a\tb", "a\u{7f}b", "a\u{85}b", "\r"],
    );
    all("anchor_transaction_id", "format", &[" a", "a ", "\u{a0}a"]);
}

fn memo(kind: Value, memo: Value) -> Value {
    with(with(minimal(), "memo_type", kind), "memo", memo)
}

#[test]
fn a_memo_and_its_type_come_together() {
    let pair = |body| refused(&body);
    assert_eq!(
        pair(with(minimal(), "memo", "x")),
        [("/memo_type".to_owned(), "memo_pair".to_owned())]
    );
    assert_eq!(
        pair(with(minimal(), "memo_type", "text")),
        [("/memo".to_owned(), "memo_pair".to_owned())]
    );
    assert_eq!(
        pair(memo(json!("note"), json!("x"))),
        [("/memo_type".to_owned(), "enum".to_owned())]
    );
}

#[test]
fn a_memo_fits_its_type() {
    let it = shared();
    let hex = "0123456789abcdefABCDEF".repeat(3)[..64].to_owned();
    let good = [
        ("text", ""),
        ("text", "ünïcödé ✓ 28 bytes !!!"),
        ("text", "1234567890123456789012345678"),
        ("id", "0"),
        ("id", "18446744073709551615"),
        ("hash", hex.as_str()),
        ("hash", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="),
    ];
    for (kind, text) in good {
        let answer = it.app.create(&memo(json!(kind), json!(text))).expect(201);
        assert_eq!(
            (&answer.json()["memo"], &answer.json()["memo_type"]),
            (&json!(text), &json!(kind))
        );
    }
    let bad = [
        (
            "text",
            "12345678901234567890123456789",
            "memo_text_too_long",
        ),
        ("text", "ééééééééééééééé", "memo_text_too_long"),
        ("id", "18446744073709551616", "memo_id_range"),
        ("id", "007", "memo_id_range"),
        ("id", "-1", "memo_id_range"),
        ("id", "+1", "memo_id_range"),
        ("id", "", "memo_id_range"),
        ("hash", &hex[1..], "memo_hash_format"),
        ("hash", "", "memo_hash_format"),
        (
            "hash",
            "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8",
            "memo_hash_format",
        ),
    ];
    for (kind, text, code) in bad {
        assert_eq!(
            refused(&memo(json!(kind), json!(text))),
            [("/memo".to_owned(), code.to_owned())],
            "{kind} {text:?}"
        );
    }
}

fn nested(levels: usize) -> Value {
    (0..levels).fold(json!(1), |inner, _| json!({"a": inner}))
}

fn of_keys(count: usize) -> Value {
    Value::Object(
        (0..count)
            .map(|i| (format!("k{i}"), json!(i)))
            .collect::<Map<_, _>>(),
    )
}

fn of_bytes(bytes: usize) -> Value {
    json!({"a": "x".repeat(bytes - r#"{"a":""}"#.len())})
}

#[test]
fn metadata_comes_back_as_it_was_sent() {
    let it = shared();
    let odd = json!({"": "", "é": [1, -2.5, null, true, {"😀": 1e-7}], "big": 9_007_199_254_740_993_u64, "a/b~c": "\u{1}"});
    let numbers = json!({"n": [1e16, -1e20, 1e308, 5e-324, 0.1, u64::MAX, i64::MIN]});
    for metadata in [
        json!({}),
        odd,
        numbers,
        nested(8),
        of_keys(64),
        of_bytes(16 * 1024),
    ] {
        let answer = it
            .app
            .create(&with(minimal(), "metadata", metadata.clone()))
            .expect(201);
        assert!(
            means_the_same(&answer.json()["metadata"], &metadata),
            "{answer:?}"
        );
    }
}

/// A double without a fraction may come back as an integer: 1e16 is 10000000000000000.
fn means_the_same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Array(one), Value::Array(other)) => {
            let mut pairs = one.iter().zip(other);
            one.len() == other.len() && pairs.all(|(one, other)| means_the_same(one, other))
        }
        (Value::Object(one), Value::Object(others)) => {
            let is_there = |(key, one): (&String, &Value)| {
                others
                    .get(key)
                    .is_some_and(|other| means_the_same(one, other))
            };
            one.len() == others.len() && one.iter().all(is_there)
        }
        (Value::Number(a), Value::Number(b)) if a.is_f64() || b.is_f64() => {
            a.as_f64() == b.as_f64()
        }
        _ => one == other,
    }
}

#[test]
fn metadata_has_limits() {
    for value in [json!([]), json!("{}"), json!(1), json!(true)] {
        assert_eq!(one("metadata", value), "type");
    }
    assert_eq!(one("metadata", of_bytes(16 * 1024 + 1)), "too_large");
    assert_eq!(one("metadata", of_keys(65)), "too_large");
    assert_eq!(one("metadata", nested(9)), "too_deep");
    let nul = refused(&with(
        minimal(),
        "metadata",
        json!({"a/b": [1, {"c": "x\0"}], "d": "\0"}),
    ));
    let places = ["/metadata/a~1b/1/c", "/metadata/d"];
    assert_eq!(
        nul,
        places.map(|at| (at.to_owned(), "nul_character".to_owned()))
    );
}

#[test]
fn an_unknown_field_is_named_by_its_pointer() {
    let body = with(with(minimal(), "ammount", "1"), "a/b~", json!(null));
    let unknown = |pointer: &str| (pointer.to_owned(), "unknown_field".to_owned());
    let answer = shared().app.create(&body).expect(400);
    assert_eq!(
        answer.violations(),
        [unknown("/ammount"), unknown("/a~1b~0")]
    );
    for field in ["id", "status", "version", "created_at"] {
        let answer = shared()
            .app
            .create(&with(minimal(), field, "x"))
            .expect(400);
        assert_eq!(answer.violations(), [unknown(&format!("/{field}"))]);
    }
}

#[test]
fn all_violations_come_back_at_once() {
    let body = json!({
        "stellar_account": "G", "amount": "0", "asset_code": "usdc", "callback_type": "x", "callback_status": "X",
        "anchor_transaction_id": "", "memo": "x", "metadata": [], "extra": 1
    });
    let mut found = refused(&body);
    found.sort();
    let expected = [
        ("/amount", "amount_not_positive"),
        ("/anchor_transaction_id", "length"),
        ("/asset_code", "asset_code_format"),
        ("/callback_status", "format"),
        ("/callback_type", "enum"),
        ("/extra", "unknown_field"),
        ("/memo_type", "memo_pair"),
        ("/metadata", "type"),
        ("/stellar_account", "strkey_format"),
    ];
    assert_eq!(
        found,
        expected.map(|(pointer, code)| (pointer.to_owned(), code.to_owned()))
    );
}

#[test]
fn at_most_twenty_violations_come_back() {
    let mut body = full();
    (0..30).for_each(|i| body[format!("x{i}")] = json!(1));
    assert_eq!(
        shared().app.create(&body).expect(400).violations().len(),
        20
    );
}

#[test]
fn the_shape_of_an_address_may_be_all_that_is_checked() {
    let it = shared();
    let app = it
        .cluster
        .launch()
        .text("api.strkey_check", "shape")
        .healthy();
    let wrong_checksum = with(
        minimal(),
        "stellar_account",
        "GA7QYNF7SOWQ3GLR2BGMZEHXAVIRZA4KVWLTJJFC7MGXUA74P7UJVSGA",
    );
    app.create(&wrong_checksum).expect(201);
    let answer = app
        .create(&with(minimal(), "stellar_account", "G"))
        .problem(400, "validation_failed");
    assert_eq!(answer.violations()[0].1, "strkey_format");
}

#[test]
fn asset_codes_may_be_restricted() {
    let it = shared();
    let app = it
        .cluster
        .launch()
        .set("api.asset_codes", r#"["USDC", "native"]"#)
        .healthy();
    app.create(&minimal()).expect(201);
    let answer = app
        .create(&with(minimal(), "asset_code", "EURC"))
        .problem(400, "validation_failed");
    assert_eq!(
        answer.violations(),
        [(
            "/asset_code".to_owned(),
            "asset_code_not_allowed".to_owned()
        )]
    );
    let answer = app
        .create(&with(minimal(), "asset_code", "eurc"))
        .problem(400, "validation_failed");
    assert_eq!(
        answer.violations(),
        [("/asset_code".to_owned(), "asset_code_format".to_owned())]
    );
}
