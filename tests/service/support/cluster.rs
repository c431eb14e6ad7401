//! A PostgreSQL primary with its replicas, of one test. Copied from a template that holds the migrated schema.

use super::distance::Distance;
use super::map::{Map, NODES, Region};
use super::room::Dir;
use super::slots::Slot;
use super::wait::{eventually, s};
use super::{Client, Launch, Proxy, TENANT};
use diesel::connection::SimpleConnection;
use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::sql_types::Text;
use private_postgres::{Binaries, Durability, Home, Server, StopMode, User};
use std::path::Path;
use std::process::{Child, Command};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

static BINARIES: LazyLock<Binaries> =
    LazyLock::new(|| Binaries::find(None, None, &std::env::temp_dir()).unwrap());

/// A stopped primary with the schema in it; a standby is a copy of it too.
static TEMPLATE: LazyLock<Dir> = LazyLock::new(|| {
    let dir = Dir::new("template");
    migrated(dir.path()).stop(StopMode::Fast).unwrap();
    dir
});

/// A new, running primary with the schema in it.
fn migrated(dir: &Path) -> Server {
    let server = Server::init(&open(dir), "primary").unwrap();
    server.start().unwrap();
    Launch::on([server.url(User::Application)])
        .run(&["migrate"])
        .expect(0);
    server
}

fn open(dir: &Path) -> Arc<Home> {
    Home::open(dir, BINARIES.clone(), Durability::Fast).unwrap()
}

/// A program of PostgreSQL, of the version of the servers.
pub fn program(name: &str) -> Command {
    Command::new(BINARIES.dir().join(name))
}

/// Without the zeros of which most of a new server's WAL consists.
fn copy(from: &Path, to: &Path) {
    let status = Command::new("cp")
        .args(["-a", "--sparse=always"])
        .arg(from)
        .arg(to)
        .status()
        .unwrap();
    assert!(status.success());
}

/// See [`Cluster::archiver`].
pub struct Archiver {
    child: Child,
    _dir: Dir,
}

impl Drop for Archiver {
    fn drop(&mut self) {
        let _ = (self.child.kill(), self.child.wait());
    }
}

pub struct Cluster {
    /// The first is the primary of the start.
    pub nodes: Vec<Server>,
    /// Of nodes in several regions.
    pub map: Option<Map>,
    _dir: Dir,
    _slot: Option<Slot>,
    /// The only client of services on it. None: they are open to everybody.
    client: Option<Client>,
}

impl Cluster {
    pub fn alone() -> Cluster {
        Self::with_replicas(0)
    }

    /// A primary of another origin: all others are copies of one template, and have its system identifier. For a test that has
    /// a cluster: it would wait for another slot while it holds one.
    pub fn unrelated() -> Cluster {
        let dir = Dir::new("cluster");
        Cluster {
            nodes: vec![migrated(dir.path())],
            map: None,
            _dir: dir,
            _slot: None,
            client: None,
        }
    }

    /// Another primary of the same origin. For a test that has a cluster.
    pub fn twin() -> Cluster {
        Self::new(0, None)
    }

    /// A primary and one replica, which streams.
    pub fn pair() -> Cluster {
        Self::with_replicas(1)
    }

    pub fn with_replicas(replicas: usize) -> Cluster {
        let slot = Slot::wait(replicas.max(1));
        Self::new(replicas, Some(slot))
    }

    /// The shared one, which does not count among those that run at a time. Its services have a client with an owner of its own, and
    /// whatever that client creates another owner has too: with the same id, key and anchor id, and other contents. So each test of
    /// the API also tests that an owner sees nothing of another.
    pub(super) fn shared() -> Cluster {
        let mut cluster = Self::new(1, None);
        sql(cluster.primary(), include_str!("twins.sql"));
        cluster.client = Some(TENANT);
        cluster
    }

    fn new(replicas: usize, slot: Option<Slot>) -> Cluster {
        let names: Vec<String> = std::iter::once("primary".to_owned())
            .chain((1..=replicas).map(|i| format!("replica-{i}")))
            .collect();
        let cluster = Self::stopped(&names, slot);
        cluster.start();
        cluster
    }

    /// A primary and a standby in one region, and a standby in each of two others. A commit waits for one in another region than its
    /// primary's, whichever node that is, and a crash loses nothing.
    pub fn in_regions() -> Cluster {
        let names = NODES.map(|(name, _)| name.to_owned());
        let mut cluster = Self::stopped(&names, Some(Slot::wait(NODES.len())));
        cluster.map = Some(Map::of(&cluster.nodes));
        cluster.start();
        cluster.make_durable();
        for (node, (_, here)) in NODES.into_iter().enumerate() {
            let others = NODES.iter().filter(|(_, region)| *region != here);
            let others: Vec<String> = others.map(|(name, _)| format!("\"{name}\"")).collect();
            let names = format!("ANY 1 ({})", others.join(", "));
            cluster.nodes[node]
                .reload(&[("synchronous_standby_names", &names)])
                .unwrap();
            cluster.until_set(&cluster.nodes[node], "synchronous_standby_names", &names);
        }
        cluster
    }

    fn stopped(names: &[String], slot: Option<Slot>) -> Cluster {
        let dir = Dir::new("cluster");
        copy(&TEMPLATE.path().join("passwords"), dir.path());
        names
            .iter()
            .for_each(|name| copy(&TEMPLATE.path().join("primary"), &dir.path().join(name)));
        let home = open(dir.path());
        let nodes = names.iter().map(|name| Server::open(&home, name).unwrap());
        Cluster {
            nodes: nodes.collect(),
            map: None,
            _dir: dir,
            _slot: slot,
            client: None,
        }
    }

