//! The databases, and what they are called.

use super::reader::Reader;
use crate::db::NodeOptions;
use crate::db::url::DatabaseUrl;
use std::collections::HashSet;

/// The primary first; where there is none, replicas are an error. A name says which entry it is and nothing of its role, which changes.
pub(super) fn nodes(r: &mut Reader) -> Vec<NodeOptions> {
    let name = r.text("database.primary.name");
    let region = r.text("database.primary.region");
    let configured = url(r, "database.primary.url");
    let primary = match short_url(r, "DATABASE_URL") {
        Some(text) => node(r, "DATABASE_URL", &text, name, region),
        None => configured.and_then(|text| node(r, "database.primary.url", &text, name, region)),
    };
    let replicas = replicas(r);
    if primary.is_none() && !replicas.is_empty() {
        r.problem(
            "database.primary.url",
            "is missing, although replicas are configured",
        );
    }
    let mut nodes: Vec<NodeOptions> = primary.into_iter().chain(replicas).collect();
    for (i, node) in nodes.iter_mut().enumerate() {
        if node.name.is_empty() {
            node.name = format!("node-{}", i + 1);
        }
    }
    let names: HashSet<&str> = nodes.iter().map(|node| node.name.as_str()).collect();
    if names.len() < nodes.len() {
        r.problem("database.replicas", "two nodes have the same name");
    }
    nodes
}

/// Where replication is required, a session must not be told to commit without a standby's flush: each write would be made, and then end as
/// "outcome unknown".
pub(super) fn check_replication(r: &mut Reader, nodes: &[NodeOptions]) {
    let flushes = ["on", "true", "yes", "1", "remote_apply"];
    for node in nodes {
        let level = set_by(node.url.session_options(), "synchronous_commit");
        if let Some(level) = level.filter(|level| !flushes.contains(&level.as_str())) {
            let name = &node.name;
            let problem = format!(
                "cannot be kept with synchronous_commit={level} in the URL of {name}: use on or remote_apply there, or nothing"
            );
            r.problem("database.require_replication", &problem);
        }
    }
}

/// What a PostgreSQL command line (`-c name=value`, `-cname=value`, `--name=value`) sets this to: the last one counts.
fn set_by(options: &str, name: &str) -> Option<String> {
    let options = options.replace("-c ", "-c").to_ascii_lowercase();
    let mut settings = options.split_whitespace().filter_map(|option| {
        let setting = option
            .strip_prefix("--")
            .or_else(|| option.strip_prefix("-c"));
        let (key, value) = setting?.split_once('=')?;
        (key.replace('-', "_") == name).then(|| value.to_owned())
    });
    settings.next_back()
}

fn replicas(r: &mut Reader) -> Vec<NodeOptions> {
    let configured = r.tables("database.replicas", &["url", "region", "name"]);
    if let Some(urls) = r.short_name("DATABASE_REPLICA_URL") {
        let named = urls.split_whitespace();
        return named
            .filter_map(|url| node(r, "DATABASE_REPLICA_URL", url, None, None))
            .collect();
    }
    let mut nodes = Vec::new();
    for (i, mut table) in configured.into_iter().enumerate() {
        let key = format!("database.replicas[{i}].url");
        let (name, region) = (table.remove("name"), table.remove("region"));
        match table.remove("url") {
            Some(url) => nodes.extend(node(r, &key, &url, name, region)),
            None => r.problem(&key, "is missing"),
        }
    }
    nodes
}

/// Without a name of its own it is named by its place.
fn node(
    r: &mut Reader,
    key: &str,
    url: &str,
    name: Option<String>,
    region: Option<String>,
) -> Option<NodeOptions> {
    let name = name.unwrap_or_default();
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    if name.len() > 64 || !name.chars().all(is_plain) {
        let key = key.replace(".url", ".name");
        r.problem(
            &key,
            "must be of letters, digits, '.', '_' and '-', 64 at most",
        );
    }
    match DatabaseUrl::parse(url) {
        Ok(url) => Some(NodeOptions { name, region, url }),
        Err(error) => {
            r.problem(key, &error.to_string());
            None
        }
    }
}

/// Blank is a mistake, such as a variable that was never filled in: to go on without it would be to go on with another database.
const BLANK: &str = "is set, but blank";

fn short_url(r: &mut Reader, name: &str) -> Option<String> {
    let text = r.short_name(name);
    if r.is_set(name) && text.is_none() {
        r.problem(name, BLANK);
    }
    text
}

fn url(r: &mut Reader, key: &str) -> Option<String> {
    let is_blank = r.is_blank(key);
    if is_blank {
        r.problem(key, BLANK);
    }
    r.text(key)
}
