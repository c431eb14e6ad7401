//! What the keeper has concluded from all that the nodes say. Immutable: requests read one, and a new one takes its place.

use super::cause::Cause;
use super::probe::Branch;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

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
    /// The timeline of the history that writes go to, the highest so far; 0: none was seen.
    pub timeline: i32,
    /// More than one branch of the history may be alive: no answer of a primary counts.
    pub contested: bool,
    /// The branch of which the schema is known to be the right one. A failover can lose a migration, as any other write.
    pub prepared: Option<Branch>,
    /// When the primary was last seen to replicate synchronously, and to survive a crash.
    pub synchronous_at: Option<Instant>,
    pub standbys: Arc<Standbys>,
}

/// The nodes whose word counts for a commit of the primary: all others, or, where another region must have it, those of other regions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standbys {
    /// The `application_name` under which each follows, or last followed, a primary.
    pub names: Vec<String>,
    /// Of each, where it matters.
    pub regions: Vec<Option<Arc<str>>>,
}

/// A node that is not the primary.
pub struct Standby {
    /// Under which it follows, or last followed, a primary.
    pub name: String,
    /// Where it matters.
    pub region: Option<Arc<str>>,
    /// Its word is one for a commit.
    pub counts: bool,
}

impl Standbys {
    /// A name that others have too who do not count, or who are elsewhere, says nothing.
    ///
    /// For example, where `application_name` was set nowhere all standbys are `walreceiver`. In eu and us, where another region must have a
    /// commit, a flush by `walreceiver` may be that of eu's own standby: it counts for none.
    pub fn of(standbys: Vec<Standby>) -> Standbys {
        let is_plain = |one: &&Standby| {
            let mut namesakes = standbys.iter().filter(|other| other.name == one.name);
            namesakes.all(|other| other.counts && other.region == one.region)
        };
        let plain = standbys.iter().filter(is_plain);
        let plain = plain.map(|standby| (standby.name.clone(), standby.region.clone()));
        let (names, regions) = plain.unzip();
        Standbys { names, regions }
    }

    /// Where a commit is that these have: for example `eu,us`.
    pub fn regions_with(&self, primary: Option<&Arc<str>>, copies: &[String]) -> String {
        let known = self.names.iter().zip(&self.regions);
        let theirs = known.filter(|(name, _)| copies.contains(name));
        let theirs = theirs.filter_map(|(_, region)| region.as_deref());
        let all: BTreeSet<&str> = theirs.chain(primary.map(|region| &**region)).collect();
        all.into_iter().collect::<Vec<_>>().join(",")
    }
}

impl Conclusions {
    /// Before anything was heard.
    pub fn none() -> Conclusions {
        Conclusions {
            writes: Writes::Held(Cause::NotProbed),
            elected: None,
            timeline: 0,
            contested: false,
            prepared: None,
            synchronous_at: None,
            standbys: Arc::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_stands_for_several_regions_or_for_who_does_not_count_stands_for_none() {
        let standby = |name: &str, region: &str, counts| Standby {
            name: name.into(),
            region: Some(region.into()),
            counts,
        };
        let names = |standbys| Standbys::of(standbys).names;
        let one_region = vec![standby("b", "us", true), standby("b", "us", true)];
        assert_eq!(names(one_region), ["b", "b"]);
        let two = vec![
            standby("b", "us", true),
            standby("b", "ap", true),
            standby("c", "us", true),
        ];
        assert_eq!(names(two), ["c"]);
        let own = vec![
            standby("b", "us", true),
            standby("b", "eu", false),
            standby("d", "eu", false),
        ];
        assert_eq!(names(own), [""; 0]);
    }
}
