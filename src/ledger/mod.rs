//! The business: what a transaction is and how it is stored. Knows `&mut PgConnection` and the schema; nothing of pools, roles or HTTP.

pub mod amount;
pub mod change;
pub mod create;
pub mod cursor;
pub mod draft;
mod durability;
mod error;
pub mod fingerprint;
pub mod json;
pub mod memo;
pub mod metadata;
pub mod read;
pub mod search;
pub mod strkey;
pub mod token;
pub mod transaction;

pub use error::Error;
