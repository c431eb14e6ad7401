//! Three regions on one machine: where each node is, and the cables between the regions.

use super::distance::Distance;
use super::wait::ms;
use parking_lot::Mutex;
use private_postgres::{Server, User};
use std::collections::HashMap;
use std::time::Duration;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Region {
    Eu,
    Us,
    Ap,
}

/// The nodes by their names, which are those in `synchronous_standby_names` too. The first is the primary of the start.
pub const NODES: [(&str, Region); 4] = [
    ("eu-a", Region::Eu),
    ("eu-b", Region::Eu),
    ("us-a", Region::Us),
    ("ap-a", Region::Ap),
];

impl Region {
    pub const ALL: [Region; 3] = [Region::Eu, Region::Us, Region::Ap];

    pub fn name(self) -> &'static str {
        match self {
            Region::Eu => "eu",
            Region::Us => "us",
            Region::Ap => "ap",
        }
    }

    pub fn round_trip_to(self, other: Region) -> Duration {
        match (self, other) {
            (Region::Eu, Region::Us) | (Region::Us, Region::Eu) => ms(80),
            (Region::Eu, Region::Ap) | (Region::Ap, Region::Eu) => ms(160),
            (Region::Us, Region::Ap) | (Region::Ap, Region::Us) => ms(120),
            _ => Duration::ZERO,
        }
    }
}

pub struct Map {
    /// From a region to a node of another one: for its service and for its standbys.
    cables: HashMap<(Region, usize), Distance>,
    cut_off: Mutex<Vec<Region>>,
}

impl Map {
    pub fn of(nodes: &[Server]) -> Map {
        let mut cables = HashMap::new();
        for from in Region::ALL {
            for (node, (_, at)) in NODES.into_iter().enumerate() {
                let round_trip = from.round_trip_to(at);
                if from != at {
                    let cable = Distance::before(nodes[node].port(), round_trip).unwrap();
                    cables.insert((from, node), cable);
                }
            }
        }
        Map {
            cables,
            cut_off: Mutex::default(),
        }
    }

    /// Where a region reaches a node.
    pub fn port(&self, from: Region, node: usize, server: &Server) -> u16 {
        self.cables
            .get(&(from, node))
            .map_or(server.port(), Distance::port)
    }

    /// Of the service's user.
    pub fn url(&self, from: Region, node: usize, server: &Server) -> String {
        server.url(User::Application).replace(
            &format!(":{}/", server.port()),
            &format!(":{}/", self.port(from, node, server)),
        )
    }

    /// Every cable over its border is cut, in both directions.
    pub fn cut_off(&self, region: Region) {
        self.change(|cut_off| cut_off.push(region));
    }

    pub fn mend(&self, region: Region) {
        self.change(|cut_off| cut_off.retain(|other| *other != region));
    }

    fn change(&self, change: impl FnOnce(&mut Vec<Region>)) {
        let mut cut_off = self.cut_off.lock();
        change(&mut cut_off);
        for ((from, node), cable) in &self.cables {
            if cut_off.contains(from) || cut_off.contains(&NODES[*node].1) {
                cable.cut();
            } else {
                cable.mend();
            }
        }
    }
}
