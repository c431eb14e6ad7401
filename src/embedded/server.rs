//! One PostgreSQL server, with the verbs of an operator (start, stop, promote) and of a disaster (kill, freeze).

use super::config::{self, Settings};
use super::home::{Home, User};
use super::{Error, build, port, process};
use nix::sys::signal::Signal;
use postgresql_commands::pg_controldata::PgControlDataBuilder;
use postgresql_commands::pg_ctl::{Mode, PgCtlBuilder};
use postgresql_commands::postgres::PostgresBuilder;
use postgresql_commands::traits::CommandBuilder;
use std::fs::{self, File, OpenOptions};
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

const START_LIMIT: Duration = Duration::from_secs(60);
const FAST_STOP_LIMIT: Duration = Duration::from_secs(20);
const IMMEDIATE_STOP_LIMIT: Duration = Duration::from_secs(8);
const KILL_LIMIT: Duration = Duration::from_secs(10);
const PROMOTE_LIMIT: Duration = Duration::from_secs(30);
const TOOL_LIMIT: Duration = Duration::from_secs(20);
const POLL: Duration = Duration::from_millis(10);
const LOG_MAX_BYTES: u64 = 10 * 1024 * 1024;
const TAIL_BYTES: u64 = 1_500;

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
}

/// Shows no password.
impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server").field("name", &self.name).field("port", &self.port).finish_non_exhaustive()
    }
}

impl Server {
    /// A new, empty database cluster; not started. Replaces nothing: opens it where it exists.
    pub fn init(home: &Arc<Home>, name: &str) -> Result<Self, Error> {
        if !home.data_dir(name).join("PG_VERSION").exists() {
            build::initdb(home, name)?;
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
        Ok(Self { home: Arc::clone(home), name: name.to_owned(), port, child: Mutex::default(), settings: Mutex::default() })
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
        format!("postgres://{name}:{password}@127.0.0.1:{}/synapse", self.port)
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
        let copy = log.try_clone().map_err(Error::io("open", &self.log_file()))?;
        let mut command = self.home.command(builder.build());
        command.stdin(Stdio::null()).stdout(log).stderr(copy);
        Ok(command)
    }

    fn open_log(&self) -> Result<File, Error> {
        let path = self.log_file();
        let open = || {
            let file = OpenOptions::new().create(true).append(true).mode(0o600).open(&path)?;
            if file.metadata()?.len() > LOG_MAX_BYTES {
                file.set_len(0)?;
            }
            Ok(file)
        };
        open().map_err(Error::io("open", &path))
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
            return Err(Error::NotRunning { name: self.name.clone() });
        };
        if let Ok(Some(status)) = child.try_wait() {
            *guard = None;
            let (name, log, tail) = (self.name.clone(), self.log_file(), self.log_tail());
            return Err(Error::Exited { name, status, log, tail });
        }
        let text = fs::read_to_string(self.data_dir().join("postmaster.pid")).unwrap_or_default();
        let mut lines = text.lines();
        let ours = lines.next().is_some_and(|pid| pid.trim() == child.id().to_string());
        Ok(ours && lines.nth(6).is_some_and(|state| state.trim() == "ready"))
    }

