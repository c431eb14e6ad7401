//! What is around every request.

mod envelope;

pub use envelope::{RequestId, envelope};
