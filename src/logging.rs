//! One line per event, as text or JSON, with the key-values of `log`, on standard error.
//!
//! The lines go through a queue to a thread that writes them: a request does not pay for a system call, and a log that nobody reads stops
//! nothing. If the queue is full, lines are dropped and counted.

use crate::settings::{LogFormat, LogSettings};
use chrono::{SecondsFormat, Utc};
use env_logger::{Target, WriteStyle};
use log::kv::{Error, Key, Value, VisitSource};
use log::{Level, Record};
use serde_json::Map;
use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

pub fn start(settings: &LogSettings) {
    let format: Format = match settings.format {
        LogFormat::Text => text,
        LogFormat::Json => json,
    };
    env_logger::Builder::new()
        .parse_filters(&settings.level)
        .format(move |out, record| format(out, record))
        // The formats below write no colours, so there is nothing to strip.
        .write_style(WriteStyle::Always)
        .target(Target::Pipe(Box::new(Queue::start(format))))
        .init();
}

/// Writes one line.
type Format = fn(&mut dyn Write, &Record) -> io::Result<()>;

/// At most so many lines wait to be written: those of about as many requests.
const MAX_QUEUED: usize = 10_000;
/// Lines gather for so long before they are written together; nobody waits for them.
const GATHER: Duration = Duration::from_millis(5);
/// How long the end of the process waits for the last lines.
const FLUSH_PATIENCE: Duration = Duration::from_secs(1);

enum Message {
    Line(Vec<u8>),
    /// Asks for a message when everything before it has been written.
    Flush(SyncSender<()>),
}

static QUEUE: OnceLock<SyncSender<Message>> = OnceLock::new();

/// Waits until everything that was logged so far is written: at most a second, and not at all if the queue is full. Called once, at the
/// end.
pub fn flush() {
    let Some(queue) = QUEUE.get() else { return };
    let (done, wait) = sync_channel(1);
    if queue.try_send(Message::Flush(done)).is_ok() {
        let _ = wait.recv_timeout(FLUSH_PATIENCE);
    }
}

/// Where env_logger writes to: each call brings one line.
struct Queue {
    lines: SyncSender<Message>,
    dropped: Arc<AtomicU64>,
}

impl Queue {
    fn start(format: Format) -> Queue {
        let (lines, inbox) = sync_channel(MAX_QUEUED);
        let dropped = Arc::new(AtomicU64::new(0));
        let counter = dropped.clone();
        let writer = std::thread::Builder::new().name("log".into());
        if let Err(error) = writer.spawn(move || write_all(&inbox, &counter, format)) {
            eprintln!("no thread for the log, which is lost: {error}");
        }
        drop(QUEUE.set(lines.clone()));
        Queue { lines, dropped }
    }
}

impl Write for Queue {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if self.lines.try_send(Message::Line(line.to_vec())).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "lines gather meanwhile, without a wake-up for each"
)]
fn write_all(inbox: &Receiver<Message>, dropped: &AtomicU64, format: Format) {
    let mut lines = Vec::new();
    while let Ok(first) = inbox.recv() {
        let mut flushed = Vec::new();
        for message in std::iter::once(first).chain(inbox.try_iter().take(MAX_QUEUED)) {
            match message {
                Message::Line(mut line) => lines.append(&mut line),
                Message::Flush(done) => flushed.push(done),
            }
        }
        let lost = dropped.swap(0, Ordering::Relaxed);
        if lost > 0 {
            tell_of_dropped(lost, &mut lines, format);
        }
        // If the log cannot be written, there is nowhere to say so.
        drop(io::stderr().write_all(&lines));
        lines.clear();
        if flushed.is_empty() {
            std::thread::sleep(GATHER);
        }
        for done in flushed {
            let _ = done.try_send(()); // whoever waited has gone
        }
    }
}

/// Not by a macro of `log`: that would go through the queue, which may be full again.
fn tell_of_dropped(lost: u64, lines: &mut Vec<u8>, format: Format) {
    let told = format(
        lines,
        &Record::builder()
            .level(Level::Warn)
            .target(module_path!())
            .args(format_args!(
                "lines of the log were dropped: nobody reads it fast enough"
            ))
            .key_values(&[("lines", lost)])
            .build(),
    );
    drop(told); // a Vec takes every line
}

fn now() -> String {
    Utc::now().to_rfc3339_opts(SecondsFormat::Millis, true)
}

fn text(out: &mut dyn Write, record: &Record) -> io::Result<()> {
    struct Pairs<'a>(&'a mut dyn Write);
    impl<'kvs> VisitSource<'kvs> for Pairs<'_> {
        fn visit_pair(&mut self, key: Key<'kvs>, value: Value<'kvs>) -> Result<(), Error> {
            let value = value.to_string();
            let is_odd = |c: char| c.is_whitespace() || c.is_control() || c == '"';
            let quote = value.is_empty() || value.contains(is_odd);
            if quote {
                write!(self.0, " {key}={value:?}")?
            } else {
                write!(self.0, " {key}={value}")?
            }
            Ok(())
        }
    }
    // Debug formatting escapes control characters, so a text from a database cannot forge a line.
    let message = format!("{:?}", record.args().to_string());
    let message = message.strip_prefix('"').unwrap_or(&message);
    let message = message.strip_suffix('"').unwrap_or(message);
    write!(
        out,
        "{} {:<5} {} {}",
        now(),
        record.level(),
        record.target(),
        message
    )?;
    record
        .key_values()
        .visit(&mut Pairs(out))
        .map_err(io::Error::other)?;
    writeln!(out)
}

fn json(out: &mut dyn Write, record: &Record) -> io::Result<()> {
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
