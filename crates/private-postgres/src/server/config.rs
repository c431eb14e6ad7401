//! `synapse.conf` in a data directory, which postgresql.conf includes. It is written anew before every start and every reload.

use crate::Error;
use crate::home::{Durability, Home, User, private_file};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

pub(super) const FILE: &str = "synapse.conf";
pub(super) const INCLUDE: &str = "\ninclude_if_exists 'synapse.conf'\n";

pub(super) type Settings = BTreeMap<String, String>;

const ALWAYS: &[(&str, &str)] = &[
    ("max_connections", "200"),
    ("wal_level", "replica"),
    ("max_wal_senders", "10"),
    ("wal_keep_size", "256MB"),
    ("wal_log_hints", "on"), // pg_rewind needs this or checksums
    ("full_page_writes", "on"),
    ("hot_standby", "on"),
    ("hot_standby_feedback", "off"),
    ("wal_retrieve_retry_interval", "100ms"), // 5 s by default: after a failover a replica would wait for so long
    ("wal_receiver_status_interval", "1s"),
    ("wal_receiver_timeout", "3s"),
    ("wal_sender_timeout", "3s"), // a frozen replica must not hold commits for the default minute
    ("password_encryption", "scram-sha-256"),
    ("timezone", "UTC"),
    ("log_timezone", "UTC"),
    ("log_line_prefix", "%m [%p] "),
    ("log_checkpoints", "off"),
    ("logging_collector", "off"),
    ("jit", "off"),
];

const DURABLE: &[(&str, &str)] = &[("fsync", "on")];

/// Shared memory is kept in the data directory: what a killed server leaves in /dev/shm would stay there for ever if its directory is
/// removed.
const FAST: &[(&str, &str)] = &[("fsync", "off"), ("dynamic_shared_memory_type", "mmap")];

pub(super) fn write(
    home: &Home,
    data_dir: &Path,
    name: &str,
    settings: &Settings,
) -> Result<(), Error> {
    let mut text =
        String::from("# Written by synapse-core at every start; changes here are lost.\n");
    let fixed = match home.durability {
        Durability::Durable => DURABLE,
        Durability::Fast => FAST,
    };
    let all = ALWAYS
        .iter()
        .copied()
        .chain(fixed.iter().copied())
        .chain([("cluster_name", name)]);
    let all = all.chain(
        settings
            .iter()
            .map(|(key, value)| (key.as_str(), value.as_str())),
    );
    for (key, value) in all {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{key} = '{}'", quoted(value));
    }
    private_file::write(home.account.as_ref(), &data_dir.join(FILE), &text)
}

fn quoted(value: &str) -> String {
    value.replace('\\', "\\\\").replace('\'', "''")
}

/// How the server `name` connects to the one that it follows. The password is in a file, since a running server writes every changed
/// setting to its log.
pub(super) fn conninfo(home: &Home, port: u16, name: &str) -> Result<String, Error> {
    let user = User::Replicator;
    let passfile = home.dir.join(format!("{name}.pgpass"));
    let line = format!("*:*:*:{}:{}\n", user.name(), home.password(user));
    private_file::write(home.account.as_ref(), &passfile, &line)?;
    let passfile = passfile.display().to_string();
    let passfile = passfile.replace('\\', "\\\\").replace('\'', "\\'");
    Ok(format!(
        "host=127.0.0.1 port={port} user={} passfile='{passfile}' application_name={name} sslmode=disable gssencmode=disable connect_timeout=2",
        user.name(),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_cannot_break_out_of_their_quotes() {
        assert_eq!(quoted(r"a'b\c"), r"a''b\\c");
    }
}
