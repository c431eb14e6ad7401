//! Finds PostgreSQL: the newest installation of which one directory holds every program needed.

use super::account::{Account, check_traversable};
use super::download::{self, Release};
use super::{Error, process};
use postgresql_commands::postgres::PostgresBuilder;
use postgresql_commands::traits::CommandBuilder;
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

/// All from one directory: mixed versions do not work together, and Debian's PATH holds wrappers.
const PROGRAMS: [&str; 6] = [
    "initdb",
    "postgres",
    "pg_ctl",
    "pg_basebackup",
    "pg_rewind",
    "pg_controldata",
];

/// 13 made primary_conninfo reloadable and lets pg_rewind recover a crashed target by itself.
const OLDEST_MAJOR: u32 = 13;

/// Where packages put it. `*` stands for part of one path component.
const ROOTS: [&str; 11] = [
    "/usr/lib/postgresql/*/bin", // Debian, Ubuntu
    "/usr/pgsql-*/bin",          // PGDG on Fedora, RHEL, SUSE
    "/usr/libexec/postgresql*",  // Alpine
    "/opt/homebrew/opt/postgresql@*/bin",
    "/usr/local/opt/postgresql@*/bin",
    "/opt/homebrew/bin",
    "/Applications/Postgres.app/Contents/Versions/*/bin",
    "/usr/local/pgsql/bin", // built from source
    "/usr/local/bin",
    "/usr/bin",                   // Fedora, Arch, Alpine
    "/run/current-system/sw/bin", // NixOS
];

const VERSION_LIMIT: Duration = Duration::from_secs(10);

/// One directory with all the programs of one version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binaries {
    pub(super) dir: PathBuf,
    pub(super) major: u32,
    pub(super) minor: u32,
}

