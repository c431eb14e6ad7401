use super::reader::Reader;
use super::*;
use proptest::prelude::*;
use std::collections::HashMap;
use std::io::Write;

fn parse(toml: &str, environment: &[(&str, &str)]) -> Result<Settings, Vec<String>> {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(toml.as_bytes()).unwrap();
    let environment: HashMap<_, _> = environment
        .iter()
        .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
        .collect();
    let mut reader =
        Reader::from_sources(Some(file.path()), environment).map_err(|problems| problems.0)?;
    let settings = read(&mut reader);
    let problems = reader.finish();
    if problems.is_empty() {
        Ok(settings)
    } else {
        Err(problems)
    }
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
    let settings = parse(include_str!("../../Settings.toml"), &[]).unwrap();
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
            "[database]\nrequire_replication = true\n[database.primary]\nurl = 'postgres://a@h/x'
             [[database.replicas]]\nurl = 'postgres://a@i/x?options={options}'"
        );
        let problems = parse(&toml, &[]).err().unwrap_or_default();
        assert_eq!(problems.is_empty(), may_be, "{options}: {problems:?}");
        assert!(problems.iter().all(|problem| problem.contains("node-2")));
        let without = toml.replace("require_replication = true", "");
        assert!(parse(&without, &[]).is_ok());
    }
}
