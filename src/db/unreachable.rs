//! Why a connection could not be made.

use super::cause::Cause;

/// libpq gives no code for a connection that failed, only a text, in English unless the server's `lc_messages` is another language
/// (libpq/fe-connect.c, and the server's auth.c, postinit.c and postmaster.c).
pub(super) fn cause_of(message: &str) -> Cause {
    let table: [(&[&str], Cause); 9] = [
        (
            &["Connection refused", "No such file or directory"],
            Cause::ConnectionRefused,
        ),
        (&["could not translate host name"], Cause::NameNotResolved),
        (
            &["the database system is shutting down"],
            Cause::ShuttingDown,
        ),
        (
            &["the database system is", "not yet accepting connections"],
            Cause::StartingUp,
        ),
        (
            &[
                "too many clients",
                "remaining connection slots",
                "too many connections",
            ],
            Cause::TooManyConnections,
        ),
        (
            &[
                "authentication failed",
                "no pg_hba.conf entry",
                "password supplied",
                "permission denied",
                "is not permitted to log in",
            ],
            Cause::AuthenticationFailed,
        ),
        (&["database \""], Cause::DatabaseMissing),
        (&["SSL", "certificate"], Cause::TlsFailed),
        (&["timeout expired", "timed out"], Cause::NoAnswer),
    ];
    let says = |texts: &&[&str]| texts.iter().any(|text| message.contains(text));
    let found = table.iter().find(|(texts, _)| says(texts));
    found.map_or(Cause::Unreachable, |(_, cause)| *cause)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_that_was_not_made_is_told_by_a_code() {
        let table = [
            (
                "connection to server at \"db\" (10.0.0.1), port 5432 failed: Connection refused",
                "connection_refused",
            ),
            (
                "connection to server at \"db\" (10.0.0.1), port 5432 failed: timeout expired",
                "no_answer",
            ),
            (
                "connection failed: FATAL:  password authentication failed for user \"u\"",
                "authentication_failed",
            ),
            (
                "connection failed: FATAL:  database \"d\" does not exist",
                "database_missing",
            ),
            (
                "connection failed: FATAL:  the database system is starting up",
                "starting_up",
            ),
            (
                "connection failed: FATAL:  sorry, too many clients already",
                "too_many_connections",
            ),
            (
                "could not translate host name \"db\" to address",
                "name_not_resolved",
            ),
            (
                "connection failed: SSL error: certificate verify failed",
                "tls_failed",
            ),
            ("connection failed: FATAL:  o banco de dados", "unreachable"),
        ];
        for (message, code) in table {
            assert_eq!(cause_of(message).code(), code, "{message}");
        }
    }
}
