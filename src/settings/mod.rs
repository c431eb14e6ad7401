//! Typed settings: `Settings.toml`, then `SYNAPSE__SECTION__KEY`, then `DATABASE_URL`, `DATABASE_REPLICA_URL` and `SERVER_PORT`; the later
//! ones win.
//! All problems are found in one go, each with its key. Each section has a file: its type, how it is read, and how it is compared with
//! other sections.

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
    /// Empty: anybody may do everything.
    pub clients: Vec<Client>,
    pub limits: Limits,
    /// Empty: callbacks are refused.
    pub sources: Vec<Source>,
    pub api: Rules,
    pub log: LogSettings,
    /// What looks like a mistake but does not keep the service from starting, one line each.
    pub warnings: Vec<String>,
}

/// All problems of the settings, one line each.
#[derive(Debug, thiserror::Error)]
#[error("{}", .0.join("\n"))]
pub struct Problems(pub Vec<String>);

/// `path`: None means `Settings.toml` in the working directory, which may be missing; a file that was named must exist.
pub fn load(path: Option<&Path>) -> Result<Settings, Problems> {
    let (settings, _) = load_with(path, |_| Ok(()))?;
    Ok(settings)
}

/// The same for whoever serves, or says what serving would find. `certificate` reads the files of `[server.tls]`, so that what is wrong with
/// them is told together with everything else. Other commands need not be able to read them.
pub fn load_with<C>(
    path: Option<&Path>,
    certificate: impl FnOnce(&TlsSettings) -> Result<C, Vec<(&'static str, String)>>,
) -> Result<(Settings, Option<C>), Problems> {
    let (settings, mut reader) = read(Reader::open(path)?);
    compare(&settings, &mut reader);
    let certificate = settings.server.tls.as_ref().map(certificate).transpose();
    let certificate = certificate.unwrap_or_else(|problems| {
        for (key, what) in problems {
            reader.problem(key, &what);
        }
        None
    });
    Ok((settings.unless_wrong(reader)?, certificate))
}

/// Compares sections with each other, but none that has a problem itself: its wrong values were replaced by defaults, and comparing those
/// would report a problem that is not there.
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

/// The URL at which operators are served on this machine. Only the section `[server]` is read: whoever looks at a service need not have the
/// settings of its databases.
pub fn own_url(path: Option<&Path>) -> Result<String, Problems> {
    let mut reader = Reader::open(path)?;
    let server = server::server(&mut reader);
    reader.finish_early()?;
    Ok(server.url_of(server.admin_bind.unwrap_or(server.bind)))
}

/// For `demo`, which has databases, an address and clients of its own.
pub fn load_for_demo(path: Option<&Path>) -> Result<Settings, Problems> {
    let (settings, reader) = read(Reader::open(path)?);
    Ok(settings.unless_wrong(reader)?.for_demo())
}

/// The key that a client command sends: from the file, else from `SYNAPSE_KEY`. It is no argument, since everybody on the machine can see
/// those.
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

/// Reads all sections. What is wrong is remembered by the reader as a problem, and replaced by its default.
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
