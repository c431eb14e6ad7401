//! How long after a promotion is the first write acknowledged? Measured on a private primary and standby with synchronous replication,
//! in the same run and at the same promotions, for two clients with the same load:
//!
//! * the service, as a process of its own, with its default settings;
//! * a peer: r2d2 over Diesel, one libpq URL naming both hosts (`target_session_attrs=read-write`), repeating what fails.
//!
//! The peer inserts one row where the service inserts three, and its pool gives up a checkout after 2 s instead of 30, which also
//! bounds r2d2's pause between attempts to connect to 1 s: both in the peer's favour.
#![allow(clippy::disallowed_methods, reason = "conditions are polled, and the peer's pool is the peer's")]

use clap::Parser;
use diesel::pg::PgConnection;
use diesel::r2d2::{ConnectionManager, Pool};
use diesel::sql_types::{Bool, Text};
use diesel::{Connection, QueryableByName, RunQueryDsl, sql_query};
use std::error::Error;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::{Duration, Instant};
use synapse_core::embedded::{Binaries, Durability, Home, Server, StopMode, User};
use ureq::Agent;

type Outcome<T> = Result<T, Box<dyn Error>>;

/// Between two requests of one client: the load shall not be what is measured.
const PACE: Duration = Duration::from_millis(10);
/// A client that finds no primary within this time of the promotion is said to have found none.
const PATIENCE: Duration = Duration::from_secs(15);
const READERS: usize = 2;
const TARGET_MS: f64 = 100.0;

/// Measures the time from the end of a promotion to the first acknowledged write, for the service and for a plain libpq pool.
///
/// Exit status 1 where a write or a read of the service failed.
#[derive(Parser)]
#[command(name = "failover_window")]
struct Args {
    /// Promotions to measure
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Threads that write to the service, and as many to the peer
    #[arg(long, default_value_t = 8)]
    writers: usize,
    /// A planned switchover: the primary is stopped in order instead of killed
    #[arg(long, conflicts_with = "freeze")]
    switchover: bool,
    /// The primary stops answering but keeps its connections (SIGSTOP), as a hanging machine does
    #[arg(long)]
    freeze: bool,
    /// How long there is no primary before the promotion begins, milliseconds [default: 1000, at a switchover 0]
    #[arg(long)]
    outage_ms: Option<u64>,
}

impl Args {
    fn outage(&self) -> Duration {
        Duration::from_millis(self.outage_ms.unwrap_or(if self.switchover { 0 } else { 1000 }))
    }
}

