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
    /// Of each.
    pub regions: Vec<Option<Arc<str>>>,
}

impl Standbys {
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
