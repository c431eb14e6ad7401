//! Limits on the free-form metadata of a transaction, so that a row stays small and PostgreSQL accepts it.

mod nuls;

use std::collections::BTreeMap;

use serde_json::{Map, Value};

const MAX_BYTES: usize = 16 * 1024;
/// Nested objects and arrays, the metadata object itself being the first.
const MAX_DEPTH: usize = 8;
/// Keys of the metadata object itself; those of nested objects are limited by the size alone.
const MAX_KEYS: usize = 64;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MetadataError {
    #[error("must be an object")]
    NotAnObject,
    #[error("at most 16384 bytes when written as compact JSON")]
    TooManyBytes,
    #[error("at most 64 keys")]
    TooManyKeys,
    #[error("objects and arrays may be nested at most 8 deep")]
    TooDeep,
    /// `pointer` leads from the metadata to the member.
    #[error("U+0000 is not allowed in a key or string")]
    Nul { pointer: String },
}

impl MetadataError {
    pub fn code(&self) -> &'static str {
        match self {
            MetadataError::NotAnObject => "type",
            MetadataError::TooManyBytes | MetadataError::TooManyKeys => "too_large",
            MetadataError::TooDeep => "too_deep",
            MetadataError::Nul { .. } => "nul_character",
        }
    }

    /// RFC 6901, relative to the metadata.
    pub fn pointer(&self) -> &str {
        match self {
            MetadataError::Nul { pointer } => pointer,
            _ => "",
        }
    }
}

/// Every rule that is broken, and the first places where U+0000 stands. Empty: the metadata is good.
pub fn check(metadata: &Value) -> Vec<MetadataError> {
    let Value::Object(object) = metadata else {
        return vec![MetadataError::NotAnObject];
    };
    let mut errors = Vec::new();
    if metadata.to_string().len() > MAX_BYTES {
        errors.push(MetadataError::TooManyBytes);
    }
    if object.len() > MAX_KEYS {
        errors.push(MetadataError::TooManyKeys);
    }
    if depth(metadata) > MAX_DEPTH {
        errors.push(MetadataError::TooDeep);
    }
    let nuls = nuls::find(metadata).into_iter();
    errors.extend(nuls.map(|pointer| MetadataError::Nul { pointer }));
    errors
}

/// The one form of all that mean the same, as RFC 8785 has it: the keys of every object in order, and a number by its value (1.0 is 1).
/// Integers of 64 bits beyond 2^53 stay exact, where the RFC would round them to doubles: two of them are two.
pub fn canonical(value: &Value) -> Value {
    match value {
        Value::Array(items) => items.iter().map(canonical).collect(),
        Value::Object(members) => {
            let by_key: BTreeMap<_, _> = members.iter().collect();
            let in_order = by_key
                .into_iter()
                .map(|(key, member)| (key.clone(), canonical(member)));
            Value::Object(in_order.collect::<Map<_, _>>())
        }
        Value::Number(number) => integer(number).map_or_else(|| value.clone(), Value::from),
        other => other.clone(),
    }
}

/// A double without a fraction, as the integer that it is, where it is an exact one.
#[expect(
    clippy::cast_possible_truncation,
    reason = "it has no fraction, and is in range"
)]
fn integer(number: &serde_json::Number) -> Option<i64> {
    let double = number.as_f64().filter(|_| number.is_f64())?;
    (double.fract() == 0.0 && double.abs() < EXACT).then_some(double as i64)
}

/// 2^53: every integer below it is a double.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// One token of a JSON pointer.
pub fn escape_pointer(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Object(members) => 1 + members.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn of_thousands_of_nuls_below_a_long_key_as_many_are_told_as_an_answer_holds() {
        let members: Map<_, _> = (0..3000).map(|i| (format!("{i}\0"), json!(1))).collect();
        let errors = check(&json!({ "k".repeat(30_000): members }));
        let nuls = errors
            .iter()
            .filter(|error| matches!(error, MetadataError::Nul { .. }));
        assert_eq!(nuls.count(), 20);
    }

    fn codes(metadata: &Value) -> Vec<&'static str> {
        check(metadata).iter().map(MetadataError::code).collect()
    }

    fn keys(count: usize) -> Value {
        Value::Object(
            (0..count)
                .map(|i| (format!("k{i}"), json!(i)))
                .collect::<Map<_, _>>(),
        )
    }

    fn nested(levels: usize) -> Value {
        (0..levels).fold(json!(1), |inner, _| json!({"a": inner}))
    }

    #[test]
    fn every_finite_number_is_good_and_counts_as_it_is_sent() {
        let odd = json!({"a": [0.0, -0.1, 1e16, 1e308, 5e-324, u64::MAX, i64::MIN, -1e300]});
        assert_eq!(codes(&odd), [""; 0]);
        assert_eq!(codes(&json!({"a": vec![1e308; 1000]})), [""; 0]);
    }

    #[test]
    fn an_ordinary_object_is_good() {
        assert!(check(&json!({})).is_empty());
        assert!(check(&json!({"order":"A-17","n":[1,-2.5,null,true,{"é":"😀"}]})).is_empty());
    }

    #[test]
    fn anything_but_an_object_has_the_wrong_type() {
        for metadata in [json!([]), json!("x"), json!(1), json!(true)] {
            assert_eq!(codes(&metadata), ["type"]);
        }
    }

    #[test]
    fn the_size_limit_is_exact() {
        let of_bytes = |bytes: usize| json!({"a": "x".repeat(bytes - r#"{"a":""}"#.len())});
        assert!(check(&of_bytes(MAX_BYTES)).is_empty());
        assert_eq!(codes(&of_bytes(MAX_BYTES + 1)), ["too_large"]);
    }

    #[test]
    fn sixty_four_keys_are_the_most() {
        assert!(check(&keys(64)).is_empty());
        assert_eq!(codes(&keys(65)), ["too_large"]);
        assert!(check(&json!({"nested": keys(65)})).is_empty());
    }

    #[test]
    fn eight_levels_are_the_most() {
        assert!(check(&nested(8)).is_empty());
        assert_eq!(codes(&nested(9)), ["too_deep"]);
        assert!(check(&json!({"a":[[[[[[[1]]]]]]]})).is_empty());
        assert_eq!(codes(&json!({"a":[[[[[[[[]]]]]]]]})), ["too_deep"]);
    }

    #[test]
    fn a_nul_is_found_and_located_in_keys_and_strings() {
        let in_value = json!({"ok":1,"a/b":[1,{"c~d":"x\0"}]});
        let in_key = json!({"a":{"k\0":1}});
        assert_eq!(codes(&in_value), ["nul_character"]);
        assert_eq!(check(&in_value)[0].pointer(), "/a~1b/1/c~0d");
        assert_eq!(check(&in_key)[0].pointer(), "/a/k\0");
        let both = json!({"a":"\0","b":{"c":["\0",1,"\0"]}});
        let found = check(&both);
        let pointers: Vec<&str> = found.iter().map(MetadataError::pointer).collect();
        assert_eq!(pointers, ["/a", "/b/c/0", "/b/c/2"]);
    }

    #[test]
    fn every_broken_rule_is_reported() {
        let mut metadata = keys(65);
        metadata["deep"] = nested(9);
        metadata["nul"] = json!("\0");
        metadata["long"] = json!("x".repeat(MAX_BYTES));
        assert_eq!(
            codes(&metadata),
            ["too_large", "too_large", "too_deep", "nul_character"]
        );
    }
}
