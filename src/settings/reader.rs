//! Takes values out of the merged settings one by one and remembers everything that is wrong: serde would stop at the first
//! problem, and a value is never printed, since it may be a URL with a password.

use super::Problems;
use config::{Config, Environment, File, FileFormat};
use serde_json::{Map, Value};
use std::collections::HashMap;
use std::ops::RangeInclusive;
use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

pub struct Reader {
    values: Value,
    short_names: HashMap<String, String>,
    problems: Vec<String>,
}

impl Reader {
    pub fn open(path: Option<&Path>) -> Result<Reader, Problems> {
        Reader::from_sources(
            path,
            std::env::vars_os()
                .filter_map(|(k, v)| Some((k.into_string().ok()?, v.into_string().ok()?)))
                .collect(),
        )
    }

    pub fn from_sources(
        path: Option<&Path>,
        environment: HashMap<String, String>,
    ) -> Result<Reader, Problems> {
        let file = File::from(path.unwrap_or(Path::new("Settings.toml")))
            .format(FileFormat::Toml)
            .required(path.is_some());
        let variables = Environment::with_prefix("SYNAPSE")
            .prefix_separator("__")
            .separator("__")
            .source(Some(environment.clone()));
        let merged = Config::builder()
            .add_source(file)
            .add_source(variables)
            .build();
        let values = merged.and_then(Config::try_deserialize).map_err(|e| {
            Problems(vec![format!(
                "settings file: {}",
                without_values(&e.to_string())
            )])
        })?;
        Ok(Reader {
            values,
            short_names: environment,
            problems: Vec::new(),
        })
    }

    pub fn problem(&mut self, key: &str, what: &str) {
        self.problems.push(format!("{key}: {what}"));
    }

    /// An environment variable without a prefix. Blank counts as absent.
    pub fn short_name(&self, name: &str) -> Option<String> {
        self.short_names
            .get(name)
            .filter(|value| !value.trim().is_empty())
            .cloned()
    }

    pub fn is_set(&self, short_name: &str) -> bool {
        self.short_names.contains_key(short_name)
    }

    /// What nobody asked for is unknown.
    pub fn finish(mut self) -> Vec<String> {
        let mut left = Vec::new();
        leaves("", &self.values, &mut left);
        self.problems.extend(
            left.into_iter()
                .map(|key| format!("{key}: is not a known setting")),
        );
        self.problems
    }

    fn take(&mut self, key: &str) -> Option<Value> {
        let (section, name) = key.rsplit_once('.')?;
        let mut table = &mut self.values;
        for part in section.split('.') {
            table = table.get_mut(part)?;
        }
        table.as_object_mut()?.shift_remove(name)
    }

    fn parsed_from<T>(
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

    pub fn is_blank(&self, key: &str) -> bool {
        let value = self.values.pointer(&format!("/{}", key.replace('.', "/")));
        value.is_some_and(|value| value.as_str().is_some_and(|text| text.trim().is_empty()))
    }

    /// Blank counts as absent.
    pub fn text(&mut self, key: &str) -> Option<String> {
        let text = self.parsed_from(key, "a string", |value| value.as_str().map(str::to_owned))?;
        Some(text).filter(|text| !text.trim().is_empty())
    }

    pub fn parsed<T: FromStr>(&mut self, key: &str, default: T, expected: &str) -> T {
        self.parsed_from(key, expected, |value| value.as_str()?.parse().ok())
            .unwrap_or(default)
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
        let expected = format!("a whole number from {} to {}", range.start(), range.end());
        let parse = |value: &Value| {
            value
                .as_u64()
                .or_else(|| value.as_str()?.parse().ok())
                .filter(|n| range.contains(n))
        };
        self.parsed_from(key, &expected, parse).unwrap_or(default)
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

    /// An array of strings; in the environment one string, separated by commas.
    pub fn list(&mut self, key: &str) -> Vec<String> {
        let parse = |value: &Value| match value {
            Value::String(text) => Some(
                text.split(',')
                    .map(|item| item.trim().to_owned())
                    .filter(|item| !item.is_empty())
                    .collect(),
            ),
            Value::Array(items) => items
                .iter()
                .map(|item| item.as_str().map(str::to_owned))
                .collect(),
            _ => None,
        };
        self.parsed_from(key, "a list of strings", parse)
            .unwrap_or_default()
    }

    /// An array of tables whose values are strings.
    pub fn tables(&mut self, key: &str, known: &[&str]) -> Vec<HashMap<String, String>> {
        let Some(items) =
            self.parsed_from(key, "an array of tables", |value| value.as_array().cloned())
        else {
            return Vec::new();
        };
        items
            .iter()
            .enumerate()
            .map(|(i, item)| self.table(&format!("{key}[{i}]"), item, known))
            .collect()
    }

    fn table(&mut self, key: &str, item: &Value, known: &[&str]) -> HashMap<String, String> {
        let mut table = HashMap::new();
        for (name, value) in item.as_object().unwrap_or(&Map::new()) {
            let key = format!("{key}.{name}");
            match value.as_str() {
                _ if !known.contains(&name.as_str()) => {
                    self.problem(&key, "is not a known setting")
                }
                None => self.problem(&key, "must be a string"),
                Some(text) => {
                    table.insert(name.clone(), text.to_owned());
                }
            }
        }
        table
    }
}

fn leaves(at: &str, value: &Value, into: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                leaves(
                    &if at.is_empty() {
                        name.clone()
                    } else {
                        format!("{at}.{name}")
                    },
                    member,
                    into,
                );
            }
        }
        _ => into.push(at.to_owned()),
    }
}

/// A TOML error quotes the line it stumbles over, which may hold a password: only where and what is kept.
fn without_values(message: &str) -> String {
    let kept = message
        .lines()
        .map(str::trim)
        .filter(|line| !line.contains('|') && !line.is_empty());
    kept.collect::<Vec<_>>().join(": ")
}
