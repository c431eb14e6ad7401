//! What the keeper has concluded from the answers of all nodes. Immutable: requests read the latest one, and a new one replaces it.

use super::cause::Cause;
use super::options::Require;
use super::probe::{Branch, Heard};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long the standbys of a primary that goes on running may be away before writes are refused, and how long it may take at the start of
/// the service until they are known: long enough for one that is restarted.
const STANDBYS_RETURN: Duration = Duration::from_secs(5);

/// Where writes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Writes {
    To {
        node: usize,
        timeline: i32,
    },
    /// They wait.
    Held(Cause),
    /// They are refused.
    SplitBrain,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conclusions {
    pub writes: Writes,
    /// The node that was judged to be the primary, whether or not it can be used just now.
    pub elected: Option<usize>,
    /// The timeline that writes go to. Without a primary, the one that they went to last, or a higher one that a node has shown since; 0:
    /// none was seen.
    pub timeline: i32,
    /// More than one branch of the history may be alive. Until that is decided, no answer counts that must be current.
    pub contested: bool,
    /// The branch whose schema was verified. A failover can lose a migration, like any other write.
    pub prepared: Option<Branch>,
    /// The branch that the elected node writes, and since when it is elected for it. None: no node is elected.
    pub branch: Option<(Branch, Instant)>,
    /// Commits of the elected node wait for a standby, by what it said last; kept while none is elected.
    pub commits_wait: bool,
    /// None: no primary was durable yet.
    pub durable: Option<Durable>,
    pub standbys: Arc<Standbys>,
}

/// When a primary was last seen to replicate synchronously to a standby that counts, and to survive a crash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Durable {
    pub branch: Branch,
    pub at: Instant,
    /// The primary of now does, by what it said last.
    pub still: bool,
}

/// The nodes that count as a second copy of the primary's commits: all other nodes, or, with [`Require::Region`], those of other regions.
/// A node does not count while a server that is not configured may have its name (`keeper/streams.rs`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standbys {
    /// The `application_name` under which each follows, or last followed, a primary.
    pub names: Vec<String>,
    /// The region of each.
    pub regions: Vec<Option<Arc<str>>>,
}

/// A node that is not the primary.
pub struct Standby {
    /// The `application_name` under which it follows, or last followed, a primary.
    pub name: String,
    pub region: Option<Arc<str>>,
    /// What it has flushed is there after a crash, as far as it is on the primary.
    pub survives: bool,
}

impl Standbys {
    /// Those of the other nodes that count for a primary in this region.
    ///
    /// A name does not count if one of those that have it does not, since the primary knows standbys by their names alone; nor, with
    /// [`Require::Region`], if it occurs in several regions. For example, where `application_name` was set nowhere, all standbys are called
    /// `walreceiver`: with some in eu and some in us, a flush by `walreceiver` may be that of one in the primary's own region, eu.
    pub fn eligible(require: Require, region: Option<&str>, others: &[Standby]) -> Standbys {
        let counts = |one: &&Standby| {
            let mut namesakes = others.iter().filter(|other| other.name == one.name);
            let is_elsewhere =
                |other: &Standby| other.region.as_deref() != region && other.region == one.region;
            namesakes
                .all(|other| other.survives && (require != Require::Region || is_elsewhere(other)))
        };
        let those = others.iter().filter(counts);
        let (names, regions) = those
            .map(|one| (one.name.clone(), one.region.clone()))
            .unzip();
        Standbys { names, regions }
    }

    /// The regions of a commit that the primary and these standbys have: for example `eu,us`.
    pub fn regions_with(&self, primary: Option<&Arc<str>>, copies: &[String]) -> String {
        let known = self.names.iter().zip(&self.regions);
        let theirs = known.filter(|(name, _)| copies.contains(name));
        let theirs = theirs.filter_map(|(_, region)| region.as_deref());
        let all: BTreeSet<&str> = theirs.chain(primary.map(|region| &**region)).collect();
        all.into_iter().collect::<Vec<_>>().join(",")
    }
}

