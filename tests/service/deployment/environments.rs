//! The example settings and environments are such as the service takes: all that is wrong with them is that their databases are not here.

use super::{file, text};
use crate::support::{Launch, client::sha256};
use std::fs;
use std::os::unix::fs::PermissionsExt;

/// Variables as Docker and systemd read them: one a line, up to its end.
fn variables(text: &str) -> Vec<(String, String)> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let pairs = lines.filter(|line| !line.is_empty()).map(|line| {
        let (name, value) = line.split_once('=').unwrap();
        (name.to_owned(), value.to_owned())
    });
    pairs.collect()
}

/// What the settings name as `…_file = "NAME"`, made beside them.
fn put_secrets(launch: &Launch, settings: &str) {
    let lines = settings.lines().filter_map(|line| line.split_once(" = "));
    for (key, name) in lines.filter(|(key, _)| key.ends_with("_file")) {
        let path = launch.dir().join(name.trim_matches('"'));
        let secret = match key {
            "url_file" => "postgres://synapse_app@db.example.internal/synapse".to_owned(),
            _ => sha256("syn_shop"),
        };
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, secret).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    }
}

/// The one thing that `check` finds amiss.
fn lacks_only_its_databases(name: &str, settings: Option<&str>, environment: &str, nodes: usize) {
    let mut launch = Launch::bare();
    for (name, value) in variables(environment) {
        // Nothing listens on port 1, whatever else this machine runs.
        launch = launch.env(&name, &value.replace("localhost:5432", "localhost:1"));
    }
    let mut arguments = vec!["check"];
    if let Some(settings) = settings {
        put_secrets(&launch, settings);
        fs::write(launch.dir().join("example.toml"), settings).unwrap();
        arguments = vec!["--config", "example.toml", "check"];
    }
    let output = launch.run(&arguments).expect(1);
    let errors: Vec<&str> = output
        .stdout
        .lines()
        .filter(|line| line.starts_with("error: "))
        .collect();
    let all_silent = format!("error: {nodes} of {nodes} nodes cannot be used");
    let is_expected = errors.len() == 2
        && errors[0] == all_silent
        && errors[1].starts_with("error: nobody takes writes: ");
    assert!(is_expected, "{name}: {output:#?}");
}

#[test]
fn every_example_environment_is_taken_and_lacks_only_its_databases() {
    let shared = text("deploy/env/service.toml");
    let names = file("deploy/env").read_dir().unwrap().map(|entry| {
        let name = entry.unwrap().file_name();
        name.into_string().unwrap()
    });
    let names: Vec<String> = names.filter(|name| name.ends_with(".env")).collect();
    assert_eq!(names.len(), 4, "{names:?}");
    for name in names {
        let environment = text(&format!("deploy/env/{name}"));
        let urls = variables(&environment).into_iter();
        let urls = urls.filter(|(name, _)| name.starts_with("DATABASE_"));
        let nodes = urls.map(|(_, urls)| urls.split_whitespace().count()).sum();
        let settings = (name != "basic.env").then_some(shared.as_str());
        lacks_only_its_databases(&name, settings, &environment, nodes);
    }
}

#[test]
fn the_settings_of_compose_and_kubernetes_are_taken_and_lack_only_their_databases() {
    for name in ["service.toml", "migrate.toml"] {
        let settings = text(&format!("deploy/compose/{name}")).replace("/run/secrets/", "secrets/");
        lacks_only_its_databases(name, Some(&settings), "", 2);
    }
    let manifests = text("deploy/kubernetes/synapse-core.yaml");
    let (_, block) = manifests.split_once("Settings.toml: |\n").unwrap();
    let lines = block.lines().take_while(|line| *line != "---");
    let lines: Vec<&str> = lines
        .map(|line| line.strip_prefix("    ").unwrap_or(""))
        .collect();
    lacks_only_its_databases("ConfigMap", Some(&lines.join("\n")), "", 3);
}
