//! What everything is measured on: a private PostgreSQL with fsync on, near or far.

use crate::args::Args;
use crate::distance::Distance;
use crate::flush;
use crate::support::postgres::{connect, stream, values};
use crate::support::process::Process;
use crate::support::{Outcome, wait_until};
use diesel::connection::SimpleConnection;
use diesel::{Connection, PgConnection};
use private_postgres::{Binaries, Durability, Home, Server, User};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use url::Url;

/// Of so many round trips the shortest is printed.
const ROUND_TRIPS: usize = 5;

pub struct Stage {
    pub primary: Server,
    standby: Option<Server>,
    /// The delay between the services and the primary.
    distance: Option<Distance>,
    programs: PathBuf,
    // Dropped last, since the servers must end before their data are removed.
    dir: TempDir,
}

impl Stage {
    pub fn start(args: &Args) -> Outcome<Stage> {
        // Not in /dev/shm: what a commit costs on a disk is part of what is measured.
        let dir = tempfile::Builder::new()
            .prefix("synapse-throughput-")
            .tempdir()?;
        let binaries = Binaries::find(None, None, &dir.path().join("bin"))?;
        let programs = binaries.dir().to_owned();
        let home = Home::open(dir.path(), binaries, Durability::Durable)?;
        let primary = Server::init(&home, "primary")?;
        if args.prefill.is_some() || args.pages.is_some() {
            primary.reload(&[("autovacuum", "off")])?;
        }
        primary.start()?;
        let standby = if args.synchronous {
            let standby = Server::standby_of(&primary, "replica-1")?;
            stream(&primary, &standby)?;
            Some(standby)
        } else {
            None
        };
        let before = |round_trip| Distance::before(primary.port(), round_trip);
        let distance = args.distance().map(before).transpose()?;
        Ok(Stage {
            primary,
            standby,
            distance,
            programs,
            dir,
        })
    }

    /// The first line of the output, with what the figures depend on.
    pub fn describe(&self) -> Outcome<String> {
        let mut connection = connect(&self.primary, User::Superuser)?;
        let version = values(
            &mut connection,
            "SELECT current_setting('server_version') AS value",
        )?;
        let sync = values(
            &mut connection,
            "SELECT sync_state AS value FROM pg_stat_replication",
        )?;
        let is_synchronous = sync.iter().any(|state| state == "sync");
        let state = if is_synchronous {
            "synchronous"
        } else {
            "asynchronous"
        };
        let cores = std::thread::available_parallelism()?;
        let flush = flush::describe(&self.programs, self.dir.path())?;
        let mut line = format!(
            "PostgreSQL {}, {cores} cores, flush {flush}, {state}",
            version.concat()
        );
        if self.distance.is_some() {
            let shown = self.round_trip()?.as_secs_f64() * 1000.0;
            line += &format!(", round trip to the primary {shown:.1} ms");
        }
        Ok(line)
    }

    fn round_trip(&self) -> Outcome<Duration> {
        let mut connection = PgConnection::establish(self.url()?.as_str())?;
        let mut shortest = Duration::MAX;
        for _ in 0..ROUND_TRIPS {
            let begun = Instant::now();
            connection.batch_execute("SELECT")?;
            shortest = shortest.min(begun.elapsed());
        }
        Ok(shortest)
    }

    /// The URL of the primary, over the distance, for the user of the services.
    pub fn url(&self) -> Outcome<Url> {
        let mut url = Url::parse(&self.primary.url(User::Application))?;
        let direct = self.primary.port();
        let port = self.distance.as_ref().map_or(direct, Distance::port);
        url.set_port(Some(port))
            .map_err(|()| "the connection string takes no port")?;
        Ok(url)
    }

    /// Starts a service on these databases.
    pub fn service(&self, program: Command, settings: &[(String, String)]) -> Outcome<Process> {
        let mut databases = vec![self.url()?.to_string()];
        databases.extend(self.standby.iter().map(|node| node.url(User::Application)));
        Process::start(program, &databases, settings, self.dir.path())
    }

    /// Executes statements on the primary.
    pub fn execute(&self, statements: &str) -> Outcome<()> {
        let mut connection = connect(&self.primary, User::Application)?;
        Ok(connection.batch_execute(statements)?)
    }

    pub fn checkpoint(&self) -> Outcome<()> {
        let mut connection = connect(&self.primary, User::Superuser)?;
        Ok(connection.batch_execute("CHECKPOINT")?)
    }

    /// The text column `value` of every row of a query.
    pub fn ask(&self, question: &str) -> Outcome<Vec<String>> {
        let mut connection = connect(&self.primary, User::Application)?;
        Ok(values(&mut connection, question)?)
    }

    /// The directory of PostgreSQL's programs.
    pub fn programs(&self) -> &Path {
        &self.programs
    }

    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Waits until the standby has applied everything that the primary has written.
    pub fn wait_for_standby(&self) -> Outcome<()> {
        let behind = "SELECT application_name AS value FROM pg_stat_replication WHERE replay_lsn < pg_current_wal_lsn()";
        wait_until("the standby has applied everything", || {
            Ok(self.ask(behind)?.is_empty())
        })
    }
}
