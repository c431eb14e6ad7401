//! Query strings, and the cursors in them.

use chrono::{DateTime, Datelike, NaiveDate, SecondsFormat, Timelike, Utc};
use synapse_core::ledger::ask::cursor::Cursor;
use synapse_core::ledger::ask::export::Export;
use synapse_core::ledger::ask::history::HistoryPage;
use synapse_core::ledger::ask::query::QueryError;
use synapse_core::ledger::ask::search::Search;
use synapse_core::ledger::ask::stats::Stats;
use uuid::Uuid;

use super::{damaged, text};

const OWNER: &str = "default";
const ID: Uuid = Uuid::from_u128(7);

fn place() -> Cursor {
    Cursor {
        created_at: DateTime::from_timestamp_micros(1_764_000_000_123_456).unwrap(),
        id: ID,
    }
}

/// The names of parameters are the client's own; the rest is ours, and short.
fn is_told_briefly(error: &QueryError) {
    let told = error.to_string();
    assert!(!told.is_empty() && told.len() <= 200, "{told}");
}

pub fn search(data: &[u8]) {
    let Some(query) = text(data) else { return };
    let search = match Search::parse(query, OWNER) {
        Ok(search) => search,
        Err(error) => return is_told_briefly(&error),
    };
    assert!((1..=100).contains(&search.limit));
    assert!(search.status.is_sorted() && search.status.len() <= 4);
    if let (Some(from), Some(to)) = (search.from_date, search.to_date) {
        assert!(from < to);
    }
    let link = search.next_link_query(&place().encode(&search.binding()));
    let next = Search {
        cursor: Some(place()),
        ..search
    };
    assert_eq!(Search::parse(&link, OWNER).as_ref(), Ok(&next));
    let elsewhere = Search::parse(&link, "another");
    assert!(matches!(elsewhere, Err(QueryError::InvalidCursor(_))));
}

/// An export takes the filters of a list, in the same words, and statistics take none of them.
pub fn export(data: &[u8]) {
    let Some(query) = text(data) else { return };
    if let Err(error) = Stats::daily(query, OWNER, DateTime::UNIX_EPOCH) {
        is_told_briefly(&error);
    }
    let export = match Export::parse(query, OWNER) {
        Ok(export) => export,
        Err(error) => return is_told_briefly(&error),
    };
    let binding = export.search.binding();
    let link = export.search.next_link_query(&place().encode(&binding));
    let of_pages = |pair: &&str| pair.starts_with("limit=") || pair.starts_with("cursor=");
    let filters: Vec<&str> = link.split('&').filter(|pair| !of_pages(pair)).collect();
    let filters = filters.join("&");
    let again = Export::parse(&filters, OWNER).unwrap();
    assert_eq!(again.search, export.search);
    assert_eq!(Search::parse(&filters, OWNER).unwrap().binding(), binding);
}

pub fn history(data: &[u8]) {
    let Some(query) = text(data) else { return };
    let page = match HistoryPage::parse(query, OWNER, ID) {
        Ok(page) => page,
        Err(error) => return is_told_briefly(&error),
    };
    let link = page.next_link_query(&page.cursor_after(9));
    let next = HistoryPage { after: 9, ..page };
    assert_eq!(HistoryPage::parse(&link, OWNER, ID).as_ref(), Ok(&next));
    assert!(HistoryPage::parse(&link, "another", ID).is_err());
    assert!(HistoryPage::parse(&link, OWNER, Uuid::nil()).is_err());
}

/// As a text; and the first 24 bytes make one, which the next two damage.
pub fn cursor(data: &[u8]) {
    let bound_to = b"filters";
    if let Some(text) = text(data)
        && let Ok(cursor) = Cursor::decode(text, bound_to)
    {
        assert_eq!(cursor.encode(bound_to), text);
    }
    let Some((body, [at, with, ..])) = data.split_first_chunk::<24>() else {
        return;
    };
    let micros = i64::from_be_bytes(body[..8].try_into().unwrap());
    let Some(created_at) = DateTime::from_timestamp_micros(micros) else {
        return;
    };
    let cursor = Cursor {
        created_at,
        id: Uuid::from_slice(&body[8..]).unwrap(),
    };
    let written = cursor.encode(bound_to);
    let is_ours = (1..=9999).contains(&created_at.year());
    assert_eq!(
        Cursor::decode(&written, bound_to).ok(),
        Some(cursor).filter(|_| is_ours)
    );
    assert!(Cursor::decode(&written, b"filterz").is_err());
    if let Some(damaged) = damaged(&written, *at, *with) {
        assert!(Cursor::decode(&damaged, bound_to).is_err());
    }
}

/// Of a search: the service has no other times from clients.
fn from_date(text: &str) -> Option<DateTime<Utc>> {
    let encoded: String = text.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let search = Search::parse(&format!("from_date={encoded}"), OWNER);
    search.ok()?.from_date
}

pub fn date(data: &[u8]) {
    let Some(text) = text(data).filter(|text| !text.is_empty()) else {
        return;
    };
    let Some(time) = from_date(text) else {
        let digits = text.bytes().all(|b| b == b'-' || b.is_ascii_digit());
        let date = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok();
        let ours = date.filter(|date| text.len() == 10 && digits && date.year() > 0);
        assert_eq!(ours, None);
        return;
    };
    let written = time.to_rfc3339_opts(SecondsFormat::Micros, true);
    assert_eq!(written.len(), 27, "{written}");
    assert_eq!(from_date(&written), Some(time));
    if text.len() == 10 {
        assert_eq!(written, format!("{text}T00:00:00.000000Z"));
    } else {
        let exact = DateTime::parse_from_rfc3339(text).unwrap().to_utc();
        let later = time.timestamp_micros() - exact.timestamp_micros();
        let finer = !exact.timestamp_subsec_nanos().is_multiple_of(1000);
        assert_eq!(later, i64::from(finer));
        let is_leap = exact.timestamp_subsec_nanos() >= 1_000_000_000;
        assert!(!is_leap || (exact.hour(), exact.minute()) == (23, 59));
    }
}
