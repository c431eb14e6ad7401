//! The query parameters of `GET /export`, and one page of what they ask for.

use super::query::{Query, QueryError};
use super::search::{Order, Search};
use crate::ledger::model::point::Point;

/// The rows of a page: so many that a round trip for each page does not matter, so few that a page is small.
const PAGE_ROWS: u32 = 500;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    #[default]
    Csv,
    JsonLines,
}

/// All transactions that a search finds, oldest first unless told otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Export {
    pub search: Search,
    pub format: Format,
    /// A last line says how many rows there were.
    pub end_marker: bool,
}

impl Export {
    /// The filters and the order of a list; its pages are not the client's business.
    pub fn parse(query_string: &str, owner: &str) -> Result<Export, QueryError> {
        let mut query = Query::parse(query_string)?;
        let mut search = Search::filters(&mut query, owner, Order::Asc)?;
        search.limit = PAGE_ROWS;
        let format = query.read("format", format)?.unwrap_or_default();
        let end_marker = query.read("end_marker", flag)?.unwrap_or(false);
        query.finish()?;
        search.check_bounds()?;
        Ok(Export {
            search,
            format,
            end_marker,
        })
    }
}

fn format(text: &str) -> Result<Format, String> {
    match text {
        "csv" => Ok(Format::Csv),
        "jsonl" => Ok(Format::JsonLines),
        _ => Err("must be csv or jsonl".to_owned()),
    }
}

fn flag(text: &str) -> Result<bool, String> {
    text.parse().map_err(|_| "must be true or false".to_owned())
}

/// One page, of a state in which everything can be seen that could be at that point.
#[derive(Debug, Clone)]
pub struct ExportPage {
    pub search: Search,
    pub not_before: Option<Point>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_export_takes_the_filters_of_a_list_and_its_own_parameters() {
        let export = Export::parse("format=jsonl&end_marker=true&status=failed", "a");
        let export = export.expect("valid");
        assert_eq!(
            (export.format, export.end_marker),
            (Format::JsonLines, true)
        );
        let list = Search::parse("status=failed&order=asc", "a").expect("valid");
        assert_eq!(export.search.binding(), list.binding());
        let export = Export::parse("order=desc", "a").expect("valid");
        assert_eq!((export.format, export.end_marker), (Format::Csv, false));
        assert_eq!(export.search.order, Order::Desc);
    }

    #[test]
    fn what_is_no_parameter_of_an_export_is_named() {
        for (query, name) in [
            ("format=xml", "format"),
            ("format=CSV", "format"),
            ("end_marker=1", "end_marker"),
            ("end_marker=", "end_marker"),
            ("status=open", "status"),
            ("min_amount=2&max_amount=1", "min_amount"),
        ] {
            let refused = Export::parse(query, "a");
            assert!(
                matches!(&refused, Err(QueryError::InvalidParameter { name: told, .. }) if told == name),
                "{query}: {refused:?}"
            );
        }
        for name in ["limit", "cursor", "columns"] {
            let unknown = Err(QueryError::UnknownParameter(name.into()));
            assert_eq!(Export::parse(&format!("{name}=1"), "a"), unknown);
        }
    }
}
