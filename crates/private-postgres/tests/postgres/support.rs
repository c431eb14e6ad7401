//! What the tests share: questions to a server, directories, a pair of servers.

#[path = "../../../../tests/service/support/memory.rs"]
mod memory;

use diesel::pg::PgConnection;
use diesel::sql_types::{Nullable, Text};
use diesel::{Connection, QueryableByName, RunQueryDsl, sql_query};
use private_postgres::{Binaries, Durability, Home, Options, Server, User};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tempfile::TempDir;

pub const PATIENCE: Duration = Duration::from_secs(30);

#[derive(QueryableByName)]
pub struct Row {
    #[diesel(sql_type = Nullable<Text>)]
    pub value: Option<String>,
}

pub fn connect(url: &str) -> PgConnection {
    PgConnection::establish(&format!("{url}?connect_timeout=5")).unwrap()
}

pub fn try_ask(url: &str, statement: &str) -> Result<String, String> {
    let url = format!("{url}?connect_timeout=5");
    let mut connection = PgConnection::establish(&url).map_err(|error| error.to_string())?;
    let rows: Vec<Row> = sql_query(statement)
        .load(&mut connection)
        .map_err(|error| error.to_string())?;
    Ok(rows
        .into_iter()
        .next()
        .and_then(|row| row.value)
        .unwrap_or_default())
}

pub fn ask(server: &Server, statement: &str) -> String {
    try_ask(&server.url(User::Application), statement).unwrap()
}

pub fn tell(server: &Server, statement: &str) {
    sql_query(statement)
        .execute(&mut connect(&server.url(User::Application)))
        .unwrap();
}

pub fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < end, "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Every parent can be entered by the account that PostgreSQL runs under.
pub fn tempdir() -> TempDir {
    tempfile::Builder::new()
        .prefix("synapse-")
        .tempdir_in(memory::base())
        .unwrap()
}

pub fn home(dir: &Path) -> Arc<Home> {
    let binaries = Binaries::find(None, None, &dir.join("bin")).unwrap();
    Home::open(dir, binaries, Durability::Fast).unwrap()
}

/// A directory of programs, of which some are these shell scripts; to them, REAL is the program of their name.
pub fn programs(dir: &Path, scripts: &[(&str, &str)]) -> PathBuf {
    let real = Binaries::find(None, None, &dir.join("bin")).unwrap();
    let place = dir.join("programs");
    fs::create_dir(&place).unwrap();
    for entry in fs::read_dir(real.dir()).unwrap() {
        let program = entry.unwrap();
        let file = place.join(program.file_name());
        let script = scripts
            .iter()
            .find(|(name, _)| program.file_name() == *name);
        match script {
            None => std::os::unix::fs::symlink(program.path(), file).unwrap(),
            Some((_, text)) => {
                let head = format!("#!/bin/sh\nREAL='{}'\n", program.path().display());
                fs::write(&file, head + text).unwrap();
                fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
            }
        }
    }
    place
}

/// A primary with a table of one row, and a replica that has it.
pub fn pair(dir: &Path) -> (Server, Server) {
    let home = home(dir);
    let primary = Server::init(&home, "primary").unwrap();
    primary.start().unwrap();
    tell(&primary, "CREATE TABLE notes (note text PRIMARY KEY)");
    let replica = Server::standby_of(&primary, "replica-1").unwrap();
    replica.start().unwrap();
    note(&primary, "first");
    wait_until("the replica streams", || has(&replica, "first"));
    (primary, replica)
}

pub fn note(server: &Server, text: &str) {
    tell(server, &format!("INSERT INTO notes VALUES ('{text}')"));
}

pub fn has(server: &Server, text: &str) -> bool {
    let question = format!("SELECT note AS value FROM notes WHERE note = '{text}'");
    try_ask(&server.url(User::Application), &question).is_ok_and(|found| found == text)
}

pub fn options(dir: &Path, replicas: u8) -> Options {
    Options {
        data_dir: dir.to_owned(),
        replicas,
        bin_dir: None,
        durability: Durability::Fast,
        synchronous: true,
    }
}

#[cfg(target_os = "linux")]
pub fn processes_in(dir: &Path) -> usize {
    let cwd = |entry: std::fs::DirEntry| std::fs::read_link(entry.path().join("cwd")).ok();
    std::fs::read_dir("/proc")
        .unwrap()
        .flatten()
        .filter_map(cwd)
        .filter(|cwd| cwd.starts_with(dir))
        .count()
}
