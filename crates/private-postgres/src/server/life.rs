//! How a server starts and stops, and whether it runs.

use super::{POLL, Server, StopMode};
use crate::{Error, process};
use nix::sys::signal::Signal;
use postgresql_commands::postgres::PostgresBuilder;
use postgresql_commands::traits::CommandBuilder;
use std::fs;
use std::process::{Child, Stdio};
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

/// For a server that does not report its state.
const START_LIMIT: Duration = Duration::from_secs(60);
/// For a server that reports that it is starting: it replays what was written since its last checkpoint, which takes minutes on a slow
/// disk.
const RECOVERY_LIMIT: Duration = Duration::from_secs(600);
const NOTE_EVERY: Duration = Duration::from_secs(10);
const FAST_STOP_LIMIT: Duration = Duration::from_secs(20);
const IMMEDIATE_STOP_LIMIT: Duration = Duration::from_secs(8);

impl Server {
    /// Starts it and waits until it accepts connections.
    pub fn start(&self) -> Result<(), Error> {
        self.start_no_wait()?;
        self.wait_until_ready()
    }

    pub fn start_no_wait(&self) -> Result<(), Error> {
        let mut child = self.child.lock();
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
            .socket_location(""); // no socket: Debian's default directory is not writable for this account
        let log = self.open_log()?;
        let copy = log
            .try_clone()
            .map_err(Error::io("open", &self.log_file()))?;
        let mut command = self.home.command(builder.build());
        command.stdin(Stdio::null()).stdout(log).stderr(copy);
        Ok(command)
    }

    pub fn wait_until_ready(&self) -> Result<(), Error> {
        let begin = Instant::now();
        let mut noted = Duration::ZERO;
        loop {
            let state = self.state()?;
            let waited = begin.elapsed();
            let limit = match state.as_deref() {
                Some("ready") => return Ok(()),
                Some("starting") => RECOVERY_LIMIT,
                _ => START_LIMIT,
            };
            if waited > limit {
                return Err(self.timeout("did not accept connections", limit));
            }
            if waited > noted + NOTE_EVERY {
                noted = waited;
                log::info!(node = self.name.as_str(), waited_s = waited.as_secs(), limit_s = limit.as_secs(); "PostgreSQL is still starting; after a crash it recovers from its log, which can take minutes");
            }
            thread::sleep(POLL);
        }
    }

    /// The state that the postmaster writes to its pid file: a question over the network could hang. `None`: it has written none yet.
    fn state(&self) -> Result<Option<String>, Error> {
        let mut guard = self.child.lock();
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
        let mut lines = text.lines().map(str::trim);
        let ours = lines.next() == Some(child.id().to_string().as_str());
        Ok(lines.nth(6).filter(|_| ours).map(str::to_owned))
    }

    /// False as soon as the postmaster has ended, whatever the reason.
    pub fn is_running(&self) -> bool {
        is_alive(&mut self.child.lock())
    }

    /// From now on the server cannot be started: otherwise a thread that repairs the cluster could start it while the cluster is being
    /// stopped.
    pub(crate) fn retire(&self) {
        let _child = self.child.lock();
        self.retired.store(true, Ordering::Relaxed);
    }

    /// Always ends with the server stopped: if it does not stop in time, it is killed.
    pub fn stop(&self, mode: StopMode) -> Result<(), Error> {
        self.wake(); // a frozen server reacts to no signal
        let (first, limit) = match mode {
            StopMode::Fast => (Signal::SIGINT, FAST_STOP_LIMIT),
            StopMode::Immediate => (Signal::SIGQUIT, IMMEDIATE_STOP_LIMIT),
        };
        if self.signal_and_wait(first, limit) {
            return Ok(());
        }
        log::warn!(node = self.name.as_str(); "PostgreSQL did not stop within {} s, killing it", limit.as_secs());
        self.end_now()
    }
}

/// If the process has ended, it is reaped.
pub(super) fn is_alive(child: &mut Option<Child>) -> bool {
    match child.as_mut().map(Child::try_wait) {
        Some(Ok(None)) => true,
        _ => {
            *child = None;
            false
        }
    }
}
