//! `[durability]`: where a write must be before it is acknowledged, and whether the nodes can do that at all.

use super::reader::Reader;
use crate::db::{NodeOptions, Require};

const KEY: &str = "durability.require";

pub(super) fn require(r: &mut Reader, nodes: &[NodeOptions]) -> Require {
    let choices = [
        ("none", Require::None),
        ("node", Require::Node),
        ("region", Require::Region),
    ];
    let require = r.choice(KEY, &choices, Require::None);
    if let Some(problem) = problem_with(require, nodes) {
        r.problem(KEY, &problem);
    }
    require
}

fn problem_with(require: Require, nodes: &[NodeOptions]) -> Option<String> {
    match require {
        Require::None => None,
        Require::Node => nodes.iter().find_map(without_flush).or_else(|| {
            (nodes.len() == 1)
                .then(|| "cannot be \"node\" with one node: nobody could have a copy".into())
        }),
        Require::Region => nodes
            .iter()
            .find_map(without_flush)
            .or_else(|| regions(nodes)),
    }
}

fn regions(nodes: &[NodeOptions]) -> Option<String> {
    let Some(first) = nodes.first() else {
        return Some("cannot be \"region\" on the private PostgreSQL, which is in none".into());
    };
    if let Some(nowhere) = nodes.iter().find(|node| node.region.is_none()) {
        let name = &nowhere.name;
        return Some(format!("cannot be \"region\" while {name} has no region"));
    }
    let in_one = nodes.iter().all(|node| node.region == first.region);
    in_one.then(|| {
        "cannot be \"region\" with all nodes in one: nobody elsewhere could have a copy".into()
    })
}

/// A problem if the node's URL makes sessions commit without waiting for a standby's flush: each write would be applied, and then answered
/// "outcome unknown".
fn without_flush(node: &NodeOptions) -> Option<String> {
    let flushes = ["on", "true", "yes", "1", "remote_apply"];
    let level = set_by(node.url.session_options(), "synchronous_commit")?;
    let name = &node.name;
    (!flushes.contains(&level.as_str())).then(|| {
        format!(
            "cannot be kept with synchronous_commit={level} in the URL of {name}: use on or remote_apply there, or nothing"
        )
    })
}

/// The value that options written as on a PostgreSQL command line (`-c name=value`, `-cname=value`, `--name=value`) give to the setting
/// `name`. The last one counts.
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
