//! Whether `synchronous_standby_names` makes commits wait for the standbys that `durability.require` asks for.

use crate::db::url::{DatabaseUrl, SessionLimits, connect};
use crate::db::{NodeOptions, Require, Standby, Standbys};
use diesel::prelude::*;
use diesel::sql_types::Text;
use std::sync::Arc;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(5);

/// A node, and the `application_name` by which a primary knows it, or would know it. None: unknown.
pub struct Named<'n> {
    pub name: Option<String>,
    pub node: &'n NodeOptions,
}

/// `synchronous_standby_names` (PostgreSQL 15 manual, 20.6.2): what a commit waits for.
#[derive(Debug, PartialEq, Eq)]
struct Waits {
    /// How many of the names confirm a commit. `FIRST` and `ANY` differ in which of them; here any may be the only ones that are connected.
    count: usize,
    names: Vec<String>,
}

/// Err: a commit can be confirmed by standbys that do not count, so writes would be refused, or acknowledged later than they need to be.
pub fn durability(require: Require, primary: usize, nodes: &[Named<'_>]) -> Result<(), String> {
    if require == Require::None {
        return Ok(());
    }
    let Named { name: own, node } = &nodes[primary];
    let set = setting_of(&node.url)?;
    let counting = counting(require, primary, nodes);
    if is_enough(&Waits::parse(&set, own.as_deref()), &counting) {
        say!(
            "durability.require: commits wait for synchronous_standby_names = '{set}', which is enough"
        );
        return Ok(());
    }
    let advice = match counting.is_empty() {
        true => {
            "no standby that counts, and has a name of its own, is there to be named".to_owned()
        }
        false => format!(
            "set, so that it is right after a failover too,{}\na commit then takes the way to the nearest of them, there and back",
            (0..nodes.len())
                .map(|node| line_for(require, node, nodes))
                .collect::<String>()
        ),
    };
    Err(format!(
        "durability.require: commits of {} wait for synchronous_standby_names = '{set}', which can be satisfied by standbys that do not \
         count: {advice}",
        node.name
    ))
}

fn others<'n>(of: usize, nodes: &'n [Named<'n>]) -> impl Iterator<Item = &'n Named<'n>> {
    let others = nodes.iter().enumerate().filter(move |(at, _)| *at != of);
    others.map(|(_, named)| named)
}

/// The names of the standbys that count for a commit of this primary.
fn counting(require: Require, primary: usize, nodes: &[Named<'_>]) -> Vec<String> {
    let known = others(primary, nodes).filter_map(|other| {
        let name = other.name.clone()?;
        let region = other.node.region.as_deref().map(Arc::from);
        Some(Standby { name, region })
    });
    let region = nodes[primary].node.region.as_deref();
    Standbys::eligible(require, region, &known.collect::<Vec<_>>()).names
}

/// What to set on this node, for when it is the primary.
fn line_for(require: Require, node: usize, nodes: &[Named<'_>]) -> String {
    let Named { node: of, .. } = nodes[node];
    let is_unknown = |other: &&Named| {
        let counts = require == Require::Node || other.node.region != of.region;
        other.name.is_none() && counts
    };
    let unknown = others(node, nodes).filter(is_unknown);
    let unknown = unknown.map(|other| format!("<application_name of {}>", other.node.name));
    let names = counting(require, node, nodes).into_iter().chain(unknown);
    let quoted: Vec<String> = names.map(|name| format!("\"{name}\"")).collect();
    let (name, names) = (&of.name, quoted.join(", "));
    format!("\n  on {name}: synchronous_standby_names = 'ANY 1 ({names})'")
}

/// Whichever standbys confirm a commit, at least one of them counts.
fn is_enough(waits: &Waits, counting: &[String]) -> bool {
    let counts = |name: &&String| {
        counting
            .iter()
            .any(|other| other.eq_ignore_ascii_case(name))
    };
    let others = waits.names.iter().filter(|name| !counts(name)).count();
    let everybody = waits.names.iter().any(|name| name == "*");
    waits.count > others && !everybody
}

impl Waits {
    /// The node's own name is left out: all nodes may have the same setting, and no node is its own standby.
    fn parse(setting: &str, own_name: Option<&str>) -> Waits {
        let setting = setting.trim();
        let (head, list) = match setting.split_once('(') {
            Some((head, list)) => (head.trim(), list.trim_end_matches(')')),
            None => ("", setting),
        };
        let count = head
            .split_whitespace()
            .next_back()
            .and_then(|n| n.parse().ok());
        let names = list.split(',').map(|name| name.trim().trim_matches('"'));
        let names: Vec<String> = names
            .filter(|name| {
                !name.is_empty() && own_name.is_none_or(|own| !own.eq_ignore_ascii_case(name))
            })
            .map(str::to_owned)
            .collect();
        Waits {
            count: if names.is_empty() {
                0
            } else {
                count.unwrap_or(1)
            },
            names,
        }
    }
}

#[derive(QueryableByName)]
struct Setting {
    #[diesel(sql_type = Text)]
    value: String,
}

fn setting_of(url: &DatabaseUrl) -> Result<String, String> {
    let session = SessionLimits::own_plans(PATIENCE, PATIENCE);
    let mut connection = connect(url, &session).map_err(|error| error.to_string())?;
    diesel::sql_query("SELECT current_setting('synchronous_standby_names') AS value")
        .get_result(&mut connection)
        .map(|setting: Setting| setting.value)
        .map_err(|error| format!("synchronous_standby_names could not be asked: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_node_is_told_to_wait_for_the_others_that_would_count_for_it() {
        let node = |name: &str, region: &str| NodeOptions {
            name: name.into(),
            region: Some(region.into()),
            url: DatabaseUrl::parse("postgres://synapse@localhost/synapse").unwrap(),
        };
        let (eu, us, ap) = (
            node("node-1", "eu"),
            node("node-2", "us"),
            node("node-3", "ap"),
        );
        let named = |name: Option<&str>, node| Named {
            name: name.map(str::to_owned),
            node,
        };
        let nodes = [
            named(None, &eu),
            named(Some("us-a"), &us),
            named(Some("ap-a"), &ap),
        ];
        let line = |require, node| line_for(require, node, &nodes);
        let own = r#""<application_name of node-1>""#;
        for require in [Require::Node, Require::Region] {
            assert!(
                line(require, 0).ends_with(
                    r#"on node-1: synchronous_standby_names = 'ANY 1 ("us-a", "ap-a")'"#
                )
            );
            assert!(line(require, 1).ends_with(&format!(r#"'ANY 1 ("ap-a", {own})'"#)));
        }
        let namesakes = [
            named(None, &eu),
            named(Some("b"), &us),
            named(Some("b"), &ap),
        ];
        assert_eq!(counting(Require::Region, 0, &namesakes), [""; 0]);
        assert_eq!(counting(Require::Node, 0, &namesakes), ["b", "b"]);
    }

    #[test]
    fn a_setting_is_enough_where_no_choice_of_standbys_is_without_one_that_counts() {
        let counting = ["us-a", "ap-a"].map(str::to_owned);
        for (setting, is) in [
            ("", false),
            ("*", false),
            ("ANY 1 (*)", false),
            ("us-a", true),
            ("eu-b", false),
            ("eu-b, us-a", false),
            ("FIRST 2 (eu-b, us-a, ap-a)", true),
            ("2 (eu-b, \"us-a\")", true),
            ("ANY 1 (\"us-a\", \"ap-a\")", true),
            ("ANY 1 (US-A)", true),
            ("ANY 1 (eu-a, us-a, ap-a)", true),
            ("ANY 1 (eu-b, us-a, ap-a)", false),
            ("ANY 2 (eu-b, eu-c, us-a)", false),
        ] {
            assert_eq!(
                is_enough(&Waits::parse(setting, Some("eu-a")), &counting),
                is,
                "{setting}"
            );
        }
    }
}
