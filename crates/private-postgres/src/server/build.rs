//! How data directories are made: initdb, pg_basebackup, pg_rewind. All of it happens under `NAME.new`, and ends with a rename.

use super::Server;
use super::config::{self, Settings};
use crate::home::{Home, User, private_file};
use crate::progress::spinner;
use crate::{Error, account, process, sql};
use postgresql_commands::initdb::InitDbBuilder;
use postgresql_commands::pg_basebackup::PgBaseBackupBuilder;
use postgresql_commands::pg_rewind::PgRewindBuilder;
use postgresql_commands::postgres::PostgresBuilder;
use postgresql_commands::traits::CommandBuilder;
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::Write;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

const INITDB_LIMIT: Duration = Duration::from_secs(120);
const BASEBACKUP_LIMIT: Duration = Duration::from_secs(600);
const REWIND_LIMIT: Duration = Duration::from_secs(300);
const CHECKPOINT_LIMIT: Duration = Duration::from_secs(60);

/// A new database cluster with its three users and the database `synapse`.
pub(super) fn initdb(home: &Home, name: &str) -> Result<(), Error> {
    let _shown = spinner("Creating the database cluster");
    let part = fresh_part(home, name)?;
    let pwfile = home.dir.join(format!("{name}.pwfile"));
    private_file::write(
        home.account.as_ref(),
        &pwfile,
        home.password(User::Superuser),
    )?;
    let result = process::run(initdb_command(home, &part, &pwfile), "", INITDB_LIMIT);
    fs::remove_file(&pwfile).map_err(Error::io("remove", &pwfile))?;
    result?;
    include_our_settings(&part)?;
    config::write(home, &part, name, &Settings::new())?;
    process::run(
        single_user_command(home, &part),
        &users_and_database(home),
        INITDB_LIMIT,
    )?;
    put_in_place(home, name)?;
    log::info!(node = name, version = home.binaries.major; "a new database cluster was created");
    Ok(())
}

fn initdb_command(home: &Home, data_dir: &Path, pwfile: &Path) -> Command {
    let builder = InitDbBuilder::new()
        .program_dir(&home.binaries.dir)
        .pgdata(data_dir)
        .username(User::Superuser.name())
        .pwfile(pwfile)
        .auth("scram-sha-256")
        .encoding("UTF8")
        .locale("C")
        .data_checksums();
    home.command(
        if home.no_sync() {
            builder.no_sync()
        } else {
            builder
        }
        .build(),
    )
}

/// `--single` must be the first argument and the database the last, which the builder cannot express.
fn single_user_command(home: &Home, data_dir: &Path) -> Command {
    let builder = PostgresBuilder::new()
        .program_dir(&home.binaries.dir)
        .data_dir(data_dir)
        .runtime_param("exit_on_error", "on");
    let mut command = Command::new(builder.get_program_file());
    command.arg("--single").args(builder.get_args());
    // A statement that fails must not be logged, since it contains a password.
    command.args(["-c", "log_min_error_statement=panic", "postgres"]);
    home.command(command)
}

/// One statement on each line, as the single-user mode requires. Passwords are alphanumeric, and need no quoting.
fn users_and_database(home: &Home) -> String {
    let (application, replicator) = (User::Application, User::Replicator);
    format!(
        "CREATE ROLE {} LOGIN REPLICATION PASSWORD '{}'\nCREATE ROLE {owner} LOGIN PASSWORD '{}' IN ROLE pg_monitor\nCREATE DATABASE {owner} OWNER {owner}\n",
        replicator.name(),
        home.password(replicator),
        home.password(application),
        owner = application.name(),
    )
}

fn include_our_settings(data_dir: &Path) -> Result<(), Error> {
    let path = data_dir.join("postgresql.conf");
    let append = || {
        OpenOptions::new()
            .append(true)
            .open(&path)?
            .write_all(config::INCLUDE.as_bytes())
    };
    append().map_err(Error::io("write", &path))
}

