//! Typed settings: `Settings.toml`, then `SYNAPSE__SECTION__KEY`, then `DATABASE_URL`, `DATABASE_REPLICA_URL` and `SERVER_PORT`.
//! Every problem is found in one go, and named.

mod nodes;
mod reader;

use crate::db::{NodeOptions, Options, RebuildSchedule};
use crate::dispatch::Policy;
use crate::ledger::ask::draft::Rules;
use crate::ledger::model::strkey::StrkeyCheck;
use reader::Reader;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

#[derive(Debug)]
pub struct Settings {
    pub server: ServerSettings,
    pub database: DatabaseSettings,
    pub embedded: EmbeddedSettings,
    pub api: Rules,
    pub log: LogSettings,
}

#[derive(Clone, Debug)]
pub struct ServerSettings {
    pub bind: SocketAddr,
    pub region: Option<String>,
    pub drain: Duration,
    pub max_connections: usize,
}

#[derive(Clone, Debug)]
pub struct DatabaseSettings {
    /// Empty: the embedded cluster is used.
    pub nodes: Vec<NodeOptions>,
    pub availability: Options,
    pub policy: Policy,
    pub migrate_on_start: bool,
}

#[derive(Clone, Debug)]
pub struct EmbeddedSettings {
    pub enabled: bool,
    /// None: [`crate::cli`] chooses.
    pub data_dir: Option<PathBuf>,
    pub replicas: u8,
    pub bin_dir: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    Text,
    Json,
}

#[derive(Clone, Debug)]
pub struct LogSettings {
    /// `env_logger`'s filter syntax.
    pub level: String,
    pub format: LogFormat,
}

/// All that is wrong, one line each.
#[derive(Debug, thiserror::Error)]
#[error("{}", .0.join("\n"))]
pub struct Problems(pub Vec<String>);

/// `path`: None for `Settings.toml` in the working directory, which may be missing; a file that was named must exist.
pub fn load(path: Option<&Path>) -> Result<Settings, Problems> {
    let mut reader = Reader::open(path)?;
    let settings = read(&mut reader);
    let problems = reader.finish();
    let bind = settings.server.bind;
    match (settings.database.nodes.is_empty() && !settings.embedded.enabled, problems) {
        (_, problems) if !problems.is_empty() => Err(Problems(problems)),
        (true, _) => Err(Problems(vec![
            "database.primary.url: no database is configured: set it (or DATABASE_URL), or set embedded.enabled = true to try the \
             service on a private PostgreSQL (the Settings.toml of the repository does)"
                .into(),
        ])),
        // Its data are for one person on one machine, and so is its address.
        _ if settings.database.nodes.is_empty() && !bind.ip().is_loopback() => Err(Problems(vec![format!(
            "server.bind: {bind} is not a loopback address, and the private PostgreSQL (embedded.enabled) is served on those alone: \
             set database.primary.url (or DATABASE_URL)"
        )])),
        _ => Ok(settings),
    }
}

fn read(r: &mut Reader) -> Settings {
    let server = server(r);
    let database = database(r, server.region.clone());
    Settings {
        server,
        database,
        embedded: EmbeddedSettings {
            enabled: r.flag("embedded.enabled", false),
            data_dir: r.text("embedded.data_dir").map(PathBuf::from),
            replicas: u8::try_from(r.number("embedded.replicas", 1, 0..=4)).unwrap_or(1),
            bin_dir: r.text("embedded.bin_dir").map(PathBuf::from),
        },
        api: Rules {
            strkey_check: r.choice(
                "api.strkey_check",
                &[("full", StrkeyCheck::Full), ("shape", StrkeyCheck::Shape)],
                StrkeyCheck::Full,
            ),
            asset_codes: r.list("api.asset_codes"),
        },
        log: LogSettings {
            level: log_level(r),
            format: r.choice(
                "log.format",
                &[("text", LogFormat::Text), ("json", LogFormat::Json)],
                LogFormat::Text,
            ),
        },
    }
}

fn log_level(r: &mut Reader) -> String {
    let level = r
        .text("log.level")
        .unwrap_or_else(|| "info,actix_server=warn,actix_http=off".into());
    if env_filter::Builder::new().try_parse(&level).is_err() {
        r.problem(
            "log.level",
            "must be error, warn, info, debug, trace, or a filter such as info,access=warn",
        );
    }
    level
}

fn server(r: &mut Reader) -> ServerSettings {
    let default_bind = SocketAddr::from(([127, 0, 0, 1], 3000));
    let mut bind = r.parsed(
        "server.bind",
        default_bind,
        "an address and port such as 127.0.0.1:3000",
    );
    if let Some(port) = r.short_name("SERVER_PORT") {
        match port.parse() {
            Ok(port) => bind.set_port(port),
            Err(_) => r.problem("SERVER_PORT", "must be a port number from 0 to 65535"),
        }
    }
    ServerSettings {
        bind,
        region: r.text("server.region"),
        drain: r.millis("server.drain_ms", 10_000, 0..=600_000),
        max_connections: usize::try_from(r.number(
            "server.max_connections",
            10_000,
            16..=1_000_000,
        ))
        .unwrap_or(10_000),
    }
}

/// Soon: a statement that many share must not wait long for what a stranger holds. Who needs it asks again (`dispatch::write`).
const LOCK_TIMEOUT: Duration = Duration::from_millis(50);

fn database(r: &mut Reader, region: Option<String>) -> DatabaseSettings {
    let write_deadline = r.millis("database.write_deadline_ms", 8000, 100..=120_000);
    let attempt_timeout = r.millis("database.attempt_timeout_ms", 3000, 50..=60_000);
    let availability = Options {
        pool_size: u32::try_from(r.number("database.pool_size", 10, 1..=500)).unwrap_or(10),
        // The server gives a slow statement up first: giving up here costs the whole pool, and is for servers that do not answer.
        statement_timeout: attempt_timeout * 4 / 5,
        lock_timeout: LOCK_TIMEOUT,
        probe_interval: r.millis("database.probe_interval_ms", 500, 20..=60_000),
        probe_timeout: r.millis("database.probe_timeout_ms", 500, 20..=60_000),
        max_replica_lag: r.millis("database.max_replica_lag_ms", 5000, 0..=86_400_000),
        region,
        rebuild: rebuild(r),
    };
    let nodes = nodes::nodes(r);
    let require_replication = r.flag("database.require_replication", false);
    if require_replication {
        nodes::check_replication(r, &nodes);
    }
    DatabaseSettings {
        nodes,
        availability,
        policy: Policy {
            write_deadline,
            attempt_timeout,
            require_replication,
            max_waiting: usize::try_from(r.number("database.max_waiting", 1000, 1..=100_000))
                .unwrap_or(1000),
        },
        migrate_on_start: r.flag("database.migrate_on_start", true),
    }
}

fn rebuild(r: &mut Reader) -> RebuildSchedule {
    let schedule = RebuildSchedule {
        initial: r.millis("database.rebuild.initial_ms", 2000, 100..=600_000),
        factor: r.decimal("database.rebuild.factor", 2.0, 1.0..=10.0),
        max: r.millis("database.rebuild.max_ms", 32_000, 100..=3_600_000),
        attempts: u32::try_from(r.number("database.rebuild.attempts", 5, 1..=1000)).unwrap_or(5),
    };
    if schedule.max < schedule.initial {
        r.problem(
            "database.rebuild.max_ms",
            "must not be less than database.rebuild.initial_ms",
        );
    }
    schedule
}

#[cfg(test)]
mod tests;
