//! Takes values out of the merged settings one by one and remembers everything that is wrong: serde would stop at the first problem.
//! A value is never printed, since it may be a URL with a password.
//!
//! A key is written as it stands in the file: `database.pool_size`, and inside an array of tables `database.replicas[0].url`.

mod secrets;
mod values;

use super::Problems;
use config::{Config, Environment, File, FileFormat};
use serde_json::Value;
use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

pub struct Reader {
    values: Value,
    environment: HashMap<String, String>,
    /// Where the settings file is, or would be.
    dir: PathBuf,
    /// The sections of all keys that were asked for.
    sections: HashSet<String>,
    problems: Vec<String>,
    warnings: Vec<String>,
}

impl Reader {
    pub fn open(path: Option<&Path>) -> Result<Reader, Problems> {
        let (mut environment, mut unreadable) = (HashMap::new(), Vec::new());
        for (name, value) in std::env::vars_os() {
            match (name.into_string(), value.into_string()) {
                (Ok(name), Ok(value)) => drop(environment.insert(name, value)),
                (Ok(name), Err(_)) if is_setting(&name) => unreadable.push(name),
                _ => {}
            }
        }
        let mut reader = Reader::from_sources(path, environment)?;
        for name in unreadable {
            reader.problem(&name, "is not valid UTF-8");
        }
        Ok(reader)
    }

    pub fn from_sources(
        path: Option<&Path>,
        environment: HashMap<String, String>,
    ) -> Result<Reader, Problems> {
        let is_named = path.is_some();
        let path = path.unwrap_or(Path::new("Settings.toml"));
        Reader::from_file(path, is_named, environment)
    }

    pub fn from_file(
        path: &Path,
        is_named: bool,
        environment: HashMap<String, String>,
    ) -> Result<Reader, Problems> {
        // A default file that exists but cannot be read is an error, as if it had been named: it may hold the clients, without which
        // anybody may do everything.
        let is_wanted = is_named || !matches!(path.try_exists(), Ok(false));
        let file = File::from(path)
            .format(FileFormat::Toml)
            .required(is_wanted);
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
            environment,
            dir: path.parent().unwrap_or(Path::new("")).to_owned(),
            sections: HashSet::new(),
            problems: Vec::new(),
            warnings: Vec::new(),
        })
    }

    pub fn problem(&mut self, key: &str, what: &str) {
        self.problems.push(format!("{key}: {what}"));
    }

    /// Whether there is a problem in one of these sections or environment variables. Each is given as the beginning of its name.
    pub fn is_wrong(&self, sections: &[&str]) -> bool {
        let is_there =
            |problem: &String| sections.iter().any(|section| problem.starts_with(section));
        self.problems.iter().any(is_there)
    }

    /// Remembers something that looks like a mistake but does not keep the service from starting.
    pub fn warning(&mut self, key: &str, what: &str) {
        self.warnings.push(format!("{key}: {what}"));
    }

    /// An environment variable without the prefix `SYNAPSE__`. Blank counts as absent: that is what a container's `-e SERVER_PORT=` means.
    pub fn short_name(&self, name: &str) -> Option<String> {
        self.environment
            .get(name)
            .filter(|value| !value.trim().is_empty())
            .cloned()
    }

    pub fn is_set(&self, short_name: &str) -> bool {
        self.environment.contains_key(short_name)
    }

    /// The warnings so far, if there has been no problem so far. For whoever reads some of the sections only.
    pub fn finish_early(self) -> Result<Vec<String>, Problems> {
        match self.problems.is_empty() {
            true => Ok(self.warnings),
            false => Err(Problems(self.problems)),
        }
    }

    /// The warnings, if there is no problem. A key that nothing has asked for is unknown, which is a problem.
    pub fn finish(mut self) -> Result<Vec<String>, Problems> {
        let mut left = Vec::new();
        leaves("", &self.values, &self.sections, &mut left);
        let unknown = |key: String| format!("{}: is not a known setting", shown(&key));
        self.problems.extend(left.into_iter().map(unknown));
        self.finish_early()
    }

    /// The keys of the tables in an array: `clients[0]`, `clients[1]`, …
    pub fn tables(&mut self, key: &str) -> Vec<String> {
        match self.at(key) {
            None => Vec::new(),
            Some(Value::Array(items)) if items.is_empty() => {
                self.take(key);
                Vec::new()
            }
            Some(Value::Array(items)) if items.iter().all(Value::is_object) => {
                (0..items.len()).map(|i| format!("{key}[{i}]")).collect()
            }
            Some(_) => {
                self.take(key);
                self.problem(key, "must be an array of tables");
                Vec::new()
            }
        }
    }

    fn take(&mut self, key: &str) -> Option<Value> {
        let (section, name) = key.rsplit_once('.').unwrap_or(("", key));
        self.sections.insert(section.to_owned());
        self.at(section)?.as_object_mut()?.shift_remove(name)
    }

    fn at(&mut self, key: &str) -> Option<&mut Value> {
        let mut value = &mut self.values;
        for part in key.split('.').filter(|part| !part.is_empty()) {
            let (name, index) = match part.split_once('[') {
                Some((name, index)) => (name, Some(index.strip_suffix(']')?)),
                None => (part, None),
            };
            value = value.get_mut(name)?;
            if let Some(index) = index {
                value = value.get_mut(index.parse::<usize>().ok()?)?;
            }
        }
        Some(value)
    }
}

/// Whether an environment variable is meant for this service.
fn is_setting(name: &str) -> bool {
    const SHORT: [&str; 3] = ["DATABASE_URL", "DATABASE_REPLICA_URL", "SERVER_PORT"];
    name.starts_with("SYNAPSE__") || SHORT.contains(&name)
}

/// A secret may stand where a key should, as after a forgotten `=`.
fn shown(key: &str) -> &str {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "._-[]".contains(c);
    key.find(|c| !is_plain(c)).map_or(key, |end| &key[..end])
}

/// Collects the keys that are left. An empty table has none, so it is reported itself, unless it is a known section.
fn leaves(at: &str, value: &Value, sections: &HashSet<String>, into: &mut Vec<String>) {
    match value {
        Value::Object(members) if !members.is_empty() || sections.contains(at) || at.is_empty() => {
            for (name, member) in members {
                let dot = if at.is_empty() { "" } else { "." };
                leaves(&format!("{at}{dot}{name}"), member, sections, into);
            }
        }
        Value::Array(items) if !items.is_empty() && items.iter().all(Value::is_object) => {
            for (i, item) in items.iter().enumerate() {
                leaves(&format!("{at}[{i}]"), item, sections, into);
            }
        }
        _ => into.push(at.to_owned()),
    }
}

/// A TOML error quotes the offending line, which may hold a password: only the place and the kind of the error are kept.
fn without_values(message: &str) -> String {
    let kept = message
        .lines()
        .map(str::trim)
        .filter(|line| !line.contains('|') && !line.is_empty());
    kept.collect::<Vec<_>>().join(": ")
}
