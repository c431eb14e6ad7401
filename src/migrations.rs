//! Schema migrations, which are embedded in the binary. One process at a time runs them.

use crate::db::probe::probe;
use crate::db::url::{DatabaseUrl, SessionLimits, connect};
use diesel::migration::{Migration, MigrationSource};
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sql_types::Text;
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};
use std::time::Duration;

const MIGRATIONS: EmbeddedMigrations = embed_migrations!();

/// diesel_migrations takes no lock of its own. The number is "synapse" in ASCII; nobody else should use it.
const ADVISORY_LOCK: &str = "SELECT pg_advisory_lock(32501892247352165)";

/// A migration may take its time, but not wait for ever for another instance or a forgotten session.
const SESSION: SessionLimits = SessionLimits {
    statement_timeout: Duration::ZERO,
    lock_timeout: Duration::from_secs(60),
    plans_by_index: false,
};

/// Why a database cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum Unready {
    /// Migrations that it has not applied yet.
    #[error("missing: migration {0} (synapse-core migrate)")]
    Pending(String),
    /// What no migration mends, or what could not be asked.
    #[error("{0}")]
    Unfit(String),
}

impl Unready {
    fn unfit(error: impl std::fmt::Display) -> Unready {
        Unready::Unfit(error.to_string())
    }
}

/// Runs the pending migrations and returns their names. The lock ends with the connection.
pub fn run_pending(url: &DatabaseUrl) -> Result<Vec<String>, String> {
    let mut connection = connect(url, &SESSION).map_err(|e| e.to_string())?;
    let facts = probe(&mut connection).map_err(|e| e.to_string())?;
    if !facts.is_writable_primary() {
        return Err("migrations run on a writable primary, and this is none".into());
    }
    migrate(&mut connection)
}

/// For a service that must not migrate: checks that everything that it will use is there and may be used, so that a lack is found now and
/// not by the first request.
pub fn verify(connection: &mut PgConnection) -> Result<(), Unready> {
    is_up_to_date(connection)?;
    let missing: Vec<Name> = diesel::sql_query(MISSING)
        .load(connection)
        .map_err(Unready::unfit)?;
    if missing.is_empty() {
        return Ok(());
    }
    let missing: Vec<String> = missing.into_iter().map(|missing| missing.name).collect();
    Err(Unready::Unfit(format!("missing: {}", missing.join(", "))))
}

/// The same on a connection of its own.
pub fn verify_at(url: &DatabaseUrl) -> Result<(), Unready> {
    let mut connection = connect(url, &SESSION).map_err(Unready::unfit)?;
    verify(&mut connection)
}

/// Whether the database can store every text, and has applied the migrations of this binary and no others.
pub fn is_up_to_date(connection: &mut PgConnection) -> Result<(), Unready> {
    refuse_other_encodings(connection).map_err(Unready::Unfit)?;
    let applied = applied(connection).map_err(Unready::unfit)?;
    refuse_unknown(&applied).map_err(Unready::Unfit)?;
    let mut pending = ours();
    pending.retain(|ours| !applied.contains(ours));
    if pending.is_empty() {
        return Ok(());
    }
    Err(Unready::Pending(pending.join(", ")))
}

/// Any other encoding lacks characters that clients may send, and the statement that stores one fails. SQL_ASCII lacks none, but takes
/// whatever bytes another program writes, and a read of those fails.
fn refuse_other_encodings(connection: &mut PgConnection) -> Result<(), String> {
    let Name { name: encoding } =
        diesel::sql_query("SELECT current_setting('server_encoding') AS name")
            .get_result(connection)
            .map_err(|error| error.to_string())?;
    if encoding == "UTF8" {
        return Ok(());
    }
    Err(format!(
        "the encoding of the database is {encoding}, and must be UTF8 to store every text: \
         use another database (CREATE DATABASE ... ENCODING 'UTF8' LOCALE 'C' TEMPLATE template0)"
    ))
}

