//! Probes and status: answered from memory, so that a database that is dead or silent does not delay them.

pub mod dashboard;
mod metrics;
mod probes;
mod status;

pub use metrics::{METRICS, RequestCounts, metrics};
pub use probes::{HEALTH, LIVE, READY, VERSION, health, live, ready};
pub use status::{STATUS, status};
