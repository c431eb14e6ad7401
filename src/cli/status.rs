//! `status`: what `/status` of a running service says, as a table in the terminal.

use crate::http::view::{Node, Status};
use crate::settings;
use anstyle::{AnsiColor, Style};
use clap::Args;
use secrecy::{ExposeSecret, SecretString};
use std::fmt::Display;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;
use ureq::tls::{Certificate, RootCerts, TlsConfig};

#[derive(Args)]
pub struct StatusArgs {
    /// Where the service is, at its admin address, if it has one [default: that of the settings, on this machine]
    #[arg(long)]
    pub url: Option<String>,
    /// A file with a client's key; without one, the environment variable SYNAPSE_KEY
    #[arg(long, value_name = "PATH")]
    key_file: Option<PathBuf>,
    /// Trust this certificate authority (PEM), instead of those of the web
    #[arg(long, value_name = "PATH")]
    ca_file: Option<PathBuf>,
    /// Ask again every second, until Ctrl-C
    #[arg(long)]
    watch: bool,
}

const PAUSE: Duration = Duration::from_secs(1);
const PATIENCE: Duration = Duration::from_secs(5);
/// Moves to the upper left corner, and clears the screen.
const CLEAR: &str = "\x1b[H\x1b[2J";

fn print(text: &str) -> Result<(), String> {
    write!(anstream::stdout(), "{text}").map_err(|error| error.to_string())
}

pub fn status(url: &str, arguments: &StatusArgs) -> Result<(), String> {
    let service = Service::of(url, arguments)?;
    if !arguments.watch {
        return print(&table(&service.ask()?));
    }
    loop {
        let page = service
            .ask()
            .map_or_else(|error| error + "\n", |status| table(&status));
        print(&format!("{CLEAR}{page}"))?;
        #[expect(
            clippy::disallowed_methods,
            reason = "this thread has nothing else to do"
        )]
        std::thread::sleep(PAUSE);
    }
}

struct Service {
    agent: ureq::Agent,
    url: String,
    key: Option<SecretString>,
}

impl Service {
    fn of(url: &str, arguments: &StatusArgs) -> Result<Service, String> {
        let agent = ureq::Agent::config_builder()
            .timeout_global(Some(PATIENCE))
            .http_status_as_error(false)
            .tls_config(trusting(arguments.ca_file.as_deref())?)
            // A proxy of the environment would be shown the key.
            .proxy(None)
            .build();
        Ok(Service {
            agent: agent.into(),
            url: format!("{}/status", url.trim_end_matches('/')),
            key: settings::client_key(arguments.key_file.as_deref())?,
        })
    }

    fn ask(&self) -> Result<Status, String> {
        let url = &self.url;
        let mut request = self.agent.get(url);
        if let Some(key) = &self.key {
            request = request.header("Authorization", format!("Bearer {}", key.expose_secret()));
        }
        let mut answer = request
            .call()
            .map_err(|error| format!("{url} does not answer: {error}"))?;
        let body = answer.body_mut().read_to_string();
        let body = body.map_err(|error| format!("{url} broke off: {error}"))?;
        match answer.status().as_u16() {
            200 => serde_json::from_str(&body)
                .map_err(|error| format!("{url} is no status of synapse-core: {error}")),
            401 | 403 => Err(format!(
                "{url} refuses the key: give one of a client with the scope admin in SYNAPSE_KEY or --key-file"
            )),
            status => Err(format!("{url} answers {status}")),
        }
    }
}

fn trusting(ca_file: Option<&Path>) -> Result<TlsConfig, String> {
    let Some(path) = ca_file else {
        return Ok(TlsConfig::default());
    };
    let wrong = |error: &dyn Display| format!("--ca-file {}: {error}", path.display());
    let pem = std::fs::read(path).map_err(|error| wrong(&error))?;
    let ca = Certificate::from_pem(&pem).map_err(|error| wrong(&error))?;
    let roots = RootCerts::new_with_certs(&[ca]);
    Ok(TlsConfig::builder().root_certs(roots).build())
}

const GOOD: Style = AnsiColor::Green.on_default();
const DOUBTFUL: Style = AnsiColor::Yellow.on_default();
const BAD: Style = AnsiColor::Red.on_default().bold();
const PLAIN: Style = Style::new();
const HEAD: Style = Style::new().bold();

/// A text, and the style it is shown in.
struct Cell(String, Style);

