//! What the standbys hold at a moment when nothing reaches them. "Replicated", said before, is held against it.

use super::Stage;
use super::operator::until_all_is_replayed;
use crate::support::ask_all;
use serde::Deserialize;
use std::collections::HashMap;
use std::time::Instant;

#[derive(Clone, Debug)]
pub struct Snapshot {
    /// What was told before this moment.
    pub at: Instant,
    /// The latest version of each transaction that any of the standbys has.
    pub versions: HashMap<String, u64>,
}

#[derive(Deserialize)]
struct Held {
    id: String,
    version: u64,
}

impl Stage {
    /// All standbys are cut off, and run.
    pub fn look_at_the_standbys(&self, prefix: &str) {
        let at = Instant::now();
        let mut versions = HashMap::new();
        let question = format!(
            "SELECT json_build_object('id', id, 'version', version)::text AS value
               FROM transactions WHERE metadata->>'marker' LIKE '{prefix}%'"
        );
        for standby in self.standbys() {
            until_all_is_replayed(standby);
            for text in ask_all(standby, &question) {
                let Held { id, version } = serde_json::from_str(&text).unwrap();
                let known = versions.entry(id).or_default();
                *known = version.max(*known);
            }
        }
        let mut snapshots = self.snapshots.lock().unwrap();
        snapshots.push(Snapshot { at, versions });
    }
}
