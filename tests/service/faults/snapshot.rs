//! What the standbys hold at a moment when nothing reaches them. "Replicated", said before, is held against it.

use super::Stage;
use super::history::Attempt;
use super::operator::until_all_is_replayed;
use crate::support::ask_all;
use crate::support::wait::s;
use chrono::Utc;
use serde::Deserialize;
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// A row bears the time at which its statement began, which may be some time before the end of the request.
const MARGIN: Duration = s(3);

#[derive(Clone, Debug)]
pub struct Snapshot {
    /// What was told before this moment.
    pub at: Instant,
    /// And begun after this one, where only what was written lately was looked for.
    pub from: Option<Instant>,
    /// The latest version of each transaction that any of the standbys has.
    pub versions: HashMap<String, u64>,
    /// By region, where there are several: of those whose standbys were asked.
    pub by_region: HashMap<&'static str, HashMap<String, u64>>,
}

#[derive(Deserialize)]
struct Held {
    id: String,
    version: u64,
}

impl Snapshot {
    /// Whether what this attempt was told must be in it; `begun` is that of the first attempt of the same request.
    pub fn covers(&self, attempt: &Attempt, begun: Instant) -> bool {
        attempt.end <= self.at && self.from.is_none_or(|from| begun >= from)
    }
}

impl Stage {
    /// All standbys are cut off, and run.
    pub fn look_at_the_standbys(&self, prefix: &str) {
        let standbys = self.standbys();
        let standbys = standbys.iter().map(|standby| self.index_of(standby));
        self.look_at(standbys, prefix, None);
    }

    /// The same of these, when the others are lost: all of it, or what was written in the last seconds, where the time counts.
    pub fn look_at(
        &self,
        standbys: impl IntoIterator<Item = usize>,
        prefix: &str,
        lately: Option<Duration>,
    ) {
        let at = Instant::now();
        let recent = lately.map_or(String::new(), |lately| {
            // The servers' clock is this machine's. Not now() in the query, which may run much later.
            let from = Utc::now() - (lately + MARGIN);
            format!("AND updated_at > '{}'", from.to_rfc3339())
        });
        let mut versions = HashMap::new();
        let mut by_region: HashMap<&'static str, HashMap<String, u64>> = HashMap::new();
        let question = format!(
            "SELECT json_build_object('id', id, 'version', version)::text AS value
               FROM transactions WHERE metadata->>'marker' LIKE '{prefix}%' {recent}"
        );
        for standby in standbys {
            let region = self.region_of(standby);
            let server = &self.cluster.nodes[standby];
            until_all_is_replayed(server);
            for text in ask_all(server, &question) {
                let Held { id, version } = serde_json::from_str(&text).unwrap();
                if let Some(region) = region {
                    let held = by_region.entry(region.name()).or_default();
                    note(held, id.clone(), version);
                }
                note(&mut versions, id, version);
            }
        }
        let mut snapshots = self.snapshots.lock();
        snapshots.push(Snapshot {
            at,
            from: lately.and_then(|lately| at.checked_sub(lately)),
            versions,
            by_region,
        });
    }
}

fn note(versions: &mut HashMap<String, u64>, id: String, version: u64) {
    let known = versions.entry(id).or_default();
    *known = version.max(*known);
}
