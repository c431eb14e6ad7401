//! Typed values. One of the wrong type or out of range is a problem, and the default is used in its place.

use super::Reader;
use serde_json::Value;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

impl Reader {
    pub(super) fn parsed_from<T>(
        &mut self,
        key: &str,
        expected: &str,
        parse: impl FnOnce(&Value) -> Option<T>,
    ) -> Option<T> {
        let value = self.take(key)?;
        let parsed = parse(&value);
        if parsed.is_none() {
            self.problem(key, &format!("must be {expected}"));
        }
        parsed
    }

    /// Blank counts as absent.
    pub fn text(&mut self, key: &str) -> Option<String> {
        let text = self.parsed_from(key, "a string", |value| value.as_str().map(str::to_owned))?;
        Some(text).filter(|text| !text.trim().is_empty())
    }

    pub fn parsed<T: FromStr>(&mut self, key: &str, expected: &str) -> Option<T> {
        self.parsed_from(key, expected, |value| value.as_str()?.parse().ok())
    }

    pub fn flag(&mut self, key: &str, default: bool) -> bool {
        let parse = |value: &Value| {
            value
                .as_bool()
                .or_else(|| value.as_str()?.to_lowercase().parse().ok())
        };
        self.parsed_from(key, "true or false", parse)
            .unwrap_or(default)
    }

    pub fn number(&mut self, key: &str, default: u64, range: RangeInclusive<u64>) -> u64 {
        self.number_if_set(key, range).unwrap_or(default)
    }

    pub fn number_if_set(&mut self, key: &str, range: RangeInclusive<u64>) -> Option<u64> {
        let expected = format!("a whole number from {} to {}", range.start(), range.end());
        let parse = |value: &Value| {
            value
                .as_u64()
                .or_else(|| value.as_str()?.parse().ok())
                .filter(|n| range.contains(n))
        };
        self.parsed_from(key, &expected, parse)
    }

    pub fn decimal(&mut self, key: &str, default: f64, range: RangeInclusive<f64>) -> f64 {
        let expected = format!("a number from {} to {}", range.start(), range.end());
        let parse = |value: &Value| {
            value
                .as_f64()
                .or_else(|| value.as_str()?.parse().ok())
                .filter(|n| range.contains(n))
        };
        self.parsed_from(key, &expected, parse).unwrap_or(default)
    }

    pub fn millis(&mut self, key: &str, default: u64, range: RangeInclusive<u64>) -> Duration {
        Duration::from_millis(self.number(key, default, range))
    }

    pub fn millis_if_set(&mut self, key: &str, range: RangeInclusive<u64>) -> Option<Duration> {
        self.number_if_set(key, range).map(Duration::from_millis)
    }

    pub fn choice<T: Copy>(&mut self, key: &str, choices: &[(&str, T)], default: T) -> T {
        let names: Vec<_> = choices.iter().map(|(name, _)| *name).collect();
        let parse = |value: &Value| {
            let text = value.as_str()?;
            choices
                .iter()
                .find(|(name, _)| *name == text)
                .map(|(_, choice)| *choice)
        };
        self.parsed_from(key, &format!("one of {}", names.join(", ")), parse)
            .unwrap_or(default)
    }

    /// An array of strings, or one string in which they are separated by commas: the environment has no arrays. A blank string is a problem:
    /// it may come from a variable that was never filled in, and would lift a restriction of the settings file.
    pub fn list(&mut self, key: &str) -> Vec<String> {
        let parse = |value: &Value| match value {
            Value::String(text) => Some(parts(text, ',')).filter(|parts| !parts.is_empty()),
            Value::Array(items) => items
                .iter()
                .map(|item| item.as_str().map(str::to_owned))
                .collect(),
            _ => None,
        };
        self.parsed_from(key, "a list of strings, and not blank", parse)
            .unwrap_or_default()
    }
}

/// The parts of a text, trimmed, without blank ones.
pub(super) fn parts(text: &str, separator: char) -> Vec<String> {
    text.split(separator)
        .map(|part| part.trim().to_owned())
        .filter(|part| !part.is_empty())
        .collect()
}
