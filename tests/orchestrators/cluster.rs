//! The cluster, through the script of its orchestrator.

use crate::memory;
use diesel::sql_types::Text;
use diesel::{Connection, PgConnection, QueryableByName, RunQueryDsl, sql_query};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

pub struct Cluster {
    script: PathBuf,
    pub dir: TempDir,
    /// Of the nodes, in their order; and so are their URLs.
    pub names: Vec<String>,
    pub urls: Vec<String>,
}

impl Cluster {
    /// `orchestrator`: the name of the script.
    pub fn start(orchestrator: &str) -> Cluster {
        Cluster::start_in(directory(), orchestrator)
    }

    pub fn start_in(dir: TempDir, orchestrator: &str) -> Cluster {
        let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/orchestrators");
        let mut cluster = Cluster {
            script: scripts.join(format!("{orchestrator}.sh")),
            dir,
            names: Vec::new(),
            urls: Vec::new(),
        };
        for line in cluster.run("start", &[]).lines() {
            let (name, url) = line.split_once(' ').unwrap();
            cluster.names.push(name.to_owned());
            cluster.urls.push(url.to_owned());
        }
        cluster
    }

    pub fn run(&self, verb: &str, rest: &[&str]) -> String {
        let output = Command::new(&self.script)
            .arg(verb)
            .arg(self.dir.path())
            .args(rest)
            .output()
            .unwrap();
        let (out, err) = (
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr),
        );
        assert!(output.status.success(), "{verb} failed:\n{out}{err}");
        out.into_owned()
    }

    /// Empty while there is none.
    pub fn leader(&self) -> String {
        self.run("leader", &[]).trim().to_owned()
    }

    /// A leader, and all others stream from it, one of them synchronously.
    pub fn is_complete(&self) -> bool {
        self.run("complete", &[]).trim() == "yes"
    }

    /// Which of `urls` the leader is.
    pub fn leader_index(&self) -> Option<usize> {
        let leader = self.leader();
        self.names.iter().position(|name| *name == leader)
    }

    /// Every key, and the transaction of it. Fails where a transaction belongs to no key, or a key to more than one.
    pub fn stored(&self) -> BTreeMap<String, String> {
        let url = &self.urls[self.leader_index().expect("a leader")];
        let mut connection = PgConnection::establish(url).unwrap();
        let question =
            "SELECT coalesce(idempotency_key, 'no key') AS key, id::text FROM transactions";
        let rows: Vec<Row> = sql_query(question).load(&mut connection).unwrap();
        let count = rows.len();
        let stored: BTreeMap<_, _> = rows.into_iter().map(|row| (row.key, row.id)).collect();
        assert_eq!(
            stored.len(),
            count,
            "a transaction that belongs to no key, or a key with two"
        );
        stored
    }
}

pub fn directory() -> TempDir {
    let mut named = tempfile::Builder::new();
    named
        .prefix("synapse-orchestrator-")
        .tempdir_in(memory::base())
        .unwrap()
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = Text)]
    key: String,
    #[diesel(sql_type = Text)]
    id: String,
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let mut stop = Command::new(&self.script);
            let _ = stop.arg("stop").arg(self.dir.path()).status();
            self.dir.disable_cleanup(true);
            eprintln!("the logs are kept in {}", self.dir.path().display());
        } else {
            self.run("stop", &[]);
        }
    }
}
