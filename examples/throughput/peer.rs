//! The least that PostgreSQL can be asked to do: insert one row into a bare table, or select one row by its primary key.

use crate::pgbench::{Load, Pgbench};
use crate::stage::Stage;
use crate::support::Outcome;
use crate::work::Work;
use std::path::PathBuf;

pub const CLIENTS: usize = 32;

const TABLES: &str = "
    CREATE TABLE pgbench_insert (id uuid, account text, amount numeric, asset text);
    CREATE TABLE pgbench_select (id integer PRIMARY KEY, account text, amount numeric, asset text);
    INSERT INTO pgbench_select
        SELECT id, 'GA7QYNF7SOWQ3GLR2BGMZEHXAVIRZA4KVWLTJJFC7MGXUA74P7UJVSGZ', 100.50, 'USDC' FROM generate_series(1, 100000) AS id;
    ANALYZE pgbench_select";

const INSERT: &str = "INSERT INTO pgbench_insert VALUES (gen_random_uuid(), 'GA7QYNF7SOWQ3GLR2BGMZEHXAVIRZA4KVWLTJJFC7MGXUA74P7UJVSGZ', 100.50, 'USDC');\n";

const SELECT: &str = "\\set id random(1, 100000)\nSELECT * FROM pgbench_select WHERE id = :id;\n";

pub struct Peer {
    pgbench: Pgbench,
    insert: PathBuf,
    select: PathBuf,
}

impl Peer {
    /// None: pgbench is not installed.
    pub fn beside(stage: &Stage) -> Outcome<Option<Peer>> {
        let Some(pgbench) = Pgbench::beside(stage)? else {
            return Ok(None);
        };
        stage.execute(TABLES)?;
        Ok(Some(Peer {
            insert: pgbench.script("insert.sql", INSERT)?,
            select: pgbench.script("select.sql", SELECT)?,
            pgbench,
        }))
    }

    /// Rows a second. None: there is no script for this kind of work.
    pub fn run(&self, work: Work, seconds: f64) -> Outcome<Option<f64>> {
        let script = match work {
            Work::Create | Work::Natural => &self.insert,
            Work::Get => &self.select,
            Work::Mix | Work::Duplicates => return Ok(None),
        };
        let load = Load {
            script,
            clients: CLIENTS,
            seconds,
            schema: "public",
        };
        self.pgbench.run(&load).map(Some)
    }
}