fn main() -> ExitCode {
    // The service is this program again, so that what is measured is never an older build.
    if std::env::args().nth(1).is_some_and(|argument| argument == "serve") {
        return synapse_core::cli::main();
    }
    match run(&Args::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("failover_window: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> Outcome<bool> {
    let dir = tempdir()?;
    let home = Home::open(dir.path(), Binaries::find(None, None, &dir.path().join("bin"))?, Durability::Fast)?;
    let mut primary = Server::init(&home, "primary")?;
    primary.start()?;
    let mut standby = Server::standby_of(&primary, "replica-1")?;
    stream(&primary, &standby)?;
    sql_query("CREATE TABLE peer (id bigserial PRIMARY KEY, account text, amount numeric, asset text)")
        .execute(&mut connect(&primary, User::Application)?)?;
    let service = Service::start(&primary, &standby, dir.path())?;
    service.wait_until_healthy()?;

    let load = Load::start(args.writers, &service.url, peer_pool(&primary, &standby)?);
    let mut report = Report::default();
    for round in 1..=args.rounds {
        let seen = fail_over(args, &primary, &standby, &load)?;
        (primary, standby) = (standby, primary);
        standby.rebuild_to_follow(&primary)?;
        stream(&primary, &standby)?;
        service.wait_until_healthy()?;
        report.add(round, &seen);
    }
    let rest = load.stop();
    report.count(&rest);
    Ok(report.print(args))
}

/// Starts the standby, and makes commits wait for it once it streams.
fn stream(primary: &Server, standby: &Server) -> Outcome<()> {
    standby.reload(&[("synchronous_standby_names", "")])?;
    standby.start()?;
    primary.reload(&[("synchronous_standby_names", "*")])?;
    let mut connection = connect(primary, User::Superuser)?;
    let question = "SELECT EXISTS (SELECT FROM pg_stat_replication WHERE sync_state = 'sync') AS yes";
    wait_until("the standby is synchronous", || Ok(is_true(&mut connection, question)?))
}

/// What was seen of one promotion.
struct Seen {
    /// From the loss of the primary to the end of the promotion.
    outage: Duration,
    promoted: Instant,
    requests: Vec<Request>,
}

fn fail_over(args: &Args, primary: &Server, standby: &Server, load: &Load) -> Outcome<Seen> {
    thread::sleep(Duration::from_secs(1)); // of undisturbed load
    let mut connection = connect(standby, User::Application)?;
    let lost = Instant::now();
    match (args.switchover, args.freeze) {
        (true, _) => primary.stop(StopMode::Fast)?,
        (_, true) => primary.freeze(),
        _ => primary.kill()?,
    }
    thread::sleep(args.outage());
    // There is no other standby: nobody is left to acknowledge what the old primary still writes.
    let watch = thread::spawn(move || end_of_promotion(&mut connection));
    standby.promote()?;
    let promoted = watch.join().map_err(|_| "the watcher panicked")??;
    let mut requests = Vec::new();
    let found = |requests: &[Request], client| first_write(requests, client, promoted).is_some();
    while promoted.elapsed() < PATIENCE && !(found(&requests, Client::Service) && found(&requests, Client::Peer)) {
        thread::sleep(Duration::from_millis(10));
        requests.extend(load.done.try_iter());
    }
    Ok(Seen { outage: promoted - lost, promoted, requests })
}

fn end_of_promotion(standby: &mut PgConnection) -> diesel::QueryResult<Instant> {
    while is_true(standby, "SELECT pg_is_in_recovery() AS yes")? {
        thread::sleep(Duration::from_micros(200));
    }
    Ok(Instant::now())
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Client {
    Service,
    Peer,
    Reader,
}

/// From its first attempt until it succeeded.
struct Request {
    client: Client,
    begun: Instant,
    ended: Instant,
    failures: u32,
}

/// The watcher may learn of the promotion a moment after the first write.
fn first_write(requests: &[Request], client: Client, promoted: Instant) -> Option<Duration> {
    let after = |request: &&Request| request.client == client && request.ended + Duration::from_millis(5) > promoted;
    requests.iter().filter(after).map(|request| request.ended.saturating_duration_since(promoted)).min()
}

struct Load {
    stop: Arc<AtomicBool>,
    threads: Vec<thread::JoinHandle<()>>,
    done: Receiver<Request>,
}

impl Load {
    fn start(writers: usize, url: &str, pool: Pool<ConnectionManager<PgConnection>>) -> Load {
        let stop = Arc::new(AtomicBool::new(false));
        let (send, done) = mpsc::channel();
        let mut threads = Vec::new();
        let mut spawn = |client, attempt: Box<dyn Fn(&str) -> bool + Send>| {
            let (stop, send, name) = (stop.clone(), send.clone(), threads.len());
            threads.push(thread::spawn(move || repeat(client, name, &stop, &send, &*attempt)));
        };
        for _ in 0..writers {
            let (agent, target) = (agent(), format!("{url}/transactions"));
            spawn(Client::Service, Box::new(move |key| post(&agent, &target, key)));
            let pool = pool.clone();
            spawn(Client::Peer, Box::new(move |_| insert(&pool)));
        }
        for _ in 0..READERS {
            let (agent, target) = (agent(), format!("{url}/transactions?limit=5"));
            spawn(Client::Reader, Box::new(move |_| agent.get(&target).call().is_ok()));
        }
        Load { stop, threads, done }
    }

    fn stop(self) -> Vec<Request> {
        self.stop.store(true, Ordering::Relaxed);
        self.threads.into_iter().for_each(|thread| thread.join().unwrap_or_else(|_| eprintln!("a client panicked")));
        self.done.try_iter().collect()
    }
}

fn repeat(client: Client, name: usize, stop: &AtomicBool, done: &Sender<Request>, attempt: &dyn Fn(&str) -> bool) {
    for number in 0.. {
        let (key, begun, mut failures) = (format!("window-{name}-{number}"), Instant::now(), 0);
        while !attempt(&key) {
            failures += 1;
            thread::sleep(PACE);
        }
        let _ = done.send(Request { client, begun, ended: Instant::now(), failures });
        if stop.load(Ordering::Relaxed) {
            return;
        }
        thread::sleep(PACE);
    }
}

fn agent() -> Agent {
    Agent::config_builder().timeout_global(Some(Duration::from_secs(30))).build().into()
}

fn post(agent: &Agent, url: &str, key: &str) -> bool {
    let body =
        r#"{"stellar_account":"GA7QYNF7SOWQ3GLR2BGMZEHXAVIRZA4KVWLTJJFC7MGXUA74P7UJVSGZ","amount":"1.50","asset_code":"USDC"}"#;
    agent.post(url).header("Idempotency-Key", key).content_type("application/json").send(body).is_ok()
}

fn insert(pool: &Pool<ConnectionManager<PgConnection>>) -> bool {
    let account = "GA7QYNF7SOWQ3GLR2BGMZEHXAVIRZA4KVWLTJJFC7MGXUA74P7UJVSGZ";
    let statement = sql_query("INSERT INTO peer (account, amount, asset) VALUES ($1, 1.50, 'USDC')").bind::<Text, _>(account);
    pool.get().is_ok_and(|mut connection| statement.execute(&mut connection).is_ok())
}

fn peer_pool(a: &Server, b: &Server) -> Outcome<Pool<ConnectionManager<PgConnection>>> {
    let url = url::Url::parse(&a.url(User::Application))?;
    let (user, password) = (url.username(), url.password().unwrap_or_default());
    let conninfo = format!(
        "host=127.0.0.1,127.0.0.1 port={},{} user={user} password={password} dbname=synapse target_session_attrs=read-write \
         connect_timeout=2",
        a.port(),
        b.port()
    );
    let builder = Pool::builder().max_size(10).connection_timeout(Duration::from_secs(2));
    Ok(builder.build(ConnectionManager::new(conninfo))?)
}

struct Service {
    child: Child,
    url: String,
    log: PathBuf,
}

impl Service {
    fn start(primary: &Server, standby: &Server, dir: &Path) -> Outcome<Service> {
        let address = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let log = dir.join("service.log");
        let child = Command::new(std::env::current_exe()?)
            .arg("serve")
            .current_dir(dir)
            .env("DATABASE_URL", primary.url(User::Application))
            .env("DATABASE_REPLICA_URL", standby.url(User::Application))
            .env("SYNAPSE__SERVER__BIND", address.to_string())
            .stderr(File::create(&log)?)
            .spawn()?;
        Ok(Service { child, url: format!("http://{address}"), log })
    }

    fn wait_until_healthy(&self) -> Outcome<()> {
        let (agent, url) = (agent(), format!("{}/health", self.url));
        let healthy = wait_until("the service is healthy", || Ok(agent.get(&url).call().is_ok()));
        healthy.map_err(|error| format!("{error}; its log:\n{}", std::fs::read_to_string(&self.log).unwrap_or_default()).into())
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        if let Err(error) = self.child.kill().and_then(|()| self.child.wait()) {
            eprintln!("cannot end the service: {error}");
        }
    }
}

#[derive(Default)]
struct Report {
    service: Figures,
    peer: Figures,
    reads: Figures,
}

#[derive(Default)]
struct Figures {
    windows_ms: Vec<f64>,
    requests: usize,
    failures: u32,
    longest: Duration,
}

impl Report {
    fn add(&mut self, round: usize, seen: &Seen) {
        self.count(&seen.requests);
        let ms = |client| first_write(&seen.requests, client, seen.promoted).unwrap_or(PATIENCE).as_secs_f64() * 1000.0;
        let (service, peer) = (ms(Client::Service), ms(Client::Peer));
        self.service.windows_ms.push(service);
        self.peer.windows_ms.push(peer);
        let outage = seen.outage.as_millis();
        println!("round {round}: no primary for {outage} ms, then the service {service:.1} ms, the peer {peer:.1} ms");
    }

    fn count(&mut self, requests: &[Request]) {
        for request in requests {
            let figures = match request.client {
                Client::Service => &mut self.service,
                Client::Peer => &mut self.peer,
                Client::Reader => &mut self.reads,
            };
            figures.requests += 1;
            figures.failures += request.failures;
            figures.longest = figures.longest.max(request.ended - request.begun);
        }
    }

    /// Whether no request of the service failed.
    fn print(&mut self, args: &Args) -> bool {
        let how = match (args.switchover, args.freeze) {
            (true, _) => "stopped in order",
            (_, true) => "frozen",
            _ => "killed",
        };
        println!(
            "\n{} rounds, {} writers each, the primary {how}; milliseconds from the end of the promotion",
            args.rounds, args.writers
        );
        println!("{:<16}{:>9}{:>9}{:>9}{:>10}{:>10}{:>13}", "", "min", "median", "max", "requests", "failed", "longest ms");
        self.service.print("service writes");
        self.peer.print("peer writes");
        self.reads.print("service reads");
        let (service, peer) = (median(&self.service.windows_ms), median(&self.peer.windows_ms));
        println!("ratio of the medians, peer to service: {:.1}", peer / service.max(0.1));
        println!("target, median of the service under {TARGET_MS} ms: {}", if service < TARGET_MS { "met" } else { "missed" });
        self.service.failures + self.reads.failures == 0
    }
}

impl Figures {
    fn print(&mut self, name: &str) {
        self.windows_ms.sort_by(f64::total_cmp);
        let windows = match &self.windows_ms[..] {
            [] => format!("{:>9}{:>9}{:>9}", "-", "-", "-"),
            all => format!("{:>9.1}{:>9.1}{:>9.1}", all[0], median(all), all[all.len() - 1]),
        };
        println!("{name:<16}{windows}{:>10}{:>10}{:>13}", self.requests, self.failures, self.longest.as_millis());
    }
}

fn median(sorted: &[f64]) -> f64 {
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}

#[derive(QueryableByName)]
struct Answer {
    #[diesel(sql_type = Bool)]
    yes: bool,
}

fn is_true(connection: &mut PgConnection, question: &str) -> diesel::QueryResult<bool> {
    sql_query(question).get_result::<Answer>(connection).map(|answer| answer.yes)
}

fn connect(server: &Server, user: User) -> Outcome<PgConnection> {
    Ok(PgConnection::establish(&server.url(user))?)
}

fn wait_until(what: &str, mut condition: impl FnMut() -> Outcome<bool>) -> Outcome<()> {
    let end = Instant::now() + Duration::from_secs(60);
    while !condition()? {
        if Instant::now() > end {
            return Err(format!("waited in vain until {what}").into());
        }
        thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

/// In memory where there is some: the disk is not what is measured.
fn tempdir() -> std::io::Result<tempfile::TempDir> {
    let memory = Path::new("/dev/shm");
    let base = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
    tempfile::Builder::new().prefix("synapse-window-").tempdir_in(base)
}
