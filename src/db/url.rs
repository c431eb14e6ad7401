//! Connection strings: parsed by libpq itself, completed with the session settings, never printed.

use super::error::{Error, first_line};
use diesel::prelude::*;
use secrecy::{ExposeSecret, SecretString};
use std::ffi::{CStr, CString};
use std::fmt;
use std::time::Duration;

/// The shortest one that libpq has: it counts whole seconds and treats 1 as 2.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// A connection string as the operator wrote it: a `postgres://` URL or `keyword=value` pairs, of one host.
/// Holds a password, so `Debug` and `Display` show only the address.
#[derive(Clone)]
pub struct DatabaseUrl {
    parts: Vec<(String, SecretString)>,
}

#[derive(Debug, thiserror::Error)]
pub enum InvalidUrl {
    #[error("is not a PostgreSQL connection string (postgres://user@host:port/database)")]
    Unreadable,
    #[error("names no port: a number from 1 to 65535")]
    Port,
    /// libpq would connect sometimes to one of them and sometimes to another: nobody could say what the node is.
    #[error(
        "names several hosts: give each server an entry of its own (database.primary, database.replicas)"
    )]
    SeveralHosts,
}

impl DatabaseUrl {
    /// The text of libpq's own error is not shown: it may quote the password.
    pub fn parse(text: &str) -> Result<DatabaseUrl, InvalidUrl> {
        let text = CString::new(text.trim()).map_err(|_| InvalidUrl::Unreadable)?;
        let parts = conninfo_parts(&text).ok_or(InvalidUrl::Unreadable)?;
        if parts.is_empty() {
            return Err(InvalidUrl::Unreadable);
        }
        let url = DatabaseUrl { parts };
        let several = |keyword| url.part(keyword).is_some_and(|value| value.contains(','));
        if several("host") || several("hostaddr") {
            return Err(InvalidUrl::SeveralHosts);
        }
        let is_port = |port: &str| port.parse::<u16>().is_ok_and(|port| port > 0);
        if url.part("port").is_some_and(|port| !is_port(port)) {
            return Err(InvalidUrl::Port);
        }
        Ok(url)
    }

    /// host:port, for logs and `/status`.
    pub fn address(&self) -> String {
        let host = self
            .part("host")
            .or(self.part("hostaddr"))
            .unwrap_or("localhost");
        format!("{host}:{}", self.part("port").unwrap_or("5432"))
    }

    /// The `options` for its sessions, as the operator wrote them.
    pub fn session_options(&self) -> &str {
        self.part("options").unwrap_or("")
    }

    fn part(&self, keyword: &str) -> Option<&str> {
        self.parts
            .iter()
            .find(|(key, _)| key == keyword)
            .map(|(_, value)| value.expose_secret())
    }

    /// The connection string of a session, with limits where nothing else would set any. What the operator set wins.
    pub fn conninfo(&self, session: &SessionLimits) -> SecretString {
        let seconds = CONNECT_TIMEOUT.as_secs().to_string();
        let defaults = [
            ("connect_timeout", seconds.as_str()),
            ("tcp_user_timeout", "5000"),
            ("keepalives_idle", "2"),
            ("keepalives_interval", "1"),
            ("keepalives_count", "3"),
            ("application_name", "synapse-core"),
        ];
        let missing = defaults
            .iter()
            .filter(|(key, _)| self.part(key).is_none())
            .map(|(key, value)| pair(key, value));
        let given = self
            .parts
            .iter()
            .filter(|(key, _)| key != "options")
            .map(|(key, value)| pair(key, value.expose_secret()));
        // Later options win, so the operator's come last.
        let options = format!("{} {}", session.options(), self.session_options());
        given
            .chain(missing)
            .chain([pair("options", options.trim_end())])
            .collect::<Vec<_>>()
            .join(" ")
            .into()
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DatabaseUrl({})", self.address())
    }
}

fn pair(keyword: &str, value: &str) -> String {
    format!(
        "{keyword}='{}'",
        value.replace('\\', "\\\\").replace('\'', "\\'")
    )
}

/// By `PQconninfoParse`, so that a text is understood here as libpq will understand it when it connects.
fn conninfo_parts(text: &CStr) -> Option<Vec<(String, SecretString)>> {
    let mut message = std::ptr::null_mut();
    // SAFETY: `text` is NUL-terminated; the returned array ends with a null keyword and is freed once, as is the message.
    unsafe {
        let options = pq_sys::PQconninfoParse(text.as_ptr(), &mut message);
        if options.is_null() {
            pq_sys::PQfreemem(message.cast());
            return None;
        }
        let mut parts = Vec::new();
        let mut option = options;
        while !(*option).keyword.is_null() {
            if !(*option).val.is_null() {
                let text = |pointer| CStr::from_ptr(pointer).to_string_lossy().into_owned();
                parts.push((text((*option).keyword), text((*option).val).into()));
            }
            option = option.add(1);
        }
        pq_sys::PQconninfoFree(options);
        Some(parts)
    }
}

