//! What a transaction is: values that cannot be wrong once they exist.

pub mod amount;
pub mod event;
pub mod json;
pub mod memo;
pub mod metadata;
pub mod point;
pub mod stats;
pub mod status;
pub mod strkey;
pub mod transaction;
pub mod write;
