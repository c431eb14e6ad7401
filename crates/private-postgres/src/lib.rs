#![doc = include_str!("../README.md")]
//!
//! # The map
//!
//! Each module knows those after it, and none before it:
//!
//! * `cluster/`: a primary and its replicas as one thing. A program uses [`Cluster`]: to start it, to ask where its nodes listen, to stop
//!   it.
//! * `server/`: [`Server`], one PostgreSQL server: what operators do with it (`life.rs`, `role.rs`), and what disasters do (`disaster.rs`).
//! * `home/`: [`Home`], the directory that holds the servers, their passwords and their logs.
//! * `binaries/`: [`Binaries`], one directory with all the PostgreSQL programs of one version.
//! * `process.rs`, `account.rs`, `sql.rs`, `progress.rs`, `error.rs`: used by all of them.
//!
//! Recovery relies on two rules. A data directory that has its final name is complete: everything that takes time (initdb, pg_basebackup,
//! pg_rewind) happens under `NAME.new` and ends with a rename. And the directory of the cluster is locked, so any server found running in
//! it is left over from a run that died.

#![allow(
    clippy::disallowed_methods,
    reason = "waits for processes, which can only be looked at"
)]

mod account;
mod binaries;
mod cluster;
mod error;
mod home;
mod process;
mod progress;
mod server;
mod sql;

pub use binaries::{Binaries, Pin, Release};
pub use cluster::{Cluster, NodeAddress, Options};
pub use error::Error;
pub use home::{Durability, Home, User};
pub use server::{Server, StopMode};
