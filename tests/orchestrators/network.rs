//! The network of three regions on one machine, for programs that know each other by names: in each region a name leads to a server of
//! that region itself, or to a cable to another one, which is as long as the distance, and can be cut.

use crate::distance::Distance;
use crate::map::{NODES, Region};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;

/// A name, where its server is, and the last byte of its addresses.
type Host = (String, Region, u8);

/// Of PostgreSQL, Patroni, and etcd's clients and peers: the same on every address.
const PORTS: usize = 4;

pub struct Network {
    ports: [u16; PORTS],
    /// Who asks, where the server is, and what lies between.
    cables: Vec<(Region, Region, Distance)>,
}

impl Network {
    /// And writes into the directory what the script needs to know of it.
    pub fn lay(dir: &Path) -> Network {
        let ports = free_ports();
        let mut cables = Vec::new();
        for from in Region::ALL {
            let mut names = String::from("127.0.0.1 localhost\n");
            for (name, at, number) in hosts() {
                let near = address(from, at, number);
                names += &format!("{near} {name}\n");
                if from != at {
                    let far = address(at, at, number);
                    for port in ports {
                        let ends = [near, far].map(|end| SocketAddr::from((end, port)));
                        let round_trip = from.round_trip_to(at);
                        let cable = Distance::between(ends[0], ends[1], round_trip).unwrap();
                        cables.push((from, at, cable));
                    }
                }
            }
            std::fs::write(dir.join(format!("hosts.{}", from.name())), names).unwrap();
        }
        let all = ports.map(|port| port.to_string()).join(" ") + "\n";
        std::fs::write(dir.join("ports"), all).unwrap();
        Network { ports, cables }
    }

    /// The database of a node, as this region reaches it. `url` is as its own region does.
    pub fn url_from(&self, from: Region, node: usize, url: &str) -> String {
        let (_, at, number) = &hosts()[node];
        let place = |from| format!("@{}:{}/", address(from, *at, *number), self.ports[0]);
        url.replace(&place(*at), &place(from))
    }

    /// Nothing comes into this region or out of it any more.
    pub fn cut_off(&self, region: Region) {
        self.over_the_border_of(region).for_each(Distance::cut);
    }

    pub fn mend(&self, region: Region) {
        self.over_the_border_of(region).for_each(Distance::mend);
    }

    fn over_the_border_of(&self, region: Region) -> impl Iterator<Item = &Distance> {
        let cables = self.cables.iter();
        cables
            .filter(move |(from, at, _)| [*from, *at].contains(&region))
            .map(|(_, _, cable)| cable)
    }
}

/// The nodes, in their order, and the etcd of each region.
fn hosts() -> Vec<Host> {
    let nodes = NODES.map(|(name, region)| (name.to_owned(), region));
    let etcds = Region::ALL.map(|region| (format!("etcd-{}", region.name()), region));
    let all = nodes.into_iter().chain(etcds).zip(1..);
    all.map(|((name, region), number)| (name, region, number))
        .collect()
}

/// Of a server, as one region reaches it: its own address from its own region, else that of the near end of a cable.
fn address(from: Region, at: Region, number: u8) -> Ipv4Addr {
    let network = if from == at { 1 } else { 10 + from as u8 };
    Ipv4Addr::new(127, 1, network, number)
}

fn free_ports() -> [u16; PORTS] {
    let sockets = [(); PORTS].map(|()| TcpListener::bind("0.0.0.0:0").unwrap());
    sockets.map(|socket| socket.local_addr().unwrap().port())
}
