//! What settings mean, and which are refused.

mod files;
mod who;

use super::reader::Reader;
use super::*;
use proptest::prelude::*;
use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

fn owned(environment: &[(&str, &str)]) -> HashMap<String, String> {
    let owned = |(k, v): &(&str, &str)| ((*k).to_owned(), (*v).to_owned());
    environment.iter().map(owned).collect()
}

fn parse(toml: &str, environment: &[(&str, &str)]) -> Result<Settings, Vec<String>> {
    parse_in(tempfile::tempdir().unwrap().path(), toml, environment)
}

/// Parses `toml` as a settings file in `dir`.
fn parse_in(dir: &Path, toml: &str, environment: &[(&str, &str)]) -> Result<Settings, Vec<String>> {
    let file = dir.join("any.toml");
    fs::write(&file, toml).unwrap();
    let settings = Reader::from_sources(Some(&file), owned(environment)).and_then(|reader| {
        let (settings, reader) = read(reader);
        settings.unless_wrong(reader)
    });
    settings.map_err(|problems| problems.0)
}

#[test]
fn asset_codes_that_no_transaction_can_have_are_refused() {
    for code in ["usd", "U S", "TOOLONGTOOLONG"] {
        let toml = format!("[api]\nasset_codes = ['USDC', '{code}']");
        let problems = parse(&toml, &[]).unwrap_err();
        assert_eq!(
            problems,
            ["api.asset_codes: each must be 1 to 12 of A-Z and 0-9, or native"]
        );
    }
    let toml = "[api]\nasset_codes = ['USDC', 'native']";
    assert_eq!(
        parse(toml, &[]).unwrap().api.asset_codes,
        ["USDC", "native"]
    );
}

/// As of a variable that was not filled: it would lift the restriction of the file.
#[test]
fn a_list_is_never_a_blank_text() {
    let toml = "[api]\nasset_codes = ['USDC']";
    for blank in ["", " ", " , "] {
        let problems = parse(toml, &[("SYNAPSE__API__ASSET_CODES", blank)]).unwrap_err();
        let problem = "api.asset_codes: must be a list of strings, and not blank";
        assert_eq!(problems, [problem]);
    }
    let none = parse("[api]\nasset_codes = []", &[]).unwrap();
    assert!(none.api.asset_codes.is_empty());
}

#[test]
fn sections_are_compared_beside_what_is_wrong_elsewhere() {
    let compared = |environment: &[(&str, &str)]| {
        let empty = tempfile::NamedTempFile::new().unwrap();
        let reader = Reader::from_sources(Some(empty.path()), owned(environment)).unwrap();
        let (settings, mut reader) = read(reader);
        compare(&settings, &mut reader);
        reader.finish().unwrap_err().0.join("\n")
    };
    let everywhere = ("SYNAPSE__SERVER__BIND", "0.0.0.0:1");
    let unknown = ("SYNAPSE__SERVER__FOO", "1");
    let database = ("DATABASE_URL", "postgres://u@h/d");
    let problems = compared(&[everywhere, unknown, database]);
    assert!(
        problems.contains("server.bind: 0.0.0.0:1 is not a loopback"),
        "{problems}"
    );
    assert!(
        problems.contains("server.foo: is not a known"),
        "{problems}"
    );
    let nothing = compared(&[everywhere]);
    assert!(
        nothing.contains("no database is configured") && nothing.contains("is not a loopback"),
        "{nothing}"
    );
    let elsewhere = compared(&[("SYNAPSE__DATABASE__POOL_SIZE", "0")]);
    assert!(
        elsewhere.contains("no database is configured"),
        "{elsewhere}"
    );
    let blank = compared(&[unknown, ("DATABASE_URL", " ")]);
    assert!(!blank.contains("no database is configured"), "{blank}");
}

#[test]
fn every_problem_is_named_at_once() {
    let toml = "
        [server]\nbind = 'here'\nport = 1\n
        [database]\npool_size = 0\nprobe_interval_ms = 'fast'\n
        [database.rebuild]\ninitial_ms = 5000\nmax_ms = 1000\n
        [[database.replicas]]\nregion = 'x'\nzone = 'y'";
    let problems = parse(toml, &[("SYNAPSE__LOG__COLOUR", "1")]).unwrap_err();
    for key in [
        "server.bind:",
        "server.port:",
        "database.pool_size:",
        "database.probe_interval_ms:",
        "database.rebuild.max_ms:",
        "database.replicas[0].url:",
        "database.replicas[0].zone:",
        "log.colour:",
    ] {
        assert_eq!(
            problems
                .iter()
                .filter(|problem| problem.starts_with(key))
                .count(),
            1,
            "{key} in {problems:?}"
        );
    }
}

