//! What the environment puts in the way: long recoveries, programs that fail, files that cannot be written.

use crate::support::{
    ask, has, home, note, options, pair, programs, tell, tempdir, try_ask, wait_until,
};
use private_postgres::{Cluster, Options, Server, StopMode, User};
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

fn trusting_cluster(options: &Options) -> Cluster {
    let cluster = Cluster::start(options).unwrap();
    tell(
        cluster.primary(),
        "CREATE TABLE notes (note text PRIMARY KEY)",
    );
    wait_until("the supervisor trusts the replica", || {
        cluster.trusts_a_replica()
    });
    cluster
}

fn server<'a>(cluster: &'a Cluster, name: &str) -> &'a Server {
    cluster
        .servers()
        .find(|server| server.name() == name)
        .unwrap()
}

/// Counts the notes that a start is still going on.
struct Notes(AtomicU64);

static NOTES: Notes = Notes(AtomicU64::new(0));

impl log::Log for Notes {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        if record.args().to_string().contains("is still starting") {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn flush(&self) {}
}

#[test]
#[ignore = "takes longer than the minute in which a silent server must start: cargo test -p private-postgres recovery -- --ignored"]
fn a_recovery_that_takes_longer_than_a_minute_is_waited_for() {
    log::set_logger(&NOTES).unwrap();
    log::set_max_level(log::LevelFilter::Info);
    let dir = tempdir();
    let home = home(dir.path());
    let server = Server::init(&home, "primary").unwrap();
    let until = dir.path().join("recovered");
    // A recovery asks this program for every file, and waits for its answer: there is none.
    let restore = format!(
        "while ! test -e '{}'; do sleep 0.1; done; false",
        until.display()
    );
    server.reload(&[("restore_command", &restore)]).unwrap();
    fs::write(server.data_dir().join("recovery.signal"), "").unwrap();
    std::thread::scope(|scope| {
        let start = scope.spawn(|| server.start());
        let begin = Instant::now();
        while begin.elapsed() < Duration::from_secs(65) && !start.is_finished() {
            std::thread::sleep(Duration::from_millis(100));
        }
        fs::write(&until, "").unwrap();
        start.join().unwrap().unwrap();
        assert!(begin.elapsed() > Duration::from_secs(65));
    });
    assert_eq!(ask(&server, "SELECT 'there' AS value"), "there");
    assert!(NOTES.0.load(Ordering::Relaxed) >= 6, "it was not logged");
}

/// The promotion succeeds, but is reported as a failure, and the promoted server cannot be started again.
#[test]
fn a_replica_that_may_have_been_promoted_is_the_primary_from_then_on() {
    let dir = tempdir();
    let (broken, reported) = (dir.path().join("broken"), dir.path().join("reported"));
    let postgres = format!(
        "case \"$*\" in *replica-1*) test -e '{}' && exit 1;; esac\nexec \"$REAL\" \"$@\"",
        broken.display()
    );
    let pg_ctl = format!(
        "\"$REAL\" \"$@\"; while ! test -e '{}'; do sleep 0.05; done; exit 1",
        reported.display()
    );
    let scripts = [("postgres", postgres.as_str()), ("pg_ctl", pg_ctl.as_str())];
    let cluster = trusting_cluster(&Options {
        bin_dir: Some(programs(dir.path(), &scripts)),
        ..options(dir.path(), 1)
    });
    let (old, replica) = (server(&cluster, "primary"), server(&cluster, "replica-1"));
    fs::write(&broken, "").unwrap();
    old.kill_postmaster();
    let insert = "INSERT INTO notes VALUES ('acknowledged') RETURNING note AS value";
    wait_until("the replica acknowledges a write", || {
        try_ask(&replica.url(User::Application), insert).is_ok()
    });
    fs::write(&reported, "").unwrap();
    wait_until("the promoted server was ended", || !replica.is_running());
    wait_until("it is the primary although it does not run", || {
        cluster.primary().name() == "replica-1"
    });
    assert!(!old.is_running(), "a second primary was started");
    fs::remove_file(&broken).unwrap();
    for server in cluster.servers() {
        wait_until(&format!("{} has the write", server.name()), || {
            has(server, "acknowledged")
        });
    }
    assert_eq!(cluster.primary().name(), "replica-1");
}

/// A promotion takes standby.signal away before it writes the history of the new timeline.
#[test]
fn half_a_promotion_is_done_anew_on_a_timeline_of_its_own() {
    let dir = tempdir();
    let (primary, replica) = pair(dir.path());
    primary.kill().unwrap();
    replica.kill().unwrap();
    fs::remove_file(replica.data_dir().join("standby.signal")).unwrap();
    fs::remove_dir_all(primary.data_dir()).unwrap();
    drop((primary, replica));
    let cluster = Cluster::start(&options(dir.path(), 1)).unwrap();
    assert_eq!(cluster.primary().name(), "replica-1");
    let timeline = "SELECT substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8) AS value";
    assert_eq!(
        try_ask(&cluster.primary().url(User::Superuser), timeline).unwrap(),
        "00000002"
    );
    assert!(has(cluster.primary(), "first"));
}

/// Recovered as a primary it would write into the timeline of the real one, and pg_rewind finds nothing to rewind on the same timeline: what
/// the primary wrote at that place would not fit its log.
#[test]
fn half_a_promotion_becomes_a_whole_replica_of_the_primary_that_went_on() {
    let dir = tempdir();
    let (primary, replica) = pair(dir.path());
    replica.kill().unwrap();
    note(&primary, "second");
    tell(
        &primary,
        "CREATE TABLE more AS SELECT generate_series(1, 100000)",
    );
    primary.stop(StopMode::Fast).unwrap();
    fs::remove_file(replica.data_dir().join("standby.signal")).unwrap();
    drop((primary, replica));
    let cluster = Cluster::start(&options(dir.path(), 1)).unwrap();
    assert_eq!(cluster.primary().name(), "primary");
    note(cluster.primary(), "third");
    let replica = server(&cluster, "replica-1");
    wait_until("the replica streams", || has(replica, "third"));
    assert!(has(replica, "second"));
    let log = fs::read_to_string(replica.log_file()).unwrap();
    assert!(!log.contains("incorrect prev-link"), "{log}");
}

/// Whatever stands in this place, a file cannot be written through it.
fn block_settings(data_dir: &Path) -> std::path::PathBuf {
    let part = data_dir.join("synapse.conf.part");
    fs::create_dir(&part).unwrap();
    part
}

#[test]
fn a_setting_that_could_not_be_written_is_written_as_soon_as_it_can_be() {
    let dir = tempdir();
    let cluster = trusting_cluster(&options(dir.path(), 1));
    let primary = cluster.primary();
    let block = block_settings(&primary.data_dir());
    server(&cluster, "replica-1").freeze();
    wait_until("the replica is not trusted any more", || {
        !cluster.trusts_a_replica()
    });
    let names = || {
        ask(
            primary,
            "SELECT current_setting('synchronous_standby_names') AS value",
        )
    };
    assert_eq!(names(), "\"replica-1\"", "the block does not block");
    fs::remove_dir(&block).unwrap();
    wait_until("commits do not wait any more", || names().is_empty());
    note(primary, "without a replica");
    server(&cluster, "replica-1").thaw();
    wait_until("the supervisor trusts the replica", || {
        cluster.trusts_a_replica()
    });
}

#[test]
fn a_setting_that_could_not_be_written_is_not_kept() {
    let dir = tempdir();
    let home = home(dir.path());
    let server = Server::init(&home, "primary").unwrap();
    let block = block_settings(&server.data_dir());
    server.reload(&[("work_mem", "7MB")]).unwrap_err();
    fs::remove_dir(&block).unwrap();
    server.start().unwrap();
    assert_eq!(
        ask(&server, "SELECT current_setting('work_mem') AS value"),
        "4MB"
    );
}
