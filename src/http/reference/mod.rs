//! What the service says of itself to developers.

mod errors;

pub use errors::errors;
