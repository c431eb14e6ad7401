//! What is wrong with a node, and an operator should learn before the next failover.

use super::super::role::DbRole;
use super::Facts;

impl Facts {
    /// A standby that starts beside its primary needs a moment to become a synchronous one. `settled`: it has had that time.
    pub fn warnings(&self, settled: bool) -> Vec<&'static str> {
        let english = ["C", "POSIX", "en"]
            .iter()
            .any(|prefix| self.lc_messages.starts_with(prefix));
        let primary = self.role == DbRole::Primary;
        let table = [
            (
                primary && !self.writable,
                "the primary is read-only (default_transaction_read_only): it gets no writes",
            ),
            (
                settled && primary && self.waits_for == 0,
                "a commit waits for no standby: the last writes before a failover can be lost",
            ),
            (
                settled && primary && self.waits_for_standby(),
                "waiting for a standby: every commit hangs until one is there",
            ),
            (
                self.standbys.values().any(|streams| streams.len() > 1),
                "several standbys have one application_name: nobody can tell which of them confirms a commit",
            ),
            (
                !self.survives_crashes,
                "fsync or full_page_writes is off: a crash of this server can lose or damage what was committed",
            ),
            (
                !self.tls && !self.loopback,
                "the connection is not encrypted (sslmode=verify-full)",
            ),
            (
                primary && self.can_cancel_others,
                "this user may cancel other sessions, and so turn a wait for a standby into a false success",
            ),
            (
                !self.sees_replication,
                "this user cannot see replication (GRANT pg_read_all_stats)",
            ),
            (
                !self.sees_wal_files,
                "this user cannot see of which timelines a standby has files (GRANT EXECUTE ON FUNCTION pg_ls_waldir, or GRANT pg_monitor)",
            ),
            (
                !english,
                "lc_messages is not English: lock and statement timeouts are told as internal errors",
            ),
        ];
        table
            .into_iter()
            .filter(|(applies, _)| *applies)
            .map(|(_, warning)| warning)
            .collect()
    }
}
