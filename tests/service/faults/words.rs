//! Holds what answers said of themselves against what is known: how durable a write is, and who served a read.

use super::history::{Attempt, History, Level, Read, Reply, Seen, acknowledgements};
use super::readers::STRANGE;
use std::collections::HashMap;

pub fn violations(history: &History) -> Vec<String> {
    let creates = history
        .creates
        .iter()
        .filter_map(|create| Some((create.id()?, 1, &create.attempts)));
    let changes = history
        .changes
        .iter()
        .map(|change| (change.id.as_str(), change.from + 1, &change.attempts));
    // Those of a batch come from one commit: what is told of it is told of the first.
    let batches = history.batches.iter().filter_map(|batch| {
        let body = acknowledgements(&batch.attempts).next()?;
        Some((body["data"][0]["id"].as_str()?, 1, &batch.attempts))
    });
    let callbacks = history.callbacks.iter().filter_map(|callback| {
        let body = acknowledgements(&callback.attempts).next()?;
        Some((body["id"].as_str()?, callback.makes, &callback.attempts))
    });
    creates
        .chain(changes)
        .chain(batches)
        .chain(callbacks)
        .flat_map(|(id, version, attempts)| {
            let found = not_in_a_named_region(history, id, version, attempts);
            let other = not_on_a_standby(history, id, version, attempts);
            found.into_iter().chain(other)
        })
        .chain(history.reads.iter().filter_map(check_read))
        .collect()
}

/// Told to be replicated before nothing reached the standbys any more, and not there.
fn not_on_a_standby(
    history: &History,
    id: &str,
    version: u64,
    attempts: &[Attempt],
) -> Option<String> {
    let first = attempts.iter().find(|attempt| {
        matches!(
            attempt.reply,
            Reply::Done {
                replicated: true,
                ..
            }
        )
    })?;
    let mut later = history
        .snapshots
        .iter()
        .filter(|snapshot| snapshot.covers(first, attempts[0].begun));
    later
        .any(|snapshot| snapshot.versions.get(id).is_none_or(|held| *held < version))
        .then(|| {
            format!(
                "version {version} of {id} was called replicated, and is on no standby: {first:?}"
            )
        })
}

/// It named a region whose standbys were asked later, and none of them had it.
fn not_in_a_named_region(
    history: &History,
    id: &str,
    version: u64,
    attempts: &[Attempt],
) -> Vec<String> {
    let mut found = Vec::new();
    for attempt in attempts {
        let Reply::Done { durable_in, .. } = &attempt.reply else {
            continue;
        };
        for snapshot in history
            .snapshots
            .iter()
            .filter(|of| of.covers(attempt, attempts[0].begun))
        {
            for region in durable_in {
                let held = snapshot.by_region.get(region.as_str());
                let lacks =
                    |held: &HashMap<String, u64>| held.get(id).is_none_or(|held| *held < version);
                if held.is_some_and(lacks) {
                    found.push(format!(
                        "version {version} of {id} was said to be in {region}, and is not there: {attempt:?}"
                    ));
                }
            }
        }
    }
    found
}

fn check_read(read: &Read) -> Option<String> {
    let Seen::Version(_) = read.seen else {
        return None;
    };
    let consistent = read.level != Level::Eventual;
    let is_strange = read.lines.iter().any(|line| line.version >= STRANGE);
    let what = if consistent && is_strange {
        "shows a branch that is not the service's"
    } else if consistent && read.on_old_branch {
        "was served by a replica, and all of them are on an old branch"
    } else if read.level == Level::Strong && read.by_replica {
        "was served by a replica"
    } else if read.by_replica && read.lag_ms.is_none() {
        "does not say how stale it is"
    } else {
        return None;
    };
    Some(format!(
        "{:?} read of instance {}: {what}: {read:?}",
        read.level, read.instance
    ))
}
