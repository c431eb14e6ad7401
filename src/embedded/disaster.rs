//! What happens to servers: signals, sudden death, hanging machines.

use super::server::{POLL, is_alive};
use super::{Error, Server, process};
use nix::sys::signal::Signal;
use std::thread;
use std::time::{Duration, Instant};

const KILL_LIMIT: Duration = Duration::from_secs(10);

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
        // Locked throughout, so that whoever watches the server cannot start it again while it is being killed.
        let mut guard = self.child();
        // Stopped first, so that it neither starts new children nor tells the old ones to end.
        guard
            .iter()
            .for_each(|child| process::signal(process::pid_of(child), Signal::SIGSTOP));
        self.end_leftovers()?;
        if let Some(mut child) = guard.take() {
            // It is dead already, unless it was started so lately that it has not reached its data directory.
            child
                .kill()
                .and_then(|()| child.wait())
                .map_err(Error::io("end the server of", &self.data_dir()))?;
        }
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
            left.into_iter()
                .for_each(|pid| process::signal(pid, Signal::SIGKILL));
            thread::sleep(Duration::from_millis(2));
        }
    }

    /// The server stops answering but keeps its connections: a hanging machine or disk.
    pub fn freeze(&self) {
        if self.signal_postmaster(Signal::SIGSTOP) {
            // Twice, for a child that was just being started.
            self.signal_all(Signal::SIGSTOP);
            self.signal_all(Signal::SIGSTOP);
        }
    }

    pub fn thaw(&self) {
        if self.is_running() {
            self.signal_all(Signal::SIGCONT);
        }
    }

    fn signal_all(&self, signal: Signal) {
        process::servers_in(&self.data_dir())
            .into_iter()
            .for_each(|pid| process::signal(pid, signal));
    }
}
