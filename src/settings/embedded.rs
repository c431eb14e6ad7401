//! `[embedded]`: the private PostgreSQL.

use super::reader::Reader;
use super::{DatabaseSettings, ServerSettings};
use std::path::PathBuf;

#[derive(Clone, Debug)]
pub struct EmbeddedSettings {
    pub enabled: bool,
    /// None: [`crate::cli`] chooses.
    pub data_dir: Option<PathBuf>,
    pub replicas: u8,
    pub bin_dir: Option<PathBuf>,
}

pub(super) fn embedded(r: &mut Reader) -> EmbeddedSettings {
    EmbeddedSettings {
        enabled: r.flag("embedded.enabled", false),
        data_dir: r.file_name("embedded.data_dir").map(PathBuf::from),
        replicas: u8::try_from(r.number("embedded.replicas", 1, 0..=4)).unwrap_or(1),
        bin_dir: r.file_name("embedded.bin_dir").map(PathBuf::from),
    }
}

impl EmbeddedSettings {
    /// What forbids to start with these settings. If other databases are configured, the private PostgreSQL is not used, and there is no
    /// problem.
    pub(super) fn problem_with(
        &self,
        database: &DatabaseSettings,
        server: &ServerSettings,
    ) -> Option<(&'static str, String)> {
        // Both listeners: the one for operators can kill the private primary.
        let addresses = [
            ("server.bind", Some(server.bind)),
            ("server.admin_bind", server.admin_bind),
        ];
        let mut elsewhere = addresses.into_iter().filter_map(|(key, address)| {
            let address = address.filter(|address| !address.ip().is_loopback());
            Some((key, address?))
        });
        match (database.nodes.is_empty(), self.enabled) {
            (false, _) => None,
            (true, false) => Some((
                "database.primary.url",
                "no database is configured: set it (or DATABASE_URL), or set embedded.enabled = true to try the \
                 service on a private PostgreSQL (the Settings.toml of the repository does)"
                    .into(),
            )),
            // The private PostgreSQL is for one person on one machine, so only that machine may reach the service.
            (true, true) => elsewhere.next().map(|(key, address)| {
                let what = format!(
                    "{address} is not a loopback address, and the private PostgreSQL (embedded.enabled) is served on those alone: \
                     set database.primary.url (or DATABASE_URL)"
                );
                (key, what)
            }),
        }
    }
}
