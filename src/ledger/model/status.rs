//! The status of a transaction, and the one table of its transitions.

use std::fmt;
use std::str::FromStr;

use diesel::deserialize::{self, FromSql, FromSqlRow};
use diesel::pg::{Pg, PgValue};
use diesel::sql_types::Text;

/// Where a transaction stands. In the database and in JSON it is the lower-case word.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    serde::Serialize,
    FromSqlRow,
    utoipa::ToSchema,
)]
#[serde(rename_all = "lowercase")]
#[schema(as = TransactionStatus)]
pub enum Status {
    Pending,
    Processing,
    Completed,
    Failed,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be one of pending, processing, completed, failed")]
pub struct UnknownStatus;

impl Status {
    pub const ALL: [Status; 4] = [
        Status::Pending,
        Status::Processing,
        Status::Completed,
        Status::Failed,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Status::Pending => "pending",
            Status::Processing => "processing",
            Status::Completed => "completed",
            Status::Failed => "failed",
        }
    }

    /// pending -> processing | completed | failed, processing -> completed | failed, failed -> pending.
    pub fn allowed_next(self) -> &'static [Status] {
        match self {
            Status::Pending => &[Status::Processing, Status::Completed, Status::Failed],
            Status::Processing => &[Status::Completed, Status::Failed],
            Status::Completed => &[],
            Status::Failed => &[Status::Pending],
        }
    }
}

impl Status {
    /// The statuses from which this one can be reached: the opposite of [`Status::allowed_next`].
    pub fn allowed_before(self) -> impl Iterator<Item = Status> {
        Status::ALL
            .into_iter()
            .filter(move |from| from.allowed_next().contains(&self))
    }
}

/// A text that is no status can only be in the database if its CHECK was dropped by hand.
impl FromSql<Text, Pg> for Status {
    fn from_sql(value: PgValue<'_>) -> deserialize::Result<Status> {
        let text = <String as FromSql<Text, Pg>>::from_sql(value)?;
        Ok(text.parse()?)
    }
}

impl FromStr for Status {
    type Err = UnknownStatus;

    fn from_str(text: &str) -> Result<Status, UnknownStatus> {
        let known = Status::ALL
            .into_iter()
            .find(|status| status.as_str() == text);
        known.ok_or(UnknownStatus)
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_status_is_reached_from_these() {
        let before = |to: Status| to.allowed_before().map(Status::as_str).collect::<Vec<_>>();
        assert_eq!(before(Status::Pending), ["failed"]);
        assert_eq!(before(Status::Processing), ["pending"]);
        assert_eq!(before(Status::Completed), ["pending", "processing"]);
        assert_eq!(before(Status::Failed), ["pending", "processing"]);
    }

    #[test]
    fn the_transitions_are_these() {
        let allowed: Vec<String> = Status::ALL
            .into_iter()
            .flat_map(|from| {
                from.allowed_next()
                    .iter()
                    .map(move |to| format!("{from}>{to}"))
            })
            .collect();
        let expected = [
            "pending>processing",
            "pending>completed",
            "pending>failed",
            "processing>completed",
            "processing>failed",
            "failed>pending",
        ];
        assert_eq!(allowed, expected);
        for status in Status::ALL {
            assert_eq!(status.as_str().parse(), Ok(status));
            assert_eq!(json!(status), json!(status.as_str()));
        }
        assert_eq!("PENDING".parse::<Status>(), Err(UnknownStatus));
    }
}
