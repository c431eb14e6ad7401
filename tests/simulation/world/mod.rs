//! A simulator that looks for doors in the promises of the service.
//!
//! The production code that decides (`judge`, `step`, `select::order`, the tables of `verdict`, the pace of probes, the lag) runs here in
//! virtual time, against a model of PostgreSQL, of the network and of clients. A schedule of faults and requests is made from a seed; an
//! observer who knows everything looks after each step whether a promise is broken. What is found is shrunk to the shortest schedule that
//! still breaks it, and told as a story.

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
