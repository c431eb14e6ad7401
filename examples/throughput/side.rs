//! The two services that are compared.

use crate::args::Args;
use crate::load::{self, Target};
use crate::plain;
use crate::stage::Stage;
use crate::support::Outcome;
use crate::support::process::{self, Process};
use crate::usage;
use crate::work::{Ask, Requests};
use tokio::runtime::Runtime;

/// Rows that are read by id.
const ROWS: usize = 1000;

pub struct Side {
    pub name: &'static str,
    pub process: Process,
    pub requests: Requests,
    pub resident_at_rest_mib: f64,
    /// All creates that the service has acknowledged.
    pub acknowledged: Vec<Ask>,
}

pub struct Sides {
    pub ours: Side,
    pub plain: Side,
}

impl Sides {
    pub fn start(stage: &Stage, args: &Args, runtime: &Runtime) -> Outcome<Sides> {
        let plain = plain::build()?;
        let ours = stage.service(process::ours()?, &args.set)?;
        let plain = stage.service(plain, &[])?;
        Ok(Sides {
            ours: Side::new("ours", ours, runtime)?,
            plain: Side::new("plain", plain, runtime)?,
        })
    }
}

impl Side {
    pub fn target(&self) -> Target<'_> {
        Target {
            address: self.process.address,
            process: self.process.id(),
            requests: &self.requests,
        }
    }

    fn new(name: &'static str, process: Process, runtime: &Runtime) -> Outcome<Side> {
        process.wait_until_healthy()?;
        let mut side = Side {
            name,
            resident_at_rest_mib: usage::resident_mib(process.id())?,
            requests: Requests::to(process.address),
            process,
            acknowledged: Vec::new(),
        };
        let (acknowledged, ids) = runtime.block_on(load::create(side.target(), ROWS))?;
        side.acknowledged = acknowledged;
        side.requests.know(&ids);
        // Reads may go to a standby, which gets the rows a moment later, but in the same order.
        crate::support::wait_until("the last row is on the standby", || {
            runtime.block_on(load::is_readable(side.target(), ROWS - 1))
        })?;
        Ok(side)
    }
}
