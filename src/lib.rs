//! synapse-core: a REST transaction service on PostgreSQL that follows failovers.

pub mod cli;
mod clients;
pub mod db;
mod dispatch;
mod http;
pub mod ledger;
mod logging;
pub mod metrics;
mod migrations;
mod schema;
mod server;
pub mod settings;

/// What follows from what became of an attempt, for the simulator (tests/simulation), which asks the same tables.
pub mod decisions {
    pub use crate::dispatch::{Failure, verdict};
}

/// What there is to ask for and what a request needs for it, for the tests that ask every route.
pub mod url_table {
    pub use crate::clients::Scope;
    pub use crate::http::{Endpoint, Need, TABLE};
}

/// What reads clients' bytes outside of the ledger, for the properties of tests/parsers.
pub mod parsers {
    pub use crate::clients::signatures;
}
