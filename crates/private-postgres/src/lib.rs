#![doc = include_str!("../README.md")]
//!
//! # The map
//!
//! Each room knows those after it, and none before it:
//!
//! * `cluster/`: a primary and its replicas as one thing. [`Cluster`] is what a program wants: start it, ask where its nodes listen, stop it.
//! * `server/`: [`Server`], one PostgreSQL server with the verbs of an operator (`life.rs`, `role.rs`) and of a disaster (`disaster.rs`).
//! * `home/`: [`Home`], the directory that holds the servers, their passwords and their logs.
//! * `binaries/`: [`Binaries`], one directory with all the PostgreSQL programs of one version.
//! * `process.rs`, `account.rs`, `sql.rs`, `progress.rs`, `error.rs`: what all of them use.
//!
//! Two rules carry the recovery. A data directory that has its final name is complete: everything that takes
//! time (initdb, pg_basebackup, pg_rewind) happens under `NAME.new` and ends with a rename. And the directory
//! is locked, so that any server found running in it is a leftover of a run that died.

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
