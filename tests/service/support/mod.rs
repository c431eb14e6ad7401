//! What the tests stand on: clusters, the service as a child process, a proxy that can break, an HTTP client.

pub mod app;
pub mod bodies;
pub mod client;
pub mod cluster;
pub mod distance;
pub mod document;
pub mod download;
pub mod http;
pub mod launch;
pub mod load;
pub mod log_pipe;
pub mod map;
pub mod memory;
pub mod proxy;
pub mod raw;
pub mod room;
pub mod shared;
pub mod slots;
pub mod wait;
pub mod webhook;

pub use app::App;
pub use bodies::{account, full, key, minimal, with};
pub use client::{Client, TENANT};
pub use cluster::{Cluster, ask, ask_all, sql, when};
pub use download::Download;
pub use http::Answer;
pub use launch::Launch;
pub use map::Region;
pub use proxy::Proxy;
pub use shared::shared;
pub use wait::{eventually, holds_for};
pub use webhook::Webhook;
