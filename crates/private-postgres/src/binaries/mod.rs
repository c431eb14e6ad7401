//! Finds PostgreSQL: the newest installation that has all the programs needed in one directory.

mod download;
mod places;

pub use self::download::{Pin, Release};

use crate::account::{Account, check_traversable};
use crate::{Error, process};
use postgresql_commands::postgres::PostgresBuilder;
use postgresql_commands::traits::CommandBuilder;
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// All from one directory: programs of different versions do not work together, and on Debian the PATH has wrappers of them.
const PROGRAMS: [&str; 6] = [
    "initdb",
    "postgres",
    "pg_ctl",
    "pg_basebackup",
    "pg_rewind",
    "pg_controldata",
];

/// Since version 13 primary_conninfo can be changed by a reload, and pg_rewind recovers a crashed target by itself.
const OLDEST_MAJOR: u32 = 13;

const VERSION_LIMIT: Duration = Duration::from_secs(10);

/// One directory with all the programs of one version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binaries {
    pub(crate) dir: PathBuf,
    pub(crate) major: u32,
    pub(crate) minor: u32,
}

impl Binaries {
    /// Where the programs are.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The programs in `bin_dir`, else in the directory that the environment names; else the newest ones installed (of version `major`, if
    /// given); else a download into `cache`.
    pub fn find(bin_dir: Option<&Path>, major: Option<u32>, cache: &Path) -> Result<Self, Error> {
        let of_environment = places::of_environment();
        if let Some(dir) = bin_dir.or(of_environment.as_deref()) {
            return Self::in_bin_dir(dir, major);
        }
        let installed = Self::installed(&places::standard())?;
        match newest(&installed, major) {
            Some(found) => Ok(found.clone()),
            None => Self::downloaded(&installed, major, cache),
        }
    }

    fn in_bin_dir(dir: &Path, major: Option<u32>) -> Result<Self, Error> {
        let broken = |reason| Error::BinDir {
            directory: dir.to_owned(),
            reason,
        };
        let found = Self::of(dir).map_err(broken)?;
        match major {
            Some(major) if major != found.major => Err(broken(format!(
                "it is PostgreSQL {}, the data are of {major}",
                found.major
            ))),
            _ => Ok(found),
        }
    }

    fn downloaded(installed: &[Self], major: Option<u32>, cache: &Path) -> Result<Self, Error> {
        let release = Release::pinned();
        match major {
            Some(data) if data != release.major() => Err(Error::Version {
                directory: cache.to_owned(),
                data,
                installed: describe(installed),
            }),
            _ => download::fetch(&release, cache),
        }
    }

    /// All usable installations under these roots.
    pub(crate) fn installed(roots: &[PathBuf]) -> Result<Vec<Self>, Error> {
        let account = Account::of_this_process()?;
        let usable = |dir: &PathBuf| check_traversable(account.as_ref(), dir).is_ok();
        Ok(places::directories(roots)
            .into_iter()
            .filter(usable)
            .filter_map(|dir| Self::of(&dir).ok())
            .collect())
    }

    /// Err: why it is not usable.
    pub(crate) fn of(dir: &Path) -> Result<Self, String> {
        let missing: Vec<&str> = PROGRAMS
            .into_iter()
            .filter(|name| !is_program(&dir.join(name)))
            .collect();
        if !missing.is_empty() {
            return Err(format!("{} missing", missing.join(", ")));
        }
        let command = PostgresBuilder::new().program_dir(dir).version().build();
        let text = process::run(command, "", VERSION_LIMIT).map_err(|error| error.to_string())?;
        let (major, minor) =
            parse_version(&text).ok_or(format!("no version in {:?}", text.trim()))?;
        if major < OLDEST_MAJOR {
            return Err(format!("version {major} is older than {OLDEST_MAJOR}"));
        }
        Ok(Self {
            dir: dir.to_owned(),
            major,
            minor,
        })
    }
}

fn newest(installed: &[Binaries], major: Option<u32>) -> Option<&Binaries> {
    let fits = |found: &&Binaries| major.is_none_or(|major| major == found.major);
    installed
        .iter()
        .filter(fits)
        .max_by_key(|found| (found.major, found.minor))
}

fn describe(installed: &[Binaries]) -> String {
    let versions: BTreeSet<u32> = installed.iter().map(|found| found.major).collect();
    let names: Vec<String> = versions
        .iter()
        .map(|major| format!("PostgreSQL {major}"))
        .collect();
    if names.is_empty() {
        "none".to_owned()
    } else {
        names.join(", ")
    }
}

fn is_program(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

/// Reads for example "postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)" or "… 18beta1".
fn parse_version(text: &str) -> Option<(u32, u32)> {
    let version = text.split_once("(PostgreSQL) ")?.1;
    let mut numbers = version.split(|c: char| !c.is_ascii_digit());
    let major = numbers.next()?.parse().ok()?;
    Some((
        major,
        numbers
            .next()
            .and_then(|minor| minor.parse().ok())
            .unwrap_or(0),
    ))
}

#[cfg(test)]
mod tests;
