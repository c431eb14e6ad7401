//! Schema migrations, embedded in the binary, one process at a time.

use crate::db::connection::{DatabaseUrl, SessionLimits, connect};
use crate::db::probe::probe;
use diesel::PgConnection;
use diesel::prelude::*;
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};
use std::time::Duration;

const MIGRATIONS: EmbeddedMigrations = embed_migrations!();

/// diesel_migrations takes no lock. Any number that nobody else uses: "synapse" in ASCII.
const ADVISORY_LOCK: &str = "SELECT pg_advisory_lock(32501892247352165)";

/// A migration may take its time, but not wait for ever for another instance or a forgotten session.
const SESSION: SessionLimits = SessionLimits {
    statement_timeout: Duration::ZERO,
    lock_timeout: Duration::from_secs(60),
};

/// Runs what is pending and returns its names. The lock ends with the connection.
pub fn run_pending(url: &DatabaseUrl) -> Result<Vec<String>, String> {
    let mut connection = connect(url, &SESSION).map_err(|e| e.to_string())?;
    let facts = probe(&mut connection).map_err(|e| e.to_string())?;
    if !facts.is_writable_primary() {
        return Err("migrations run on a writable primary, and this is none".into());
    }
    migrate(&mut connection).map_err(|error| format!("migration failed: {error}"))
}

/// Where the service may not migrate: whether everything is there that it will use, and may be used. Said at once, not by the first
/// request.
pub fn verify(url: &DatabaseUrl) -> Result<(), String> {
    #[derive(QueryableByName)]
    struct Missing {
        #[diesel(sql_type = diesel::sql_types::Text)]
        what: String,
    }
    let mut connection = connect(url, &SESSION).map_err(|e| e.to_string())?;
    let missing: Vec<Missing> = diesel::sql_query(MISSING)
        .load(&mut connection)
        .map_err(|e| e.to_string())?;
    match missing.is_empty() {
        true => Ok(()),
        false => Err(format!(
            "missing: {}",
            missing
                .into_iter()
                .map(|m| m.what)
                .collect::<Vec<_>>()
                .join(", ")
        )),
    }
}

const MISSING: &str = "
    SELECT coalesce(p.privilege || ' on ', 'table ') || t.name AS what
      FROM (VALUES ('transactions'), ('transaction_events'), ('idempotency_keys')) t (name)
      LEFT JOIN (VALUES ('SELECT'), ('INSERT'), ('UPDATE')) p (privilege) ON to_regclass(t.name) IS NOT NULL
     WHERE to_regclass(t.name) IS NULL
        OR (NOT has_any_column_privilege(to_regclass(t.name), p.privilege) AND NOT (t.name = 'transaction_events' AND p.privilege = 'UPDATE'))
     ORDER BY 1";

fn migrate(connection: &mut PgConnection) -> diesel::migration::Result<Vec<String>> {
    diesel::sql_query(ADVISORY_LOCK).execute(connection)?;
    let applied = connection.run_pending_migrations(MIGRATIONS)?;
    let names: Vec<String> = applied.iter().map(ToString::to_string).collect();
    for name in &names {
        log::info!(migration = name.as_str(); "migration applied");
    }
    Ok(names)
}
