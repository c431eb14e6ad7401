//! The image can be built of what .dockerignore lets through.

use super::{file, text};
use std::fs;
use std::path::{Path, PathBuf};

fn sources(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    paths
        .flat_map(|path| match path.is_dir() {
            true => sources(&path),
            false => vec![path],
        })
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .collect()
}

/// The files that this one compiles in.
fn included(source: &Path) -> Vec<PathBuf> {
    let code = fs::read_to_string(source).unwrap();
    let parts = code.split("include_str!(\"").skip(1);
    let names = parts.map(|rest| rest.split('"').next().unwrap());
    names
        .map(|name| source.parent().unwrap().join(name).canonicalize().unwrap())
        .collect()
}

#[test]
fn everything_that_is_compiled_in_is_sent_to_the_build_of_the_image() {
    let ignored = text(".dockerignore");
    let sent: Vec<_> = ignored
        .lines()
        .filter_map(|line| line.strip_prefix('!'))
        .map(|name| file(name).canonicalize().unwrap())
        .collect();
    let is_sent = |path: &PathBuf| sent.iter().any(|sent| path.starts_with(sent));
    let sources = sources(&file("src"));
    let is_test = |path: &Path| path.ends_with("tests.rs") || path.ends_with("tests/mod.rs");
    let of_the_program = sources.iter().filter(|path| !is_test(path));
    let included: Vec<_> = of_the_program.flat_map(|path| included(path)).collect();
    assert!(included.len() > 20, "{included:?}");
    let missing: Vec<_> = included.iter().filter(|path| !is_sent(path)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}
