//! `[server]`

use super::reader::Reader;
use std::net::SocketAddr;
use std::time::Duration;

#[derive(Clone, Debug)]
pub struct ServerSettings {
    pub bind: SocketAddr,
    pub region: Option<String>,
    pub drain: Duration,
    pub max_connections: usize,
}

const ADDRESS: &str = "an address and port such as 127.0.0.1:3000";

pub(super) fn server(r: &mut Reader) -> ServerSettings {
    let bind = r.parsed("server.bind", ADDRESS);
    let mut bind = bind.unwrap_or(SocketAddr::from(([127, 0, 0, 1], 3000)));
    if let Some(port) = r.short_name("SERVER_PORT") {
        match port.parse() {
            Ok(port) => bind.set_port(port),
            Err(_) => r.problem("SERVER_PORT", "must be a port number from 0 to 65535"),
        }
    }
    ServerSettings {
        bind,
        region: r.text("server.region"),
        drain: r.millis("server.drain_ms", 10_000, 0..=600_000),
        max_connections: usize::try_from(r.number(
            "server.max_connections",
            10_000,
            16..=1_000_000,
        ))
        .unwrap_or(10_000),
    }
}
