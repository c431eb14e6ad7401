//! The cells of the table, measured one after the other. In each cell the services take turns, so that whatever else the machine does
//! affects both.

use crate::args::Args;
use crate::lanes::Lanes;
use crate::load::{self, Measured, Times};
use crate::peer::Peer;
use crate::side::{Side, Sides};
use crate::support::Outcome;
use crate::table;
use crate::work::Work;
use std::collections::BTreeMap;
use tokio::runtime::Runtime;

pub struct Cell {
    pub work: Work,
    pub connections: usize,
    pub ours: Vec<Measured>,
    /// What our service is compared with.
    pub plain: Vec<Measured>,
    /// For each round of our service: how many jobs a statement took, by lane.
    pub batches: Vec<BTreeMap<String, f64>>,
    /// Requests a second; only at the highest number of connections.
    pub pgbench: Vec<f64>,
}

pub struct Bench<'a> {
    pub args: &'a Args,
    pub runtime: &'a Runtime,
    pub peer: Option<Peer>,
}

impl Bench<'_> {
    /// Prints each cell as soon as it has been measured.
    pub fn measure_all(&self, sides: &mut Sides) -> Outcome<Vec<Cell>> {
        table::head();
        let mut cells = Vec::new();
        for &work in &self.args.only {
            for &connections in &self.args.connections {
                let cell = self.measure(work, connections, sides)?;
                table::cell(&cell);
                cells.push(cell);
            }
        }
        Ok(cells)
    }

    fn measure(&self, work: Work, connections: usize, sides: &mut Sides) -> Outcome<Cell> {
        let mut cell = Cell {
            work,
            connections,
            ours: Vec::new(),
            plain: Vec::new(),
            batches: Vec::new(),
            pgbench: Vec::new(),
        };
        let most = self.args.connections.iter().max();
        let peer = self.peer.as_ref().filter(|_| most == Some(&connections));
        for _ in 0..self.args.rounds {
            let lanes = Lanes::of(sides.ours.process.address);
            let before = self.runtime.block_on(lanes)?;
            cell.ours
                .push(self.turn(&mut sides.ours, work, connections)?);
            let lanes = Lanes::of(sides.ours.process.address);
            let after = self.runtime.block_on(lanes)?;
            cell.batches.push(after.jobs_a_statement(&before));
            // Duplicates are compared with creates of our service without duplicates: the plain one has no keys that could be repeated.
            let reference = match work {
                Work::Duplicates => self.turn(&mut sides.ours, Work::Create, connections)?,
                _ => self.turn(&mut sides.plain, work, connections)?,
            };
            cell.plain.push(reference);
            if let Some(peer) = peer {
                cell.pgbench.extend(peer.run(work, self.args.seconds)?);
            }
        }
        Ok(cell)
    }

    fn turn(&self, side: &mut Side, work: Work, connections: usize) -> Outcome<Measured> {
        let times = Times {
            warm_up: std::time::Duration::from_secs_f64(self.args.warm_up),
            measure: self.args.time(),
        };
        let load = load::run(side.target(), work, connections, times);
        let mut measured = self.runtime.block_on(load)?;
        side.acknowledged.append(&mut measured.acknowledged);
        Ok(measured)
    }
}
