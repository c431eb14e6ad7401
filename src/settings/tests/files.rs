//! Secrets in files of their own.

use super::*;
use std::os::unix::fs::PermissionsExt;

const URL: &str = "postgres://u:hunter2@from-a-file/d";

fn written(dir: &Path, name: &str, text: &str, mode: u32) {
    fs::write(dir.join(name), text).unwrap();
    fs::set_permissions(dir.join(name), fs::Permissions::from_mode(mode)).unwrap();
}

fn address(settings: &Settings) -> String {
    settings.database.nodes[0].url.address().to_string()
}

#[test]
fn a_secret_is_read_from_a_file_beside_the_settings_or_anywhere() {
    let dir = tempfile::tempdir().unwrap();
    written(dir.path(), "url", &format!("{URL}\n"), 0o600);
    let absolute = dir.path().join("url").display().to_string();
    for name in ["url", &absolute] {
        let toml = format!("[database.primary]\nurl_file = '{name}'");
        let settings = parse_in(dir.path(), &toml, &[]).unwrap();
        assert!(address(&settings).starts_with("from-a-file"));
        assert!(settings.warnings.is_empty(), "{:?}", settings.warnings);
    }
    let toml =
        format!("[database.primary]\nurl = '{URL}'\n[[database.replicas]]\nurl_file = 'url'");
    let settings = parse_in(dir.path(), &toml, &[]).unwrap();
    assert_eq!(settings.database.nodes.len(), 2);
}

#[test]
fn a_credential_of_systemd_comes_before_a_file_of_the_same_name() {
    let (dir, credentials) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    written(dir.path(), "url", URL, 0o600);
    written(
        credentials.path(),
        "url",
        "postgres://u@credential/d",
        0o400,
    );
    let place = credentials.path().display().to_string();
    let environment = [
        ("SYNAPSE__DATABASE__PRIMARY__URL_FILE", "url"),
        ("CREDENTIALS_DIRECTORY", &place),
    ];
    let settings = parse_in(dir.path(), "", &environment).unwrap();
    assert!(address(&settings).starts_with("credential"));
    let settings = parse_in(dir.path(), "", &environment[..1]).unwrap();
    assert!(address(&settings).starts_with("from-a-file"));
}

#[test]
fn a_secret_that_everybody_can_read_is_warned_of() {
    let dir = tempfile::tempdir().unwrap();
    written(dir.path(), "url", URL, 0o644);
    written(dir.path(), "key", "any", 0o644);
    let toml = "[database.primary]
        url_file = 'url'
        [server.tls]
        certificate = 'any'
        key = 'key'";
    let warnings = parse_in(dir.path(), toml, &[]).unwrap().warnings;
    for (warning, key) in warnings.iter().zip(["server.tls.key", "database.primary"]) {
        assert!(warning.starts_with(key) && warning.contains("everybody"));
        assert!(!warning.contains("hunter2"));
    }
    assert_eq!(warnings.len(), 2, "{warnings:?}");
}

#[test]
fn a_secret_that_cannot_be_read_is_one_problem_without_its_text() {
    let dir = tempfile::tempdir().unwrap();
    written(dir.path(), "blank", " \n", 0o600);
    written(dir.path(), "large", &"hunter2".repeat(10_000), 0o600);
    written(dir.path(), "url", URL, 0o600);
    written(dir.path(), "bytes", "", 0o600);
    fs::write(dir.path().join("bytes"), [0xff, 0xfe]).unwrap();
    let key = "database.primary.url_file";
    for (name, complaint) in [
        ("missing", "cannot read"),
        (".", "not a file"),
        ("blank", "is blank"),
        ("large", "too large"),
        ("bytes", "cannot read"),
    ] {
        let toml = format!("[database.primary]\nurl_file = '{name}'");
        let problem = parse_in(dir.path(), &toml, &[]).unwrap_err().join("\n");
        assert!(
            problem.starts_with(key) && problem.contains(complaint),
            "{problem}"
        );
        assert!(
            !problem.contains('\n') && !problem.contains("hunter2"),
            "{problem}"
        );
    }
    let toml = format!("[database.primary]\nurl_file = 'url'\nurl = '{URL}'");
    let problem = parse_in(dir.path(), &toml, &[]).unwrap_err().join("\n");
    assert_eq!(
        problem,
        format!("{key}: is set beside database.primary.url: set one of them")
    );
}

#[test]
fn a_secret_that_the_environment_replaces_is_not_looked_for() {
    let dir = tempfile::tempdir().unwrap();
    let toml =
        "[database.primary]\nurl_file = 'missing'\n[[database.replicas]]\nurl_file = 'missing'";
    let environment = [
        ("DATABASE_URL", "postgres://u@short/d"),
        ("DATABASE_REPLICA_URL", "postgres://u@other/d"),
    ];
    let settings = parse_in(dir.path(), toml, &environment).unwrap();
    assert!(address(&settings).starts_with("short"));
    assert_eq!(settings.database.nodes.len(), 2);
}
