//! The connections of one node.
//!
//! r2d2 reconnects by itself. This adds three things: it fails fast while the node is down, it throws away a pool of half-dead connections
//! at once, and each new connection proves which server it has reached. The [`bulkhead`] decides who may use a connection.

pub mod bulkhead;
mod manager;

use super::error::{Error, first_line};
use super::probe::Facts;
use super::url::{CONNECT_TIMEOUT, DatabaseUrl, SessionLimits};
use bulkhead::Bulkhead;
use diesel::PgConnection;
use manager::{Manager, SameServer};
use scheduled_thread_pool::ScheduledThreadPool;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

pub type Connection = r2d2::PooledConnection<Manager>;

pub struct Pool {
    connections: r2d2::Pool<Manager>,
    closed: Arc<AtomicBool>,
    /// A new connection reached another server than the one that this pool is for.
    reached_another_server: Arc<AtomicBool>,
    size: u32,
    bulkhead: Bulkhead,
    workers: Arc<ScheduledThreadPool>,
}

impl Pool {
    /// Returns at once. The pool begins with the connection over which the node said these facts; `workers` open more in the background,
    /// until there are `warm`, and up to `size` as they are used. Making one takes nine round trips, with TLS and a password.
    pub fn open(
        first: PgConnection,
        facts: &Facts,
        url: &DatabaseUrl,
        session: &SessionLimits,
        size: u32,
        warm: u32,
        workers: Arc<ScheduledThreadPool>,
    ) -> Pool {
        let (closed, reached_another_server) = <(Arc<AtomicBool>, Arc<AtomicBool>)>::default();
        let manager = Manager::new(first, url, session, closed.clone());
        let connections = r2d2::Pool::builder()
            .max_size(size)
            .min_idle(Some(warm))
            // A ping costs a round trip and proves nothing about the role.
            .test_on_check_out(false)
            .connection_timeout(CONNECT_TIMEOUT + facts.rtt * 10)
            // No connection is closed for its age. r2d2 would close all of one age at once, before it opens others, and its job that looks
            // for them stays in `workers` for ever, also when the pool is gone.
            .idle_timeout(None)
            .max_lifetime(None)
            .connection_customizer(Box::new(SameServer::new(
                facts.server,
                reached_another_server.clone(),
            )))
            // The keeper writes one line per change of state; r2d2 would write one per slot and attempt.
            .error_handler(Box::new(r2d2::NopErrorHandler))
            .thread_pool(workers.clone())
            .build_unchecked(manager);
        Pool {
            connections,
            closed,
            reached_another_server,
            size,
            bulkhead: Bulkhead::new(size),
            workers,
        }
    }

    pub fn bulkhead(&self) -> &Bulkhead {
        &self.bulkhead
    }

    /// Blocks at most `CONNECT_TIMEOUT`, and ten round trips.
    #[expect(clippy::disallowed_methods, reason = "this is its room")]
    pub fn connection(&self) -> Result<Connection, Error> {
        self.connections
            .get()
            .map_err(|error| match self.open_connections() {
                _ if self.has_strayed() => Error::AnotherServer,
                0 => Error::Unreachable(first_line(&error.to_string())),
                _ => Error::Busy,
            })
    }

    /// One that is open and idle.
    pub fn idle_connection(&self) -> Option<Connection> {
        self.connections.try_get()
    }

    /// Ends the use of this pool: whoever waits for a connection of it, or for an answer through one, is told at once. A thread that was
    /// given up keeps its own connection, and with it the r2d2 pool, as long as it hangs. A worker of the node closes all other
    /// connections, and no new one is opened.
    pub fn retire(self: &Arc<Self>) {
        self.closed.store(true, Ordering::Release);
        self.bulkhead.close();
        let pool = self.clone();
        self.workers
            .execute(move || while pool.connections.try_get().is_some() {});
    }

    pub fn is_retired(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    pub fn has_strayed(&self) -> bool {
        self.reached_another_server.load(Ordering::Acquire)
    }

    pub fn size(&self) -> u32 {
        self.size
    }

    pub fn open_connections(&self) -> u32 {
        self.connections.state().connections
    }

    pub fn in_use(&self) -> usize {
        self.bulkhead.in_use()
    }
}

/// A pool is equal only to itself.
impl PartialEq for Pool {
    fn eq(&self, other: &Pool) -> bool {
        std::ptr::eq(self, other)
    }
}
