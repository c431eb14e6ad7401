//! Sends signals to a server: to its postmaster alone, or to every process whose working directory is the data directory.

use super::life::is_alive;
use super::{POLL, Server};
use crate::{Error, process};
use nix::sys::signal::Signal;
use std::thread;
use std::time::{Duration, Instant};

pub(super) const KILL_LIMIT: Duration = Duration::from_secs(10);

impl Server {
    pub(super) fn signal_and_wait(&self, signal: Signal, limit: Duration) -> bool {
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

    pub(super) fn signal_postmaster(&self, signal: Signal) -> bool {
        let mut guard = self.child.lock();
        if !is_alive(&mut guard) {
            return false;
        }
        if let Some(child) = guard.as_ref() {
            process::signal(process::pid_of(child), signal);
        }
        true
    }

    /// Ends the postmaster and all its children at once; nothing can delay that.
    pub(crate) fn end_now(&self) -> Result<(), Error> {
        // Locked all the time, so that the supervisor cannot start the server again while it is being killed.
        let mut guard = self.child.lock();
        // The postmaster is stopped first, so that it neither starts new children nor tells the old ones to end.
        guard
            .iter()
            .for_each(|child| process::signal(process::pid_of(child), Signal::SIGSTOP));
        self.end_leftovers()?;
        if let Some(mut child) = guard.take() {
            // It is dead already, unless it was started so recently that it has not entered its data directory.
            child
                .kill()
                .and_then(|()| child.wait())
                .map_err(Error::io("end the server of", &self.data_dir()))?;
        }
        Ok(())
    }

    /// Kills every process whose working directory is the data directory.
    pub(crate) fn end_leftovers(&self) -> Result<(), Error> {
        let end = Instant::now() + KILL_LIMIT;
        loop {
            let left = self.processes()?;
            if left.is_empty() {
                return Ok(());
            }
            if Instant::now() > end {
                return Err(self.timeout("did not die", KILL_LIMIT));
            }
            left.into_iter()
                .for_each(|pid| process::signal(pid, Signal::SIGKILL));
            thread::sleep(Duration::from_millis(2));
        }
    }

    /// Lets a frozen server go on.
    pub(super) fn wake(&self) {
        if self.is_running() {
            self.signal_all(Signal::SIGCONT);
        }
    }

    pub(super) fn signal_all(&self, signal: Signal) {
        match self.processes() {
            Ok(found) => found
                .into_iter()
                .for_each(|pid| process::signal(pid, signal)),
            Err(error) => {
                log::error!(node = self.name(); "cannot send {signal} to PostgreSQL: {error}")
            }
        }
    }
}
