//! Kills the primary again and again, and watches what the service does about it.

use super::request::{Client, Request};
use super::stage::{Stage, count};
use crate::http::view::{Failover, Status};
use private_postgres::Cluster;
use std::sync::mpsc::SyncSender;
use std::time::{Duration, Instant};

/// Between two questions to the service about its state.
const LOOK: Duration = Duration::from_millis(200);
/// Between two checks whether all is well again.
const RECOVERY_LOOK: Duration = Duration::from_millis(20);
/// The service must be well for the first time within this.
const START_PATIENCE: Duration = Duration::from_secs(60);

/// What happens, in words, for `show`. While its queue is full, events are dropped.
pub type Tell = SyncSender<String>;

/// Kills the primary every `every`, but only once a replica holds everything and the service takes writes again: an earlier kill would show
/// an outage, not a failover.
pub fn kill(stage: &Stage, cluster: &Cluster, every: Duration, tell: &Tell) {
    while !stage.stop.ends_within(every) {
        while !is_well(stage, cluster) {
            if stage.stop.ends_within(RECOVERY_LOOK) {
                return;
            }
        }
        let primary = stage.seen.lock().primary.clone().unwrap_or_default();
        match cluster.kill_primary() {
            Ok(()) => {
                count(&stage.tally.kills);
                let _ = tell.try_send(format!("the primary, {primary}, was killed"));
            }
            Err(error) => stage.failed(error.to_string()),
        }
    }
}

/// Both are asked: the cluster knows at once that its primary is dead, the service a moment later.
fn is_well(stage: &Stage, cluster: &Cluster) -> bool {
    let seen = stage.seen.lock();
    let service = seen.takes_writes && seen.primary.is_some();
    service && cluster.primary().is_running() && cluster.trusts_a_replica()
}

/// Waits until all is well, before the load begins.
pub fn until_well(stage: &Stage, cluster: &Cluster) -> Result<(), String> {
    let client = Client::new(stage);
    let end = Instant::now() + START_PATIENCE;
    loop {
        look(&client);
        if is_well(stage, cluster) {
            return Ok(());
        }
        if Instant::now() > end {
            return Err(format!(
                "the service and its databases are not well within {} s",
                START_PATIENCE.as_secs()
            ));
        }
        if stage.stop.ends_within(RECOVERY_LOOK) {
            return Err("ended before it began".into());
        }
    }
}

pub fn watch(stage: &Stage, tell: &Tell) {
    let client = Client::new(stage);
    let mut last = Vec::new();
    // The times in `/status` can be compared as texts.
    let mut told = String::new();
    while !stage.stop.ends_within(LOOK) {
        let failovers = look(&client);
        for failover in failovers.iter().rev() {
            // A gap grows until the first write after the failover: it is final when it was seen twice with the same length.
            let stands = last.iter().any(|before: &Failover| {
                before.at == failover.at && before.write_gap_ms == failover.write_gap_ms
            });
            if stands && failover.at > told {
                told.clone_from(&failover.at);
                let _ = tell.try_send(format!(
                    "{} has taken over on timeline {}: there was no write for {} ms",
                    failover.to, failover.timeline, failover.write_gap_ms
                ));
            }
        }
        last = failovers;
    }
}

/// Asks the service for its state and notes it. Returns the failovers. If the service does not answer, what was noted before stays.
pub fn look(client: &Client) -> Vec<Failover> {
    let body = |path: &str| {
        let answer = client.try_once(&Request::read(path.to_owned())).ok()?;
        (answer.status == 200).then_some(answer.body)
    };
    let held = body("/metrics").and_then(|page| held(&page));
    let status = body("/status").and_then(|page| serde_json::from_str::<Status>(&page).ok());
    let mut seen = client.stage.seen.lock();
    seen.held = held.unwrap_or(seen.held);
    let Some(status) = status else {
        return Vec::new();
    };
    seen.timeline = status.timeline;
    seen.takes_writes = status.writes == "available";
    let primary = status.nodes.into_iter();
    let mut primary = primary.filter(|node| node.role == "primary" && node.state == "up");
    seen.primary = primary.next().map(|node| node.name);
    let gaps = status
        .failovers
        .iter()
        .map(|failover| failover.write_gap_ms);
    seen.write_gaps = gaps.collect();
    status.failovers
}

/// The number of held writes, from the page of `/metrics`.
fn held(page: &str) -> Option<u64> {
    let mut lines = page.lines();
    let value = lines.find_map(|line| line.strip_prefix("synapse_writes_held "))?;
    value.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::held;

    #[test]
    fn held_writes_are_read_from_the_metrics() {
        let page =
            "# TYPE synapse_writes_held gauge\nsynapse_writes_held 17\nsynapse_failovers_total 3\n";
        assert_eq!(held(page), Some(17));
        assert_eq!(held("synapse_failovers_total 3\n"), None);
    }
}
