//! synapse-core: a REST transaction service on PostgreSQL that follows failovers.
//!
//! * [`cli`]: the commands; `serve` starts all the rest.
//! * `server`: sockets, TLS, limits, signals.
//! * `http`: the URL table, and a handler for each route; what a request must have, and what an answer looks like.
//! * `clients`: who may ask, for what, how often.
//! * `dispatch`: brings work to a node and its answer back, again and again until the outcome is known.
//! * [`ledger`]: the business: what a transaction is, what may be asked, and the statements.
//! * [`db`]: nodes, pools, who is the primary.
//! * [`settings`], `logging`, [`metrics`], `migrations`, `schema`: what their names say.
//!
//! Imports go one way: `cli` to `server` to `http` to `dispatch` to `ledger` and `db`, which know nothing of each other (tests/tidy.rs keeps it
//! so). Begin with `dispatch/mod.rs`, which tells the story of a write second by second; then `db/node/state.rs`, the life of a node; then
//! `ledger/store/create.rs`. docs/architecture.md has the rooms, the words and the decisions.

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

/// The tables that say what follows from the result of an attempt, for the simulator (tests/simulation), which uses them unchanged.
pub mod decisions {
    pub use crate::dispatch::{Failure, verdict};
}

/// The routes, and what each needs of a request, for the tests that request all of them.
pub mod url_table {
    pub use crate::clients::Scope;
    pub use crate::http::{Endpoint, Need, TABLE};
}

/// The parsers of clients' bytes that are not in the ledger, for the property tests in tests/parsers.
pub mod parsers {
    pub use crate::clients::signatures;
}