/// Server-side bounds of a session, sent with the start-up packet (no extra round trip).
#[derive(Clone, Copy, Debug)]
pub struct SessionLimits {
    /// Zero: none (migrations).
    pub statement_timeout: Duration,
    pub lock_timeout: Duration,
    /// Statements are planned once, and only by index. A plan that PostgreSQL makes for an almost empty table reads the whole table, and is
    /// kept when the table has grown; autovacuum's statistics, which would end that, may take minutes or be off.
    pub plans_by_index: bool,
}

impl SessionLimits {
    /// For a session in which PostgreSQL plans as it likes.
    pub const fn own_plans(statement_timeout: Duration, lock_timeout: Duration) -> SessionLimits {
        SessionLimits {
            statement_timeout,
            lock_timeout,
            plans_by_index: false,
        }
    }

    /// Whatever is set for the role or the database, an acknowledged write is on disk, and on the standbys that the server waits for. Only
    /// the operator's own `options` come after these.
    fn options(&self) -> String {
        let planner = if self.plans_by_index {
            " -c enable_seqscan=off -c enable_bitmapscan=off -c jit=off -c plan_cache_mode=force_generic_plan"
        } else {
            ""
        };
        format!(
            "-c statement_timeout={} -c lock_timeout={} -c idle_in_transaction_session_timeout=10s -c timezone=UTC \
             -c synchronous_commit=on{planner}",
            self.statement_timeout.as_millis(),
            self.lock_timeout.as_millis(),
        )
    }
}

/// One connection outside any pool.
pub fn connect(url: &DatabaseUrl, session: &SessionLimits) -> Result<PgConnection, Error> {
    PgConnection::establish(url.conninfo(session).expose_secret())
        .map_err(|e| Error::Unreachable(first_line(&e.to_string())))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: SessionLimits = SessionLimits {
        statement_timeout: Duration::from_secs(8),
        lock_timeout: Duration::from_secs(2),
        plans_by_index: true,
    };

    #[test]
    fn what_the_operator_set_wins_over_the_defaults() {
        let url = DatabaseUrl::parse(
            "postgres://u:it's@h1:1/d?connect_timeout=9&options=-c%20synchronous_commit%3Dlocal",
        )
        .unwrap();
        let conninfo = url.conninfo(&LIMITS).expose_secret().to_owned();
        assert!(
            conninfo.contains("connect_timeout='9'") && !conninfo.contains("connect_timeout='2'"),
            "{conninfo}"
        );
        assert!(
            conninfo.contains("password='it\\'s'") && conninfo.contains("host='h1'"),
            "{conninfo}"
        );
        assert!(
            conninfo.ends_with("-c synchronous_commit=local'")
                && conninfo.contains("-c synchronous_commit=on ")
                && conninfo.contains("statement_timeout=8000"),
            "{conninfo}"
        );
    }

    #[test]
    fn a_port_is_a_number() {
        for port in ["badport", "0", "65536", "-1"] {
            let refused = DatabaseUrl::parse(&format!("postgres://u@db:{port}/d"));
            assert!(matches!(refused, Err(InvalidUrl::Port)), "{port}");
        }
    }

    #[test]
    fn a_password_is_never_printed() {
        let url = DatabaseUrl::parse("postgres://u:hunter2@db:6000/d").unwrap();
        assert_eq!(format!("{url:?}"), "DatabaseUrl(db:6000)");
        let error =
            DatabaseUrl::parse("postgres://u:hunter2@db:6000/d?nonsense=hunter2").unwrap_err();
        assert!(!format!("{error:?} {error}").contains("hunter2"));
    }

    #[test]
    fn one_node_is_one_server() {
        for text in ["postgres://u@h1,h2/d", "host=h1 hostaddr=10.0.0.1,10.0.0.2"] {
            let refused = DatabaseUrl::parse(text);
            assert!(matches!(refused, Err(InvalidUrl::SeveralHosts)), "{text}");
        }
    }

    #[test]
    fn an_empty_string_names_no_database() {
        assert!(DatabaseUrl::parse("  ").is_err());
    }
}
