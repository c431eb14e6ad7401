//! What clients ask of the ledger, read strictly from bodies, headers and query strings.

pub mod batch;
pub mod callback;
pub mod caller;
pub mod change;
pub mod consistency;
pub mod create;
pub mod cursor;
pub mod draft;
pub mod export;
pub mod fingerprint;
pub mod history;
pub mod key;
pub mod query;
mod sealed;
pub mod search;
pub mod stats;
pub mod token;
