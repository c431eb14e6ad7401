//! `process_*`, as Prometheus's own clients give them: from `/proc`, so on Linux alone. By hand, because they are six numbers from three
//! files, and a crate for them would bring three others.

use std::fs;
use std::time::Duration;

use nix::sys::resource::{Resource, getrlimit};
use nix::unistd::{SysconfVar, sysconf};

#[derive(Clone, Copy, Debug)]
pub struct Process {
    pub cpu: Duration,
    pub started_at_s: f64,
    pub resident_bytes: u64,
    pub virtual_bytes: u64,
    pub open_fds: u64,
    pub max_fds: u64,
    pub threads: u64,
}

/// None where the system has no `/proc`.
pub fn process() -> Option<Process> {
    let stat = Stat::read()?;
    let (open_fds, max_fds) = descriptors()?;
    let ticks = ticks_per_second()?;
    let booted_at_s = booted_at_s()?;
    Some(Process {
        cpu: Duration::from_secs_f64((stat.number(USER)? + stat.number(SYSTEM)?) as f64 / ticks),
        started_at_s: booted_at_s as f64 + stat.number(STARTED)? as f64 / ticks,
        resident_bytes: stat.number(RESIDENT_PAGES)? * page_bytes()?,
        virtual_bytes: stat.number(VIRTUAL_BYTES)?,
        open_fds,
        max_fds,
        threads: stat.number(THREADS)?,
    })
}

// Columns of /proc/self/stat, from 1 (proc_pid_stat(5)).
const USER: usize = 14;
const SYSTEM: usize = 15;
const THREADS: usize = 20;
const STARTED: usize = 22;
const VIRTUAL_BYTES: usize = 23;
const RESIDENT_PAGES: usize = 24;

struct Stat(String);

impl Stat {
    fn read() -> Option<Stat> {
        fs::read_to_string("/proc/self/stat").ok().map(Stat)
    }

    /// The second column is the program's name in brackets, which may hold anything.
    fn number(&self, column: usize) -> Option<u64> {
        let (_, from_the_third) = self.0.rsplit_once(") ")?;
        let text = from_the_third.split(' ').nth(column - 3)?;
        text.parse().ok()
    }
}

fn booted_at_s() -> Option<u64> {
    let stat = fs::read_to_string("/proc/stat").ok()?;
    let line = stat.lines().find_map(|line| line.strip_prefix("btime "))?;
    line.trim().parse().ok()
}

fn descriptors() -> Option<(u64, u64)> {
    let open = fs::read_dir("/proc/self/fd").ok()?.count();
    let (limit, _) = getrlimit(Resource::RLIMIT_NOFILE).ok()?;
    Some((open as u64, limit))
}

fn ticks_per_second() -> Option<f64> {
    let ticks = sysconf(SysconfVar::CLK_TCK).ok()??;
    (ticks > 0).then_some(ticks as f64)
}

fn page_bytes() -> Option<u64> {
    let bytes = sysconf(SysconfVar::PAGE_SIZE).ok()??;
    u64::try_from(bytes).ok()
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_alive_and_young() {
        let process = process().unwrap();
        let now = chrono::Utc::now().timestamp() as f64;
        let age_s = now - process.started_at_s;
        assert!((-2.0..86_400.0).contains(&age_s), "{age_s} s");
        assert!(
            process.resident_bytes > 100_000 && process.virtual_bytes >= process.resident_bytes
        );
        assert!(
            process.open_fds >= 3 && process.max_fds >= process.open_fds && process.threads >= 1
        );
    }
}
