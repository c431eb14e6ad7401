//! What the answer of a statement is worth: whether it counts, and where its commit is.

use tokio::sync::oneshot;

use super::attempt::{Answered, Durability, Reply};
use super::lane::Lane;
use super::work::{Done, Work};
use crate::db::role::DbRole;
use crate::db::{Candidate, Require};
use crate::ledger::store::Copies;

/// The standbys whose word is wanted for its commit.
pub(super) fn witnesses<'c, W: Work>(lane: &Lane<W>, candidate: &'c Candidate) -> &'c [String] {
    if W::PROVES && !wants_witness(lane, candidate) {
        return &[];
    }
    &candidate.standbys.names
}

/// A read that is proved ends with a commit. With `durability.require` it counts only where a configured standby has confirmed that commit.
/// Without, it is enough that the commit has returned: standbys that have left for another primary let none return.
fn wants_witness<W: Work>(lane: &Lane<W>, candidate: &Candidate) -> bool {
    candidate.commits_wait && lane.context.databases.requires() != Require::None
}

/// Each job gets its own part. An answer that does not count is sent all the same: its write may be there, and what follows is the matter
/// of [`super::verdict`].
pub(super) fn answer<W: Work>(
    lane: &Lane<W>,
    candidate: &Candidate,
    done: Done<W::Answer>,
    replies: Vec<oneshot::Sender<Reply<W::Answer>>>,
) {
    let databases = &lane.context.databases;
    // A standby that is none any more shows a branch that nobody has judged yet.
    let is_promoted = candidate.role == DbRole::Replica && done.in_recovery == Some(false);
    if is_promoted {
        databases.suspect(candidate);
    }
    let is_proved = match &done.copies {
        Copies::On(standbys) => {
            !(W::PROVES && wants_witness(lane, candidate) && standbys.is_empty())
        }
        Copies::Unknown => false,
    };
    let current = !is_promoted && databases.is_current(candidate) && is_proved;
    let durability = durability(lane, candidate, done.copies);
    for (answer, reply) in done.answers.into_iter().zip(replies) {
        // A receiver that is gone is a client that has gone away.
        drop(reply.send(Ok(Answered {
            answer,
            role: candidate.role,
            lag_ms: candidate.lag_ms,
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
