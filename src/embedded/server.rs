//! One PostgreSQL server, with the verbs of an operator (start, stop, promote) and of a disaster (kill, freeze).

use super::config::{self, Settings};
use super::home::{Home, User};
use super::{Error, build, port, process};
use nix::sys::signal::Signal;
use postgresql_commands::postgres::PostgresBuilder;
use postgresql_commands::traits::CommandBuilder;
use std::fs;
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

const START_LIMIT: Duration = Duration::from_secs(60);
const FAST_STOP_LIMIT: Duration = Duration::from_secs(20);
const IMMEDIATE_STOP_LIMIT: Duration = Duration::from_secs(8);
pub(super) const POLL: Duration = Duration::from_millis(10);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopMode {
    /// Ends the sessions, writes everything down, and sends it to the replicas.
    Fast,
    /// Just ends: the next start recovers from the log.
    Immediate,
}

/// All verbs take `&self`: a test may freeze a server that another thread is talking to.
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
    /// A new, empty database cluster; not started. Replaces nothing: opens it where it exists.
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

    pub(super) fn home(&self) -> &Arc<Home> {
        &self.home
    }

    /// Holds the password: not for a log.
    pub fn url(&self, user: User) -> String {
        let (name, password) = (user.name(), self.home.password(user));
        format!(
            "postgres://{name}:{password}@127.0.0.1:{}/synapse",
            self.port
        )
    }

    /// Starts it and waits until it accepts connections.
    pub fn start(&self) -> Result<(), Error> {
        self.start_no_wait()?;
        self.wait_until_ready()
    }

    pub fn start_no_wait(&self) -> Result<(), Error> {
        let mut child = self.child();
        if is_alive(&mut child) {
            return Ok(());
        }
        if self.retired.load(Ordering::Relaxed) {
            return Err(Error::Retired {
                name: self.name.clone(),
            });
        }
        self.end_leftovers()?;
        self.write_settings()?;
        *child = Some(process::spawn(self.postgres_command()?)?);
        Ok(())
    }

    fn postgres_command(&self) -> Result<std::process::Command, Error> {
        let builder = PostgresBuilder::new()
            .program_dir(&self.home.binaries.dir)
            .data_dir(self.data_dir())
            .host("127.0.0.1")
            .port(self.port)
            .socket_location(""); // no socket: Debian's default directory is not writable for us
        let log = self.open_log()?;
        let copy = log
            .try_clone()
            .map_err(Error::io("open", &self.log_file()))?;
        let mut command = self.home.command(builder.build());
        command.stdin(Stdio::null()).stdout(log).stderr(copy);
        Ok(command)
    }

    pub fn wait_until_ready(&self) -> Result<(), Error> {
        let end = Instant::now() + START_LIMIT;
        while Instant::now() < end {
            if self.is_ready()? {
                return Ok(());
            }
            thread::sleep(POLL);
        }
        Err(self.timeout("did not accept connections", START_LIMIT))
    }

    /// The postmaster writes its state into its pid file; asking over the network could hang.
    fn is_ready(&self) -> Result<bool, Error> {
        let mut guard = self.child();
        let Some(child) = guard.as_mut() else {
            return Err(Error::NotRunning {
                name: self.name.clone(),
            });
        };
        if let Ok(Some(status)) = child.try_wait() {
            *guard = None;
            let (name, log, tail) = (self.name.clone(), self.log_file(), self.log_tail());
            return Err(Error::Exited {
                name,
                status,
                log,
                tail,
            });
        }
        let text = fs::read_to_string(self.data_dir().join("postmaster.pid")).unwrap_or_default();
        let mut lines = text.lines();
        let ours = lines
            .next()
            .is_some_and(|pid| pid.trim() == child.id().to_string());
        Ok(ours && lines.nth(6).is_some_and(|state| state.trim() == "ready"))
    }

    /// False as soon as the postmaster has ended, for whatever reason.
    pub fn is_running(&self) -> bool {
        is_alive(&mut self.child())
    }

    /// From now on it cannot be started: whoever stops a cluster must not race with a thread that heals it.
    pub(super) fn retire(&self) {
        let _child = self.child();
        self.retired.store(true, Ordering::Relaxed);
    }

    /// Always ends with the server stopped: what does not obey in time is killed.
    pub fn stop(&self, mode: StopMode) -> Result<(), Error> {
        self.thaw(); // a frozen server obeys no signal
        let (first, limit) = match mode {
            StopMode::Fast => (Signal::SIGINT, FAST_STOP_LIMIT),
            StopMode::Immediate => (Signal::SIGQUIT, IMMEDIATE_STOP_LIMIT),
        };
        if self.signal_and_wait(first, limit) {
            return Ok(());
        }
        log::warn!(node = self.name.as_str(); "PostgreSQL did not stop within {} s, killing it", limit.as_secs());
        self.kill()
    }

    /// Changes settings, now where the server runs, and for all starts of this object. An empty value is a value.
    pub fn reload(&self, settings: &[(&str, &str)]) -> Result<(), Error> {
        let new = settings
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        self.settings().extend(new);
        self.write_settings()?;
        self.signal_postmaster(Signal::SIGHUP);
        Ok(())
    }

    pub(super) fn write_settings(&self) -> Result<(), Error> {
        config::write(&self.home, &self.data_dir(), &self.name, &self.settings())
    }

    pub(super) fn timeout(&self, what: &'static str, limit: Duration) -> Error {
        let (name, log, tail) = (self.name.clone(), self.log_file(), self.log_tail());
        Error::Timeout {
            name,
            what,
            seconds: limit.as_secs(),
            log,
            tail,
        }
    }

    pub(super) fn child(&self) -> MutexGuard<'_, Option<Child>> {
        self.child.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn settings(&self) -> MutexGuard<'_, Settings> {
        self.settings.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whoever wants a clean stop calls `stop` before.
impl Drop for Server {
    fn drop(&mut self) {
        // Immediate and not kill: it gives its shared memory back.
        if let Err(error) = self
            .stop(StopMode::Immediate)
            .and_then(|()| self.end_leftovers())
        {
            log::error!(node = self.name.as_str(); "cannot end PostgreSQL: {error}");
        }
    }
}

/// Reaps the process where it has ended.
pub(super) fn is_alive(child: &mut Option<Child>) -> bool {
    match child.as_mut().map(Child::try_wait) {
        Some(Ok(None)) => true,
        _ => {
            *child = None;
            false
        }
    }
}
