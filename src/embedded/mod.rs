//! A private PostgreSQL primary and its streaming replicas, for evaluation, development and tests.
//!
//! Stands alone: it knows nothing of the other rooms of the crate.
//!
//! * [`Cluster`] is what `cargo run` uses: start it, ask where its nodes listen, stop it.
//! * [`Server`] is one PostgreSQL server with the verbs of an operator and of a disaster.
//! * [`Home`] is the directory that holds the servers, their passwords and their logs.
//! * [`Binaries`] is one directory with all the PostgreSQL programs of one version.
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
mod build;
mod cluster;
mod config;
mod disaster;
mod download;
mod error;
mod home;
mod lineage;
mod node;
mod port;
mod process;
mod progress;
mod replication;
mod role;
mod server;
mod server_log;
mod sql;
mod supervisor;
mod term;

pub use binaries::Binaries;
pub use cluster::{Cluster, NodeAddress, Options};
pub use download::{Pin, Release};
pub use error::Error;
pub use home::{Durability, Home, User};
pub use server::{Server, StopMode};
