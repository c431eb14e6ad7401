//! What is answered. The only room that knows status codes.

pub mod codes;
pub mod headers;
mod meaning;
mod problem;
pub mod view;

pub use problem::Problem;
