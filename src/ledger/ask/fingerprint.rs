//! The fingerprint of a request, which tells a retry from another request under the same key.

use serde::Serialize;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::draft::Draft;
use crate::ledger::model::metadata::Metadata;

/// SHA-256 of a canonical JSON text. It is stored for ever, so every later version must compute the same for the same request: a field that
/// is added must be left out of the text where it is absent.
pub fn fingerprint(method: &str, path: &str, drafts: &[Draft]) -> [u8; 32] {
    let drafts: Vec<Canonical> = drafts.iter().map(Canonical::of).collect();
    let mut hash = Sha256::new();
    // This cannot fail: a hash takes every byte, and all keys of these values are texts.
    let written = serde_json::to_writer(&mut hash, &(method, path, drafts));
    debug_assert!(written.is_ok());
    hash.finalize().into()
}

/// The fields in the order of their names, without those that are absent.
#[derive(Serialize)]
struct Canonical<'d> {
    amount: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    anchor_transaction_id: Option<&'d str>,
    asset_code: &'d str,
    #[serde(skip_serializing_if = "Option::is_none")]
    callback_status: Option<&'d str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    callback_type: Option<&'d str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    memo: Option<&'d str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    memo_type: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<Value>,
    stellar_account: &'d str,
}

impl<'d> Canonical<'d> {
    fn of(draft: &'d Draft) -> Canonical<'d> {
        Canonical {
            amount: draft.amount.canonical(),
            anchor_transaction_id: draft.anchor_transaction_id.as_deref(),
            asset_code: &draft.asset_code,
            callback_status: draft.callback_status.as_deref(),
            callback_type: draft.callback_type.as_deref(),
            memo: draft.memo.as_ref().map(|memo| memo.value.as_str()),
            memo_type: draft.memo.as_ref().map(|memo| memo.kind.as_str()),
            metadata: draft.metadata.as_ref().map(Metadata::canonical),
            stellar_account: &draft.stellar_account,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::draft::Rules;
    use super::*;

    const ACCOUNT: &str = "GA7QYNF7SOWQ3GLR2BGMZEHXAVIRZA4KVWLTJJFC7MGXUA74P7UJVSGZ";

    fn draft(rest: &str) -> Draft {
        let body = format!(r#"{{"stellar_account":"{ACCOUNT}",{rest}}}"#);
        Draft::parse(body.as_bytes(), &Rules::default()).expect(rest)
    }

    fn of(rest: &str) -> [u8; 32] {
        fingerprint("POST", "/transactions", &[draft(rest)])
    }

    const FULL: &str = r#""amount":"100.50","asset_code":"USDC","memo":"x","memo_type":"text","metadata":{"b":{"y":1,"x":[2,1]},"a":null}"#;

    /// Also computed with `sha256sum`. It must never change: a retry after an upgrade would be refused as another request.
    #[test]
    fn the_fingerprint_is_the_sha_256_of_a_known_text() {
        let text = concat!(
            r#"["POST","/transactions",[{"amount":"100.5","asset_code":"USDC","memo":"x","memo_type":"text","#,
            r#""metadata":{"a":null,"b":{"x":[2,1],"y":1}},"#,
            r#""stellar_account":"GA7QYNF7SOWQ3GLR2BGMZEHXAVIRZA4KVWLTJJFC7MGXUA74P7UJVSGZ"}]]"#
        );
        assert_eq!(of(FULL), <[u8; 32]>::from(Sha256::digest(text)));
        let hex = data_encoding::HEXLOWER.encode(&of(FULL));
        assert_eq!(
            hex,
            "34b3f7a468c142d59f04b84edbf0070c4004567ce8d81f4b8e7e64a70b799f7a"
        );
    }

    #[test]
    fn what_makes_no_difference_makes_none() {
        for same in [
            r#""amount":"100.5","asset_code":"USDC","memo":"x","memo_type":"text","metadata":{"b":{"y":1,"x":[2,1]},"a":null}"#,
            r#""metadata":{"a":null,"b":{"x":[2,1],"y":1}},"memo_type":"text","memo":"x","asset_code":"USDC","amount":"100.5000000""#,
            r#" "amount" : "100.50", "asset_code":"\u0055SDC","memo":"x","memo_type":"text","metadata":{"b":{"y":1,"x":[2,1]},"a":null},
               "callback_type":null,"callback_status":null,"anchor_transaction_id":null"#,
        ] {
            assert_eq!(of(same), of(FULL), "{same}");
        }
    }

    /// RFC 8785, section 3.2.2.3: a number is compared as the double that it stands for.
    #[test]
    fn numbers_are_compared_by_value_not_by_spelling() {
        let with = |number: &str| {
            of(&format!(
                r#""amount":"1","asset_code":"A","metadata":{{"n":[{number}]}}"#
            ))
        };
        for (a, b) in [
            ("1", "1.0"),
            ("1", "1e0"),
            ("100", "1E2"),
            ("0", "-0.0"),
            ("0.5", "5e-1"),
            ("-3", "-3.000"),
        ] {
            assert_eq!(with(a), with(b), "{a} and {b}");
        }
        for (a, b) in [
            ("1", "1.5"),
            ("1", "-1"),
            ("9007199254740993", "9007199254740992"),
        ] {
            assert_ne!(with(a), with(b), "{a} and {b}");
        }
    }

    #[test]
    fn what_makes_a_difference_makes_one() {
        let base = r#""amount":"1","asset_code":"A""#;
        let mut prints = vec![
            fingerprint("PUT", "/transactions", &[draft(base)]),
            fingerprint("POST", "/transactions/batch", &[draft(base)]),
            fingerprint("POST", "/transactions", &[draft(base), draft(base)]),
            fingerprint("POST", "/transactions", &[]),
        ];
        let variants = [
            "",
            r#","callback_type":"deposit""#,
            r#","callback_status":"deposit""#,
            r#","anchor_transaction_id":"deposit""#,
            r#","memo":"1","memo_type":"text""#,
            r#","memo":"1","memo_type":"id""#,
            r#","metadata":{}"#,
            r#","metadata":{"a":null}"#,
            r#","metadata":{"a":[1,2]}"#,
            r#","metadata":{"a":[2,1]}"#,
        ];
        prints.extend(variants.iter().map(|more| of(&format!("{base}{more}"))));
        prints.push(of(r#""amount":"1.0000001","asset_code":"A""#));
        let different: std::collections::HashSet<_> = prints.iter().collect();
        assert_eq!(different.len(), prints.len());
    }
}
