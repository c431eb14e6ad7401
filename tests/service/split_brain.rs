//! More than one server would take writes, or a promotion lost some.

use crate::support::proxy::Proxy;
use crate::support::wait::s;
use crate::support::{App, Cluster, Launch, ask, eventually, key, minimal, sql};
use private_postgres::{StopMode, User};

fn on(clusters: [&Cluster; 2]) -> Launch {
    Launch::on(clusters.map(|cluster| cluster.primary().url(User::Application)))
}

#[track_caller]
fn until_writes_are(app: &App, state: &str) {
    eventually(s(3), "what it says of writes", || {
        app.get("/status").json()["writes"] == state
    });
}

fn rows(cluster: &Cluster) -> String {
    ask(
        cluster.primary(),
        "SELECT count(*)::text AS value FROM transactions",
    )
}

/// Nothing is written while both are there; each of them alone is good enough.
fn refuses_until_one_is_gone(app: &App, one: &Cluster, other: &Cluster) {
    until_writes_are(app, "refused");
    let key = key();
    let before = (rows(one), rows(other));
    let refused = app
        .create_keyed(&key, &minimal())
        .problem(503, "split_brain");
    assert_eq!(refused.json()["outcome"], "not_applied");
    assert_eq!((rows(one), rows(other)), before);
    assert_eq!(
        app.get("/health").expect(503).json()["db_primary"],
        "disconnected"
    );
    other.primary().stop(StopMode::Fast).unwrap();
    until_writes_are(app, "available");
    assert_eq!(
        app.create_keyed(&key, &minimal())
            .expect(201)
            .header("Idempotent-Replayed"),
        "false"
    );
}

#[test]
fn two_writable_nodes_of_one_history_get_no_writes_until_one_is_gone() {
    let (one, other) = (Cluster::alone(), Cluster::twin());
    let app = on([&one, &other]).start();
    refuses_until_one_is_gone(&app, &one, &other);
    other.primary().start().unwrap();
    until_writes_are(&app, "refused");
    app.create(&minimal()).problem(503, "split_brain");
    // It has nothing of what was written since, and nobody follows it: a failover would have raised the timeline.
    one.primary().stop(StopMode::Fast).unwrap();
    until_writes_are(&app, "held");
    assert_eq!(rows(&other), "0");
    other.primary().stop(StopMode::Fast).unwrap();
    one.primary().start().unwrap();
    until_writes_are(&app, "available");
    app.create(&minimal()).expect(201);
}

#[test]
fn two_writable_nodes_of_unrelated_histories_get_no_writes_until_one_is_gone() {
    let (one, stranger) = (Cluster::alone(), Cluster::unrelated());
    let app = on([&one, &stranger]).start();
    refuses_until_one_is_gone(&app, &one, &stranger);
}

/// The URL of the primary is mistyped, and leads to somebody else's.
#[test]
fn a_service_that_is_started_beside_a_stranger_serves_the_cluster_of_most_nodes() {
    let (ours, stranger) = (Cluster::with_replicas(2), Cluster::unrelated());
    let urls = [
        stranger.primary().url(User::Application),
        ours.nodes[1].url(User::Application),
        ours.nodes[2].url(User::Application),
    ];
    let app = Launch::on(urls)
        .set("database.write_deadline_ms", 500)
        .start();
    let cause = |node: usize| app.get("/status").json()["nodes"][node]["cause"].clone();
    eventually(s(10), "the stranger is fenced", || {
        cause(0) == "other_cluster"
    });
    app.create(&minimal()).problem(503, "primary_unavailable");
    ours.primary().kill().unwrap();
    ours.nodes[1].promote().unwrap();
    eventually(s(10), "it writes", || app.create(&minimal()).status == 201);
    assert_eq!(rows(&stranger), "0");
}

