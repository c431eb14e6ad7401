//! The statements: each is a complete SQL file, and beside it the Rust that runs it and reads its answer.
//!
//! None of them depends on statistics: a table that was never analysed, as every table is on its first day, is read by the same indexes as
//! a huge one. The sessions of the service forbid other plans (`SessionLimits`), and a test asks `auto_explain` which plans were used
//! (`tests/service/plans.rs`).

pub mod callback;
pub mod change;
mod columns;
pub mod create;
pub mod create_all;
mod durability;
pub mod export;
pub mod find;
pub mod history;
mod insert;
mod insert_all;
mod insert_confirmed;
pub mod list;
mod lookup;
pub mod proof;
mod statement;
pub mod stats;
mod tokens;

pub use durability::{Committed, Copies};
pub use tokens::Read;
