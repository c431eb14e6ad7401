//! The query parameters of `GET /export`, and one page of the export.

use super::query::{Query, QueryError};
use super::search::{Order, Search};
use crate::ledger::model::point::Point;

/// The rows of a page: enough that a round trip for each page does not matter, and few enough that a page is small.
const PAGE_ROWS: u32 = 500;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    #[default]
    Csv,
    JsonLines,
}

/// An export: all transactions that a search finds, oldest first unless told otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Export {
    pub search: Search,
    pub format: Format,
    /// Whether a last line says how many rows there were.
    pub end_marker: bool,
}

impl Export {
    /// Takes the filters and the order of a list. Its pages are made by the service, so `limit` and `cursor` are unknown here.
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

/// One page. It must show a state that is at least as new as `not_before`, the point that was read with the page before.
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