impl Conclusions {
    /// What the elected node last said of itself; None: none is elected.
    pub fn see_primary(&mut self, elected: Option<&Heard>) {
        if let Some(last) = &mut self.durable {
            last.still = false;
        }
        let branch = elected.and_then(|heard| heard.facts.branch());
        let Some((Heard { facts, asked }, branch)) = elected.zip(branch) else {
            self.branch = None;
            return;
        };
        let asked = *asked;
        self.commits_wait = facts.waits_for > 0;
        if self.branch.is_none_or(|(last, _)| last != branch) {
            self.branch = Some((branch, asked));
        }
        if facts.is_durable_with(&self.standbys.names) {
            let (at, still) = (asked, true);
            self.durable = Some(Durable { branch, at, still });
        }
    }

    /// The primary is not durable: whether it may become so in a moment. `patience`: for how long that may be after a failover, or a restart
    /// of its server.
    pub fn awaits_standbys(&self, patience: Duration, now: Instant) -> bool {
        let Some((branch, elected_at)) = self.branch else {
            return false;
        };
        let (since, patience) = match self.durable {
            // It has not changed, but it may have been out of reach meanwhile, as its standbys were.
            Some(last) if last.branch == branch => {
                (last.at.max(elected_at), STANDBYS_RETURN.min(patience))
            }
            Some(_) => (elected_at, patience),
            None => (elected_at, STANDBYS_RETURN.min(patience)),
        };
        now.saturating_duration_since(since) < patience
    }

    /// Before any node has answered.
    pub fn none() -> Conclusions {
        Conclusions {
            writes: Writes::Held(Cause::NotProbed),
            elected: None,
            timeline: 0,
            contested: false,
            prepared: None,
            branch: None,
            commits_wait: false,
            durable: None,
            standbys: Arc::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::probe::Facts;
    use super::super::probe::tests::{primary, streams};
    use super::*;

    #[test]
    fn a_name_counts_if_all_that_have_it_do() {
        let eligible = |require, others: &[(&str, &str, bool)]| {
            let standby = |(name, region, survives): &(&str, &str, bool)| Standby {
                name: (*name).into(),
                region: Some((*region).into()),
                survives: *survives,
            };
            let others: Vec<_> = others.iter().map(standby).collect();
            Standbys::eligible(require, Some("eu"), &others).names
        };
        let table: [(&[_], &[&str], &[&str]); 4] = [
            (
                &[("b", "us", true), ("b", "us", true)],
                &["b", "b"],
                &["b", "b"],
            ),
            (
                &[("b", "us", true), ("b", "ap", true), ("c", "us", true)],
                &["c"],
                &["b", "b", "c"],
            ),
            (
                &[("b", "us", true), ("b", "eu", true), ("d", "eu", true)],
                &[],
                &["b", "b", "d"],
            ),
            (
                &[("b", "us", true), ("b", "us", false), ("c", "us", true)],
                &["c"],
                &["c"],
            ),
        ];
        for (others, elsewhere, anywhere) in table {
            assert_eq!(eligible(Require::Region, others), elsewhere);
            assert_eq!(eligible(Require::Node, others), anywhere);
        }
    }

    /// Its standbys may have been out of reach as well.
    #[test]
    fn a_primary_that_comes_back_gives_its_standbys_time() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let alone = Facts {
            waits_for: 1,
            ..primary(1, 1)
        };
        let durable = Facts {
            standbys: streams("b", &["sync"]),
            ..alone.clone()
        };
        let mut conclusions = Conclusions {
            standbys: Arc::new(Standbys {
                names: vec!["b".into()],
                regions: vec![None],
            }),
            ..Conclusions::none()
        };
        let mut awaits = |said: Option<&Facts>, seconds| {
            let (facts, asked) = (said.cloned(), at(seconds));
            let heard = facts.map(|facts| Heard { facts, asked });
            conclusions.see_primary(heard.as_ref());
            conclusions.awaits_standbys(Duration::from_secs(60), asked)
        };
        awaits(Some(&durable), 1);
        assert!(awaits(Some(&alone), 5));
        assert!(!awaits(Some(&alone), 7), "it went on running");
        assert!(!awaits(None, 8), "there is none");
        assert!(awaits(Some(&alone), 20), "it was out of reach");
        assert!(awaits(Some(&alone), 24) && !awaits(Some(&alone), 26));
    }
}
