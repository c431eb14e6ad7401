//! Real PostgreSQL servers in temporary directories.
#![allow(clippy::disallowed_methods, reason = "conditions are polled")]

mod healing;
mod obstacles;
mod restart;
mod server;
mod support;