    /// False as soon as the postmaster has ended, for whatever reason.
    pub fn is_running(&self) -> bool {
        is_alive(&mut self.child())
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

    fn signal_and_wait(&self, signal: Signal, limit: Duration) -> bool {
        self.signal_postmaster(signal);
        let end = Instant::now() + limit;
        while self.is_running() {
            if Instant::now() > end {
                return false;
            }
            thread::sleep(POLL);
        }
        true
    }

    fn signal_postmaster(&self, signal: Signal) -> bool {
        let mut guard = self.child();
        if !is_alive(&mut guard) {
            return false;
        }
        if let Some(child) = guard.as_ref() {
            process::signal(process::pid_of(child), signal);
        }
        true
    }

    /// As if the machine were lost: the postmaster and all its children at once.
    pub fn kill(&self) -> Result<(), Error> {
        // Stopped first, so that it neither starts new children nor tells the old ones to end.
        self.signal_postmaster(Signal::SIGSTOP);
        self.end_leftovers()?;
        self.kill_postmaster();
        Ok(())
    }

    /// Only the postmaster: its children notice and end by themselves, some of them a little later.
    pub fn kill_postmaster(&self) {
        self.signal_and_wait(Signal::SIGKILL, KILL_LIMIT);
    }

    /// Kills every process that works in the data directory.
    pub(super) fn end_leftovers(&self) -> Result<(), Error> {
        let data_dir = self.data_dir();
        let end = Instant::now() + KILL_LIMIT;
        loop {
            let left = process::servers_in(&data_dir);
            if left.is_empty() {
                return Ok(());
            }
            if Instant::now() > end {
                return Err(self.timeout("did not die", KILL_LIMIT));
            }
            left.into_iter().for_each(|pid| process::signal(pid, Signal::SIGKILL));
            thread::sleep(Duration::from_millis(2));
        }
    }

    /// The server stops answering but keeps its connections: a hanging machine or disk.
    pub fn freeze(&self) {
        if self.signal_postmaster(Signal::SIGSTOP) {
            self.signal_all(Signal::SIGSTOP);
        }
    }

    pub fn thaw(&self) {
        if self.is_running() {
            self.signal_all(Signal::SIGCONT);
        }
    }

    fn signal_all(&self, signal: Signal) {
        process::servers_in(&self.data_dir()).into_iter().for_each(|pid| process::signal(pid, signal));
    }

    /// Makes a replica the primary; returns when it accepts writes.
    pub fn promote(&self) -> Result<(), Error> {
        let pg_ctl = PgCtlBuilder::new().program_dir(&self.home.binaries.dir);
        let pg_ctl = pg_ctl.mode(Mode::Promote).pgdata(self.data_dir()).no_wait();
        process::run(self.home.command(pg_ctl.build()), "", TOOL_LIMIT)?;
        let end = Instant::now() + PROMOTE_LIMIT;
        while self.control("Database cluster state")? != "in production" {
            if Instant::now() > end {
                return Err(self.timeout("was not promoted", PROMOTE_LIMIT));
            }
            if !self.is_running() {
                return Err(Error::NotRunning { name: self.name.clone() });
            }
            thread::sleep(POLL);
        }
        self.settings().remove("primary_conninfo");
        self.write_settings()
    }

    /// One line of pg_controldata: it works on a stopped server, and cannot hang on a frozen one.
    pub(super) fn control(&self, key: &str) -> Result<String, Error> {
        let tool = PgControlDataBuilder::new().program_dir(&self.home.binaries.dir).pgdata(self.data_dir());
        let text = process::run(self.home.command(tool.build()), "", TOOL_LIMIT)?;
        let value = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'));
        Ok(value.unwrap_or_default().trim().to_owned())
    }

    /// Follows another server from now on. A running primary becomes a replica only by the next start.
    pub fn follow(&self, source: &Server) -> Result<(), Error> {
        self.follow_port(source.port)
    }

    /// The same, through a proxy.
    pub fn follow_port(&self, port: u16) -> Result<(), Error> {
        build::mark_standby(&self.home, &self.data_dir())?;
        let conninfo = config::conninfo(&self.home, port, &self.name);
        self.reload(&[("primary_conninfo", &conninfo)])
    }

    /// Makes a former primary fit to follow its successor, stopping it where it runs; not started.
    pub fn rewind_to_follow(&self, source: &Server) -> Result<(), Error> {
        self.stop(StopMode::Fast)?;
        self.end_leftovers()?;
        build::rewind(source, &self.name)?;
        self.follow(source)
    }

    /// Throws the data away and copies everything anew, stopping it where it runs; not started.
    pub fn rebuild_to_follow(&self, source: &Server) -> Result<(), Error> {
        self.kill()?;
        build::basebackup(source, &self.name)?;
        self.follow(source)
    }

    /// A replica by the next start, a primary otherwise.
    pub fn is_standby(&self) -> bool {
        self.data_dir().join("standby.signal").exists()
    }

    /// Changes settings, now where the server runs, and for all starts of this object. An empty value is a value.
    pub fn reload(&self, settings: &[(&str, &str)]) -> Result<(), Error> {
        let new = settings.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        self.settings().extend(new);
        self.write_settings()?;
        self.signal_postmaster(Signal::SIGHUP);
        Ok(())
    }

    fn write_settings(&self) -> Result<(), Error> {
        config::write(&self.home, &self.data_dir(), &self.name, &self.settings())
    }

    /// The last lines of its log.
    pub fn log_tail(&self) -> String {
        tail(&self.log_file()).unwrap_or_else(|error| format!("(cannot read it: {error})"))
    }

    pub(super) fn timeout(&self, what: &'static str, limit: Duration) -> Error {
        let (name, log, tail) = (self.name.clone(), self.log_file(), self.log_tail());
        Error::Timeout { name, what, seconds: limit.as_secs(), log, tail }
    }

    fn child(&self) -> MutexGuard<'_, Option<Child>> {
        self.child.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn settings(&self) -> MutexGuard<'_, Settings> {
        self.settings.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whoever wants a clean stop calls `stop` before.
impl Drop for Server {
    fn drop(&mut self) {
        if let Err(error) = self.kill() {
            log::error!(node = self.name.as_str(); "cannot end PostgreSQL: {error}");
        }
    }
}

/// Reaps the process where it has ended.
fn is_alive(child: &mut Option<Child>) -> bool {
    match child.as_mut().map(Child::try_wait) {
        Some(Ok(None)) => true,
        _ => {
            *child = None;
            false
        }
    }
}

fn tail(path: &Path) -> std::io::Result<String> {
    let mut file = File::open(path)?;
    let from = file.metadata()?.len().saturating_sub(TAIL_BYTES);
    file.seek(SeekFrom::Start(from))?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> = text.lines().skip(usize::from(from > 0)).collect();
    Ok(lines[lines.len().saturating_sub(8)..].join("\n"))
}
