//! Whether the answer of a statement counts, and which servers have its commit.

use std::time::Instant;

use tokio::sync::oneshot;

use super::attempt::{Answered, Durability, Origin, Reply};
use super::lane::Lane;
use super::rules::Target;
use super::work::{Done, Work};
use crate::db::role::DbRole;
use crate::db::{Candidate, Require, Use};
use crate::ledger::store::Copies;

/// The standbys of which at least one should have the statement's commit: a write tells its client in any case ([`Durability`]). None for a
/// proved read that is content with a commit that has returned.
pub(super) fn standbys_to_ask<'c, W: Work>(
    lane: &Lane<W>,
    candidate: &'c Candidate,
) -> &'c [String] {
    if lane.rules.target == Target::ProvedReads && !needs_confirmation(lane) {
        return &[];
    }
    &candidate.standbys.names
}

/// With `durability.require`, what ends with a commit counts only if a standby that counts has confirmed that commit: a write, since it must
/// not be acknowledged otherwise, and a proved read, since where commits wait for nobody any more, somebody may have told a primary that was
/// cut off not to wait. Without it, it is enough that the commit has returned: if the standbys had left for another primary, it would hang.
fn needs_confirmation<W: Work>(lane: &Lane<W>) -> bool {
    lane.rules.target.purpose() == Use::Commit && lane.context.databases.requires() != Require::None
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
    let is_replica = candidate.role == DbRole::Replica;
    let is_promoted = is_replica && done.in_recovery == Some(false);
    if is_promoted {
        databases.suspect(candidate);
    }
    let is_confirmed = done.copies.is_any();
    let is_proved = match &done.copies {
        Copies::On(_) => is_confirmed || !needs_confirmation(lane),
        Copies::Unknown => {
            databases.commit_hung(candidate);
            false
        }
    };
    let counts = !is_promoted && databases.is_current(candidate) && is_proved;
    // A proof that has waited for a standby says as much, whichever standby that was.
    if counts && (is_confirmed || done.proved_at.is_some() && candidate.commits_wait) {
        databases.confirmed(done.proved_at.unwrap_or(begun));
    }
    let durability = durability(lane, candidate, done.copies);
    let tells = |lag: &u64| !is_confirmed && (is_replica || *lag > 0);
    let origin = Origin {
        role: candidate.role,
        region: candidate.region.clone(),
        lag_ms: candidate.lag_ms.filter(tells),
    };
    for (answer, reply) in done.answers.into_iter().zip(replies) {
        // Sending fails only if the client has gone away.
        drop(reply.send(Ok(Answered {
            answer,
            origin: origin.clone(),
            staleness: candidate.staleness(),
            settled_until: candidate.settled_until,
            durability: durability.clone(),
            counts,
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
