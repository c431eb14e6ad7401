//! Why a node cannot be used, or not for everything, or why writes wait. A closed set, so that `/status` shows no text of a driver, which
//! may contain names of users, files and hosts: such texts go to the log.

use std::fmt;

/// Each cause has a code and a sentence; docs/operation.md says what to do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cause {
    NotProbed,
    ConnectionRefused,
    NameNotResolved,
    AuthenticationFailed,
    DatabaseMissing,
    TlsFailed,
    TooManyConnections,
    StartingUp,
    ShuttingDown,
    NoAnswer,
    ConnectionLost,
    Unreachable,
    ProbeFailed,
    Restarted,
    AnotherServer,
    StalePlans,
    SchemaNotReady,
    ReadOnly,
    WaitingForStandby,
    NoRoom,
    FollowsNobody,
    LowerTimeline,
    PromotedApart,
    OtherCluster,
    SeveralClusters,
    SameServer,
    VersionTooOld,
    NoLongerFenced,
    NoLongerPrimary,
    Promotion,
    NoPrimary,
    PromotionInQuestion,
    SplitBrain,
}

impl Cause {
    pub const ALL: [Cause; 33] = [
        Cause::NotProbed,
        Cause::ConnectionRefused,
        Cause::NameNotResolved,
        Cause::AuthenticationFailed,
        Cause::DatabaseMissing,
        Cause::TlsFailed,
        Cause::TooManyConnections,
        Cause::StartingUp,
        Cause::ShuttingDown,
        Cause::NoAnswer,
        Cause::ConnectionLost,
        Cause::Unreachable,
        Cause::ProbeFailed,
        Cause::Restarted,
        Cause::AnotherServer,
        Cause::StalePlans,
        Cause::SchemaNotReady,
        Cause::ReadOnly,
        Cause::WaitingForStandby,
        Cause::NoRoom,
        Cause::FollowsNobody,
        Cause::LowerTimeline,
        Cause::PromotedApart,
        Cause::OtherCluster,
        Cause::SeveralClusters,
        Cause::SameServer,
        Cause::VersionTooOld,
        Cause::NoLongerFenced,
        Cause::NoLongerPrimary,
        Cause::Promotion,
        Cause::NoPrimary,
        Cause::PromotionInQuestion,
        Cause::SplitBrain,
    ];

    pub fn code(self) -> &'static str {
        self.text().0
    }

    pub fn sentence(self) -> &'static str {
        self.text().1
    }

    #[rustfmt::skip]
    fn text(self) -> (&'static str, &'static str) {
        match self {
            Cause::NotProbed => ("not_probed", "it has not been asked yet"),
            Cause::ConnectionRefused => ("connection_refused", "nothing listens on its address"),
            Cause::NameNotResolved => ("name_not_resolved", "its host name has no address"),
            Cause::AuthenticationFailed => ("authentication_failed", "it does not let this user in"),
            Cause::DatabaseMissing => ("database_missing", "it has no database of this name"),
            Cause::TlsFailed => ("tls_failed", "no encrypted connection that can be trusted was made"),
            Cause::TooManyConnections => ("too_many_connections", "it takes no more connections"),
            Cause::StartingUp => ("starting_up", "it is starting up, or still recovering"),
            Cause::ShuttingDown => ("shutting_down", "it is shutting down"),
            Cause::NoAnswer => ("no_answer", "it did not answer in time"),
            Cause::ConnectionLost => ("connection_lost", "a connection to it broke"),
            Cause::Unreachable => ("unreachable", "no connection could be made"),
            Cause::ProbeFailed => ("probe_failed", "it answered the question what it is with an error"),
            Cause::Restarted => ("restarted", "it has been restarted, and its connections are made anew"),
            Cause::AnotherServer => ("another_server", "its address leads to another server than before"),
            Cause::StalePlans => ("stale_plans", "its statements were prepared before a migration, and its connections are made anew"),
            Cause::SchemaNotReady => ("schema_not_ready", "its schema is not the one that this version needs, or not yet verified"),
            Cause::ReadOnly => ("read_only", "it is a primary that takes no writes (default_transaction_read_only)"),
            Cause::WaitingForStandby => ("waiting_for_standby", "its commits wait for a standby, and too few are there"),
            Cause::NoRoom => ("no_room", "it refuses writes for want of disk or memory"),
            Cause::FollowsNobody => ("follows_nobody", "it is a standby that receives nothing from a primary"),
            Cause::LowerTimeline => ("lower_timeline", "it is on a timeline that has ended: another node was promoted"),
            Cause::PromotedApart => ("promoted_apart", "it was promoted beside the branch that counts"),
            Cause::OtherCluster => ("other_cluster", "it belongs to another cluster (system identifier)"),
            Cause::SeveralClusters => ("several_clusters", "the nodes are of several clusters, and none has more than half of them"),
            Cause::SameServer => ("same_server", "it is the same server as a node before it"),
            Cause::VersionTooOld => ("version_too_old", "its PostgreSQL is older than 13"),
            Cause::NoLongerFenced => ("no_longer_fenced", "what it was fenced for is over, and its pool is being opened"),
            Cause::NoLongerPrimary => ("no_longer_primary", "it was the primary, and is none any more"),
            Cause::Promotion => ("promotion", "another node was promoted"),
            Cause::NoPrimary => ("no_primary", "no node is a writable primary"),
            Cause::PromotionInQuestion => ("promotion_in_question", "a node was promoted, and its rival is being asked whether a standby follows it"),
            Cause::SplitBrain => ("split_brain", "two primaries live, and nobody can tell which is the right one"),
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.sentence())
    }
}

/// A cause, with the detail that goes to the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    pub cause: Cause,
    pub detail: String,
}

impl Trouble {
    pub fn new(cause: Cause, detail: impl Into<String>) -> Trouble {
        let detail = detail.into();
        Trouble { cause, detail }
    }
}

impl From<Cause> for Trouble {
    fn from(cause: Cause) -> Trouble {
        Trouble::new(cause, cause.sentence())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cause_has_a_code_of_its_own_which_the_manual_explains() {
        let manual = include_str!("../../docs/operation.md");
        let codes: std::collections::HashSet<_> = Cause::ALL.iter().map(|c| c.code()).collect();
        assert_eq!(codes.len(), Cause::ALL.len());
        for cause in Cause::ALL {
            let row = format!("| `{}` | {}", cause.code(), cause.sentence());
            assert!(manual.contains(&row), "{row}");
        }
    }
}
