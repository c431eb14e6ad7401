//! Keeps the house in order: which room may know which (docs/architecture.md), and how long a room or a function may get.

use std::path::{Path, PathBuf};

const LONGEST_FILE: usize = 300;
const LONGEST_FUNCTION: usize = 70;

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
            "crate::api",
            "crate::settings",
            "crate::embedded",
            "r2d2",
        ],
        &[],
    );
    found.extend(forbidden(
        "src/db",
        &[
            "crate::ledger",
            "crate::api",
            "crate::settings",
            "crate::embedded",
            "crate::schema",
        ],
        &[],
    ));
    found.extend(forbidden(
        "src/embedded",
        &[
            "crate::db",
            "crate::ledger",
            "crate::api",
            "crate::settings",
        ],
        &[],
    ));
    found.extend(forbidden(
        "src/api",
        &[
            "crate::server",
            "crate::cli",
            "crate::settings",
            "crate::embedded",
            "crate::schema",
        ],
        &[],
    ));
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn only_the_api_and_the_server_know_actix() {
    let found: Vec<_> = [
        "src/db",
        "src/ledger",
        "src/embedded",
        "src/settings",
        "src/cli",
    ]
    .iter()
    .flat_map(|dir| forbidden(dir, &["actix_web"], &[]))
    .collect();
    assert!(found.is_empty(), "{found:#?}");
}

/// The bridge and the error mapping do; `mod.rs` holds what the handlers share.
#[test]
fn only_the_bridge_sees_both_the_ledger_and_the_databases() {
    let both = sources("src/api")
        .into_iter()
        .filter(|(_, text)| text.contains("crate::db") && text.contains("crate::ledger"));
    let mut both: Vec<_> = both.map(|(path, _)| path.display().to_string()).collect();
    both.sort();
    assert_eq!(
        both,
        [
            "src/api/blocking/attempt.rs",
            "src/api/blocking/mod.rs",
            "src/api/mapping.rs",
            "src/api/mod.rs"
        ]
    );
}

#[test]
fn rooms_and_functions_stay_small() {
    let mut long = Vec::new();
    for (path, text) in ["src", "tests", "examples"]
        .iter()
        .flat_map(|dir| sources(dir))
    {
        let lines: Vec<&str> = text.lines().collect();
        if lines.len() > LONGEST_FILE && path.starts_with("src") {
            long.push(format!("{}: {} lines", path.display(), lines.len()));
        }
        for (start, line) in lines
            .iter()
            .enumerate()
            .filter(|(_, line)| is_function(line))
        {
            let indent = &line[..line.len() - line.trim_start().len()];
            let end = lines[start..]
                .iter()
                .position(|line| *line == format!("{indent}}}"))
                .unwrap_or(0);
            if end + 1 > LONGEST_FUNCTION {
                long.push(format!(
                    "{}:{}: {} lines: {}",
                    path.display(),
                    start + 1,
                    end + 1,
                    line.trim()
                ));
            }
        }
    }
    assert!(long.is_empty(), "{long:#?}");
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
