//! How large metadata may be, and what may not be in it.

use serde_json::Value;

use super::nuls;

const MAX_BYTES: usize = 16 * 1024;
/// The most levels of nested objects and arrays, of which the metadata object itself is the first.
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
    /// `pointer` leads from the metadata to the member that has it.
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

    /// The place of the error as a JSON pointer (RFC 6901), relative to the metadata.
    pub fn pointer(&self) -> &str {
        match self {
            MetadataError::Nul { pointer } => pointer,
            _ => "",
        }
    }
}

/// `bytes`: the length as compact JSON.
pub(super) fn check(metadata: &Value, bytes: usize) -> Vec<MetadataError> {
    let Value::Object(object) = metadata else {
        return vec![MetadataError::NotAnObject];
    };
    let mut errors = Vec::new();
    if bytes > MAX_BYTES {
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

fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Object(members) => 1 + members.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, json};

    use super::super::Metadata;
    use super::*;

    #[test]
    fn of_thousands_of_nuls_below_a_long_key_as_many_are_told_as_an_answer_holds() {
        let members: Map<_, _> = (0..3000).map(|i| (format!("{i}\0"), json!(1))).collect();
        let found = errors(&json!({ "k".repeat(30_000): members }));
        let nuls = found
            .iter()
            .filter(|error| matches!(error, MetadataError::Nul { .. }));
        assert_eq!(nuls.count(), 20);
        let told: usize = found.iter().map(|error| error.pointer().len()).sum();
        assert!(told < 20 * 300, "{told} bytes of pointers");
    }

    fn errors(metadata: &Value) -> Vec<MetadataError> {
        Metadata::of(metadata).err().unwrap_or_default()
    }

    fn codes(metadata: &Value) -> Vec<&'static str> {
        errors(metadata).iter().map(MetadataError::code).collect()
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
        assert!(errors(&json!({})).is_empty());
        assert!(errors(&json!({"order":"A-17","n":[1,-2.5,null,true,{"é":"😀"}]})).is_empty());
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
        assert!(errors(&of_bytes(MAX_BYTES)).is_empty());
        assert_eq!(codes(&of_bytes(MAX_BYTES + 1)), ["too_large"]);
    }

    #[test]
    fn sixty_four_keys_are_the_most() {
        assert!(errors(&keys(64)).is_empty());
        assert_eq!(codes(&keys(65)), ["too_large"]);
        assert!(errors(&json!({"nested": keys(65)})).is_empty());
    }

    #[test]
    fn eight_levels_are_the_most() {
        assert!(errors(&nested(8)).is_empty());
        assert_eq!(codes(&nested(9)), ["too_deep"]);
        assert!(errors(&json!({"a":[[[[[[[1]]]]]]]})).is_empty());
        assert_eq!(codes(&json!({"a":[[[[[[[[]]]]]]]]})), ["too_deep"]);
    }

    #[test]
    fn a_nul_is_found_and_located_in_keys_and_strings() {
        let in_value = json!({"ok":1,"a/b":[1,{"c~d":"x\0"}]});
        let in_key = json!({"a":{"k\0":1}});
        assert_eq!(codes(&in_value), ["nul_character"]);
        assert_eq!(errors(&in_value)[0].pointer(), "/a~1b/1/c~0d");
        assert_eq!(errors(&in_key)[0].pointer(), "/a/k\0");
        let both = json!({"a":"\0","b":{"c":["\0",1,"\0"]}});
        let found = errors(&both);
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
