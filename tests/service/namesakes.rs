//! Standbys with one name: a primary knows its standbys by name alone, so the name of a standby that counts may be that of one that does not.

use crate::durability::durability;
use crate::support::proxy::Mode;
use crate::support::wait::s;
use crate::support::{Cluster, Launch, ask, eventually, minimal};
use private_postgres::{Server, StopMode};

/// Each commit waits for both.
#[test]
fn two_standbys_with_one_name_are_two() {
    let cluster = Cluster::with_replicas(2);
    name_like_the_first_standby(&cluster, &cluster.nodes[2]);
    for node in &cluster.nodes {
        node.reload(&[("synchronous_standby_names", "ANY 2 (\"replica-1\")")])
            .unwrap();
    }
    let app = cluster.launch().healthy();
    eventually(s(5), "commits wait", || durability(&app) == "replicated");
    eventually(s(5), "writes go on", || {
        app.get("/status").json()["writes"] == "available"
    });
    let status = app.get("/status").json();
    assert_eq!(status["nodes"][1]["sync_state"], "quorum");
    app.logs("several standbys have one application_name");
}

/// The second standby.
pub fn name_like_the_first_standby(cluster: &Cluster, namesake: &Server) {
    let conninfo = ask(
        namesake,
        "SELECT current_setting('primary_conninfo') AS value",
    );
    let renamed = conninfo.replace("application_name=replica-2", "application_name=replica-1");
    assert_ne!(conninfo, renamed);
    namesake.reload(&[("primary_conninfo", &renamed)]).unwrap();
    let named = "SELECT count(*)::text AS value FROM pg_stat_replication WHERE application_name = 'replica-1' AND state = 'streaming'";
    eventually(s(10), "both have one name", || {
        ask(cluster.primary(), named) == "2"
    });
}

/// A copy for disasters, which goes on confirming when the node of its name has stopped.
#[test]
fn what_only_an_unlisted_namesake_of_a_node_has_confirmed_is_not_called_replicated() {
    let cluster = Cluster::with_replicas(2);
    let copy = &cluster.nodes[2];
    cluster.make_durable();
    name_like_the_first_standby(&cluster, copy);
    cluster.make_synchronous();
    let listed = || Launch::on(cluster.urls().into_iter().take(2));
    let app = listed().healthy();
    let strict = listed()
        .text("durability.require", "node")
        .set("database.write_deadline_ms", 1500)
        .healthy();
    let is_all_local = || (0..20).all(|_| durability(&app) == "local");
    assert!(is_all_local(), "nobody can tell which of the two it was");
    cluster.replica().kill().unwrap();
    assert!(is_all_local(), "the node has stopped");
    eventually(s(5), "the loss of the node is known", || {
        app.get("/health").status == 503
    });
    assert!(is_all_local());
    strict
        .create(&minimal())
        .problem(503, "durability_unavailable");

    copy.stop(StopMode::Fast).unwrap();
    cluster.replica().start().unwrap();
    eventually(s(10), "the node confirms", || {
        durability(&app) == "replicated"
    });
    eventually(s(10), "the other service sees that", || {
        strict.create(&minimal()).status == 201
    });
    copy.start().unwrap();
    cluster.until_streaming(cluster.primary(), 2);
    assert!(is_all_local(), "the copy has come back");
}

#[test]
fn what_a_standby_can_lose_in_a_crash_is_not_called_replicated() {
    let cluster = Cluster::pair();
    cluster.make_durable();
    cluster.make_synchronous();
    let app = cluster.launch().healthy();
    eventually(s(5), "commits wait", || durability(&app) == "replicated");
    cluster.replica().reload(&[("fsync", "off")]).unwrap();
    eventually(s(5), "it is seen", || durability(&app) == "local");
    cluster.make_durable();
    eventually(s(5), "it counts again", || durability(&app) == "replicated");
}

/// The primary knows the two by their names alone.
#[test]
fn what_a_namesake_can_lose_in_a_crash_is_not_called_replicated() {
    let cluster = Cluster::with_replicas(2);
    let namesake = &cluster.nodes[2];
    cluster.make_durable();
    name_like_the_first_standby(&cluster, namesake);
    cluster.make_synchronous();
    let app = cluster.launch().healthy();
    eventually(s(10), "commits wait", || durability(&app) == "replicated");
    let no_fsync = [("fsync", "off")];
    namesake.reload(&no_fsync).unwrap();
    eventually(s(10), "it is seen", || durability(&app) == "local");
    cluster.replica().kill().unwrap();
    for _ in 0..20 {
        assert_eq!(durability(&app), "local");
    }
    namesake.reload(&[("fsync", "on")]).unwrap();
    eventually(s(10), "it counts again", || {
        durability(&app) == "replicated"
    });
}

/// Only the service has lost sight of it: it still follows, over the same connection.
#[test]
fn a_standby_that_does_not_answer_the_service_confirms_what_it_receives() {
    let cluster = Cluster::pair();
    cluster.make_synchronous();
    let (proxies, urls) = cluster.proxies();
    let app = Launch::on(urls).healthy();
    eventually(s(5), "commits wait", || durability(&app) == "replicated");
    proxies[1].set(Mode::Silent);
    eventually(s(5), "it is down for the service", || {
        app.get("/status").json()["nodes"][1]["state"] == "down"
    });
    for _ in 0..20 {
        assert_eq!(durability(&app), "replicated");
    }
}
