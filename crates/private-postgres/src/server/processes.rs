//! The processes of a server, found by their data directory, including those that an earlier run started.

use super::Server;
use crate::Error;
use crate::account::Account;
#[cfg(target_os = "linux")]
use nix::sys::prctl;
use nix::unistd::Pid;
#[cfg(target_os = "linux")]
use parking_lot::Mutex;
use std::path::Path;
#[cfg(target_os = "linux")]
use std::{io, thread};

/// How long `ps` may take.
#[cfg(not(target_os = "linux"))]
const LISTING_LIMIT: std::time::Duration = std::time::Duration::from_secs(10);

impl Server {
    /// The postmaster and its children, even if the postmaster is dead: the working directory of each is the data directory.
    pub(super) fn processes(&self) -> Result<Vec<Pid>, Error> {
        servers_in(self.home.account.as_ref(), &self.data_dir())
    }
}

/// The kernel shows the working directory of a process to the user of that process, and to root only with CAP_SYS_PTRACE, which containers
/// do not give. So if PostgreSQL runs as another user, a thread looks under that user's identity. Only this thread has the identity, and it
/// ends with the thread.
#[cfg(target_os = "linux")]
fn servers_in(account: Option<&Account>, data_dir: &Path) -> Result<Vec<Pid>, Error> {
    let Some(account) = account else {
        return scan(data_dir).map_err(Error::io("read", Path::new("/proc")));
    };
    // One thread after the other: it must not take for the program's what another one has just changed.
    static CHANGES_IDENTITY: Mutex<()> = Mutex::new(());
    let scan_as_the_account = || {
        let alone = CHANGES_IDENTITY.lock();
        let dumpable = prctl::get_dumpable()?;
        nix::unistd::setfsgid(account.gid);
        nix::unistd::setfsuid(account.uid);
        // A change of identity would forbid core dumps of the whole program.
        prctl::set_dumpable(dumpable)?;
        drop(alone);
        scan(data_dir)
    };
    let ended = |_| Err(io::Error::other("the thread that does it panicked"));
    thread::scope(|scope| {
        let thread = thread::Builder::new().spawn_scoped(scope, scan_as_the_account)?;
        thread.join().unwrap_or_else(ended)
    })
    .map_err(Error::io("read", Path::new("/proc")))
}

#[cfg(target_os = "linux")]
fn scan(data_dir: &Path) -> io::Result<Vec<Pid>> {
    let entries = std::fs::read_dir("/proc")?;
    Ok(entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok().map(Pid::from_raw))
        .filter(|pid| is_server_in(*pid, data_dir))
        .collect())
}

#[cfg(target_os = "linux")]
fn is_server_in(pid: Pid, data_dir: &Path) -> bool {
    let link = |name: &str| std::fs::read_link(format!("/proc/{pid}/{name}"));
    // The program is compared too: somebody's shell may be in the directory.
    link("cwd").is_ok_and(|cwd| cwd == data_dir)
        && link("exe").is_ok_and(|exe| {
            exe.file_name()
                .is_some_and(|name| name.to_string_lossy().starts_with("postgres"))
        })
}

/// Without /proc: the postmaster that postmaster.pid names, and its children.
#[cfg(not(target_os = "linux"))]
fn servers_in(_account: Option<&Account>, data_dir: &Path) -> Result<Vec<Pid>, Error> {
    let file = std::fs::read_to_string(data_dir.join("postmaster.pid")).unwrap_or_default();
    let Some(postmaster) = file
        .lines()
        .next()
        .and_then(|line| line.trim().parse::<i32>().ok())
    else {
        return Ok(Vec::new());
    };
    let mut ps = std::process::Command::new("ps");
    ps.args(["-A", "-o", "pid=,ppid=,stat=,comm="]);
    let listing = crate::process::run(ps, "", LISTING_LIMIT)?;
    let server = |line: &str| {
        let mut fields = line.split_whitespace();
        let (pid, parent) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
        let alive = !fields.next()?.starts_with('Z');
        let postgres = fields.next()?.contains("postgres");
        let ours = pid == postmaster || parent == postmaster;
        (alive && postgres && ours).then(|| Pid::from_raw(pid))
    };
    Ok(listing.lines().filter_map(server).collect())
}
