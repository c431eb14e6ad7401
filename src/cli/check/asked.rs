//! What the nodes say of the standbys that their commits wait for, and by which names they are standbys themselves.

use super::standby_names::{Waits, has, is_same};
use crate::db::NodeOptions;
use crate::db::probe::Facts;
use crate::db::survey::{Standing, Survey};
use crate::db::url::{DatabaseUrl, SessionLimits, connect};
use diesel::prelude::*;
use diesel::sql_types::Text;
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(5);

/// A node, as far as the durability of commits is concerned.
pub struct Asked<'n> {
    pub node: &'n NodeOptions,
    /// The `application_name` by which a primary knows it, or would know it. None: unknown.
    pub name: Option<String>,
    /// The names of the standbys that stream from it, once for each connection.
    pub followers: Vec<String>,
    /// A crash costs it nothing that it has flushed.
    pub survives: bool,
    /// None: it does not answer, or is fenced, so it cannot be promoted as it is.
    pub said: Option<Said>,
}

pub struct Said {
    /// Its `synchronous_standby_names`.
    pub setting: String,
    /// How long the way to it takes from here, there and back.
    pub rtt: Duration,
}

impl Asked<'_> {
    pub fn is_named(&self, name: &str) -> bool {
        self.name.as_ref().is_some_and(|own| is_same(own, name))
    }
}

/// Asks every node that can be used. Also returns the errors.
pub fn ask<'n>(nodes: &'n [NodeOptions], survey: &Survey) -> (Vec<Asked<'n>>, Vec<String>) {
    let mut errors = Vec::new();
    let standings = survey.standings.iter().zip(&survey.heard);
    let asked = nodes
        .iter()
        .zip(standings)
        .map(|(node, (standing, heard))| {
            let facts = heard.as_ref().ok().map(|heard| &heard.facts);
            let usable = facts.filter(|_| matches!(standing, Standing::Usable(_)));
            let answer = usable.map(|_| setting_of(&node.url)).transpose();
            Asked {
                node,
                name: facts.and_then(|facts| facts.upstream_name.clone()),
                followers: facts.map_or(Vec::new(), followers),
                survives: facts.is_some_and(|facts| facts.survives_crashes),
                said: answer.unwrap_or_else(|error| {
                    errors.push(format!("{}: {error}", node.name));
                    None
                }),
            }
        });
    let mut asked: Vec<Asked> = asked.collect();
    name_the_nameless(&mut asked);
    (asked, errors)
}

fn followers(facts: &Facts) -> Vec<String> {
    let named = facts.standbys.iter();
    let each = named.flat_map(|(name, streams)| vec![name.clone(); streams.len()]);
    each.collect()
}

#[derive(QueryableByName)]
struct Setting {
    #[diesel(sql_type = Text)]
    value: String,
}

fn setting_of(url: &DatabaseUrl) -> Result<Said, String> {
    let session = SessionLimits::own_plans(PATIENCE, PATIENCE);
    let mut connection = connect(url, &session).map_err(|error| error.to_string())?;
    let mut ask = || {
        let asked = Instant::now();
        diesel::sql_query("SELECT current_setting('synchronous_standby_names') AS value")
            .get_result(&mut connection)
            .map(|setting: Setting| Said {
                setting: setting.value,
                rtt: asked.elapsed(),
            })
            .map_err(|error| format!("synchronous_standby_names could not be asked: {error}"))
    };
    // The first statement of a session takes longer than the way there and back.
    ask().and_then(|_| ask())
}

/// Gives nodes the names that they do not say themselves, but that must be theirs.
fn name_the_nameless(asked: &mut [Asked<'_>]) {
    for (node, name) in presumed(asked) {
        let of = &mut asked[node];
        if of.said.is_some() {
            say!(
                "warning: {}: does not say by which name a primary would know it (cluster_name): \"{name}\" in synchronous_standby_names \
                 is taken for it",
                of.node.name
            );
        }
        of.name = Some(name);
    }
}

/// The names that are presumed to be those of nodes which do not say one. A server that follows nobody, as the primary does, has only its
/// `cluster_name` to say it by.
///
/// For example, all of a (the primary, without a `cluster_name`), b and c have `ANY 1 (a, b, c)`. Only a is nameless, and only the name "a"
/// is nobody else's, so it is that of a. But if a standby "a" streamed from the primary, that would be somebody else, for example
/// `pg_receivewal`. Where several nodes are nameless, a name is presumed only for a node that has it in the settings.
fn presumed(asked: &[Asked<'_>]) -> Vec<(usize, String)> {
    let names: Vec<String> = asked.iter().filter_map(|node| node.name.clone()).collect();
    let settings = asked.iter().filter_map(|node| node.said.as_ref());
    let mut free: Vec<String> = Vec::new();
    for name in settings.flat_map(|said| Waits::parse(&said.setting).names) {
        if name != "*" && !has(&names, &name) && !has(&free, &name) {
            free.push(name);
        }
    }
    let nameless = asked.iter().enumerate();
    let nameless: Vec<_> = nameless.filter(|(_, node)| node.name.is_none()).collect();
    let presumed = nameless.iter().filter_map(|(at, of)| {
        let not_a_follower = free.iter().filter(|name| !has(&of.followers, name));
        let candidates: Vec<&String> = not_a_follower.collect();
        let configured = candidates.iter().find(|name| is_same(name, &of.node.name));
        let name = match (configured, &candidates[..]) {
            (Some(name), _) => name,
            (None, [only]) if nameless.len() == 1 => only,
            _ => return None,
        };
        Some((*at, (*name).clone()))
    });
    presumed.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(name: &str) -> NodeOptions {
        NodeOptions {
            name: name.into(),
            region: None,
            url: DatabaseUrl::parse("postgres://synapse@localhost/synapse").unwrap(),
        }
    }

    #[test]
    fn a_name_that_is_nobodys_is_that_of_the_node_which_does_not_say_one() {
        let nodes = ["node-1", "node-2", "c"].map(node);
        let presume = |names: [Option<&str>; 3], setting: &str, followers: &[&str]| {
            let asked = nodes.iter().zip(names).map(|(node, name)| Asked {
                node,
                name: name.map(str::to_owned),
                followers: followers.iter().map(|name| (*name).to_owned()).collect(),
                survives: true,
                said: Some(Said {
                    setting: setting.into(),
                    rtt: Duration::ZERO,
                }),
            });
            presumed(&asked.collect::<Vec<_>>())
        };
        let a = vec![(0, "a".to_owned())];
        let uniform = "ANY 1 (a, b, c)";
        let (b, c) = (Some("b"), Some("c"));
        assert_eq!(presume([None, b, c], uniform, &["b", "c"]), a);
        assert_eq!(presume([None, b, c], uniform, &["a", "b", "c"]), []);
        assert_eq!(presume([None, b, c], "ANY 1 (a, b, c, d)", &[]), []);
        assert_eq!(presume([None, b, c], "ANY 1 (b, c)", &[]), []);
        assert_eq!(presume([None, b, c], "*", &[]), []);
        assert_eq!(presume([Some("A"), b, c], uniform, &[]), []);
        let c_alone = vec![(2, "c".to_owned())];
        assert_eq!(presume([None, b, None], uniform, &["b"]), c_alone);
    }
}
