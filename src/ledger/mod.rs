//! The business: what a transaction is and how it is stored. Knows `&mut PgConnection` and the schema, and nothing of pools, roles or HTTP.
//!
//! * [`model`]: what a transaction is, in values that cannot be wrong.
//! * [`ask`]: what clients ask for, read strictly.
//! * [`store`]: the statements.
//!
//! docs/ledger.md describes the table, and what happens to a create at each point where it can fail.

pub mod ask;
mod error;
pub mod model;
pub mod store;

pub use error::Error;
