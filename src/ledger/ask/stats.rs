//! What the routes below `/stats` ask for: how many transactions, and of what amounts, by status, by day or by asset.

use chrono::{DateTime, Days, NaiveDate, NaiveTime, Utc};

use super::query::{Query, QueryError};

const DEFAULT_DAYS: u16 = 30;
const MAX_DAYS: u16 = 366;

/// How transactions are grouped to be counted. Amounts of different assets are never added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grouping {
    Status,
    /// By day, and in each day by asset.
    Day,
    /// By asset, and in each asset by status.
    Asset,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stats {
    /// The owner of the transactions.
    pub owner: String,
    pub by: Grouping,
    /// The first and the last of the days (UTC) that count, both included. None: all time.
    pub days: Option<(NaiveDate, NaiveDate)>,
}

impl Stats {
    /// All transactions of all time.
    pub fn of_all(owner: &str, by: Grouping) -> Stats {
        Stats {
            owner: owner.to_owned(),
            by,
            days: None,
        }
    }

    /// The last days, today's included, as of `now`: `days=1` to `days=366`.
    pub fn daily(query_string: &str, owner: &str, now: DateTime<Utc>) -> Result<Stats, QueryError> {
        let mut query = Query::parse(query_string)?;
        let days = query.read("days", days)?.unwrap_or(DEFAULT_DAYS);
        query.finish()?;
        let last = now.date_naive();
        let first = last.checked_sub_days(Days::new(u64::from(days) - 1));
        Ok(Stats {
            owner: owner.to_owned(),
            by: Grouping::Day,
            days: Some((first.unwrap_or(last), last)),
        })
    }

    /// The beginning, inclusive, and the end, exclusive.
    pub fn bounds(&self) -> Option<(DateTime<Utc>, DateTime<Utc>)> {
        let midnight = |day: NaiveDate| day.and_time(NaiveTime::MIN).and_utc();
        let (first, last) = self.days?;
        Some((midnight(first), midnight(last.succ_opt()?)))
    }
}

fn days(text: &str) -> Result<u16, String> {
    let number = text
        .parse()
        .ok()
        .filter(|days: &u16| days.to_string() == text && (1..=MAX_DAYS).contains(days));
    number.ok_or_else(|| format!("must be a number from 1 to {MAX_DAYS}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn daily(query: &str) -> Result<Stats, QueryError> {
        let now = "2026-03-01T23:59:59.999999Z".parse().expect("a time");
        Stats::daily(query, "a", now)
    }

    fn bounds(query: &str) -> [String; 2] {
        let (from, to) = daily(query).expect(query).bounds().expect("bounds");
        [from.to_string(), to.to_string()]
    }

    #[test]
    fn the_last_days_end_with_today() {
        assert_eq!(
            bounds("days=1"),
            ["2026-03-01 00:00:00 UTC", "2026-03-02 00:00:00 UTC"]
        );
        assert_eq!(
            bounds("days=2"),
            ["2026-02-28 00:00:00 UTC", "2026-03-02 00:00:00 UTC"]
        );
        assert_eq!(bounds(""), bounds("days=30"));
        assert_eq!(bounds("days=366")[0], "2025-03-01 00:00:00 UTC");
    }

    #[test]
    fn what_is_no_number_of_days_is_refused() {
        for text in ["0", "367", "-1", "+1", "01", "1.0", "99999999", "x", "1 "] {
            let refused = daily(&format!("days={text}"));
            assert!(
                matches!(&refused, Err(QueryError::InvalidParameter { name, .. }) if name == "days"),
                "{text}: {refused:?}"
            );
        }
        assert!(daily("days=").is_err() && daily("days=1&days=1").is_err());
        let unknown = Err(QueryError::UnknownParameter("from_date".into()));
        assert_eq!(daily("from_date=2026-01-01"), unknown);
    }
}