impl Binaries {
    /// Where the programs are.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Those in `bin_dir`; else the newest installed (of `major`, where given); else a download into `cache`.
    pub fn find(bin_dir: Option<&Path>, major: Option<u32>, cache: &Path) -> Result<Self, Error> {
        if let Some(dir) = bin_dir {
            return Self::in_bin_dir(dir, major);
        }
        let installed = Self::installed(&standard_roots())?;
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
    pub(super) fn installed(roots: &[PathBuf]) -> Result<Vec<Self>, Error> {
        let account = Account::of_this_process()?;
        let dirs: BTreeSet<PathBuf> = roots
            .iter()
            .flat_map(|root| expand(root))
            .flat_map(real_dirs)
            .collect();
        let usable = |dir: &PathBuf| check_traversable(account.as_ref(), dir).is_ok();
        Ok(dirs
            .into_iter()
            .filter(usable)
            .filter_map(|dir| Self::of(&dir).ok())
            .collect())
    }

    /// The reason where it is not usable.
    pub(super) fn of(dir: &Path) -> Result<Self, String> {
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

fn standard_roots() -> Vec<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    ROOTS
        .iter()
        .map(PathBuf::from)
        .chain(std::env::split_paths(&path))
        .collect()
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

/// "postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)", "… 18beta1".
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

/// The directory itself, and the one its `postgres` is a link into.
fn real_dirs(dir: PathBuf) -> Vec<PathBuf> {
    let target = fs::canonicalize(dir.join("postgres")).ok();
    let target = target.and_then(|program| program.parent().map(Path::to_owned));
    fs::canonicalize(&dir)
        .ok()
        .into_iter()
        .chain(target)
        .collect()
}

fn expand(pattern: &Path) -> Vec<PathBuf> {
    pattern
        .components()
        .fold(vec![PathBuf::new()], |found, component| {
            found
                .iter()
                .flat_map(|base| step(base, component))
                .collect()
        })
}

fn step(base: &Path, component: Component<'_>) -> Vec<PathBuf> {
    let text = component.as_os_str().to_string_lossy();
    let Some((before, after)) = text.split_once('*') else {
        return vec![base.join(component)];
    };
    let Ok(entries) = fs::read_dir(base) else {
        return Vec::new();
    };
    let fits = |name: &str| {
        name.len() >= before.len() + after.len()
            && name.starts_with(before)
            && name.ends_with(after)
    };
    entries
        .flatten()
        .filter(|entry| fits(&entry.file_name().to_string_lossy()))
        .map(|entry| entry.path())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A directory that looks like an installation.
    fn install(dir: &Path, version: &str, programs: &[&str]) {
        fs::create_dir_all(dir).unwrap();
        for name in programs {
            let script = format!("#!/bin/sh\necho 'postgres (PostgreSQL) {version}'\n");
            fs::write(dir.join(name), script).unwrap();
            fs::set_permissions(dir.join(name), fs::Permissions::from_mode(0o755)).unwrap();
        }
    }

    fn open_tempdir() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
        dir
    }

    fn found(roots: &[PathBuf]) -> Vec<(u32, u32)> {
        let installed = Binaries::installed(roots).unwrap();
        installed
            .iter()
            .map(|found| (found.major, found.minor))
            .collect()
    }

    #[test]
    fn the_highest_version_wins_and_numbers_are_compared_as_numbers() {
        let root = open_tempdir();
        for (dir, version) in [
            ("9.6", "9.6.24"),
            ("14", "14.9"),
            ("17", "17.10"),
            ("18", "18beta1"),
        ] {
            install(&root.path().join(dir).join("bin"), version, &PROGRAMS);
        }
        let installed = Binaries::installed(&[root.path().join("*/bin")]).unwrap();
        assert_eq!(newest(&installed, None).unwrap().major, 18);
        assert_eq!(newest(&installed, Some(14)).unwrap().minor, 9);
        assert_eq!(newest(&installed, Some(9)), None, "too old to be used");
        assert_eq!(
            describe(&installed),
            "PostgreSQL 14, PostgreSQL 17, PostgreSQL 18"
        );
    }

    #[test]
    fn a_directory_that_lacks_one_program_does_not_count() {
        let root = open_tempdir();
        install(&root.path().join("17/bin"), "17.2", &PROGRAMS[..5]);
        install(&root.path().join("15/bin"), "15.3", &PROGRAMS);
        assert_eq!(found(&[root.path().join("*/bin")]), [(15, 3)]);
    }

    #[test]
    fn a_link_on_the_path_leads_to_the_directory_behind_it() {
        let root = open_tempdir();
        install(&root.path().join("real"), "16.4", &PROGRAMS);
        let path = root.path().join("path");
        fs::create_dir(&path).unwrap();
        std::os::unix::fs::symlink("../real/postgres", path.join("postgres")).unwrap();
        assert_eq!(found(std::slice::from_ref(&path)), [(16, 4)]);
    }

    #[test]
    fn roots_that_do_not_exist_are_nothing() {
        assert_eq!(found(&["/no/such/*/bin".into(), "/no/such".into()]), []);
    }

    #[test]
    fn a_bad_bin_dir_says_what_is_missing() {
        let root = open_tempdir();
        install(root.path(), "15.3", &PROGRAMS[1..]);
        let error = Binaries::find(Some(root.path()), None, root.path()).unwrap_err();
        assert!(
            error
                .to_string()
                .ends_with("does not hold a usable PostgreSQL: initdb missing"),
            "{error}"
        );
    }

    #[test]
    fn data_of_a_version_that_is_not_there_name_both_versions() {
        let root = open_tempdir();
        install(root.path(), "15.3", &PROGRAMS);
        let installed = Binaries::installed(&[root.path().to_owned()]).unwrap();
        let error = Binaries::downloaded(&installed, Some(14), Path::new("/data")).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the data in /data are of PostgreSQL 14, but only PostgreSQL 15 is installed; install PostgreSQL 14 or use another data_dir"
        );
        let error = Binaries::find(Some(root.path()), Some(14), root.path()).unwrap_err();
        assert!(
            error
                .to_string()
                .ends_with("it is PostgreSQL 15, the data are of 14"),
            "{error}"
        );
    }

    #[test]
    fn a_package_directory_name_is_matched_on_both_sides_of_the_star() {
        let root = open_tempdir();
        install(&root.path().join("postgresql@16/bin"), "16.1", &PROGRAMS);
        install(&root.path().join("mysql@16/bin"), "17.1", &PROGRAMS);
        assert_eq!(found(&[root.path().join("postgresql@*/bin")]), [(16, 1)]);
    }
}
