//! `[server]`

use super::clients::name;
use super::reader::Reader;
use super::tls::{self, TlsSettings};
use ipnet::IpNet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

#[derive(Clone, Debug)]
pub struct ServerSettings {
    pub bind: SocketAddr,
    /// A listener for operators: whoever reaches it may see the state of the service without a key.
    pub admin_bind: Option<SocketAddr>,
    /// The proxies that are trusted to say from which address a request comes.
    pub trusted_proxies: Vec<IpNet>,
    pub region: Option<String>,
    pub drain: Duration,
    pub max_connections: usize,
    pub tls: Option<TlsSettings>,
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
        admin_bind: r.parsed("server.admin_bind", ADDRESS),
        trusted_proxies: trusted_proxies(r),
        region: name(r, "server.region"),
        drain: r.millis("server.drain_ms", 10_000, 0..=600_000),
        max_connections: usize::try_from(r.number(
            "server.max_connections",
            10_000,
            16..=1_000_000,
        ))
        .unwrap_or(10_000),
        tls: tls::tls(r),
    }
}

impl ServerSettings {
    /// The URL at which this machine reaches one of its own addresses: by loopback, if the address is unspecified (`0.0.0.0`).
    pub fn url_of(&self, mut address: SocketAddr) -> String {
        if address.ip().is_unspecified() {
            address.set_ip(match address {
                SocketAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
                SocketAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
            });
        }
        let scheme = match self.tls {
            Some(_) => "https",
            None => "http",
        };
        format!("{scheme}://{address}")
    }
}

fn trusted_proxies(r: &mut Reader) -> Vec<IpNet> {
    let key = "server.trusted_proxies";
    let texts = r.list(key);
    let net = |text: &String| {
        let net = text.parse::<IpNet>().ok();
        net.or_else(|| Some(text.parse::<IpAddr>().ok()?.into()))
    };
    let nets: Vec<IpNet> = texts.iter().filter_map(net).collect();
    if nets.len() < texts.len() {
        r.problem(
            key,
            "must be addresses or networks such as 10.0.0.7 and 10.0.0.0/8",
        );
    }
    nets
}
