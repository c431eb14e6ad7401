//! The business: what a transaction is and how it is stored. Knows `&mut PgConnection` and the schema; nothing of pools, roles or HTTP.

pub mod amount;
pub mod cursor;
pub mod draft;
pub mod fingerprint;
pub mod json;
pub mod memo;
pub mod metadata;
pub mod search;
pub mod strkey;
pub mod token;
