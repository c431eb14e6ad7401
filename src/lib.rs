//! synapse-core: a REST transaction service on PostgreSQL that follows failovers.

pub mod db;
pub mod embedded;
pub mod ledger;
mod schema;
pub mod settings;
