//! Keeps the house in order: which room may know which (docs/architecture.md), how long a room or a function may get, and which Rust it
//! says it needs.

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;

const LONGEST_FILE: usize = 250;
const LONGEST_FUNCTION: usize = 60;
/// A test may be a table.
const LONGEST_TEST: usize = 90;

/// The sources of the package at the root, and of the one that it uses.
const PRIVATE_POSTGRES: &str = "crates/private-postgres/src";
const SOURCES: [&str; 2] = ["src", PRIVATE_POSTGRES];

fn sources(dir: &str) -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    let mut open = vec![root.join(dir)];
    while let Some(path) = open.pop() {
        if path.is_dir() {
            open.extend(path.read_dir().unwrap().map(|entry| entry.unwrap().path()));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push((
                path.strip_prefix(root).unwrap().to_owned(),
                std::fs::read_to_string(&path).unwrap(),
            ));
        }
    }
    assert!(
        !found.is_empty(),
        "nothing in {dir}: this test would pass without looking"
    );
    found
}

/// Lines of `dir` that name what it must not know. Comments may.
fn forbidden(dir: &str, names: &[&str], but: &[&str]) -> Vec<String> {
    let allowed = |path: &Path| but.iter().any(|allowed| path == Path::new(allowed));
    let files = sources(dir).into_iter().filter(|(path, _)| !allowed(path));
    files
        .flat_map(|(path, text)| {
            let code = text
                .lines()
                .filter(|line| !line.trim_start().starts_with("//"))
                .map(str::to_owned)
                .collect::<Vec<_>>();
            let hits = code
                .into_iter()
                .filter(|line| names.iter().any(|name| line.contains(name)));
            hits.map(|line| format!("{}: {}", path.display(), line.trim()))
                .collect::<Vec<_>>()
        })
        .collect()
}

#[test]
fn imports_go_one_way() {
    let mut found = forbidden(
        "src/ledger",
        &[
            "crate::db",
            "crate::http",
            "crate::settings",
            "private_postgres",
            "r2d2",
        ],
        &[],
    );
    found.extend(forbidden(
        "src/db",
        &[
            "crate::ledger",
            "crate::http",
            "crate::settings",
            "private_postgres",
            "crate::schema",
        ],
        &[],
    ));
    found.extend(forbidden(
        "src/dispatch",
        &[
            "crate::http",
            "crate::settings",
            "private_postgres",
            "crate::schema",
            "sql_query",
        ],
        &[],
    ));
    found.extend(forbidden(
        "src/http",
        &[
            "crate::server",
            "crate::cli::",
            "crate::settings",
            "private_postgres",
            "crate::schema",
        ],
        &[],
    ));
    found.extend(forbidden("src/clients", &["use crate::"], &[]));
    // The demo asks the service as its clients do.
    found.extend(forbidden(
        "src/cli/demo",
        &["crate::db", "crate::dispatch", "crate::ledger"],
        &[],
    ));
    assert!(found.is_empty(), "{found:#?}");
}

/// Cargo keeps the crate from knowing the service. Of its own rooms each knows those after it (the map in its `lib.rs`), by their paths
/// or by what they make public.
#[test]
fn imports_of_the_private_postgres_go_one_way() {
    let rooms = [
        ("cluster", "Cluster"),
        ("server", "Server"),
        ("home", "Home"),
        ("binaries", "Binaries"),
    ];
    let shared = [
        "account.rs",
        "error.rs",
        "process.rs",
        "progress.rs",
        "sql.rs",
    ];
    let mut found = Vec::new();
    for (at, place) in rooms
        .iter()
        .map(|(room, _)| *room)
        .chain(shared)
        .enumerate()
    {
        let before = rooms.iter().take(at);
        let paths: Vec<String> = before
            .clone()
            .map(|(room, _)| format!("crate::{room}"))
            .collect();
        let names = before.map(|(_, name)| *name);
        let names: Vec<&str> = paths.iter().map(String::as_str).chain(names).collect();
        found.extend(forbidden(
            &format!("{PRIVATE_POSTGRES}/{place}"),
            &names,
            &[],
        ));
    }
    assert!(found.is_empty(), "{found:#?}");
}

/// And the one place that calls `web::block`.
#[test]
fn only_http_and_the_server_know_actix() {
    let found: Vec<_> = [
        "src/db",
        "src/ledger",
        PRIVATE_POSTGRES,
        "src/settings",
        "src/cli",
        "src/clients",
        "src/dispatch",
    ]
    .iter()
    .flat_map(|dir| forbidden(dir, &["actix_web"], &["src/dispatch/leader.rs"]))
    .collect();
    assert!(found.is_empty(), "{found:#?}");
}

/// What the handlers share stands in `mod.rs`.
#[test]
fn only_dispatch_brings_the_ledger_and_the_databases_together() {
    let both = sources("src/http")
        .into_iter()
        .filter(|(path, _)| !is_test(path))
        .filter(|(_, text)| text.contains("crate::db") && text.contains("crate::ledger"));
    let both: Vec<_> = both.map(|(path, _)| path.display().to_string()).collect();
    assert_eq!(both, ["src/http/mod.rs"]);
}

fn is_test(path: &Path) -> bool {
    let mut names = path.iter();
    names.any(|name| name == "tests.rs" || name == "tests")
}

