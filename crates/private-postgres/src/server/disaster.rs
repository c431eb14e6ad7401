//! What tests do to servers: sudden death, hanging machines. Behind the feature `disasters`, which production does not build.

use super::Server;
use super::signals::KILL_LIMIT;
use crate::Error;
use nix::sys::signal::Signal;

impl Server {
    /// As if the machine were lost: the postmaster and all its children at once.
    pub fn kill(&self) -> Result<(), Error> {
        self.end_now()
    }

    /// Only the postmaster: its children notice and end by themselves, some of them a little later.
    pub fn kill_postmaster(&self) {
        self.signal_and_wait(Signal::SIGKILL, KILL_LIMIT);
    }

    /// The server stops answering but keeps its connections: a hanging machine or disk.
    pub fn freeze(&self) {
        if self.signal_postmaster(Signal::SIGSTOP) {
            // Twice, for a child that was just being started.
            self.signal_all(Signal::SIGSTOP);
            self.signal_all(Signal::SIGSTOP);
        }
    }

    /// The opposite of `freeze`.
    pub fn thaw(&self) {
        self.wake();
    }
}
