//! A strict JSON reader: duplicate keys at any depth, trailing bytes and invalid UTF-8 are errors.
//!
//! `serde_json` takes the last of two equal keys; a proxy in front may take the first one, and the two would then disagree about an amount.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// Why the bytes are not JSON. The text is safe to show to the client that sent them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Malformed(pub String);

/// `serde_json` limits nesting to 128 levels, so neither this nor a later walk over the value can exhaust the stack.
pub fn parse(body: &[u8]) -> Result<Value, Malformed> {
    let mut reader = serde_json::Deserializer::from_slice(body);
    let value = Strict.deserialize(&mut reader).map_err(malformed)?;
    reader.end().map_err(malformed)?;
    Ok(value)
}

fn malformed(error: serde_json::Error) -> Malformed {
    Malformed(error.to_string())
}

struct Strict;

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Value, D::Error> {
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value)
            .map(Value::Number)
            .ok_or_else(|| E::custom("number out of range"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut array = Vec::new();
        while let Some(item) = items.next_element_seed(Strict)? {
            array.push(item);
        }
        Ok(Value::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(key) = entries.next_key::<String>()? {
            if object.contains_key(&key) {
                // Cut, so that a very long key does not make the error just as long.
                let shown: String = key.chars().take(64).collect();
                return Err(A::Error::custom(format_args!("duplicate key {shown:?}")));
            }
            let value = entries.next_value_seed(Strict)?;
            object.insert(key, value);
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn detail(body: &[u8]) -> String {
        parse(body).expect_err("malformed").0
    }

    #[test]
    fn every_kind_of_value_is_read() {
        let body =
            r#" {"a":[null,true,-1,18446744073709551615,1.5e3,"\ud83d\ude00é"],"b":{"c":{}}} "#;
        let expected = json!({"a":[null,true,-1,u64::MAX,1500.0,"😀é"],"b":{"c":{}}});
        assert_eq!(parse(body.as_bytes()), Ok(expected));
    }

    #[test]
    fn a_duplicate_key_is_named_with_its_place_at_any_depth() {
        assert_eq!(
            detail(br#"{"amount":"1","amount":"2"}"#),
            r#"duplicate key "amount" at line 1 column 22"#
        );
        assert!(detail(br#"{"m":[{"a":1,"\u0061":2}]}"#).starts_with(r#"duplicate key "a""#));
        assert!(parse(br#"{"a":{"b":1},"b":{"a":1}}"#).is_ok());
    }

    #[test]
    fn a_long_duplicate_key_is_cut_in_the_detail() {
        let key = "k".repeat(10_000);
        assert!(detail(format!(r#"{{"{key}":1,"{key}":2}}"#).as_bytes()).len() < 200);
    }

    #[test]
    fn what_is_not_json_is_malformed() {
        let deep = "[".repeat(200) + &"]".repeat(200);
        let cases: [&[u8]; 13] = [
            b"",
            b" ",
            b"{",
            b"{} x",
            b"{}{}",
            b"{'a':1}",
            b"{\"a\":1,}",
            b"\"\xff\"",
            b"\"\\ud800\"",
            b"\"a\nb\"",
            b"1e999",
            b"\xef\xbb\xbf{}",
            deep.as_bytes(),
        ];
        for body in cases {
            assert!(parse(body).is_err(), "{}", String::from_utf8_lossy(body));
        }
    }

    proptest! {
        #[test]
        fn any_bytes_give_a_value_or_an_error(body in any::<Vec<u8>>()) {
            let _ = parse(&body);
        }

        #[test]
        fn what_is_accepted_is_what_serde_json_reads(body in r#"[\[\]{}:,"a0-9 .e\-]{0,24}"#) {
            if let Ok(value) = parse(body.as_bytes()) {
                prop_assert_eq!(serde_json::from_str::<Value>(&body).expect("readable"), value);
            }
        }
    }
}
