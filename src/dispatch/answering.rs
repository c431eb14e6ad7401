//! Whether the answer of a statement counts, and which servers have its commit.

use std::time::Instant;

use tokio::sync::oneshot;

use super::attempt::{Answered, Durability, Reply};
use super::lane::Lane;
use super::work::{Done, Work};
use crate::db::role::DbRole;
use crate::db::{Candidate, Require};
use crate::ledger::store::Copies;

/// The standbys of which at least one should have the statement's commit. None for a proved read that is content with a commit that has
/// returned.
pub(super) fn standbys_to_ask<'c, W: Work>(
    lane: &Lane<W>,
    candidate: &'c Candidate,
) -> &'c [String] {
    if W::PROVES && !needs_confirmation(lane) {
        return &[];
    }
    &candidate.standbys.names
}

/// A proved read ends with a commit. With `durability.require` it counts only if a configured standby has confirmed that commit: where
/// commits wait for nobody any more, somebody may have told a primary that was cut off not to wait. Without it, it is enough that the commit
/// has returned: if the standbys had left for another primary, it would hang.
fn needs_confirmation<W: Work>(lane: &Lane<W>) -> bool {
    lane.context.databases.requires() != Require::None
}

/// Sends each job its own answer. An answer that does not count is sent as well, since its write may have been applied; [`super::verdict`]
/// decides what follows. `begun`: when the statement was sent.
pub(super) fn answer<W: Work>(
    lane: &Lane<W>,
    candidate: &Candidate,
    done: Done<W::Answer>,
    begun: Instant,
    replies: Vec<oneshot::Sender<Reply<W::Answer>>>,
) {
    let databases = &lane.context.databases;
    // It was chosen as a standby and has been promoted since: nobody has judged its new branch yet.
    let is_promoted = candidate.role == DbRole::Replica && done.in_recovery == Some(false);
    if is_promoted {
        databases.suspect(candidate);
    }
    let is_confirmed = done.copies.is_any();
    let is_proved = match &done.copies {
        Copies::On(_) => is_confirmed || !(W::PROVES && needs_confirmation(lane)),
        Copies::Unknown => {
            databases.commit_hung(candidate);
            false
        }
    };
    let current = !is_promoted && databases.is_current(candidate) && is_proved;
    // A proof that has waited for a standby says as much, whichever standby that was.
    if current && (is_confirmed || W::PROVES && candidate.commits_wait) {
        databases.confirmed(done.proved_at.unwrap_or(begun));
    }
    let durability = durability(lane, candidate, done.copies);
    for (answer, reply) in done.answers.into_iter().zip(replies) {
        // Sending fails only if the client has gone away.
        drop(reply.send(Ok(Answered {
            answer,
            role: candidate.role,
            lag_ms: candidate.lag_ms.filter(|_| !is_confirmed),
            staleness: candidate.staleness(),
            settled_until: candidate.settled_until,
            durability: durability.clone(),
            region: candidate.region.clone(),
            current,
        })));
    }
}

fn durability<W: Work>(lane: &Lane<W>, candidate: &Candidate, copies: Copies) -> Durability {
    let names = match copies {
        Copies::On(names) if !names.is_empty() => names,
        Copies::On(_) | Copies::Unknown => return Durability::Local,
    };
    let (standbys, primary) = (&candidate.standbys, candidate.region.as_ref());
    let must_tell = lane.context.databases.requires() == Require::Region;
    Durability::Replicated {
        regions: must_tell.then(|| standbys.regions_with(primary, &names).into()),
    }
}
