//! What tests do to servers: sudden death, machines that hang. Only with the feature `disasters`, which production does not enable.

use super::Server;
use super::signals::KILL_LIMIT;
use crate::Error;
use nix::sys::signal::Signal;

#[cfg(target_os = "linux")]
const LIMIT: std::time::Duration = std::time::Duration::from_secs(10);

impl Server {
    /// Ends the postmaster and all its children at once, as if the machine were lost.
    pub fn kill(&self) -> Result<(), Error> {
        self.end_now()
    }

    /// Kills only the postmaster: its children notice and end by themselves, some of them a little later.
    pub fn kill_postmaster(&self) {
        self.signal_and_wait(Signal::SIGKILL, KILL_LIMIT);
    }

    /// The server stops answering but keeps its connections, like a machine or a disk that hangs.
    pub fn freeze(&self) {
        if self.signal_postmaster(Signal::SIGSTOP) {
            // Twice, because a child may just have been starting.
            self.signal_all(Signal::SIGSTOP);
            self.signal_all(Signal::SIGSTOP);
        }
    }

    /// As if the disk were full: no file may grow beyond so many bytes. None: no limit. (WAL files have their 16 MiB from the beginning.)
    /// PostgreSQL reports "could not extend file", as for a full disk, but with another errno (EFBIG). A program of util-linux sets the
    /// limit, since that needs the uid of the server's processes, and even root may lack the right.
    #[cfg(target_os = "linux")]
    pub fn limit_files(&self, bytes: Option<u64>) -> Result<(), Error> {
        let limit = bytes.map_or("unlimited".to_owned(), |bytes| bytes.to_string());
        for pid in self.processes()? {
            let mut prlimit = std::process::Command::new("prlimit");
            prlimit
                .arg(format!("--pid={pid}"))
                .arg(format!("--fsize={limit}:"));
            match crate::process::run(self.home.command(prlimit), "", LIMIT) {
                Err(_) if !self.processes()?.contains(&pid) => {}
                result => drop(result?),
            }
        }
        Ok(())
    }

    /// The opposite of `freeze`.
    pub fn thaw(&self) {
        self.wake();
    }
}
