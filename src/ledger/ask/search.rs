//! The query parameters of `GET /transactions`.

mod date;
#[cfg(test)]
mod tests;

use std::fmt::Display;

use chrono::{DateTime, SecondsFormat, Utc};
use url::form_urlencoded::Serializer;

use super::consistency::Consistency;
use super::cursor::Cursor;
use super::draft::rules;
use super::key::IdempotencyKey;
use super::query::{self, DEFAULT_LIMIT, Query, QueryError, limit};
use crate::ledger::model::amount::AmountBound;
use crate::ledger::model::status::Status;
use crate::ledger::model::strkey::{self, StrkeyCheck};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Order {
    Asc,
    #[default]
    Desc,
}

impl Order {
    pub const ALL: [Order; 2] = [Order::Asc, Order::Desc];
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Search {
    /// The owner of the transactions.
    pub owner: String,
    pub limit: u32,
    pub cursor: Option<Cursor>,
    pub order: Order,
    /// Sorted, without repetitions; empty: any status.
    pub status: Vec<Status>,
    pub asset_code: Option<String>,
    pub stellar_account: Option<String>,
    pub callback_type: Option<String>,
    pub anchor_transaction_id: Option<String>,
    pub idempotency_key: Option<IdempotencyKey>,
    pub min_amount: Option<AmountBound>,
    pub max_amount: Option<AmountBound>,
    /// Inclusive, in whole microseconds.
    pub from_date: Option<DateTime<Utc>>,
    /// Exclusive, in whole microseconds.
    pub to_date: Option<DateTime<Utc>>,
}

impl Search {
    pub fn parse(query_string: &str, owner: &str) -> Result<Search, QueryError> {
        let mut query = Query::parse(query_string)?;
        let cursor = query.take("cursor");
        let limit = query.read("limit", limit)?;
        let mut search = Search::filters(&mut query, owner, Order::default())?;
        search.limit = limit.unwrap_or(DEFAULT_LIMIT);
        query.finish()?;
        search.check_bounds()?;
        if let Some(text) = cursor {
            search.cursor = Some(Cursor::decode(&text, &search.binding())?);
        }
        Ok(search)
    }

    /// Reads filters and order. The page is the first one, of the default size.
    pub(super) fn filters(
        query: &mut Query,
        owner: &str,
        usual_order: Order,
    ) -> Result<Search, QueryError> {
        Ok(Search {
            owner: owner.to_owned(),
            limit: DEFAULT_LIMIT,
            cursor: None,
            order: query.read("order", order)?.unwrap_or(usual_order),
            status: query.read("status", statuses)?.unwrap_or_default(),
            asset_code: query.read("asset_code", asset_code)?,
            stellar_account: query.read("stellar_account", stellar_account)?,
            callback_type: query.read("callback_type", callback_type)?,
            anchor_transaction_id: query.read("anchor_transaction_id", anchor_transaction_id)?,
            idempotency_key: query.read("idempotency_key", detailed(IdempotencyKey::parse))?,
            min_amount: query.read("min_amount", detailed(AmountBound::parse))?,
            max_amount: query.read("max_amount", detailed(AmountBound::parse))?,
            from_date: query.read("from_date", date::parse)?,
            to_date: query.read("to_date", date::parse)?,
        })
    }

    /// Bounds between which nothing can lie are a mistake of the client, and refused.
    pub(super) fn check_bounds(&self) -> Result<(), QueryError> {
        if self.from_date.is_some() && self.to_date.is_some() && self.from_date >= self.to_date {
            return Err(query::invalid("from_date", "must be before to_date"));
        }
        if let (Some(min), Some(max)) = (self.min_amount, self.max_amount)
            && min > max
        {
            let detail = "must not be greater than max_amount";
            return Err(query::invalid("min_amount", detail));
        }
        Ok(())
    }

    /// What the search demands of the state that it shows, if its client asks for `asked`. A key is always looked up on the primary, since a
    /// replica may not know it yet.
    pub fn consistency(&self, asked: Consistency) -> Consistency {
        match self.idempotency_key {
            Some(_) => asked.strong(),
            None => asked,
        }
    }

