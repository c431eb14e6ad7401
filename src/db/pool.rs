//! The connections of one node.
//!
//! r2d2 reconnects by itself; what this adds is failing fast while the node is down, throwing a pool of half-dead connections away
//! at once, and a bulkhead in front, which is waited for in async code, before a blocking thread is taken (`r2d2::Pool::get` is unfair).

use super::bulkhead::Bulkhead;
use super::connection::{CONNECT_TIMEOUT, DatabaseUrl, SessionLimits};
use super::error::{Error, first_line};
use diesel::r2d2::ConnectionManager;
use diesel::{ConnectionError, PgConnection};
use scheduled_thread_pool::ScheduledThreadPool;
use secrecy::ExposeSecret;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::watch;

pub type Connection = r2d2::PooledConnection<Manager>;

pub struct Pool {
    connections: r2d2::Pool<Manager>,
    closed: Arc<AtomicBool>,
    size: u32,
    bulkhead: Bulkhead,
    retired: watch::Sender<bool>,
}

/// Diesel's manager, but for a pool that can be closed: r2d2 itself keeps a pool full as long as anybody holds one connection of it.
pub struct Manager {
    inner: ConnectionManager<PgConnection>,
    closed: Arc<AtomicBool>,
}

impl r2d2::ManageConnection for Manager {
    type Connection = PgConnection;
    type Error = diesel::r2d2::Error;

    fn connect(&self) -> Result<PgConnection, Self::Error> {
        if self.closed.load(Ordering::Acquire) {
            return Err(diesel::r2d2::Error::ConnectionError(
                ConnectionError::BadConnection("the pool is retired".into()),
            ));
        }
        self.inner.connect()
    }

    fn is_valid(&self, connection: &mut PgConnection) -> Result<(), Self::Error> {
        self.inner.is_valid(connection)
    }

    fn has_broken(&self, connection: &mut PgConnection) -> bool {
        self.closed.load(Ordering::Acquire) || self.inner.has_broken(connection)
    }
}

impl Pool {
    /// Returns at once; `workers` open the connections in the background.
    pub fn open(
        url: &DatabaseUrl,
        session: &SessionLimits,
        size: u32,
        workers: Arc<ScheduledThreadPool>,
    ) -> Pool {
        let closed = Arc::new(AtomicBool::new(false));
        let manager = Manager {
            inner: ConnectionManager::new(url.conninfo(session).expose_secret()),
            closed: closed.clone(),
        };
        let connections = r2d2::Pool::builder()
            .max_size(size)
            // A ping costs a round trip and proves nothing about the role.
            .test_on_check_out(false)
            .connection_timeout(CONNECT_TIMEOUT)
            // The monitor writes one line per change of state; r2d2 would write one per slot and attempt.
            .error_handler(Box::new(r2d2::NopErrorHandler))
            .thread_pool(workers)
            .build_unchecked(manager);
        Pool {
            connections,
            closed,
            size,
            bulkhead: Bulkhead::new(size),
            retired: watch::Sender::new(false),
        }
    }

    pub fn bulkhead(&self) -> &Bulkhead {
        &self.bulkhead
    }

    /// Blocks at most `CONNECT_TIMEOUT`.
    #[expect(clippy::disallowed_methods, reason = "this is its room")]
    pub fn connection(&self) -> Result<Connection, Error> {
        self.connections
            .get()
            .map_err(|error| match self.open_connections() {
                0 => Error::Unreachable(first_line(&error.to_string())),
                _ => Error::Busy,
            })
    }

    /// No more use of this pool: who waits for it or for an answer through it is told at once. A thread that was given up keeps its
    /// own connection as long as it hangs, and with it the r2d2 pool; all others are closed now, and none is opened any more.
    pub fn retire(&self) {
        self.closed.store(true, Ordering::Release);
        while self.connections.try_get().is_some() {}
        self.bulkhead.close();
        self.retired.send_replace(true);
    }

    pub fn is_retired(&self) -> bool {
        *self.retired.borrow()
    }

    pub async fn retired(&self) {
        let mut retired = self.retired.subscribe();
        // The sender lives in self, so this ends only with the value.
        let _ = retired.wait_for(|retired| *retired).await;
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
