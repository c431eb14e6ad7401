//! The resources that a process uses, from /proc.

use super::support::Outcome;
use std::fs::read_to_string;
use std::time::Duration;

/// USER_HZ, the unit in which the kernel reports processor times: 100 on every architecture on which Rust runs on Linux.
const TICKS_PER_SECOND: u32 = 100;

/// Processor time used so far, in user and kernel mode, by all its threads.
pub fn processor_time(process: u32) -> Outcome<Duration> {
    let text = read_to_string(format!("/proc/{process}/stat"))?;
    // The name, in brackets, may contain blanks; utime and stime are the 12th and 13th fields after it.
    let fields = text.rsplit_once(')').map(|(_, fields)| fields);
    let ticks: Option<u32> = fields.and_then(|fields| {
        let mut times = fields.split_whitespace().skip(11);
        let (user, system): (u32, u32) = (times.next()?.parse().ok()?, times.next()?.parse().ok()?);
        Some(user + system)
    });
    let ticks = ticks.ok_or_else(|| format!("/proc/{process}/stat holds {text:?}"))?;
    Ok(Duration::from_secs(1) * ticks / TICKS_PER_SECOND)
}

/// Resident memory in MiB.
pub fn resident_mib(process: u32) -> Outcome<f64> {
    let text = read_to_string(format!("/proc/{process}/status"))?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB"));
    let kib: Option<f64> = kib.and_then(|kib| kib.parse().ok());
    Ok(kib.ok_or_else(|| format!("/proc/{process}/status shows no VmRSS"))? / 1024.0)
}
