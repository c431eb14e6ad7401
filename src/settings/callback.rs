//! `[[callback.sources]]`: who may send callbacks.

use super::clients::name;
use super::reader::Reader;
use crate::clients::{FEWEST_BYTES, Secret, Source};
use std::collections::HashSet;

/// Every callback is verified against every secret, so their number is limited.
const MAX_SECRETS: usize = 64;

pub(super) fn sources(r: &mut Reader) -> Vec<Source> {
    let key = "callback.sources";
    let tables = r.tables(key);
    let sources: Vec<Source> = tables.iter().map(|table| source(r, table)).collect();
    let mut names = HashSet::new();
    for (source, table) in sources.iter().zip(&tables) {
        if !names.insert(&source.name) {
            r.problem(
                &format!("{table}.name"),
                "another source has this name, or this owner and no name",
            );
        }
    }
    let secrets: Vec<&Secret> = sources.iter().flat_map(|source| &source.secrets).collect();
    let repeated = |at: usize| secrets[..at].iter().any(|other| other.is_same(secrets[at]));
    if secrets.len() > MAX_SECRETS {
        r.problem(key, &format!("there are more than {MAX_SECRETS} secrets"));
    } else if (0..secrets.len()).any(repeated) {
        r.problem(key, "a secret occurs twice: it says whose callback it is");
    }
    sources
}

fn source(r: &mut Reader, table: &str) -> Source {
    let name = self::name(r, &format!("{table}.name"));
    let owner_key = format!("{table}.owner");
    let owner = self::name(r, &owner_key);
    if owner.is_none() {
        r.problem(&owner_key, "is missing: whose transactions it tells of");
    }
    let owner = owner.unwrap_or_default();
    Source {
        name: name.unwrap_or_else(|| owner.clone()),
        owner,
        secrets: secrets(r, &format!("{table}.secrets")),
    }
}

fn secrets(r: &mut Reader, key: &str) -> Vec<Secret> {
    let Ok(texts) = r.secrets(key) else {
        return Vec::new();
    };
    if texts.is_empty() {
        r.problem(key, "is missing");
    }
    let secrets: Vec<Secret> = texts
        .iter()
        .filter_map(|text| Secret::parse(text))
        .collect();
    if secrets.len() < texts.len() {
        r.problem(
            key,
            "must be base64 of 24 bytes or more, with whsec_ before it or without, or several of them",
        );
    }
    if secrets.iter().any(|secret| secret.bytes() < FEWEST_BYTES) {
        r.warning(key, &format!("has one of fewer than {FEWEST_BYTES} bytes"));
    }
    secrets
}