/// The primary was set up anew as a cluster of its own, and nobody can tell which of the two is the mistake.
#[test]
fn where_no_cluster_has_more_than_half_of_the_nodes_nobody_is_elected() {
    let (ours, stranger) = (Cluster::pair(), Cluster::unrelated());
    let urls = [ours.replica(), stranger.primary()].map(|node| node.url(User::Application));
    let app = Launch::on(urls)
        .set("database.write_deadline_ms", 500)
        .start();
    let cause = |node: usize| app.get("/status").json()["nodes"][node]["cause"].clone();
    eventually(s(10), "it says so", || {
        cause(0) == "several_clusters" && cause(1) == "several_clusters"
    });
    app.create(&minimal()).problem(503, "primary_unavailable");
    app.get("/transactions").problem(503, "read_unavailable");
}

/// Its cluster is known by then: it is no rival.
#[test]
fn a_stranger_that_appears_later_gets_no_writes_and_stops_nobody() {
    let (one, stranger) = (Cluster::alone(), Cluster::unrelated());
    stranger.primary().stop(StopMode::Fast).unwrap();
    let app = on([&one, &stranger]).start();
    eventually(s(5), "it writes", || app.create(&minimal()).status == 201);
    stranger.primary().start().unwrap();
    let node = || app.get("/status").json()["nodes"][1].clone();
    eventually(s(5), "the stranger is fenced", || {
        (&node()["state"], &node()["cause"]) == (&"fenced".into(), &"other_cluster".into())
    });
    app.create(&minimal()).expect(201);
    assert_eq!(app.get("/status").json()["writes"], "available");
    one.primary().stop(StopMode::Fast).unwrap();
    until_writes_are(&app, "held");
    one.primary().start().unwrap();
    until_writes_are(&app, "available");
    assert_eq!(rows(&stranger), "0");
}

/// As where a name in DNS is changed by mistake, and corrected: the stranger lives, and whoever is connected to it stays there.
#[test]
fn a_node_is_back_when_its_address_leads_to_it_again_although_the_stranger_lives() {
    let (cluster, stranger) = (Cluster::pair(), Cluster::unrelated());
    let (proxy, url) = Proxy::before(cluster.replica());
    let (_, after_user) = url.split_once("synapse:").unwrap();
    let (password, _) = after_user.split_once('@').unwrap();
    let takes_it_too = format!("ALTER ROLE synapse PASSWORD '{password}'");
    sql(stranger.primary(), &takes_it_too);
    let app = Launch::on([cluster.primary().url(User::Application), url]).healthy();
    let until_node_is = |state: &str| {
        eventually(s(10), state, || {
            app.get("/status").json()["nodes"][1]["state"] == state
        });
    };
    proxy.lead_to(stranger.primary().port());
    proxy.reset();
    until_node_is("fenced");
    proxy.lead_to(cluster.replica().port());
    until_node_is("up");
    app.create(&minimal()).expect(201);
    assert_eq!(rows(&stranger), "0");
}

/// Asynchronous replication, and a promotion that lost a write: who holds its token finds out.
#[test]
fn the_token_of_a_write_that_a_failover_lost_is_unknown() {
    let cluster = Cluster::pair();
    let app = cluster.launch().healthy();
    let kept = app.create(&minimal()).expect(201);
    let with_token = |answer: &crate::support::Answer| {
        app.get_with(
            answer.header("Location"),
            &[("X-Consistency-Token", answer.token())],
        )
    };
    eventually(s(5), "the replica has it", || {
        with_token(&kept).served_by() == "replica"
    });
    crate::faults::operator::cut_off(cluster.replica());
    let lost = app.create(&minimal()).expect(201);
    assert_eq!(lost.header("X-Durability"), "local");
    assert_eq!(with_token(&lost).expect(200).served_by(), "primary");
    cluster.primary().kill().unwrap();
    with_token(&lost).problem(503, "consistency_unavailable");
    cluster.replica().promote().unwrap();
    app.create(&minimal()).expect(201);
    with_token(&lost).problem(409, "consistency_token_unknown");
    with_token(&kept).expect(200);
}