fn table(status: &Status) -> String {
    let Status {
        version,
        writes,
        reads,
        ..
    } = status;
    let region = status
        .region
        .as_deref()
        .map_or(String::new(), |region| format!(", {region}"));
    let timeline = status
        .timeline
        .map_or(String::new(), |timeline| format!(", timeline {timeline}"));
    let embedded = if status.embedded {
        ", private PostgreSQL"
    } else {
        ""
    };
    let (w, r) = (style_of(writes), style_of(reads));
    let mut page = format!(
        "synapse-core {version}{region}{timeline}{embedded}\nwrites {w}{writes}{w:#}, reads {r}{reads}{r:#}\n\n"
    );
    let head = [
        "NODE", "ROLE", "STATE", "TIMELINE", "LAG", "SYNC", "RTT", "POOL", "SINCE", "CAUSE",
    ];
    let mut rows = vec![head.map(|name| Cell(name.to_owned(), HEAD))];
    rows.extend(status.nodes.iter().map(row));
    page.push_str(&aligned(&rows));
    if !status.failovers.is_empty() {
        let head = ["FAILOVER", "FROM", "TO", "TIMELINE", "WRITE GAP", "REASON"];
        let mut rows = vec![head.map(|name| Cell(name.to_owned(), HEAD))];
        rows.extend(status.failovers.iter().map(|failover| {
            let timeline = failover.timeline.to_string();
            let gap = format!("{} ms", failover.write_gap_ms);
            let (at, reason) = (to_the_second(&failover.at), failover.reason.clone());
            let (from, to) = (failover.from.clone(), failover.to.clone());
            [at, from, to, timeline, gap, reason].map(|text| Cell(text, PLAIN))
        }));
        page.push('\n');
        page.push_str(&aligned(&rows));
    }
    page
}

fn row(node: &Node) -> [Cell; 10] {
    let cause = match (&node.cause, node.next_attempt_in_ms) {
        (Some(cause), Some(ms)) => format!(
            "{cause}, {} attempts, next in {} s",
            node.attempts,
            ms.div_ceil(1000)
        ),
        (Some(cause), None) => cause.clone(),
        (None, _) => String::new(),
    };
    let state = if node.cause.is_some() && node.state == "up" {
        DOUBTFUL
    } else {
        style_of(&node.state)
    };
    let plain = |text: String| Cell(text, PLAIN);
    [
        plain(node.name.clone()),
        plain(node.role.clone()),
        Cell(node.state.clone(), state),
        plain(told(node.timeline, "")),
        plain(told(node.lag_ms, " ms")),
        plain(told(node.sync_state.as_ref(), "")),
        plain(told(node.rtt_ms, " ms")),
        plain(format!("{} of {}", node.pool.in_use, node.pool.max)),
        plain(to_the_second(&node.since)),
        Cell(cause, state),
    ]
}

fn told(value: Option<impl ToString>, unit: &str) -> String {
    value.map_or("-".to_owned(), |value| value.to_string() + unit)
}

fn style_of(word: &str) -> Style {
    match word {
        "available" | "up" => GOOD,
        "held" => DOUBTFUL,
        _ => BAD,
    }
}

/// RFC 3339 without the fraction.
fn to_the_second(time: &str) -> String {
    match time.split_once('.') {
        Some((seconds, _)) => format!("{seconds}Z"),
        None => time.to_owned(),
    }
}

/// Aligns the texts in columns. Control characters are replaced, so that no text of the service can control the terminal.
fn aligned<const N: usize>(rows: &[[Cell; N]]) -> String {
    let clean = |text: &str| text.replace(char::is_control, "?");
    let width = |column: usize| rows.iter().map(|row| row[column].0.chars().count()).max();
    let widths: Vec<usize> = (0..N).map(|column| width(column).unwrap_or(0)).collect();
    let mut lines = String::new();
    for row in rows {
        let cells = row.iter().zip(&widths).map(|(Cell(text, style), width)| {
            let padding = " ".repeat(width - text.chars().count());
            format!("{style}{}{style:#}{padding}", clean(text))
        });
        let line = cells.collect::<Vec<_>>().join("  ");
        lines.push_str(line.trim_end());
        lines.push('\n');
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_and_no_control_character_passes() {
        let cell = |text: &str| Cell(text.to_owned(), PLAIN);
        let rows = [
            [cell("NODE"), cell("ROLE")],
            [cell("\u{1b}[2J-long"), cell("up")],
        ];
        assert_eq!(aligned(&rows), "NODE       ROLE\n?[2J-long  up\n");
    }
}
