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

const START_LIMIT: Duration = Duration::from_secs(60);
const FAST_STOP_LIMIT: Duration = Duration::from_secs(20);
const IMMEDIATE_STOP_LIMIT: Duration = Duration::from_secs(8);

impl Server {
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
    pub(crate) fn retire(&self) {
        let _child = self.child();
        self.retired.store(true, Ordering::Relaxed);
    }

    /// Always ends with the server stopped: what does not obey in time is killed.
    pub fn stop(&self, mode: StopMode) -> Result<(), Error> {
        self.wake(); // a frozen server obeys no signal
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
