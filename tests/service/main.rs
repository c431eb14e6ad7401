//! The service as its clients and operators see it: a real process, real PostgreSQL, and a network that breaks.

mod support;

mod batch;
mod bounded;
mod commands;
mod consistency;
mod create;
mod cursors;
mod durability;
mod embedded;
mod failover;
#[allow(dead_code, reason = "the rest is for examples/chaos")]
mod faults;
mod full_batches;
mod history;
mod idempotency;
mod keys;
mod lanes;
mod list;
mod logs;
mod lost_writes;
mod natural_batching;
mod natural_key;
mod network;
mod operators;
mod outage;
mod owners;
mod plans;
mod probes;
mod protocol;
mod proxy;
mod rate_limits;
mod rivals;
mod sockets;
mod split_brain;
mod startup;
mod status_change;
mod stop;
mod tls;
mod true_primary;
mod true_words;
mod validation;
