//! The databases, and what they are called.

use crate::db::NodeOptions;
use crate::db::url::DatabaseUrl;
use crate::settings::reader::Reader;
use std::collections::HashSet;

/// The primary first; where there is none, replicas are an error. A name says which entry it is and nothing of its role, which changes.
pub(super) fn nodes(r: &mut Reader) -> Vec<NodeOptions> {
    let primary = primary(r);
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

const PRIMARY_URL: &str = "database.primary.url";

fn primary(r: &mut Reader) -> Option<NodeOptions> {
    let name = r.text("database.primary.name");
    let region = r.text("database.primary.region");
    if let Some(text) = short_url(r) {
        r.ignore_secret(PRIMARY_URL);
        return node(r, "DATABASE_URL", &text, name, region);
    }
    let text = r.secret(PRIMARY_URL).ok()??;
    node(r, PRIMARY_URL, &text, name, region)
}

/// Blank is a mistake here too ([`Reader::secret`]).
fn short_url(r: &mut Reader) -> Option<String> {
    let name = "DATABASE_URL";
    let text = r.short_name(name);
    if r.is_set(name) && text.is_none() {
        r.problem(name, "is set, but blank");
    }
    text
}

fn replicas(r: &mut Reader) -> Vec<NodeOptions> {
    let short = r.short_name("DATABASE_REPLICA_URL");
    let mut nodes = Vec::new();
    for table in r.tables("database.replicas") {
        let key = format!("{table}.url");
        let name = r.text(&format!("{table}.name"));
        let region = r.text(&format!("{table}.region"));
        if short.is_some() {
            r.ignore_secret(&key);
            continue;
        }
        match r.secret(&key) {
            Ok(Some(url)) => nodes.extend(node(r, &key, &url, name, region)),
            Ok(None) => r.problem(&key, "is missing"),
            Err(_) => {}
        }
    }
    for url in short.iter().flat_map(|urls| urls.split_whitespace()) {
        nodes.extend(node(r, "DATABASE_REPLICA_URL", url, None, None));
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
