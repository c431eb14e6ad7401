//! What it costs that the owner's name is the first column of every key, compared with a small integer from a table of names.

use crate::args::Args;
use crate::pgbench::{Load, Pgbench};
use crate::stage::Stage;
use crate::support::Outcome;
use crate::table::{Spread, count};
use std::fs;
use std::path::{Path, PathBuf};

/// As many connections as lanes would use on two cores, and some more.
const CLIENTS: usize = 4;
const BATCHES: [usize; 2] = [64, 1];

/// One way to store the owner. Its name is also that of the schema which it is measured in.
#[derive(Clone, Copy)]
struct Way {
    name: &'static str,
    owner: &'static str,
}

const TEXT: Way = Way {
    name: "owner_text",
    owner: "'default'",
};
const NUMBER: Way = Way {
    name: "owner_smallint",
    owner: "1",
};

struct Bench<'a> {
    stage: &'a Stage,
    pgbench: Pgbench,
    /// The text of the migration.
    schema: String,
    seconds: f64,
}

/// Rows a second in each round, and bytes per row.
#[derive(Default)]
struct Seen {
    rates: Vec<f64>,
    index_bytes: Vec<f64>,
    table_bytes: Vec<f64>,
}

pub fn run(stage: &Stage, args: &Args) -> Outcome<()> {
    let pgbench = Pgbench::beside(stage)?.ok_or("pgbench does not stand beside the server")?;
    let path = args.schema.clone().map_or_else(migration, Ok)?;
    let schema = fs::read_to_string(&path)
        .map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    let bench = Bench {
        stage,
        pgbench,
        schema,
        seconds: args.seconds,
    };
    for rows in BATCHES {
        let (mut text, mut number) = (Seen::default(), Seen::default());
        for round in 0..args.rounds {
            // Each way goes first as often as the other.
            if round % 2 == 0 {
                bench.measure(TEXT, rows, &mut text)?;
                bench.measure(NUMBER, rows, &mut number)?;
            } else {
                bench.measure(NUMBER, rows, &mut number)?;
                bench.measure(TEXT, rows, &mut text)?;
            }
        }
        print(rows, &text, &number);
    }
    Ok(())
}

/// The migration that creates the ledger.
fn migration() -> Outcome<PathBuf> {
    let all = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations");
    for entry in fs::read_dir(&all)? {
        let path = entry?.path();
        if path.to_string_lossy().ends_with("_create_ledger") {
            return Ok(path.join("up.sql"));
        }
    }
    Err(format!(
        "no migration in {} creates the ledger; name the file by --schema",
        all.display()
    )
    .into())
}

impl Bench<'_> {
    /// Each round begins with an empty table and a checkpoint, so that none happens during another round.
    fn measure(&self, way: Way, rows: usize, seen: &mut Seen) -> Outcome<()> {
        let Way { name, .. } = way;
        let tables = self.tables(way)?;
        self.stage.execute(&format!(
            "DROP SCHEMA IF EXISTS {name} CASCADE; CREATE SCHEMA {name}; SET search_path = {name}; {tables}"
        ))?;
        self.stage.checkpoint()?;
        let script = self
            .pgbench
            .script(&format!("{name}.sql"), &insert(way, rows))?;
        let load = Load {
            script: &script,
            clients: CLIENTS,
            seconds: self.seconds,
            schema: name,
        };
        seen.rates.push(self.pgbench.run(&load)? * rows as f64);
        let per_row = |size: &str| -> Outcome<f64> {
            let question = format!(
                "SELECT ({size}('{name}.transactions')::float8 / count(*))::text AS value FROM {name}.transactions"
            );
            Ok(self.stage.ask(&question)?.concat().parse()?)
        };
        seen.index_bytes.push(per_row("pg_indexes_size")?);
        seen.table_bytes.push(per_row("pg_table_size")?);
        Ok(())
    }

    /// The migration as it is, or with the other type of owner.
    fn tables(&self, way: Way) -> Outcome<String> {
        if way.name == TEXT.name {
            return Ok(self.schema.clone());
        }
        let mut changed = 0;
        let mut line = |line: &str| {
            let begins = line.trim_start();
            if begins.starts_with("owner ") && begins.contains(r#"text COLLATE "C" NOT NULL"#) {
                changed += 1;
                "owner smallint NOT NULL,\n".to_owned()
            } else {
                line.replace("octet_length(owner) BETWEEN 1 AND 64", "owner >= 1") + "\n"
            }
        };
        let tables = self.schema.lines().map(&mut line).collect();
        if changed == 0 {
            return Err("this schema has no owner that is a text".into());
        }
        Ok(tables)
    }
}

/// The row that a create stores, with both handles. The server makes the values, in the same way for both.
fn insert(way: Way, rows: usize) -> String {
    let row = format!(
        "({}, gen_random_uuid(), 'GA7QYNF7SOWQ3GLR2BGMZEHXAVIRZA4KVWLTJJFC7MGXUA74P7UJVSGZ', 100.50, 'USDC', '{{\"order\":\"A-17\"}}', \
         gen_random_uuid(), gen_random_uuid()::text, decode(repeat('ab', 32), 'hex'), gen_random_uuid()::text, 'api-default', \
         '4b4f0b57-6f5b-4a0b-9a39-6a8a4f0c7d10')",
        way.owner
    );
    format!(
        "INSERT INTO transactions (owner, id, stellar_account, amount, asset_code, metadata, write_id, idempotency_key, fingerprint, \
         anchor_transaction_id, actor, request_id) VALUES {} ON CONFLICT DO NOTHING;\n",
        vec![row; rows].join(",\n")
    )
}

fn print(rows: usize, text: &Seen, number: &Seen) {
    let (text_rate, number_rate) = (
        Spread::of(text.rates.clone()),
        Spread::of(number.rates.clone()),
    );
    println!("\nbatches of {rows}, {CLIENTS} clients");
    let line = |name: &str, rate: &Spread, seen: &Seen| {
        println!(
            "{name:<16}{:>8} rows/s ({}), {:.0} bytes of index and {:.0} of table a row",
            count(rate.median),
            rate.range(),
            Spread::of(seen.index_bytes.clone()).median,
            Spread::of(seen.table_bytes.clone()).median
        );
    };
    line("owner text", &text_rate, text);
    line("owner smallint", &number_rate, number);
    println!(
        "text to smallint: {:.3}",
        text_rate.median / number_rate.median
    );
}
