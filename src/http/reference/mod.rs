//! What the service tells developers about itself.

mod docs;
mod errors;
pub mod openapi;

pub use docs::{DOCS, docs};
pub use errors::{ERRORS, errors};
pub use openapi::{OPENAPI, openapi};