    fn start(&self) {
        self.primary().start().unwrap();
        for standby in 1..self.nodes.len() {
            self.follow(standby, 0);
            self.nodes[standby].start().unwrap();
        }
        self.until_streaming(self.primary(), self.nodes.len() - 1);
    }

    /// From now on, over the distance that is between them.
    pub fn follow(&self, standby: usize, primary: usize) {
        let source = &self.nodes[primary];
        let port = match &self.map {
            Some(map) => map.port(NODES[standby].1, primary, source),
            None => source.port(),
        };
        self.nodes[standby].follow_port(port).unwrap();
    }

    /// From now on the standby is this far from the primary, as long as the cable is there.
    pub fn follow_over(&self, round_trip: Duration) -> Distance {
        let cable = Distance::before(self.primary().port(), round_trip).unwrap();
        self.replica().follow_port(cable.port()).unwrap();
        let far = format!("port={}", cable.port());
        eventually(s(10), "the standby streams over the distance", || {
            let from = "SELECT coalesce((SELECT conninfo FROM pg_stat_wal_receiver WHERE status = 'streaming'), '') AS value";
            ask(self.replica(), from).contains(&far)
        });
        cable
    }

    pub fn until_set(&self, server: &Server, setting: &str, value: &str) {
        let shown = format!("SELECT current_setting('{setting}') AS value");
        eventually(s(5), "the setting is in force", || {
            ask(server, &shown) == value
        });
    }

    /// Connection strings of the service's user of one region, in the order of the nodes.
    pub fn urls_from(&self, region: Region) -> Vec<String> {
        let map = self.map.as_ref().unwrap();
        let nodes = self.nodes.iter().enumerate();
        nodes
            .map(|(node, server)| map.url(region, node, server))
            .collect()
    }

    pub fn primary(&self) -> &Server {
        &self.nodes[0]
    }

    pub fn replica(&self) -> &Server {
        &self.nodes[1]
    }

    /// `pg_receivewal`, which confirms what it has flushed like a standby does. It ends with what is returned.
    pub fn archiver(&self) -> Archiver {
        self.archiver_of(self.primary())
    }

    pub fn archiver_of(&self, primary: &Server) -> Archiver {
        let dir = Dir::new("archive");
        let child = program("pg_receivewal")
            .args(["--synchronous", "--no-loop", "-d"])
            .arg(primary.url(User::Superuser))
            .arg("-D")
            .arg(dir.path())
            .spawn()
            .unwrap();
        Archiver { child, _dir: dir }
    }

    pub fn until_streaming(&self, primary: &Server, standbys: usize) {
        let streaming =
            "SELECT count(*)::text AS value FROM pg_stat_replication WHERE state = 'streaming'";
        eventually(s(20), "the standbys stream", || {
            ask(primary, streaming) == standbys.to_string()
        });
    }

    /// Connection strings of the service's user, in the order of the nodes.
    pub fn urls(&self) -> Vec<String> {
        self.nodes
            .iter()
            .map(|node| node.url(User::Application))
            .collect()
    }

    /// A proxy before each node, and the connection strings through them.
    pub fn proxies(&self) -> (Vec<Proxy>, Vec<String>) {
        self.nodes.iter().map(Proxy::before).unzip()
    }

    /// A service on this cluster, ready to be started.
    pub fn launch(&self) -> Launch {
        let launch = Launch::on(self.urls());
        match self.client {
            Some(client) => launch.for_clients(&[client]).asked_by(client),
            None => launch,
        }
    }

    /// A crash loses nothing, which tests as a rule can do without.
    pub fn make_durable(&self) {
        for node in &self.nodes {
            node.reload(&[("fsync", "on")]).unwrap();
            self.until_set(node, "fsync", "on");
        }
    }

    /// No commit of the primary waits for a standby from now on.
    pub fn make_asynchronous(&self) {
        let nobody = [("synchronous_standby_names", "")];
        self.primary().reload(&nobody).unwrap();
    }

    /// A commit waits for a standby from now on.
    pub fn make_synchronous(&self) {
        self.make_synchronous_with("*");
    }

    /// A commit waits for one of these standbys from now on.
    pub fn make_synchronous_with(&self, standbys: &str) {
        let names = format!("ANY 1 ({standbys})");
        for node in &self.nodes {
            node.reload(&[("synchronous_standby_names", &names)])
                .unwrap();
        }
        self.until_set(self.primary(), "synchronous_standby_names", &names);
    }
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = Text)]
    value: String,
}

fn connect(server: &Server) -> PgConnection {
    PgConnection::establish(&server.url(User::Superuser)).unwrap()
}

/// Statements of the superuser.
#[track_caller]
pub fn sql(server: &Server, statements: &str) {
    connect(server).batch_execute(statements).unwrap();
}

/// The one `value` (text) that a question of the superuser is answered with.
#[track_caller]
pub fn ask(server: &Server, question: &str) -> String {
    diesel::sql_query(question)
        .get_result::<Row>(&mut connect(server))
        .unwrap()
        .value
}

/// When a question of the superuser, asked again and again on one connection, was first answered so.
#[track_caller]
pub fn when(server: &Server, question: &str, answer: &str) -> Instant {
    let mut connection = connect(server);
    eventually(s(30), question, || {
        let row: Row = diesel::sql_query(question)
            .get_result(&mut connection)
            .unwrap();
        row.value == answer
    });
    Instant::now()
}

/// The `value` (text) of every row.
#[track_caller]
pub fn ask_all(server: &Server, question: &str) -> Vec<String> {
    let rows: Vec<Row> = diesel::sql_query(question)
        .load(&mut connect(server))
        .unwrap();
    rows.into_iter().map(|row| row.value).collect()
}
