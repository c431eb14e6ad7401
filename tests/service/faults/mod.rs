//! The fault harness: clients that keep asking the instances of the service while something breaks, what they saw, and a checker that
//! holds it against the database that survives. Shared by the named tests (`failover.rs`, …) and `examples/chaos`
//! and `examples/regions`.

pub mod anchors;
pub mod batches;
pub mod board;
pub mod catalogue;
pub mod changers;
pub mod checker;
#[cfg(test)]
mod checker_tests;
pub mod clients;
pub mod history;
pub mod operator;
pub mod questions;
pub mod readers;
pub mod regions;
pub mod resolve;
pub mod rivals;
pub mod round;
pub mod shown;
pub mod snapshot;
pub mod stage;
pub mod tally;
pub mod truth;
pub mod words;

pub use stage::Stage;
