//! What the keeper has concluded from all that the nodes say. Immutable: requests read one, and a new one takes its place.

use super::cause::Cause;
use super::probe::Branch;
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
    /// The other nodes, by the `application_name` under which each follows, or last followed, a primary.
    pub standbys: Arc<[String]>,
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
