//! A simulator that looks for ways in which the service can break its promises.
//!
//! The production code that decides (`judge`, `step`, `select::order`, the tables of `verdict`, the pace of probes, the lag) runs here in
//! virtual time, against a model of PostgreSQL, of the network and of clients. A schedule of faults and requests is made from a seed. After
//! each step an observer that knows everything checks whether a promise is broken. A schedule that breaks one is shrunk to the shortest one
//! that still does, and told as a story.

mod acts;
mod candidate;
pub mod engine;
mod facts;
mod instance;
mod keeper;
pub mod mutant;
mod operator;
pub mod read;
mod rebuild;
mod replication;
pub mod requests;
pub mod schedule;
mod server;
mod session;
mod settle;
pub mod shrink;
mod time;
mod truth;
mod watch;
mod write;
