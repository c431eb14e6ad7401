//! The steady state: how long reads and writes take in each region, and how many writes a second there are, compared with the plain service
//! of `examples/throughput`. The load is also that of `examples/throughput`.

#[path = "../../throughput/client.rs"]
mod client;
#[path = "../../throughput/load.rs"]
mod load;
#[path = "../../throughput/plain.rs"]
mod plain;
#[path = "../../throughput/read_back.rs"]
mod read_back;
#[path = "../../support/mod.rs"]
mod support;
mod table;
#[path = "../../throughput/usage.rs"]
mod usage;
#[path = "../../throughput/work.rs"]
#[allow(dead_code, reason = "shared with examples/throughput")]
mod work;

use self::load::{Measured, Target, Times};
use self::support::process::Process;
use self::support::{Outcome, wait_until};
use self::table::Line;
use self::work::{Ask, Requests, Work};
use crate::args::Args;
use crate::faults::Stage;
use crate::support::map::NODES;
use crate::support::{Region, ask, ask_all};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// Rows that are read by id.
const ROWS: usize = 200;
const READERS: usize = 32;
/// Whose loss the others' reads must not feel: with standbys alone, and with the primary.
const LOST: [Region; 2] = [Region::Us, Region::Eu];
const WARM_UP: Duration = Duration::from_millis(1500);

pub fn describe(stage: &Stage) -> String {
    let version = ask(
        stage.primary(),
        "SELECT current_setting('server_version') AS value",
    );
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    format!(
        "PostgreSQL {version}, {cores} cores for four servers, three services and their clients; round trips eu–us 80 ms, eu–ap 160 ms, us–ap 120 ms"
    )
}

/// A service that is measured, and where it is.
struct Side {
    region: Region,
    address: SocketAddr,
    process: u32,
    requests: Requests,
}

impl Side {
    fn new(region: Region, address: SocketAddr, process: u32) -> Side {
        Side {
            region,
            address,
            process,
            requests: Requests::to(address),
        }
    }

    fn target(&self) -> Target<'_> {
        Target {
            address: self.address,
            process: self.process,
            requests: &self.requests,
        }
    }
}

pub struct Bench<'a> {
    stage: &'a Stage,
    args: &'a Args,
    runtime: Runtime,
    ours: Vec<Side>,
    plain: Vec<Side>,
    /// They end when this is dropped.
    _processes: Vec<Process>,
    _dir: TempDir,
}

impl<'a> Bench<'a> {
    pub fn start(stage: &'a Stage, args: &'a Args) -> Outcome<Bench<'a>> {
        // With one thread, which leaves the processors to the services.
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let dir = tempfile::tempdir()?;
        let (mut ours, mut plain, mut processes) = (Vec::new(), Vec::new(), Vec::new());
        for region in Region::ALL {
            let app = stage.app_in(region);
            let address = SocketAddr::from((Ipv4Addr::LOCALHOST, app.port()));
            ours.push(Side::new(region, address, app.process()));
            let urls = stage.cluster.urls_from(region);
            let process = Process::start(plain::build()?, &urls[..1], &[], dir.path())?;
            process.wait_until_healthy()?;
            plain.push(Side::new(region, process.address, process.id()));
            processes.push(process);
        }
        let mut bench = Bench {
            stage,
            args,
            runtime,
            ours,
            plain,
            _processes: processes,
            _dir: dir,
        };
        bench.make_rows()?;
        Ok(bench)
    }

    /// Makes the rows that are read: each region reads those that it has created itself.
    fn make_rows(&mut self) -> Outcome<()> {
        let Bench { runtime, ours, .. } = self;
        for side in ours {
            let made = runtime.block_on(load::create(side.target(), ROWS))?;
            side.requests.know(&made.1);
            let is_there = || runtime.block_on(load::is_readable(side.target(), ROWS - 1));
            wait_until("the last row is readable", is_there)?;
        }
        Ok(())
    }

    /// Prints the tables, and returns whether everything that was acknowledged is there once.
    pub fn run(&self) -> Outcome<bool> {
        let mut acknowledged = Vec::new();
        table::head_of_reads();
        for side in &self.ours {
            let rounds = self.measure(side, Work::Get, READERS, &mut acknowledged)?;
            println!("{}", table::reads(side.region, READERS, &rounds));
        }
        for lost in LOST {
            self.read_beside_a_loss(lost, &mut acknowledged)?;
        }
        table::head_of_writes();
        for (ours, plain) in self.ours.iter().zip(&self.plain) {
            for &connections in &self.args.connections {
                let line = Line {
                    region: ours.region,
                    connections,
                    ours: self.measure(ours, Work::Create, connections, &mut acknowledged)?,
                    plain: self.measure(plain, Work::Create, connections, &mut Vec::new())?,
                };
                println!("{line}");
            }
        }
        let primary = self.stage.primary();
        read_back::check(|question| Ok(ask_all(primary, question)), &acknowledged)
    }

    /// What the loss of a region costs the reads of the others: with all regions and without one in turn, since a machine is not the same
    /// a minute later.
    fn read_beside_a_loss(&self, region: Region, acknowledged: &mut Vec<Ask>) -> Outcome<()> {
        table::head_of_losses(region);
        let others = || self.ours.iter().filter(|side| side.region != region);
        let map = self.stage.map();
        let lost = self.stage.nodes_in(region).into_iter();
        let lost: Vec<_> = lost.map(|node| &self.stage.cluster.nodes[node]).collect();
        for side in others() {
            let mut read = || self.measure_once(side, Work::Get, READERS, acknowledged);
            let mut rounds = Vec::new();
            for _ in 0..self.args.rounds {
                let whole = read()?;
                map.cut_off(region);
                let silent = read();
                map.mend(region);
                lost.iter().try_for_each(|server| server.kill())?;
                let dead = read();
                lost.iter().try_for_each(|server| server.start())?;
                rounds.push([whole, silent?, dead?]);
            }
            println!(
                "{}",
                table::Losses {
                    region: side.region,
                    rounds
                }
            );
        }
        let primary = self.stage.primary();
        self.stage.cluster.until_streaming(primary, NODES.len() - 1);
        Ok(())
    }

    fn measure(
        &self,
        side: &Side,
        work: Work,
        connections: usize,
        acknowledged: &mut Vec<Ask>,
    ) -> Outcome<Vec<Measured>> {
        let mut rounds = Vec::new();
        for _ in 0..self.args.rounds {
            rounds.push(self.measure_once(side, work, connections, acknowledged)?);
        }
        Ok(rounds)
    }

    fn measure_once(
        &self,
        side: &Side,
        work: Work,
        connections: usize,
        acknowledged: &mut Vec<Ask>,
    ) -> Outcome<Measured> {
        let times = Times {
            warm_up: WARM_UP,
            measure: self.args.time().min(Duration::from_secs(5)),
        };
        let load = load::run(side.target(), work, connections, times);
        let mut measured = self.runtime.block_on(load)?;
        acknowledged.append(&mut measured.acknowledged);
        Ok(measured)
    }
}
