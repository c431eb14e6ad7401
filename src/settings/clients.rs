//! `[[clients]]`: who has keys.

use super::ServerSettings;
use super::reader::Reader;
use crate::clients::{Client, KeyDigest, Scope, is_name};
use std::collections::HashSet;

pub(super) fn clients(r: &mut Reader) -> Vec<Client> {
    let tables = r.tables("clients");
    let clients: Vec<Client> = tables.iter().map(|table| client(r, table)).collect();
    let mut names = HashSet::new();
    let mut keys = HashSet::new();
    for (client, table) in clients.iter().zip(&tables) {
        if !names.insert(&client.name) {
            r.problem(&format!("{table}.name"), "another client has this name");
        }
        if client.keys.iter().any(|key| !keys.insert(key)) {
            r.problem(&format!("{table}.key_sha256"), "occurs twice");
        }
    }
    clients
}

fn client(r: &mut Reader, table: &str) -> Client {
    let name = name(r, &format!("{table}.name"));
    if name.is_none() {
        r.problem(&format!("{table}.name"), "is missing");
    }
    let name = name.unwrap_or_else(|| table.to_owned());
    Client {
        owner: self::name(r, &format!("{table}.owner")).unwrap_or_else(|| name.clone()),
        name,
        keys: keys(r, &format!("{table}.key_sha256")),
        scopes: scopes(r, &format!("{table}.scopes")),
    }
}

/// The name of a client, a source, an owner, a node or a region, which goes into headers, labels and log lines. None: absent or blank.
pub(super) fn name(r: &mut Reader, key: &str) -> Option<String> {
    let name = r.text(key)?;
    if !is_name(&name) {
        r.problem(
            key,
            "must be of letters, digits, '.', '_' and '-', 64 at most",
        );
    }
    Some(name)
}

fn keys(r: &mut Reader, key: &str) -> Vec<KeyDigest> {
    let Ok(texts) = r.secrets(key) else {
        return Vec::new();
    };
    if texts.is_empty() {
        r.problem(key, "is missing: `synapse-core key NAME` makes a key");
    }
    let digests: Vec<KeyDigest> = texts.iter().flat_map(|t| KeyDigest::parse(t)).collect();
    if digests.len() < texts.len() {
        r.problem(
            key,
            "must be the SHA-256 of a key, 64 hexadecimal digits, or several of them",
        );
    }
    if digests.contains(&KeyDigest::of("")) {
        r.problem(key, "is the SHA-256 of nothing, which is no key");
    }
    digests
}

fn scopes(r: &mut Reader, key: &str) -> Vec<Scope> {
    let names = r.list(key);
    let known = |name: &String| Scope::ALL.into_iter().find(|scope| scope.name() == name);
    let scopes: Vec<Scope> = names.iter().filter_map(known).collect();
    if scopes.is_empty() || scopes.len() < names.len() {
        let known = Scope::ALL.map(Scope::name).join(", ");
        r.problem(key, &format!("must be some of {known}"));
    }
    scopes
}

/// Without clients anybody may do everything, so `server.bind` must be an address that only this machine can reach.
pub(super) fn problem_with(
    clients: &[Client],
    server: &ServerSettings,
) -> Option<(&'static str, String)> {
    let bind = server.bind;
    (clients.is_empty() && !bind.ip().is_loopback()).then(|| {
        let what = format!(
            "{bind} is not a loopback address, and without [[clients]] everybody may do everything there: configure clients \
             (`synapse-core key NAME` makes a key and prints the lines), or bind to 127.0.0.1"
        );
        ("server.bind", what)
    })
}
