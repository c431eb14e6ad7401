//! Finds out which data directory is the primary's: a supervisor of an earlier run may have promoted any of them.

use crate::{Error, Home, Server};
use std::fs;
use std::path::Path;
use std::sync::Arc;

pub(super) const FIRST: &str = "primary";

pub(super) fn replica_name(number: usize) -> String {
    format!("replica-{number}")
}

/// The names of the complete data directories, with the major version of their data. A directory with such a name and anything else in it
/// is an error, since otherwise it would be replaced by a copy of the primary.
pub(super) fn databases_in(dir: &Path) -> Result<Vec<(String, u32)>, Error> {
    let entries = fs::read_dir(dir).map_err(Error::io("read", dir))?;
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry.map_err(Error::io("read", dir))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if !is_ours(&name) {
            continue;
        }
        match version_of(&entry.path()) {
            Some(version) => found.push((name, version)),
            None if is_empty(&entry.path())? => {}
            None => {
                return Err(Error::NotADatabase {
                    directory: entry.path(),
                });
            }
        }
    }
    found.sort();
    Ok(found)
}

/// "NAME.new" is not: it may be incomplete.
fn is_ours(name: &str) -> bool {
    let number = name.strip_prefix("replica-");
    name == FIRST || number.is_some_and(|number| number.parse::<u8>().is_ok())
}

fn version_of(directory: &Path) -> Option<u32> {
    let version = fs::read_to_string(directory.join("PG_VERSION")).ok()?;
    version.trim().parse().ok()
}

fn is_empty(directory: &Path) -> Result<bool, Error> {
    let mut entries = fs::read_dir(directory).map_err(Error::io("read", directory))?;
    Ok(entries.next().is_none())
}

/// Whether the server is not a standby, its timeline, and its position. The server with the highest rank is the primary.
type Rank = (bool, u32, u64);

/// The server that is not a standby. If there are several, the one on the highest timeline, since a promotion starts a new one.
pub(super) fn primary_of(home: &Arc<Home>, names: &[String]) -> Result<Option<Server>, Error> {
    let mut best: Option<(Rank, Server)> = None;
    let mut broken = None;
    for name in names {
        let server = Server::open(home, name)?;
        match rank(&server) {
            Ok(rank) if best.as_ref().is_none_or(|(highest, _)| rank > *highest) => {
                best = Some((rank, server))
            }
            Ok(_) => {}
            // A broken replica can be copied anew, as long as there is another server to copy from.
            Err(error) if server.is_standby() => broken = Some(error),
            Err(error) => return Err(error),
        }
    }
    match (best, broken) {
        (None, Some(error)) => Err(error),
        (best, _) => Ok(best.map(|(_, server)| server)),
    }
}

fn rank(server: &Server) -> Result<Rank, Error> {
    server.end_leftovers()?;
    Ok((!server.is_standby(), timeline(server)?, position(server)?))
}

/// The highest timeline in pg_control and in the names of history files: pg_control has a new timeline only after the checkpoint that
/// follows the promotion, and the history file is written before.
fn timeline(server: &Server) -> Result<u32, Error> {
    let checkpoint = server
        .control("Latest checkpoint's TimeLineID")?
        .parse()
        .unwrap_or(0);
    let wal = server.data_dir().join("pg_wal");
    let entries = fs::read_dir(&wal).map_err(Error::io("read", &wal))?;
    let mut highest = checkpoint;
    for entry in entries {
        // An entry that cannot be read is an error: it may be the one that shows which server is the primary.
        let name = entry.map_err(Error::io("read", &wal))?.file_name();
        let history = name.to_str().and_then(|name| name.strip_suffix(".history"));
        let timeline = history.and_then(|hex| u32::from_str_radix(hex, 16).ok());
        highest = highest.max(timeline.unwrap_or(0));
    }
    Ok(highest)
}

/// Used only to choose among standbys of the same timeline.
fn position(server: &Server) -> Result<u64, Error> {
    let recovered = parse_lsn(&server.control("Minimum recovery ending location")?);
    let checkpoint = parse_lsn(&server.control("Latest checkpoint location")?);
    Ok(recovered.max(checkpoint))
}

/// Reads for example "0/3000148", the two halves of a 64-bit number. 0 if it is not of this form.
fn parse_lsn(text: &str) -> u64 {
    let half = |text: &str| u64::from_str_radix(text, 16).unwrap_or(0);
    text.split_once('/')
        .map_or(0, |(high, low)| (half(high) << 32) | half(low))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_are_compared_as_numbers() {
        assert!(parse_lsn("0/A000000") < parse_lsn("0/10000000"));
        assert!(parse_lsn("0/FFFFFFFF") < parse_lsn("1/0"));
        assert_eq!(parse_lsn(""), 0);
    }

    #[test]
    fn only_complete_directories_of_ours_count() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["replica-1", "primary", "primary.new", "replica-x", "other"] {
            fs::create_dir(dir.path().join(name)).unwrap();
            fs::write(dir.path().join(name).join("PG_VERSION"), "15\n").unwrap();
        }
        fs::create_dir(dir.path().join("replica-2")).unwrap();
        let found = databases_in(dir.path()).unwrap();
        assert_eq!(
            found,
            [("primary".to_owned(), 15), ("replica-1".to_owned(), 15)]
        );
        fs::write(dir.path().join("replica-2").join("letters"), "mine").unwrap();
        let refused = databases_in(dir.path()).unwrap_err();
        assert!(refused.to_string().contains("replica-2"), "{refused}");
    }
}
