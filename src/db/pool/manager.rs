//! How a pool makes its connections.

use super::super::probe::{Server, server_of};
use super::super::url::{DatabaseUrl, SessionLimits};
use diesel::r2d2::{ConnectionManager, Error};
use diesel::{ConnectionError, PgConnection};
use parking_lot::Mutex;
use secrecy::ExposeSecret;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Diesel's manager, for a pool that can be closed: r2d2 by itself goes on filling a pool as long as anybody holds one of its connections.
pub struct Manager {
    inner: ConnectionManager<PgConnection>,
    /// Open already: the one that has proved what the node is. Making another would take nine round trips, while requests wait.
    first: Mutex<Option<PgConnection>>,
    closed: Arc<AtomicBool>,
}

impl Manager {
    pub fn new(
        first: PgConnection,
        url: &DatabaseUrl,
        session: &SessionLimits,
        closed: Arc<AtomicBool>,
    ) -> Manager {
        Manager {
            inner: ConnectionManager::new(url.conninfo(session).expose_secret()),
            first: Mutex::new(Some(first)),
            closed,
        }
    }

    fn take_first(&self) -> Option<PgConnection> {
        let mut first = self.first.lock();
        first.take()
    }
}

impl r2d2::ManageConnection for Manager {
    type Connection = PgConnection;
    type Error = Error;

    fn connect(&self) -> Result<PgConnection, Error> {
        if self.closed.load(Ordering::Acquire) {
            return Err(bad("the pool is retired"));
        }
        self.take_first().map_or_else(|| self.inner.connect(), Ok)
    }

    fn is_valid(&self, connection: &mut PgConnection) -> Result<(), Error> {
        self.inner.is_valid(connection)
    }

    fn has_broken(&self, connection: &mut PgConnection) -> bool {
        self.closed.load(Ordering::Acquire) || self.inner.has_broken(connection)
    }
}

/// Asks on every new connection which server it has reached, by one cheap statement: a host name may lead elsewhere later, and a server may
/// be restarted as something else. For example: at t = 0 s the pool is opened on the primary; at t = 9 s the name is moved to a restored
/// copy; at t = 10 s r2d2 replaces one of ten connections. Without the question a tenth of the writes would go to the copy.
#[derive(Debug)]
pub struct SameServer {
    server: Server,
    reached_another_server: Arc<AtomicBool>,
}

impl SameServer {
    pub fn new(server: Server, reached_another_server: Arc<AtomicBool>) -> SameServer {
        SameServer {
            server,
            reached_another_server,
        }
    }
}

impl r2d2::CustomizeConnection<PgConnection, Error> for SameServer {
    fn on_acquire(&self, connection: &mut PgConnection) -> Result<(), Error> {
        let reached = server_of(connection).map_err(Error::QueryError)?;
        if reached == self.server {
            return Ok(());
        }
        self.reached_another_server.store(true, Ordering::Release);
        Err(bad("the address leads to another server than before"))
    }
}

fn bad(reason: &str) -> Error {
    Error::ConnectionError(ConnectionError::BadConnection(reason.into()))
}