#[test]
fn the_environment_wins_over_the_file_and_the_short_names_over_both() {
    let toml = "[server]\nbind = '127.0.0.1:1'\n[database]\npool_size = 3\n[database.primary]\nurl = 'postgres://a@file:1/x'";
    let environment = [
        ("SYNAPSE__DATABASE__POOL_SIZE", "7"),
        ("SYNAPSE__DATABASE__PRIMARY__URL", "postgres://a@env:2/x"),
        ("DATABASE_URL", "postgres://a@short:3/x"),
        (
            "DATABASE_REPLICA_URL",
            "postgres://a@r1:4/x  postgres://a@r2:5/x",
        ),
        ("SERVER_PORT", "8088"),
    ];
    let settings = parse(toml, &environment).unwrap();
    let addresses: Vec<_> = settings
        .database
        .nodes
        .iter()
        .map(|n| format!("{} {}", n.name, n.url.address()))
        .collect();
    assert_eq!(addresses, ["node-1 short:3", "node-2 r1:4", "node-3 r2:5"]);
    assert_eq!(
        (
            settings.database.availability.pool_size,
            settings.server.bind.port()
        ),
        (7, 8088)
    );
    let settings = parse(toml, &environment[..2]).unwrap();
    assert_eq!(settings.database.nodes[0].url.address(), "env:2");
}

#[test]
fn a_node_is_named_by_its_place_or_as_the_settings_say() {
    let toml = "[database.primary]\nurl = 'postgres://a@h1/x'\nname = 'frankfurt'\n
        [[database.replicas]]\nurl = 'postgres://a@h2/x'\n[[database.replicas]]\nurl = 'postgres://a@h3/x'\nname = 'paris'";
    let nodes = parse(toml, &[]).unwrap().database.nodes;
    let names: Vec<_> = nodes.iter().map(|node| node.name.as_str()).collect();
    assert_eq!(names, ["frankfurt", "node-2", "paris"]);
    for (name, complaint) in [("node-2", "same name"), ("a b", "letters")] {
        let problems = parse(&toml.replace("paris", name), &[]).unwrap_err();
        assert!(problems[0].contains(complaint), "{problems:?}");
    }
}

#[test]
fn a_write_has_time_for_an_attempt() {
    let both = "[database]\nwrite_deadline_ms = 1000\nattempt_timeout_ms = 1001";
    let problems = parse(both, &[]).unwrap_err();
    assert!(problems[0].starts_with("database.attempt_timeout_ms: must not be more"));
    parse("[database]\nwrite_deadline_ms = 1000", &[]).unwrap();
}

#[test]
fn a_wait_for_a_lock_ends_before_the_statement_does() {
    for (attempt_timeout_ms, lock_timeout_ms) in [(3000, 50), (125, 50), (100, 40), (50, 20)] {
        let toml = format!("[database]\nattempt_timeout_ms = {attempt_timeout_ms}");
        let availability = parse(&toml, &[]).unwrap().database.availability;
        let expected = Duration::from_millis(lock_timeout_ms);
        assert_eq!(availability.lock_timeout, expected, "{attempt_timeout_ms}");
        assert!(availability.lock_timeout < availability.statement_timeout);
    }
}

#[test]
fn an_unknown_key_is_refused_when_it_is_empty_too() {
    for (toml, key) in [
        ("[server]\ntrusted_proxis = []", "server.trusted_proxis"),
        ("[limits.without_keys]", "limits.without_keys"),
        ("replica = []", "replica"),
        ("[[clientz]]", "clientz[0]"),
    ] {
        let expected = format!("{key}: is not a known setting");
        assert_eq!(parse(toml, &[]).unwrap_err(), [expected], "{toml}");
    }
    for toml in [
        "[server]",
        "[limits.without_key]",
        "[database]\nreplicas = []",
    ] {
        parse(toml, &[]).unwrap();
    }
}

