//! Brings a replica to its primary, and tells who streams.

use super::home::User;
use super::{Error, Server, sql};
use std::thread;
use std::time::{Duration, Instant};

/// Long enough to catch up with 256 MB of kept log, short enough not to look hung.
const STREAM_LIMIT: Duration = Duration::from_secs(15);
const QUESTION_LIMIT: Duration = Duration::from_secs(2);
const POLL: Duration = Duration::from_millis(20);

/// Starts `replica` so that it streams from `primary`: as it is, rewound, or copied anew, whichever is the least
/// that works. The primary must be running; it is never touched.
pub(super) fn join(primary: &Server, replica: &Server) -> Result<(), Error> {
    match join_as_it_is(primary, replica) {
        Ok(()) => Ok(()),
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
    replica.stop(super::StopMode::Immediate)?;
    if !replica.is_standby() {
        replica.rewind_to_follow(primary)?;
    } else {
        replica.follow(primary)?;
    }
    start_streaming(primary, replica)
}

fn start_streaming(primary: &Server, replica: &Server) -> Result<(), Error> {
    replica.start()?;
    let end = Instant::now() + STREAM_LIMIT;
    loop {
        if streaming(primary)?.iter().any(|name| name == replica.name()) {
            return Ok(());
        }
        if Instant::now() > end {
            return Err(replica.timeout("did not stream from the primary", STREAM_LIMIT));
        }
        thread::sleep(POLL);
    }
}

/// The names of the servers that stream from this one.
pub(super) fn streaming(primary: &Server) -> Result<Vec<String>, Error> {
    let question = "SELECT application_name AS value FROM pg_stat_replication WHERE state = 'streaming'";
    let url = primary.url(User::Superuser);
    sql::ask(&url, question, QUESTION_LIMIT).map_err(|reason| Error::Sql {
        name: primary.name().to_owned(),
        what: "who streams from it",
        reason,
    })
}
