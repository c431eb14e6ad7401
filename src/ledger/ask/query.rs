//! A query string, decoded strictly: whatever is malformed is an error, and never repaired.

use std::borrow::Cow;

use percent_encoding::percent_decode;

use super::cursor::InvalidCursor;

/// More than any endpoint has. A request with more is refused, so that never thousands of names are compared with each other.
const MAX_PARAMETERS: usize = 32;

const MAX_LIMIT: u32 = 100;
pub(super) const DEFAULT_LIMIT: u32 = 25;

/// What is wrong with a query string; the text is for the client.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QueryError {
    #[error("there is no parameter of this name")]
    UnknownParameter(String),
    #[error("{detail}")]
    InvalidParameter { name: String, detail: String },
    #[error(transparent)]
    InvalidCursor(#[from] InvalidCursor),
}

/// Parameters by name.
#[derive(Debug, Clone, Default)]
pub struct Query {
    /// No name occurs twice, and no value is empty.
    values: Vec<(String, String)>,
    /// What is wrong with parameters that are not in `values`. Reported at the end, because an unknown name is reported first, whatever
    /// else is wrong with it.
    wrong: Vec<(String, &'static str)>,
    known: Vec<&'static str>,
}

impl Query {
    /// Empty pieces ("a=1&", "&&") are skipped, as every form parser does.
    pub fn parse(query_string: &str) -> Result<Query, QueryError> {
        let mut query = Query::default();
        for piece in query_string.split('&').filter(|piece| !piece.is_empty()) {
            let (name, value) = piece.split_once('=').unwrap_or((piece, ""));
            let name = decode(name).map_err(|detail| invalid(name, detail))?;
            let value = decode(value).map_err(|detail| invalid(&name, detail))?;
            if query.values.len() + query.wrong.len() == MAX_PARAMETERS {
                return Err(invalid(&name, "is one parameter too many"));
            }
            if value.is_empty() {
                let detail = "must not be empty: leave the parameter out instead";
                query.wrong.push((name, detail));
            } else if query.values.iter().any(|(other, _)| *other == name) {
                query.wrong.push((name, "must not be repeated"));
            } else {
                query.values.push((name, value));
            }
        }
        Ok(query)
    }

    pub fn take(&mut self, name: &'static str) -> Option<String> {
        self.known.push(name);
        let index = self.values.iter().position(|(other, _)| other == name)?;
        Some(self.values.swap_remove(index).1)
    }

    /// Takes a parameter through `parse`, whose error is the detail for the client.
    pub fn read<T>(
        &mut self,
        name: &'static str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Result<Option<T>, QueryError> {
        let value = self.take(name).map(|text| parse(&text)).transpose();
        value.map_err(|detail| invalid(name, detail))
    }

    /// To be called when all known parameters have been taken: any other is unknown.
    pub fn finish(self) -> Result<(), QueryError> {
        let known = self.known;
        let is_known = |name: &str| known.contains(&name);
        let left = self.values.into_iter().map(|(name, _)| name);
        let wrong = self.wrong.iter().map(|(name, _)| name.clone());
        let mut unknown = left.chain(wrong.filter(|name| !is_known(name)));
        if let Some(name) = unknown.next() {
            return Err(QueryError::UnknownParameter(name));
        }
        match self.wrong.first() {
            Some((name, detail)) => Err(invalid(name, *detail)),
            None => Ok(()),
        }
    }
}

/// The value of `limit`: how many rows a page has, 1 to 100.
pub(super) fn limit(text: &str) -> Result<u32, String> {
    let canonical = text
        .parse()
        .ok()
        .filter(|limit: &u32| limit.to_string() == text);
    let in_range = canonical.filter(|limit| (1..=MAX_LIMIT).contains(limit));
    in_range.ok_or_else(|| format!("must be a number from 1 to {MAX_LIMIT}"))
}

pub(super) fn invalid(name: &str, detail: impl Into<String>) -> QueryError {
    QueryError::InvalidParameter {
        name: name.to_owned(),
        detail: detail.into(),
    }
}

/// `percent_decode` leaves broken escapes as they are, so they are looked for first.
fn decode(text: &str) -> Result<String, &'static str> {
    let complete = |rest: &str| {
        rest.bytes()
            .take_while(u8::is_ascii_hexdigit)
            .take(2)
            .count()
            == 2
    };
    if !text.split('%').skip(1).all(complete) {
        return Err("has a broken percent-escape: write % as %25");
    }
    let spaced = text.replace('+', " ");
    let decoded: Cow<[u8]> = percent_decode(spaced.as_bytes()).into();
    let decoded = String::from_utf8(decoded.into_owned()).map_err(|_| "is not valid UTF-8")?;
    if decoded.contains('\0') {
        return Err("must not contain U+0000");
    }
    Ok(decoded)
}
