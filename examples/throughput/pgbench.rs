//! pgbench, PostgreSQL's own load generator, if it is installed beside the server.

use crate::stage::Stage;
use crate::support::Outcome;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use url::Url;

pub struct Pgbench {
    program: PathBuf,
    url: Url,
    dir: PathBuf,
}

pub struct Load<'a> {
    pub script: &'a Path,
    pub clients: usize,
    pub seconds: f64,
    /// Where unqualified names are looked up.
    pub schema: &'a str,
}

impl Pgbench {
    pub fn beside(stage: &Stage) -> Outcome<Option<Pgbench>> {
        let program = stage.programs().join("pgbench");
        let pgbench = Pgbench {
            url: stage.url()?,
            dir: stage.dir().to_owned(),
            program,
        };
        Ok(pgbench.program.is_file().then_some(pgbench))
    }

    pub fn script(&self, name: &str, text: &str) -> Outcome<PathBuf> {
        let path = self.dir.join(name);
        fs::write(&path, text)?;
        Ok(path)
    }

    /// How many times a second the script was run, with prepared statements.
    pub fn run(&self, load: &Load<'_>) -> Outcome<f64> {
        // pgbench takes whole seconds.
        let seconds = load.seconds.ceil().max(1.0).to_string();
        let output = Command::new(&self.program)
            .args(["--no-vacuum", "--protocol=prepared", "--jobs=2"])
            .arg(format!("--client={}", load.clients))
            .arg(format!("--time={seconds}"))
            .arg("--file")
            .arg(load.script)
            .env("PGHOST", self.url.host_str().unwrap_or_default())
            .env("PGPORT", self.url.port().unwrap_or_default().to_string())
            .env("PGUSER", self.url.username())
            .env("PGPASSWORD", self.url.password().unwrap_or_default())
            .env("PGDATABASE", self.url.path().trim_start_matches('/'))
            .env("PGOPTIONS", format!("-c search_path={}", load.schema))
            .output()?;
        let said = String::from_utf8_lossy(&output.stdout);
        let rate = said
            .lines()
            .find_map(|line| line.strip_prefix("tps = ")?.split(' ').next()?.parse().ok());
        match rate {
            Some(rate) if output.status.success() => Ok(rate),
            _ => {
                let why = String::from_utf8_lossy(&output.stderr);
                Err(format!("pgbench failed: {why}{said}").into())
            }
        }
    }
}
