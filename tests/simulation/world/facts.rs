//! What a server answers to a probe (db/probe/question.sql).

use super::engine::Sim;
use super::mutant::Mutant;
use std::time::Duration;
use synapse_core::db::probe::{Facts, Stream};
use synapse_core::db::role::DbRole;

/// The lag that a standby reports if it has not replayed everything. In production, too, its own estimate is rough.
const BEHIND_MS: u64 = 1000;

impl Sim<'_> {
    pub fn facts(&self, server: usize) -> Facts {
        let of = &self.servers[server];
        let stream = |standby: usize| {
            let is_named = of.names_in_force.contains(&standby);
            Stream {
                pid: i32::try_from(standby).unwrap_or(0),
                sync_state: if is_named { "quorum" } else { "async" }.to_owned(),
            }
        };
        let standbys = of
            .followers
            .iter()
            .map(|(s, _)| (name(*s), vec![stream(*s)]));
        let hears_nothing = !of.is_primary && !of.receiving;
        let believes = self.is(Mutant::BelievesTheControlFile) && hears_nothing;
        let is_current = of.receiving && of.replayed == of.log.len();
        Facts {
            role: if of.is_primary {
                DbRole::Primary
            } else {
                DbRole::Replica
            },
            writable: of.is_primary && !of.read_only,
            server: of.identity(),
            timeline: Some(if believes {
                of.control_timeline
            } else {
                of.timeline
            }),
            heard_of: Some(of.heard_of).filter(|_| hears_nothing && !believes),
            lsn: position(if of.is_primary {
                of.log.len()
            } else {
                of.replayed
            }),
            own_lag_ms: Some(if of.is_primary || is_current {
                0
            } else {
                BEHIND_MS
            }),
            settled_until: None,
            receiving: of.receiving,
            upstream_name: (!of.is_primary).then(|| name(server)),
            standbys: if of.is_primary {
                standbys.collect()
            } else {
                Default::default()
            },
            waits_for: u32::from(of.is_primary && !of.names.is_empty()),
            server_version: 150_018,
            tls: true,
            loopback: true,
            sees_replication: true,
            sees_wal_files: true,
            can_cancel_others: false,
            waits_for_flush: true,
            survives_crashes: true,
            lc_messages: "C".into(),
            rtt: Duration::from_millis(1),
        }
    }
}

fn name(server: usize) -> String {
    format!("s{server}")
}

fn position(records: usize) -> i64 {
    i64::try_from(records).unwrap_or(i64::MAX)
}