/// Lists what is missing. Privileges are checked for each column: a grant may name only some of them, and a statement that needs another
/// one fails. Statements read whole rows; which columns they insert and update is seen in `ledger/store`.
const MISSING: &str = "
    WITH ours (name) AS (VALUES ('transactions'), ('transaction_events'), ('callback_receipts')),
    needed AS (
        SELECT ours.name, p.privilege, a.attnum, a.attname, NOT has_column_privilege(a.attrelid, a.attnum, p.privilege) AS lacks
          FROM ours
          JOIN pg_attribute a ON a.attrelid = to_regclass(ours.name) AND a.attnum > 0 AND NOT a.attisdropped
         CROSS JOIN (VALUES ('SELECT'), ('INSERT'), ('UPDATE')) p (privilege)
         WHERE CASE p.privilege
                   WHEN 'SELECT' THEN true
                   WHEN 'INSERT' THEN ours.name <> 'transactions'
                        OR a.attname NOT IN ('status', 'status_reason', 'version', 'created_at', 'updated_at')
                   ELSE ours.name = 'transactions'
                        AND a.attname IN ('status', 'status_reason', 'callback_status', 'callback_at', 'version', 'write_id', 'updated_at')
               END
    )
    SELECT 'table ' || name AS name FROM ours WHERE to_regclass(name) IS NULL
    UNION ALL
    SELECT privilege
           || CASE WHEN bool_and(lacks) THEN '' ELSE ' (' || string_agg(attname::text, ', ' ORDER BY attnum) FILTER (WHERE lacks) || ')' END
           || ' on ' || name
      FROM needed
     GROUP BY name, privilege
    HAVING bool_or(lacks)
    UNION ALL
    SELECT CASE WHEN p.oid IS NULL THEN 'procedure ' ELSE 'EXECUTE on ' END || ours.name
      FROM (VALUES ('confirm_commits'), ('create_confirmed')) ours (name)
      LEFT JOIN pg_proc p ON p.proname = ours.name AND pg_function_is_visible(p.oid)
     WHERE p.oid IS NULL OR NOT has_function_privilege(p.oid, 'EXECUTE')
     ORDER BY 1";

#[derive(QueryableByName)]
struct Name {
    #[diesel(sql_type = Text)]
    name: String,
}

/// The versions of the migrations in this binary.
fn ours() -> Vec<String> {
    let migrations: Vec<Box<dyn Migration<Pg>>> = MIGRATIONS.migrations().unwrap_or_default();
    let versions = migrations
        .iter()
        .map(|migration| migration.name().version().to_string());
    versions.collect()
}

/// The versions of the migrations that the database has applied. The table is read here because diesel_migrations would create it first,
/// which a role that only serves may not do.
fn applied(connection: &mut PgConnection) -> QueryResult<Vec<String>> {
    let there = "SELECT 1 AS one FROM (SELECT to_regclass('__diesel_schema_migrations') AS t) x WHERE t IS NOT NULL";
    if diesel::sql_query(there).execute(connection)? == 0 {
        return Ok(Vec::new());
    }
    let all = "SELECT version::text AS name FROM __diesel_schema_migrations ORDER BY version";
    let rows: Vec<Name> = diesel::sql_query(all).load(connection)?;
    Ok(rows.into_iter().map(|row| row.name).collect())
}

/// Refuses a schema that another version has migrated further: nobody knows whether what this one stores would be right in it.
fn refuse_unknown(applied: &[String]) -> Result<(), String> {
    let ours = ours();
    match applied.iter().find(|version| !ours.contains(version)) {
        None => Ok(()),
        Some(unknown) => Err(format!(
            "the database holds the schema of another version of synapse-core (migration {unknown} is unknown to this one): \
             use that version, or an empty database"
        )),
    }
}

fn migrate(connection: &mut PgConnection) -> Result<Vec<String>, String> {
    refuse_other_encodings(connection)?;
    let failed = |error: &dyn std::fmt::Display| format!("migration failed: {error}");
    diesel::sql_query(ADVISORY_LOCK)
        .execute(connection)
        .map_err(|error| failed(&error))?;
    refuse_unknown(&applied(connection).map_err(|error| failed(&error))?)?;
    let applied = connection
        .run_pending_migrations(MIGRATIONS)
        .map_err(|error| failed(&error))?;
    let names: Vec<String> = applied.iter().map(ToString::to_string).collect();
    for name in &names {
        log::info!(migration = name.as_str(); "migration applied");
    }
    Ok(names)
}
