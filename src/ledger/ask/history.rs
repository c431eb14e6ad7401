//! The query parameters of `GET /transactions/{id}/events`.

use uuid::Uuid;

use super::cursor::InvalidCursor;
use super::query::{DEFAULT_LIMIT, Query, QueryError, limit};
use super::sealed::{self, Purpose};

/// One page of a transaction's history, oldest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryPage {
    /// The owner of the transaction.
    pub owner: String,
    pub transaction_id: Uuid,
    pub limit: u32,
    /// The last version of the previous page; 0 for the first page.
    pub after: i32,
}

impl HistoryPage {
    pub fn parse(
        query_string: &str,
        owner: &str,
        transaction_id: Uuid,
    ) -> Result<HistoryPage, QueryError> {
        let mut query = Query::parse(query_string)?;
        let cursor = query.take("cursor");
        let limit = query.read("limit", limit)?.unwrap_or(DEFAULT_LIMIT);
        query.finish()?;
        let mut page = HistoryPage {
            owner: owner.to_owned(),
            transaction_id,
            limit,
            after: 0,
        };
        if let Some(text) = cursor {
            let version = sealed::open(purpose(&page.binding()), &text).ok_or(InvalidCursor)?;
            page.after = i32::from_be_bytes(version);
        }
        Ok(page)
    }

    /// The cursor of the page that begins after this version.
    pub fn cursor_after(&self, version: i32) -> String {
        sealed::seal(purpose(&self.binding()), &version.to_be_bytes())
    }

    /// The query string of the page that begins at this cursor, for the Link header.
    pub fn next_link_query(&self, cursor: &str) -> String {
        format!("limit={}&cursor={cursor}", self.limit)
    }

    fn binding(&self) -> Vec<u8> {
        [self.transaction_id.as_bytes(), self.owner.as_bytes()].concat()
    }
}

fn purpose(bound_to: &[u8]) -> Purpose<'_> {
    Purpose {
        name: "history cursor",
        bound_to,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: Uuid = Uuid::from_u128(7);

    #[test]
    fn a_cursor_leads_to_the_next_page_of_the_same_history_alone() {
        let first = HistoryPage::parse("limit=3", "a", ID).expect("valid");
        assert_eq!((first.limit, first.after), (3, 0));
        let link = first.next_link_query(&first.cursor_after(3));
        let next = HistoryPage::parse(&link, "a", ID).expect("valid");
        assert_eq!((next.limit, next.after), (3, 3));
        let invalid = Err(QueryError::InvalidCursor(InvalidCursor));
        assert_eq!(
            HistoryPage::parse(&link, "b", ID),
            invalid,
            "another owner's"
        );
        assert_eq!(
            HistoryPage::parse(&link, "a", Uuid::nil()),
            invalid,
            "another's"
        );
    }

    #[test]
    fn what_is_no_parameter_of_a_history_is_named() {
        let unknown = HistoryPage::parse("order=asc", "a", ID);
        assert_eq!(unknown, Err(QueryError::UnknownParameter("order".into())));
        assert!(HistoryPage::parse("limit=101", "a", ID).is_err());
    }
}
