//! Times in query parameters.

use chrono::{DateTime, Datelike, Duration, NaiveDate, NaiveTime, Timelike, Utc};

/// RFC 3339, or a date, which means its midnight in UTC. The result has whole microseconds.
pub fn parse(text: &str) -> Result<DateTime<Utc>, String> {
    if text.contains(' ') {
        return Err(
            "must not contain a space: write T before the time, and encode + as %2B".to_owned(),
        );
    }
    let time = if text.len() == "2026-01-01".len() {
        date(text)
    } else {
        DateTime::parse_from_rfc3339(text)
            .ok()
            .map(|time| time.to_utc())
            .filter(exists)
    };
    let whole = time
        .and_then(round_up)
        .filter(|time| (1..=9999).contains(&time.year()));
    whole.ok_or_else(|| {
        "must be a time such as 2026-01-31T10:15:30Z, or a date such as 2026-01-31".to_owned()
    })
}

/// Chrono accepts a 61st second in every minute; in RFC 3339 there is one only where a leap second can be, at the end of a UTC day.
fn exists(time: &DateTime<Utc>) -> bool {
    let is_leap = time.nanosecond() >= 1_000_000_000;
    !is_leap || (time.hour(), time.minute()) == (23, 59)
}

/// A date in ten characters: chrono alone would also accept "+026-1-001" and the like.
fn date(text: &str) -> Option<DateTime<Utc>> {
    let formed = text.bytes().enumerate().all(|(at, b)| match at {
        4 | 7 => b == b'-',
        _ => b.is_ascii_digit(),
    });
    let date = NaiveDate::parse_from_str(text, "%Y-%m-%d")
        .ok()
        .filter(|_| formed)?;
    Some(date.and_time(NaiveTime::MIN).and_utc())
}

/// Stored times have whole microseconds, so a finer bound is rounded up to the next one, be it inclusive (`t >= 1.5` is `t >= 2`) or
/// exclusive (`t < 1.5` is `t < 2`). Rounding down would include rows that are outside.
fn round_up(time: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let cut = DateTime::from_timestamp_micros(time.timestamp_micros())?;
    let finer = !time.timestamp_subsec_nanos().is_multiple_of(1_000);
    cut.checked_add_signed(Duration::microseconds(i64::from(finer)))
}
