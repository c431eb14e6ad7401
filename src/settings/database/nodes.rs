//! The databases, and what they are called.

use crate::db::NodeOptions;
use crate::db::url::DatabaseUrl;
use crate::settings::clients;
use crate::settings::reader::Reader;
use std::collections::{HashMap, HashSet};

/// `database.primary` first, then the replicas; replicas without a primary are a problem. A node without a name is named after its place in
/// this list (`node-1`), not after its role, since roles change.
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
    if let Some((one, other)) = regions_alike(&nodes) {
        let problem = format!("the regions {one:?} and {other:?} differ in case only");
        r.problem("database.replicas", &problem);
    }
    nodes
}

/// Probably they are one, and a copy in "EU" would count as one outside of "eu".
fn regions_alike(nodes: &[NodeOptions]) -> Option<(&str, &str)> {
    let mut spellings = HashMap::new();
    let mut regions = nodes.iter().filter_map(|node| node.region.as_deref());
    regions.find_map(|region| {
        let lower = region.to_ascii_lowercase();
        let first = *spellings.entry(lower).or_insert(region);
        (first != region).then_some((first, region))
    })
}

/// A `server.region` in which there is no node is a problem: reads would find no node of their own region.
pub(super) fn check_region(r: &mut Reader, nodes: &[NodeOptions], region: Option<&str>) {
    let Some(region) = region else { return };
    let key = "server.region";
    if nodes.iter().all(|node| node.region.is_none()) {
        if !nodes.is_empty() {
            r.warning(key, "says nothing while no node has a region");
        }
    } else if !nodes
        .iter()
        .any(|node| node.region.as_deref() == Some(region))
    {
        r.problem(key, "is a region that no node has");
    }
}

const PRIMARY_URL: &str = "database.primary.url";

fn primary(r: &mut Reader) -> Option<NodeOptions> {
    let name = clients::name(r, "database.primary.name");
    let region = clients::name(r, "database.primary.region");
    if let Some(text) = short_url(r) {
        r.ignore_secret(PRIMARY_URL);
        return node(r, "DATABASE_URL", &text, name, region);
    }
    let text = r.secret(PRIMARY_URL).ok()??;
    node(r, PRIMARY_URL, &text, name, region)
}

/// A blank `DATABASE_URL` is a problem, for the reason that [`Reader::secret`] gives.
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
        let name = clients::name(r, &format!("{table}.name"));
        let region = clients::name(r, &format!("{table}.region"));
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

/// An empty name is replaced by [`nodes`].
fn node(
    r: &mut Reader,
    key: &str,
    url: &str,
    name: Option<String>,
    region: Option<String>,
) -> Option<NodeOptions> {
    let name = name.unwrap_or_default();
    match DatabaseUrl::parse(url) {
        Ok(url) => Some(NodeOptions { name, region, url }),
        Err(error) => {
            r.problem(key, &error.to_string());
            None
        }
    }
}
