//! Bodies of the transaction endpoints. A transaction and an event are the ledger's own structs (`ledger/model`).

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

/// Counts, and what of them was left out.
#[derive(Serialize, ToSchema)]
pub struct Stats<T> {
    pub data: Vec<T>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub meta: Option<StatsMeta>,
}

#[derive(Serialize, ToSchema)]
pub struct StatsMeta {
    /// There are more assets than were told.
    pub truncated: bool,
}
