//! How many sockets may be open, so that clients never take the descriptors that the databases need.

use std::io;

use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// Standard streams, listener, event queues, settings, the log, and a few to spare.
const OTHER_DESCRIPTORS: usize = 64;
/// Connections of operators, where they have a listener of their own: they find a place however many clients there are.
pub const OPERATORS: usize = 64;
/// With fewer there is no point in serving.
const FEWEST_CONNECTIONS: usize = 16;

/// What must be held at once at most.
#[derive(Clone, Copy, Debug)]
pub struct Demand {
    /// Connections of clients, `server.max_connections`.
    pub clients: usize,
    /// Connections of operators.
    pub operators: usize,
    /// Connections to databases.
    pub databases: usize,
}

/// Asks the system for as many descriptors as are wanted, and says how many connections of clients it allows. One more waits in the
/// listener's queue until another ends: it takes no descriptor there.
pub fn connections(demand: Demand) -> io::Result<usize> {
    let reserved = OTHER_DESCRIPTORS + demand.operators + demand.databases;
    let allowed = descriptors(demand.clients + reserved)?.saturating_sub(reserved);
    if allowed < FEWEST_CONNECTIONS {
        return Err(io::Error::other(format!(
            "too few file descriptors: {reserved} are reserved for the databases and the log; raise the limit (ulimit -n, LimitNOFILE)"
        )));
    }
    if allowed < demand.clients {
        log::warn!(allowed, wanted = demand.clients; "fewer connections of clients than server.max_connections: the system gives no more \
            file descriptors (ulimit -n, LimitNOFILE)");
    }
    Ok(allowed.min(demand.clients))
}

/// As many as wanted, or as the hard limit allows.
fn descriptors(wanted: usize) -> io::Result<usize> {
    let wanted = wanted as u64;
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    let limit = if soft < wanted {
        let limit = wanted.min(hard);
        setrlimit(Resource::RLIMIT_NOFILE, limit, hard)?;
        limit
    } else {
        soft
    };
    Ok(usize::try_from(limit).unwrap_or(usize::MAX))
}
