//! The business: what a transaction is and how it is stored. Knows `&mut PgConnection` and the schema; nothing of pools, roles or HTTP.
//!
//! * [`model`]: what a transaction is, in values that cannot be wrong.
//! * [`ask`]: what somebody wants, read strictly.
//! * [`store`]: the statements.
//!
//! docs/ledger.md tells the table, and what becomes of a create at each point where it can fail.

pub mod ask;
mod error;
pub mod model;
pub mod store;

pub use error::Error;
