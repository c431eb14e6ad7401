//! Where an installation may be: the usual directories of packages, those of the PATH, and those that links in them lead to.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Component, Path, PathBuf};

/// Where packages put the programs. `*` stands for part of one path component.
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

/// Names the directory of the programs if the caller names none, so that the same tests can run on any version (tests/versions).
const BIN_DIR_VARIABLE: &str = "PRIVATE_POSTGRES_BIN_DIR";

/// An empty value counts as absent, as for `PATH`.
pub(super) fn of_environment() -> Option<PathBuf> {
    std::env::var_os(BIN_DIR_VARIABLE)
        .filter(|dir| !dir.is_empty())
        .map(PathBuf::from)
}

/// The directories of packages, and those of the PATH.
pub(super) fn standard() -> Vec<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    ROOTS
        .iter()
        .map(PathBuf::from)
        .chain(std::env::split_paths(&path))
        .collect()
}

/// Every directory that these roots stand for, without repetitions.
pub(super) fn directories(roots: &[PathBuf]) -> BTreeSet<PathBuf> {
    roots
        .iter()
        .flat_map(|root| expand(root))
        .flat_map(real_dirs)
        .collect()
}

/// The directory itself, and the one that its `postgres` is a link into.
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
