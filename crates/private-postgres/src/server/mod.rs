//! One PostgreSQL server. What an operator does with it is in `life.rs` (start, stop) and `role.rs` (promote, follow), what disasters do to
//! it in `disaster.rs` (kill, freeze).

mod build;
mod config;
#[cfg(feature = "disasters")]
mod disaster;
mod life;
mod log_file;
mod port;
mod processes;
mod role;
mod signals;

use self::config::Settings;
use crate::Error;
use crate::home::{Home, User};
use nix::sys::signal::Signal;
use parking_lot::Mutex;
use std::path::PathBuf;
use std::process::Child;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

/// How often the state of a process is checked while waiting for a change.
const POLL: Duration = Duration::from_millis(10);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopMode {
    /// Ends the sessions, writes everything to disk, and sends it to the replicas.
    Fast,
    /// Ends at once: the next start recovers from the log.
    Immediate,
}

/// All methods take `&self`: a test may freeze a server that another thread is talking to.
pub struct Server {
    home: Arc<Home>,
    name: String,
    port: u16,
    child: Mutex<Option<Child>>,
    settings: Mutex<Settings>,
    /// Set once, under the lock of `child`: after it no start succeeds.
    retired: AtomicBool,
}

/// Shows no password.
impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server")
            .field("name", &self.name)
            .field("port", &self.port)
            .finish_non_exhaustive()
    }
}

impl Server {
    /// A new, empty database cluster, not started. If it exists already, it is opened and nothing is replaced.
    pub fn init(home: &Arc<Home>, name: &str) -> Result<Self, Error> {
        let directory = home.data_dir(name);
        if !directory.exists() {
            build::initdb(home, name)?;
        } else if !directory.join("PG_VERSION").exists() {
            return Err(Error::NotADatabase { directory });
        }
        Self::open(home, name)
    }

    /// A copy of a running server (primary or replica) that follows it; not started.
    pub fn standby_of(source: &Server, name: &str) -> Result<Self, Error> {
        build::basebackup(source, name)?;
        let standby = Self::open(&source.home, name)?;
        standby.follow(source)?;
        Ok(standby)
    }

    /// The server of an existing data directory; not started.
    pub fn open(home: &Arc<Home>, name: &str) -> Result<Self, Error> {
        let port = port::choose(&home.dir.join(format!("{name}.port")))?;
        Ok(Self {
            home: Arc::clone(home),
            name: name.to_owned(),
            port,
            child: Mutex::default(),
            settings: Mutex::default(),
            retired: AtomicBool::new(false),
        })
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn data_dir(&self) -> PathBuf {
        self.home.data_dir(&self.name)
    }

    pub fn log_file(&self) -> PathBuf {
        self.home.dir.join(format!("{}.log", self.name))
    }

    pub(crate) fn home(&self) -> &Arc<Home> {
        &self.home
    }

    /// Contains the password, so it must not be logged.
    pub fn url(&self, user: User) -> String {
        let (name, password) = (user.name(), self.home.password(user));
        format!(
            "postgres://{name}:{password}@127.0.0.1:{}/synapse",
            self.port
        )
    }

    /// Changes settings: at once if the server runs, and for all starts of this object. An empty value is set, too.
    pub fn reload(&self, settings: &[(&str, &str)]) -> Result<(), Error> {
        let changes = settings
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        let mut kept = self.settings.lock();
        let mut new = kept.clone();
        new.extend(changes);
        // Kept only once they are written: if writing fails, nothing has changed, and the caller knows that.
        config::write(&self.home, &self.data_dir(), &self.name, &new)?;
        *kept = new;
        drop(kept);
        self.signal_postmaster(Signal::SIGHUP);
        Ok(())
    }

    fn write_settings(&self) -> Result<(), Error> {
        config::write(
            &self.home,
            &self.data_dir(),
            &self.name,
            &self.settings.lock(),
        )
    }

    pub(crate) fn timeout(&self, what: &'static str, limit: Duration) -> Error {
        let (name, log, tail) = (self.name.clone(), self.log_file(), self.log_tail());
        Error::Timeout {
            name,
            what,
            seconds: limit.as_secs(),
            log,
            tail,
        }
    }
}

/// Stops the server immediately. For a clean stop, call `stop` before.
impl Drop for Server {
    fn drop(&mut self) {
        // An immediate stop instead of a kill, since it gives the shared memory back.
        if let Err(error) = self
            .stop(StopMode::Immediate)
            .and_then(|()| self.end_leftovers())
        {
            log::error!(node = self.name.as_str(); "cannot end PostgreSQL: {error}");
        }
    }
}
