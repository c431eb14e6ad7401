//! How many sockets may be open, so that clients never take the descriptors that the databases need.

use std::io;

use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// What else needs a descriptor: standard streams, listener, event queues, settings, the log, and a few to spare.
const OTHER_DESCRIPTORS: usize = 64;
/// Connections that are reserved for operators, if they have a listener of their own: they find a place however many clients there are.
pub const OPERATORS: usize = 64;
/// With fewer there is no point in serving.
const FEWEST_CONNECTIONS: usize = 16;

/// How many connections there may be at the same time.
#[derive(Clone, Copy, Debug)]
pub struct Demand {
    /// Connections of clients, `server.max_connections`.
    pub clients: usize,
    /// Connections of operators.
    pub operators: usize,
    /// Connections to databases.
    pub databases: usize,
}

/// Raises the limit of descriptors as far as it is needed and allowed, and returns how many connections of clients fit into it. A further
/// connection waits in the listener's queue, where it takes no descriptor, until another one ends.
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

/// The limit of descriptors, raised to `wanted` or as far as the hard limit allows.
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
