//! How long the disk takes to make a commit durable, which is nearly all that an asynchronous create at one connection waits for.

use crate::support::Outcome;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

const WRITES: u32 = 500;
/// A page of PostgreSQL's write-ahead log.
const PAGE: [u8; 8192] = [1; 8192];

/// For example "203 µs (pg_test_fsync, fdatasync)".
pub fn describe(programs: &Path, dir: &Path) -> Outcome<String> {
    let (probe, program) = (dir.join("flush.probe"), programs.join("pg_test_fsync"));
    let (time, how) = if program.is_file() {
        (ask(&program, &probe)?, "pg_test_fsync")
    } else {
        (time(&probe)?, "timed here")
    };
    Ok(format!("{time} µs ({how}, fdatasync)"))
}

/// The program would go on for 20 s with methods that PostgreSQL does not use here, so it is ended once it has printed the line.
fn ask(program: &Path, probe: &Path) -> Outcome<u64> {
    let mut child = Command::new(program)
        .args(["-s", "1", "-f"])
        .arg(probe)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let lines = child.stdout.take().map(BufReader::new);
    let line = lines.into_iter().flat_map(BufRead::lines).find(|line| {
        !line
            .as_ref()
            .is_ok_and(|line| !line.trim_start().starts_with("fdatasync"))
    });
    child.kill()?;
    child.wait()?;
    // The program was ended before it could remove the file.
    std::fs::remove_file(probe).or_else(absent_is_fine)?;
    // A line is "        fdatasync                          4925.434 ops/sec     203 usecs/op".
    let line = line.transpose()?.unwrap_or_default();
    let time = line.split_whitespace().rev().nth(1);
    let time = time.and_then(|word| word.parse().ok());
    Ok(time.ok_or_else(|| format!("pg_test_fsync said {line:?}"))?)
}

fn absent_is_fine(error: std::io::Error) -> std::io::Result<()> {
    match error.kind() {
        std::io::ErrorKind::NotFound => Ok(()),
        _ => Err(error),
    }
}

fn time(probe: &Path) -> Outcome<u64> {
    let file = File::create(probe)?;
    let begun = Instant::now();
    for _ in 0..WRITES {
        file.write_all_at(&PAGE, 0)?;
        file.sync_data()?;
    }
    let time = begun.elapsed() / WRITES;
    std::fs::remove_file(probe)?;
    Ok(u64::try_from(time.as_micros())?)
}
