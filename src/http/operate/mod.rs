//! Probes and status: answered from memory, so that a dead or silent database delays them by nothing.

mod metrics;
mod probes;
mod status;

pub use metrics::{RequestCounts, metrics};
pub use probes::{VERSION, health, live, ready};
pub use status::status;
