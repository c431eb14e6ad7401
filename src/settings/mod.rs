//! Typed settings: `Settings.toml`, then `SYNAPSE__SECTION__KEY`, then `DATABASE_URL`, `DATABASE_REPLICA_URL` and `SERVER_PORT`.
//! Every problem is found in one go, and named. A section is a file: what it is, how it is read, and what it asks of the others.

mod api;
mod callback;
mod clients;
mod database;
mod demo;
mod durability;
mod embedded;
mod limits;
mod log;
mod reader;
mod server;
mod tls;

pub use database::DatabaseSettings;
pub use embedded::EmbeddedSettings;
pub use log::{LogFormat, LogSettings};
pub use server::ServerSettings;
pub use tls::TlsSettings;

use crate::clients::{Client, Limits, Source};
use crate::ledger::ask::draft::Rules;
use reader::Reader;
use secrecy::SecretString;
use std::path::Path;

#[derive(Debug)]
pub struct Settings {
    pub server: ServerSettings,
    pub database: DatabaseSettings,
    pub embedded: EmbeddedSettings,
    /// None: everybody may do everything.
    pub clients: Vec<Client>,
    pub limits: Limits,
    /// None: callbacks are refused.
    pub sources: Vec<Source>,
    pub api: Rules,
    pub log: LogSettings,
    /// What the service starts with nevertheless, one line each.
    pub warnings: Vec<String>,
}

/// All that is wrong, one line each.
#[derive(Debug, thiserror::Error)]
#[error("{}", .0.join("\n"))]
pub struct Problems(pub Vec<String>);

/// `path`: None for `Settings.toml` in the working directory, which may be missing; a file that was named must exist.
pub fn load(path: Option<&Path>) -> Result<Settings, Problems> {
    let (settings, mut reader) = read(Reader::open(path)?);
    compare(&settings, &mut reader);
    settings.unless_wrong(reader)
}

/// Sections are compared where each is right by itself: what is missing because it is wrong is not told twice.
fn compare(settings: &Settings, reader: &mut Reader) {
    let server = &settings.server;
    let mut problems = Vec::new();
    let nodes = ["database.primary", "database.replicas", "DATABASE_"];
    if !reader.is_wrong(&nodes) && !reader.is_wrong(&["embedded"]) {
        problems.extend(settings.embedded.problem_with(&settings.database, server));
    }
    if !reader.is_wrong(&["clients"]) {
        problems.extend(clients::problem_with(&settings.clients, server));
    }
    problems.dedup_by_key(|(key, _)| *key);
    for (key, what) in problems {
        reader.problem(key, &what);
    }
}

/// Where operators are served on this machine, by the section `[server]` alone: who only looks at a service need not have its databases.
pub fn own_url(path: Option<&Path>) -> Result<String, Problems> {
    let mut reader = Reader::open(path)?;
    let server = server::server(&mut reader);
    reader.problems_so_far()?;
    Ok(server.url_of(server.admin_bind.unwrap_or(server.bind)))
}

/// For `demo`, which has databases, an address and clients of its own.
pub fn load_for_demo(path: Option<&Path>) -> Result<Settings, Problems> {
    let (settings, reader) = read(Reader::open(path)?);
    Ok(settings.unless_wrong(reader)?.for_demo())
}

/// The key of a client command: of the file, else of `SYNAPSE_KEY`. Not an argument, which everybody on the machine can see.
pub fn client_key(file: Option<&Path>) -> Result<Option<SecretString>, String> {
    let text = match file {
        Some(path) => std::fs::read_to_string(path)
            .map(Some)
            .map_err(|error| format!("cannot read {}: {error}", path.display()))?,
        None => std::env::var_os("SYNAPSE_KEY").and_then(|key| key.into_string().ok()),
    };
    let key = text.map(|text| text.trim().to_owned());
    Ok(key.filter(|key| !key.is_empty()).map(SecretString::from))
}

/// What is wrong is remembered by the reader, and has its default here.
fn read(mut r: Reader) -> (Settings, Reader) {
    let server = server::server(&mut r);
    let database = database::database(&mut r, server.region.clone());
    let clients = clients::clients(&mut r);
    let limits = limits::limits(&mut r, &clients);
    limits::warn_of_bursts(&mut r, &limits, &database);
    let settings = Settings {
        database,
        server,
        embedded: embedded::embedded(&mut r),
        clients,
        limits,
        sources: callback::sources(&mut r),
        api: api::api(&mut r),
        log: log::log(&mut r),
        warnings: Vec::new(),
    };
    (settings, r)
}

impl Settings {
    fn unless_wrong(self, reader: Reader) -> Result<Settings, Problems> {
        let warnings = reader.finish()?;
        Ok(Settings { warnings, ..self })
    }
}

#[cfg(test)]
mod tests;
