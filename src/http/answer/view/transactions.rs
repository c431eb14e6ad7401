//! Of the transaction endpoints. A transaction and an event are the ledger's own (`ledger/model`).

use serde::Serialize;
use utoipa::ToSchema;

use crate::ledger::model::transaction::Transaction;

/// What a batch created, in the order of its items.
#[derive(Serialize, ToSchema)]
#[schema(as = CreatedBatch)]
pub struct Created<'t> {
    pub data: &'t [Transaction],
}

/// One page of a list.
#[derive(Serialize, ToSchema)]
pub struct List<'l, T> {
    pub data: &'l [T],
    pub meta: Meta,
}

/// Where the list goes on.
#[derive(Serialize, ToSchema)]
pub struct Meta {
    /// For the parameter `cursor` of the next page; null on the last one. Opaque, and bound to filters and order.
    #[schema(required)]
    pub next_cursor: Option<String>,
    pub has_more: bool,
}
