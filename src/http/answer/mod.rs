//! Answers: their bodies, headers and errors. The only module that knows status codes.

pub mod codes;
pub mod headers;
mod meaning;
mod problem;
pub mod view;

pub use problem::Problem;
