//! One line per event, as text or JSON, with the key-values of `log`.

use crate::settings::{LogFormat, LogSettings};
use chrono::{SecondsFormat, Utc};
use env_logger::fmt::Formatter;
use log::Record;
use log::kv::{Error, Key, Value, VisitSource};
use serde_json::Map;
use std::io::{self, Write};

pub fn start(settings: &LogSettings) {
    let format = match settings.format {
        LogFormat::Text => text,
        LogFormat::Json => json,
    };
    env_logger::Builder::new()
        .parse_filters(&settings.level)
        .format(format)
        .init();
}

fn now() -> String {
    Utc::now().to_rfc3339_opts(SecondsFormat::Millis, true)
}

fn text(out: &mut Formatter, record: &Record) -> io::Result<()> {
    struct Pairs<'a>(&'a mut Formatter);
    impl<'kvs> VisitSource<'kvs> for Pairs<'_> {
        fn visit_pair(&mut self, key: Key<'kvs>, value: Value<'kvs>) -> Result<(), Error> {
            let value = value.to_string();
            let quote = value.is_empty() || value.contains(|c: char| c.is_whitespace() || c == '"');
            if quote {
                write!(self.0, " {key}={value:?}")?
            } else {
                write!(self.0, " {key}={value}")?
            }
            Ok(())
        }
    }
    // Debug escapes: what a database says cannot forge a line.
    let message = format!("{:?}", record.args().to_string());
    write!(
        out,
        "{} {:<5} {} {}",
        now(),
        record.level(),
        record.target(),
        message.trim_matches('"')
    )?;
    record
        .key_values()
        .visit(&mut Pairs(out))
        .map_err(io::Error::other)?;
    writeln!(out)
}

fn json(out: &mut Formatter, record: &Record) -> io::Result<()> {
    struct Members(Map<String, serde_json::Value>);
    impl<'kvs> VisitSource<'kvs> for Members {
        fn visit_pair(&mut self, key: Key<'kvs>, value: Value<'kvs>) -> Result<(), Error> {
            self.0.insert(
                key.to_string(),
                serde_json::to_value(&value).unwrap_or_else(|_| value.to_string().into()),
            );
            Ok(())
        }
    }
    let mut line = Members(Map::new());
    line.0.insert("time".into(), now().into());
    line.0
        .insert("level".into(), record.level().as_str().into());
    line.0.insert("target".into(), record.target().into());
    line.0
        .insert("message".into(), record.args().to_string().into());
    record
        .key_values()
        .visit(&mut line)
        .map_err(io::Error::other)?;
    writeln!(out, "{}", serde_json::Value::Object(line.0))
}
