//! The port of a server. It is kept in a file, since the replicas' primary_conninfo and people's psql rely on it.

use crate::Error;
use parking_lot::Mutex;
use rand::Rng;
use std::collections::BTreeSet;
use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::thread;
use std::time::Duration;

/// Below the range from which kernels give ports to outgoing connections: such a connection could otherwise take the port of a server that
/// is just restarting. That is also why port 0 is not bound.
const PORTS: std::ops::Range<u16> = 15_000..32_000;

const LOOKS: u32 = 20;
const POLL: Duration = Duration::from_millis(10);

pub(super) fn choose(file: &Path) -> Result<u16, Error> {
    let kept = fs::read_to_string(file)
        .ok()
        .and_then(|text| text.trim().parse().ok());
    if let Some(port) = kept.filter(|port| becomes_free(*port)) {
        return Ok(port);
    }
    let mut random = rand::rng();
    let port = (0..1_000)
        .map(|_| random.random_range(PORTS))
        .find(|port| is_free(*port) && is_new(*port))
        .ok_or(Error::NoPort)?;
    fs::write(file, format!("{port}\n")).map_err(Error::io("write", file))?;
    Ok(port)
}

/// A server binds its port only when it starts. Until then the port is free, and another server of this process would also take it.
fn is_new(port: u16) -> bool {
    static GIVEN_OUT: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());
    let mut given_out = GIVEN_OUT.lock();
    given_out.insert(port)
}

/// A child of another thread of this process has a copy of each of its sockets for a moment, until it becomes another program. So a port on
/// which [`is_free`] has just listened may look taken.
fn becomes_free(port: u16) -> bool {
    (0..LOOKS).any(|look| {
        if look > 0 {
            thread::sleep(POLL);
        }
        is_free(port)
    })
}

fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_kept_while_it_is_free_and_replaced_when_it_is_taken() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("primary.port");
        let port = choose(&file).unwrap();
        assert_eq!(choose(&file).unwrap(), port);
        let _taken = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).unwrap();
        assert_ne!(choose(&file).unwrap(), port);
    }
}
