//! Makes a replica follow its primary.

use crate::{Error, Server, StopMode, User, sql};
use std::thread;
use std::time::{Duration, Instant};

/// A replica that has had no connection to its primary for so long is copied anew.
const CONNECT_LIMIT: Duration = Duration::from_secs(6);
const QUESTION_LIMIT: Duration = Duration::from_secs(2);
const POLL: Duration = Duration::from_millis(20);

/// Starts `replica` so that it streams from `primary`: as it is, rewound, or copied anew, whichever is the least that works. The primary
/// must be running; it is not changed.
pub(super) fn join(primary: &Server, replica: &Server) -> Result<(), Error> {
    match join_as_it_is(primary, replica) {
        Ok(()) => Ok(()),
        // There is nothing to copy from, or the primary cannot be asked: the replica keeps its data.
        Err(error @ (Error::Sql { .. } | Error::Retired { .. })) => Err(error),
        Err(error) if !primary.is_running() => Err(error),
        Err(error) => {
            if replica.data_dir().exists() {
                log::warn!(node = replica.name(); "the replica cannot follow, copying everything: {error}");
            }
            replica.rebuild_to_follow(primary)?;
            start_streaming(primary, replica)
        }
    }
}

fn join_as_it_is(primary: &Server, replica: &Server) -> Result<(), Error> {
    replica.stop(StopMode::Immediate)?;
    if replica.data_dir().exists() {
        replica.undo_half_a_promotion()?;
    }
    if replica.is_standby() {
        replica.follow(primary)?;
    } else {
        replica.rewind_to_follow(primary)?;
    }
    start_streaming(primary, replica)
}

fn start_streaming(primary: &Server, replica: &Server) -> Result<(), Error> {
    // A list that it had as a primary would make its commits hang when it is promoted again.
    replica.reload(&[("synchronous_standby_names", "")])?;
    replica.start()?;
    let mut end = Instant::now() + CONNECT_LIMIT;
    while Instant::now() < end {
        match state_of(primary, replica)?.as_deref() {
            Some("streaming") => return Ok(()),
            Some(_) => end = Instant::now() + CONNECT_LIMIT, // it is catching up
            None => {}
        }
        thread::sleep(POLL);
    }
    Err(replica.timeout("did not connect to the primary", CONNECT_LIMIT))
}

/// The state of the replica, as the primary sees it: none, catchup, streaming, …
fn state_of(primary: &Server, replica: &Server) -> Result<Option<String>, Error> {
    let question = "SELECT application_name || ':' || state AS value FROM pg_stat_replication";
    let answer = sql::ask(&primary.url(User::Superuser), question, QUESTION_LIMIT);
    let lines = answer.map_err(|reason| Error::Sql {
        name: primary.name().to_owned(),
        what: "who streams from it",
        reason,
    })?;
    let of_replica = |line: &String| {
        Some(
            line.strip_prefix(replica.name())?
                .strip_prefix(':')?
                .to_owned(),
        )
    };
    Ok(lines.iter().find_map(of_replica))
}
