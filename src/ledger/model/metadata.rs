//! The free-form metadata of a transaction, and its limits, so that a row stays small and PostgreSQL accepts it.

mod limits;
mod nuls;

use std::collections::BTreeMap;
use std::io::Write;

use diesel::deserialize::{self, FromSql, FromSqlRow};
use diesel::expression::AsExpression;
use diesel::pg::{Pg, PgValue};
use diesel::serialize::{self, Output, ToSql};
use diesel::sql_types::Json;
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::json;
pub use limits::MetadataError;
use limits::check;

/// Metadata as compact JSON, which is how they are stored and answered. Not a [`Value`]: a body of 2 MiB whose metadata are arrays of small
/// numbers would take thirty times that memory for as long as its create waits.
#[derive(Clone, Debug, Serialize, AsExpression, FromSqlRow)]
#[diesel(sql_type = Json)]
#[serde(transparent)]
pub struct Metadata(Box<RawValue>);

impl Metadata {
    /// Err: every rule that is broken, and the first places with U+0000.
    pub fn of(value: &Value) -> Result<Metadata, Vec<MetadataError>> {
        let text = value.to_string();
        let errors = check(value, text.len());
        if !errors.is_empty() {
            return Err(errors);
        }
        // This does not fail: the text of a value is JSON.
        let text = RawValue::from_string(text);
        text.map(Metadata)
            .map_err(|_| vec![MetadataError::NotAnObject])
    }

    pub fn text(&self) -> &str {
        self.0.get()
    }

    /// The same value for all metadata that mean the same: see [`canonical`]. A number that no double can hold can only be stored by
    /// another program; the result is then the text as it is.
    pub fn canonical(&self) -> Value {
        // Not `serde_json::from_str`, which takes an object with one secret key for raw JSON, and parses what stands in it.
        let value = json::parse(self.text().as_bytes());
        value.map_or_else(|_| self.text().into(), |value| canonical(&value))
    }
}

impl PartialEq for Metadata {
    fn eq(&self, other: &Metadata) -> bool {
        self.text() == other.text()
    }
}

impl ToSql<Json, Pg> for Metadata {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        out.write_all(self.text().as_bytes())?;
        Ok(serialize::IsNull::No)
    }
}

impl FromSql<Json, Pg> for Metadata {
    /// A line break in JSON can only be white space between tokens. It is replaced, since it would break a line of an export.
    fn from_sql(bytes: PgValue<'_>) -> deserialize::Result<Metadata> {
        let mut text = bytes.as_bytes().to_vec();
        for byte in &mut text {
            if matches!(byte, b'\n' | b'\r') {
                *byte = b' ';
            }
        }
        Ok(Metadata(RawValue::from_string(String::from_utf8(text)?)?))
    }
}

/// The same value for all JSON that means the same, by the rules of RFC 8785: the keys of every object are sorted, and numbers compare by
/// value (1.0 is 1). An exception: 64-bit integers beyond 2^53 stay exact, where the RFC would round two different ones to the same double.
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

/// The integer that a double without a fraction is, if it is small enough to be exact.
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

/// Escapes a key for a JSON pointer.
pub fn escape_pointer(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A key that serde_json gives a meaning where its feature `raw_value` is on.
    #[test]
    fn no_key_has_a_meaning_of_its_own() {
        let text = r#"{"$serde_json::private::RawValue":"{\"a\":1}"}"#;
        let value = json::parse(text.as_bytes()).expect("JSON");
        let metadata = Metadata::of(&value).expect("valid");
        assert_eq!((metadata.text(), &metadata.canonical()), (text, &value));
        let plain = json::parse(br#"{"a":1}"#).expect("JSON");
        assert_ne!(Metadata::of(&plain).expect("valid").canonical(), value);
    }
}
