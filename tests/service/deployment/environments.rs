//! The example environments are settings that the service takes: all that is wrong with them is that their databases are not here.

use super::{file, text};
use crate::support::{Launch, client::sha256};
use std::fs;
use std::os::unix::fs::PermissionsExt;

const DIR: &str = "deploy/env";
const KEY_FILE: &str = "shop-key-sha256";

/// Variables as Docker and systemd read them: one a line, up to its end.
fn variables(name: &str) -> Vec<(String, String)> {
    let text = text(&format!("{DIR}/{name}"));
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let pairs = lines.filter(|line| !line.is_empty()).map(|line| {
        let (name, value) = line.split_once('=').unwrap();
        (name.to_owned(), value.to_owned())
    });
    pairs.collect()
}

/// With the settings that the others share, and what these name.
fn launch(name: &str) -> (Launch, Vec<&'static str>) {
    let mut launch = Launch::bare();
    for (name, value) in variables(name) {
        // Nothing listens on port 1, whatever else this machine runs.
        launch = launch.env(&name, &value.replace("localhost:5432", "localhost:1"));
    }
    if name == "basic.env" {
        return (launch, vec!["check"]);
    }
    fs::copy(
        file(DIR).join("service.toml"),
        launch.dir().join("service.toml"),
    )
    .unwrap();
    let digest = launch.dir().join(KEY_FILE);
    fs::write(&digest, sha256("syn_shop")).unwrap();
    fs::set_permissions(&digest, fs::Permissions::from_mode(0o600)).unwrap();
    (launch, vec!["--config", "service.toml", "check"])
}

#[test]
fn every_example_environment_is_taken_and_lacks_only_its_databases() {
    let names = file(DIR).read_dir().unwrap().map(|entry| {
        let name = entry.unwrap().file_name();
        name.into_string().unwrap()
    });
    let names: Vec<String> = names.filter(|name| name.ends_with(".env")).collect();
    assert_eq!(names.len(), 4, "{names:?}");
    for name in names {
        let (launch, arguments) = launch(&name);
        let output = launch.run(&arguments).expect(1);
        let nodes = variables(&name)
            .iter()
            .filter(|(name, _)| name.starts_with("DATABASE_"))
            .map(|(_, urls)| urls.split_whitespace().count())
            .sum::<usize>();
        let errors: Vec<&str> = output
            .stdout
            .lines()
            .filter(|line| line.starts_with("error: "))
            .collect();
        let expected = [
            format!("error: {nodes} of {nodes} nodes cannot be used"),
            "error: nobody takes writes: ".to_owned(),
        ];
        assert!(
            errors.len() == 2 && errors.iter().zip(&expected).all(|(e, x)| e.starts_with(x)),
            "{name}: {output:#?}"
        );
    }
}