    /// The query string of the next page, for the Link header.
    pub fn next_link_query(&self, cursor: &str) -> String {
        let mut query = Serializer::new(String::new());
        query.append_pair("limit", &self.limit.to_string());
        query.extend_pairs(self.filters_and_order());
        query.append_pair("cursor", cursor);
        query.finish()
    }

    /// What a cursor of this search is bound to: owner, filters and order. So the cursor also fits another `limit`, and the same filters
    /// written in another way.
    pub fn binding(&self) -> Vec<u8> {
        let mut query = Serializer::new(String::new());
        query.append_pair("owner", &self.owner);
        query.extend_pairs(self.filters_and_order());
        query.finish().into_bytes()
    }

    fn filters_and_order(&self) -> impl Iterator<Item = (&'static str, String)> {
        let time = |t: DateTime<Utc>| t.to_rfc3339_opts(SecondsFormat::Micros, true);
        let status: Vec<&str> = self.status.iter().map(|status| status.as_str()).collect();
        let pairs = [
            ("order", Some(self.order.as_str().to_owned())),
            (
                "status",
                Some(status.join(",")).filter(|list| !list.is_empty()),
            ),
            ("asset_code", self.asset_code.clone()),
            ("stellar_account", self.stellar_account.clone()),
            ("callback_type", self.callback_type.clone()),
            ("anchor_transaction_id", self.anchor_transaction_id.clone()),
            (
                "idempotency_key",
                self.idempotency_key
                    .as_ref()
                    .map(|key| key.as_str().to_owned()),
            ),
            (
                "min_amount",
                self.min_amount.map(|amount| amount.canonical()),
            ),
            (
                "max_amount",
                self.max_amount.map(|amount| amount.canonical()),
            ),
            ("from_date", self.from_date.map(time)),
            ("to_date", self.to_date.map(time)),
        ];
        pairs
            .into_iter()
            .filter_map(|(name, value)| Some((name, value?)))
    }
}

impl Order {
    pub fn as_str(self) -> &'static str {
        match self {
            Order::Asc => "asc",
            Order::Desc => "desc",
        }
    }
}

/// Makes a parser whose error is the detail for the client.
fn detailed<T, E: Display>(parse: fn(&str) -> Result<T, E>) -> impl Fn(&str) -> Result<T, String> {
    move |text| parse(text).map_err(|error| error.to_string())
}

fn order(text: &str) -> Result<Order, String> {
    match text {
        "asc" => Ok(Order::Asc),
        "desc" => Ok(Order::Desc),
        _ => Err("must be asc or desc".to_owned()),
    }
}

fn statuses(text: &str) -> Result<Vec<Status>, String> {
    let list: Result<Vec<Status>, _> = text.split(',').map(str::parse).collect();
    let mut list = list.map_err(|error| format!("each status {error}"))?;
    list.sort_unstable();
    list.dedup();
    Ok(list)
}

fn asset_code(text: &str) -> Result<String, String> {
    if !rules::is_asset_code(text) {
        return Err(rules::ASSET_CODE.to_owned());
    }
    Ok(text.to_owned())
}

/// Checks the shape alone: rows that were stored while `api.strkey_check` was "shape" must be found too.
fn stellar_account(text: &str) -> Result<String, String> {
    strkey::check(text, StrkeyCheck::Shape).map_err(|error| error.to_string())?;
    Ok(text.to_owned())
}

fn callback_type(text: &str) -> Result<String, String> {
    if !rules::CALLBACK_TYPES.contains(&text) {
        return Err(format!(
            "must be one of {}",
            rules::CALLBACK_TYPES.join(", ")
        ));
    }
    Ok(text.to_owned())
}

fn anchor_transaction_id(text: &str) -> Result<String, String> {
    match rules::anchor_transaction_id_errors(text).first() {
        Some((_, detail)) => Err((*detail).to_owned()),
        None => Ok(text.to_owned()),
    }
}