/// The default file may hold the clients: if it were skipped, the service would be open to everybody.
#[test]
fn a_settings_file_that_is_there_and_cannot_be_read_is_an_error() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("Settings.toml");
    let optional = || Reader::from_file(&path, false, HashMap::new());
    assert!(optional().is_ok());
    std::fs::create_dir(&path).unwrap();
    let problems = optional().err().expect("a directory was read");
    assert!(problems.0[0].starts_with("settings file:"), "{problems}");
}

#[test]
fn what_is_no_array_of_tables_is_refused() {
    for replicas in [
        "3",
        "['postgres://a@h/x']",
        "[{ url = 'postgres://a@h/x' }, 7]",
    ] {
        let toml = format!("[database]\nreplicas = {replicas}");
        let problems = parse(&toml, &[]).unwrap_err();
        assert_eq!(problems, ["database.replicas: must be an array of tables"]);
    }
}

#[test]
fn an_address_that_names_no_server_or_several_is_refused() {
    let blank = parse("", &[("DATABASE_URL", " ")]).unwrap_err();
    assert_eq!(blank, ["DATABASE_URL: is set, but blank"]);
    let blank = parse("[database.primary]\nurl = ''", &[]).unwrap_err();
    assert_eq!(blank, ["database.primary.url: is set, but blank"]);
    let several = parse("", &[("DATABASE_URL", "postgres://u@h1,h2/d")]).unwrap_err();
    assert!(several[0].contains("several hosts"), "{several:?}");
}

#[test]
fn a_broken_url_is_named_but_not_shown() {
    let problems = parse(
        "[database.primary]\nurl = 'postgres://u:hunter2@h/d?bogus=1'",
        &[],
    )
    .unwrap_err();
    assert_eq!(problems.len(), 1);
    assert!(
        problems[0].starts_with("database.primary.url:") && !problems[0].contains("hunter2"),
        "{problems:?}"
    );
}

#[test]
fn a_broken_file_is_told_without_its_secrets() {
    let problems = parse("[database.primary]\nurl = 'postgres://u:hunter2@h/d\n", &[]).unwrap_err();
    assert!(
        problems[0].starts_with("settings file:") && !problems[0].contains("hunter2"),
        "{problems:?}"
    );
}

#[test]
fn the_shipped_settings_are_valid() {
    let settings = parse(include_str!("../../../Settings.toml"), &[]).unwrap();
    assert!(settings.embedded.enabled && settings.database.nodes.is_empty());
}

proptest! {
    #[test]
    fn a_number_is_taken_exactly_when_it_is_in_range(n in any::<i64>()) {
        let taken = parse(&format!("[database]\npool_size = {n}"), &[]);
        prop_assert_eq!(taken.is_ok(), (1..=500).contains(&n));
    }

    #[test]
    fn no_text_for_a_number_panics_or_passes(text in "[a-z -]{0,20}") {
        let taken = parse("", &[("SYNAPSE__DATABASE__WRITE_DEADLINE_MS", &text)]);
        prop_assert!(taken.is_err() || text.is_empty());
    }
}

#[test]
fn replication_is_not_required_of_sessions_that_are_told_to_do_without() {
    let table = [
        ("-c%20synchronous_commit%3Dremote_write", false),
        ("-csynchronous_commit%3DLOCAL", false),
        ("--synchronous-commit%3Doff", false),
        (
            "-c%20synchronous_commit%3Don%20-c%20synchronous_commit%3Doff",
            false,
        ),
        (
            "-c%20synchronous_commit%3Doff%20--synchronous_commit%3Don",
            true,
        ),
        ("-c%20synchronous_commit%3Dremote_apply", true),
        ("-c%20work_mem%3D4MB", true),
    ];
    for (options, may_be) in table {
        let toml = format!(
            "[durability]\nrequire = 'node'\n[database.primary]\nurl = 'postgres://a@h/x'
             [[database.replicas]]\nurl = 'postgres://a@i/x?options={options}'"
        );
        let problems = parse(&toml, &[]).err().unwrap_or_default();
        assert_eq!(problems.is_empty(), may_be, "{options}: {problems:?}");
        assert!(problems.iter().all(|problem| problem.contains("node-2")));
        let without = toml.replace("require = 'node'", "");
        assert!(parse(&without, &[]).is_ok());
    }
}