#[test]
fn rooms_stay_small() {
    let files = SOURCES.iter().flat_map(|dir| sources(dir));
    let long = files.filter(|(path, text)| text.lines().count() > LONGEST_FILE && !is_test(path));
    let long: Vec<String> = long.map(|(path, _)| path.display().to_string()).collect();
    assert!(long.is_empty(), "{long:#?}");
}

#[test]
fn functions_stay_small() {
    let mut long = Vec::new();
    for (dir, limit) in [
        ("src", LONGEST_FUNCTION),
        (PRIVATE_POSTGRES, LONGEST_FUNCTION),
        ("examples", LONGEST_FUNCTION),
        ("tests", LONGEST_TEST),
        ("crates/private-postgres/tests", LONGEST_TEST),
    ] {
        for (path, text) in sources(dir) {
            long.extend(longer_functions(&path, &text, limit));
        }
    }
    assert!(long.is_empty(), "{long:#?}");
}

fn longer_functions(path: &Path, text: &str, limit: usize) -> Vec<String> {
    let lines: Vec<&str> = text.lines().collect();
    let functions = lines
        .iter()
        .enumerate()
        .filter(|(_, line)| is_function(line));
    let lengths = functions.map(|(start, line)| {
        let indent = &line[..line.len() - line.trim_start().len()];
        let end = lines[start..]
            .iter()
            .position(|line| *line == format!("{indent}}}"));
        (start + 1, end.unwrap_or(0) + 1, line.trim())
    });
    let tests = lines.iter().position(|line| *line == "#[cfg(test)]");
    let limit = |start: usize| match tests {
        Some(tests) if start > tests => LONGEST_TEST,
        _ => limit,
    };
    lengths
        .filter(|(start, length, _)| *length > limit(*start))
        .map(|(start, length, line)| format!("{}:{start}: {length} lines: {line}", path.display()))
        .collect()
}

fn is_function(line: &str) -> bool {
    let words: Vec<&str> = line.split_whitespace().collect();
    let before = words.iter().position(|word| *word == "fn");
    before.is_some_and(|at| {
        words[..at].iter().all(|word| {
            word.starts_with("pub") || ["const", "async", "unsafe", "extern"].contains(word)
        })
    })
}

/// `.ci/run` also builds with it, where it is installed.
#[test]
fn the_declared_rust_version_is_what_the_dependencies_need() {
    let declared = env!("CARGO_PKG_RUST_VERSION");
    let needed = rust_versions_of_the_dependencies();
    assert!(
        needed.iter().any(|(name, _)| name == "diesel"),
        "cargo told nothing"
    );
    let newer = needed
        .iter()
        .filter(|(_, version)| parts(version) > parts(declared));
    let newer: Vec<_> = newer.collect();
    assert!(newer.is_empty(), "newer than {declared}: {newer:?}");
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let readme = std::fs::read_to_string(readme).unwrap();
    assert!(readme.contains(&format!("Rust ({declared} or newer)")));
}

/// Of this platform: the packages of others need not be there to be asked.
fn rust_versions_of_the_dependencies() -> Vec<(String, String)> {
    let text = |package: &Value, key: &str| Some(package[key].as_str()?.to_owned());
    let packages = packages().into_iter();
    let declared = packages.filter_map(|it| Some((text(&it, "name")?, text(&it, "rust_version")?)));
    declared.collect()
}

/// What cargo-deny asks by deny.toml, where nobody has it: a licence that nobody has looked at does not come in unseen.
#[test]
fn every_dependency_has_a_licence_that_deny_toml_allows() {
    let deny = std::fs::read_to_string("deny.toml").unwrap();
    let line = deny.lines().find(|line| line.starts_with("allow = ["));
    let allowed: Vec<&str> = line.unwrap().split('"').skip(1).step_by(2).collect();
    let is_allowed = |licence: &str| allowed.contains(&licence);
    let wrong: Vec<String> = packages()
        .iter()
        .filter(|it| !licence_is(it["license"].as_str().unwrap_or_default(), is_allowed))
        .map(|it| format!("{}: {}", it["name"], it["license"]))
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(!licence_is("MIT AND GPL-3.0-only", is_allowed));
    assert!(licence_is("(GPL-3.0-only OR MIT) AND ISC", is_allowed));
    assert!(!licence_is("", is_allowed));
}

/// Of an SPDX expression without nested parentheses, as crates have them: all of the alternatives joined by AND have one that is.
fn licence_is(expression: &str, is_allowed: impl Fn(&str) -> bool) -> bool {
    let mut all = expression.split(" AND ");
    all.all(|group| {
        let group = group.trim_matches(['(', ')']).replace('/', " OR ");
        group
            .split(" OR ")
            .any(|licence| is_allowed(licence.trim()))
    })
}

fn packages() -> Vec<Value> {
    let about = cargo(&["-vV"]);
    let host = about.lines().find_map(|line| line.strip_prefix("host: "));
    let metadata = cargo(&[
        "metadata",
        "--format-version=1",
        "--offline",
        "--locked",
        "--filter-platform",
        host.unwrap(),
    ]);
    let metadata: Value = serde_json::from_str(&metadata).unwrap();
    metadata["packages"].as_array().unwrap().clone()
}

fn cargo(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO"))
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

/// "1.95" is 1.95.0.
fn parts(version: &str) -> [u64; 3] {
    let mut parts = version.split('.').map(|part| part.parse().unwrap());
    std::array::from_fn(|_| parts.next().unwrap_or(0))
}
