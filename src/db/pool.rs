//! The connections of one node, with a fair queue in front.
//!
//! r2d2 reconnects by itself; what this adds is failing fast while the node is down, throwing a pool of half-dead connections away
//! at once, and a FIFO permit that is waited for in async code, before a blocking thread is taken (`r2d2::Pool::get` is unfair).

use super::connection::{CONNECT_TIMEOUT, DatabaseUrl, SessionLimits};
use super::error::{Error, first_line};
use diesel::r2d2::ConnectionManager;
use diesel::{ConnectionError, PgConnection};
use scheduled_thread_pool::ScheduledThreadPool;
use secrecy::ExposeSecret;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore, watch};

pub type Connection = r2d2::PooledConnection<Manager>;

pub struct Pool {
    connections: r2d2::Pool<Manager>,
    closed: Arc<AtomicBool>,
    size: u32,
    permits: Arc<Semaphore>,
    /// Fewer: commits that hang, waiting for a standby, leave some connections to reads.
    commit_permits: Arc<Semaphore>,
    waiting: AtomicUsize,
    /// Reads and commits that were answered: whether the line moves.
    reads_answered: AtomicUsize,
    commits_answered: AtomicUsize,
    max_waiting: usize,
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

/// The right to one connection; moved into the closure that uses it, so that it is returned when the thread is done.
pub struct Permit {
    _one: OwnedSemaphorePermit,
    _commit: Option<OwnedSemaphorePermit>,
}

/// How long a request waits in line.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// While the line moves: longer than this means that there is more to do than connections to do it with.
    pub moving: Duration,
    /// While it stands still, as it does when commits hang on a primary that is about to be replaced.
    pub until: Instant,
}

impl Patience {
    pub fn of(duration: Duration) -> Patience {
        Patience {
            moving: duration,
            until: Instant::now() + duration,
        }
    }
}

/// What a connection is wanted for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    Read,
    /// Writes WAL, and may have to wait for a standby.
    Commit,
}

/// Nobody failed: there is more to do than connections to do it with.
#[derive(Debug)]
pub struct Busy;

impl Pool {
    /// Returns at once; `workers` open the connections in the background.
    pub fn open(
        url: &DatabaseUrl,
        session: &SessionLimits,
        size: u32,
        max_waiting: usize,
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
        let permits = Arc::new(Semaphore::new(size as usize));
        let for_reads = size.div_ceil(5).min(size - 1);
        let commit_permits = Arc::new(Semaphore::new((size - for_reads) as usize));
        Pool {
            connections,
            closed,
            size,
            permits,
            commit_permits,
            waiting: AtomicUsize::new(0),
            reads_answered: AtomicUsize::new(0),
            commits_answered: AtomicUsize::new(0),
            max_waiting,
            retired: watch::Sender::new(false),
        }
    }

    /// Waits in line for a connection. Bounded in time and in the number that may wait.
    pub async fn permit(&self, purpose: Use, patience: Patience) -> Result<Permit, Busy> {
        let _place = Place::take(&self.waiting, self.max_waiting).ok_or(Busy)?;
        let mut in_line = std::pin::pin!(self.in_line(purpose));
        loop {
            let answered = self.answered(purpose).load(Ordering::Acquire);
            let left = patience.until.saturating_duration_since(Instant::now());
            match tokio::time::timeout(patience.moving.min(left), &mut in_line).await {
                Ok(permit) => return permit.map_err(|_| Busy),
                Err(_) if Instant::now() >= patience.until => return Err(Busy),
                Err(_) if self.answered(purpose).load(Ordering::Acquire) != answered => {
                    return Err(Busy);
                }
                Err(_) => {}
            }
        }
    }

    /// Both semaphores are first in, first out.
    async fn in_line(&self, purpose: Use) -> Result<Permit, AcquireError> {
        let commit = match purpose {
            Use::Read => None,
            Use::Commit => Some(self.commit_permits.clone().acquire_owned().await?),
        };
        let one = self.permits.clone().acquire_owned().await?;
        Ok(Permit {
            _one: one,
            _commit: commit,
        })
    }

    /// An attempt got its answer.
    pub fn count_answer(&self, purpose: Use) {
        self.answered(purpose).fetch_add(1, Ordering::AcqRel);
    }

    fn answered(&self, purpose: Use) -> &AtomicUsize {
        match purpose {
            Use::Read => &self.reads_answered,
            Use::Commit => &self.commits_answered,
        }
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
        self.permits.close();
        self.commit_permits.close();
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
        self.size as usize - self.permits.available_permits().min(self.size as usize)
    }
}

/// A place in a queue of bounded length, given back when dropped.
pub struct Place<'a>(&'a AtomicUsize);

impl<'a> Place<'a> {
    pub fn take(taken: &'a AtomicUsize, limit: usize) -> Option<Place<'a>> {
        taken
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |n| {
                (n < limit).then_some(n + 1)
            })
            .ok()
            .map(|_| Place(taken))
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}