/// Copies a running server to `name`.
pub(super) fn basebackup(source: &Server, name: &str) -> Result<(), Error> {
    let home = source.home();
    let _shown = spinner(format!("Copying the database to {name}"));
    let part = fresh_part(home, name)?;
    let builder = PgBaseBackupBuilder::new()
        .program_dir(&home.binaries.dir)
        .pgdata(&part)
        .checkpoint("fast")
        .wal_method("stream")
        .host("127.0.0.1")
        .port(source.port())
        .username(User::Replicator.name())
        .no_password();
    let builder = if home.no_sync() {
        builder.no_sync()
    } else {
        builder
    };
    let mut command = home.command(builder.build());
    command
        .env("PGPASSWORD", home.password(User::Replicator))
        .env("PGSSLMODE", "disable");
    process::run(command, "", BASEBACKUP_LIMIT)?;
    mark_standby(home, &part)?;
    put_in_place(home, name)?;
    log::info!(node = name, source = source.name(); "the database was copied");
    Ok(())
}

/// Turns the data directory of a stopped server into a copy that can follow `source`: by pg_rewind, which copies only what differs, or, if
/// that fails, by copying everything.
pub(super) fn rewind(source: &Server, name: &str) -> Result<(), Error> {
    if !source.home().data_dir(name).exists() {
        return basebackup(source, name);
    }
    checkpoint(source)?;
    match try_rewind(source, name) {
        Ok(()) => Ok(()),
        Err(error) => {
            log::warn!(node = name; "pg_rewind was not possible, copying everything: {error}");
            basebackup(source, name)
        }
    }
}

/// Before version 16 pg_rewind notices a promotion only after the checkpoint that follows it.
fn checkpoint(source: &Server) -> Result<(), Error> {
    let answer = sql::tell(&source.url(User::Superuser), "CHECKPOINT", CHECKPOINT_LIMIT);
    answer.map_err(|reason| Error::Sql {
        name: source.name().to_owned(),
        what: "CHECKPOINT",
        reason,
    })
}

fn try_rewind(source: &Server, name: &str) -> Result<(), Error> {
    let home = source.home();
    let (data_dir, part) = (home.data_dir(name), part_of(home, name));
    remove_part(&part)?;
    fs::rename(&data_dir, &part).map_err(Error::io("rename", &data_dir))?;
    process::run(rewind_command(source, &part), "", REWIND_LIMIT)?;
    mark_standby(home, &part)?;
    put_in_place(home, name)
}

fn rewind_command(source: &Server, data_dir: &Path) -> Command {
    let home = source.home();
    let user = User::Superuser;
    let builder = PgRewindBuilder::new()
        .program_dir(&home.binaries.dir)
        .target_pgdata(data_dir)
        .source_server(format!(
            "host=127.0.0.1 port={} user={} dbname=postgres sslmode=disable connect_timeout=5",
            source.port(),
            user.name()
        ));
    let builder = if home.no_sync() {
        builder.no_sync()
    } else {
        builder
    };
    let mut command = home.command(builder.build());
    command.env("PGPASSWORD", home.password(user));
    command
}

/// A server that finds this file starts as a replica.
pub(super) fn mark_standby(home: &Home, data_dir: &Path) -> Result<(), Error> {
    private_file::write(home.account.as_ref(), &data_dir.join("standby.signal"), "")
}

fn part_of(home: &Home, name: &str) -> PathBuf {
    home.dir.join(format!("{name}.new"))
}

fn fresh_part(home: &Home, name: &str) -> Result<PathBuf, Error> {
    let part = part_of(home, name);
    remove_part(&part)?;
    DirBuilder::new()
        .mode(0o700)
        .create(&part)
        .map_err(Error::io("create", &part))?;
    account::give(home.account.as_ref(), &part)?;
    Ok(part)
}

fn remove_part(part: &Path) -> Result<(), Error> {
    match fs::remove_dir_all(part) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(Error::io("remove", part)(error))
        }
        _ => Ok(()),
    }
}

/// Replaces a directory that was there before, which can only be a replica's. It is renamed before it is removed: if that were interrupted,
/// half of it would look like a database.
fn put_in_place(home: &Home, name: &str) -> Result<(), Error> {
    let (part, data_dir) = (part_of(home, name), home.data_dir(name));
    let old = home.dir.join(format!("{name}.old"));
    remove_part(&old)?;
    match fs::rename(&data_dir, &old) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(Error::io("rename", &data_dir)(error));
        }
        _ => {}
    }
    fs::rename(&part, &data_dir).map_err(Error::io("rename", &part))?;
    private_file::sync_dir(&home.dir)?;
    remove_part(&old)
}
