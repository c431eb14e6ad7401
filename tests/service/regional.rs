//! Nodes in several regions: which of them answers, and what a client may ask of the way there.

use crate::support::proxy::{Mode, Proxy};
use crate::support::wait::{ms, s};
use crate::support::{Answer, App, Cluster, Launch, eventually, key, minimal, sql};
use private_postgres::StopMode;

/// A service on these nodes, in these regions and in its own.
pub fn in_regions(urls: Vec<String>, regions: &[&str], own: &str) -> Launch {
    let (primary, replicas) = (&urls[0], &urls[1..]);
    let replicas: Vec<String> = replicas
        .iter()
        .zip(&regions[1..])
        .map(|(url, region)| format!("{{ url = {url:?}, region = {region:?} }}"))
        .collect();
    Launch::on([primary.clone()])
        .text("database.primary.region", regions[0])
        .set("database.replicas", format!("[{}]", replicas.join(", ")))
        .text("server.region", own)
}

pub fn delayed(proxy: &Proxy, by: std::time::Duration) {
    proxy.set(Mode::Delay(by));
}

pub fn region(answer: &Answer) -> &str {
    answer.header("X-Served-By-Region")
}

/// Seen to be far or near by probes.
pub fn until_rtt(app: &App, node: usize, is: impl Fn(f64) -> bool) {
    eventually(s(20), "the round trip is known", || {
        let status = app.get("/status").json();
        status["nodes"][node]["rtt_ms"].as_f64().is_some_and(&is)
    });
}

#[test]
fn a_read_is_answered_in_its_region_and_then_in_the_nearest_other_one() {
    let cluster = Cluster::with_replicas(2);
    let (proxies, urls) = cluster.proxies();
    delayed(&proxies[2], ms(40));
    let app = in_regions(urls, &["eu", "eu", "us"], "eu").healthy();
    until_rtt(&app, 2, |rtt| rtt > 30.0);
    let created = app.create(&minimal()).expect(201);
    assert_eq!(region(&created), "eu");
    // Two, and those that were wanted before these were there.
    let open = |node: usize| {
        let status = app.get("/status").json();
        status["nodes"][node]["pool"]["open"].as_u64().unwrap()
    };
    eventually(s(10), "all are open nearby, and some far away", || {
        open(0) == 10 && open(1) == 10 && open(2) >= 2
    });
    assert!(open(2) < 5, "{} are open far away", open(2));
    let path = format!("/transactions/{}", created.text_at("/id"));
    let read = || app.get(&path);
    eventually(s(5), "the replica beside it has it", || {
        let answer = read();
        answer.status == 200 && answer.served_by() == "replica" && region(&answer) == "eu"
    });
    cluster.nodes[1].stop(StopMode::Fast).unwrap();
    eventually(
        s(5),
        "the primary here comes before a replica far away",
        || {
            let answer = read().expect(200);
            answer.served_by() == "primary" && region(&answer) == "eu"
        },
    );
    cluster.primary().stop(StopMode::Fast).unwrap();
    eventually(s(10), "the next region answers", || {
        let answer = read();
        answer.status == 200 && answer.served_by() == "replica" && region(&answer) == "us"
    });
}

#[test]
fn times_below_the_round_trip_are_an_error_of_the_settings() {
    let cluster = Cluster::pair();
    let (proxies, urls) = cluster.proxies();
    delayed(&proxies[1], ms(150));
    let times = [
        ("database.write_deadline_ms", 250),
        ("database.attempt_timeout_ms", 250),
        ("database.probe_timeout_ms", 200),
    ];
    let set = |launch: Launch, (key, value): &(&str, u32)| launch.set(key, value);
    let output = times.iter().fold(Launch::on(urls), set).run(&["check"]);
    let output = output.expect(1);
    for (key, value) in times {
        let told = format!("{key} = {value} is too short: node-2 answers after ");
        assert!(output.stdout.contains(&told), "{output:#?}");
    }
}

#[test]
fn bounds_are_whole_milliseconds_and_not_below_the_round_trip() {
    let cluster = Cluster::pair();
    let (proxies, urls) = cluster.proxies();
    let app = Launch::on(urls).healthy();
    let created = app.create(&minimal()).expect(201);
    let path = format!("/transactions/{}", created.text_at("/id"));
    for name in ["X-Max-Staleness-Ms", "X-Deadline-Ms"] {
        for value in ["0", "-1", "1.5", "+5", "soon", "", "99999999999999999999"] {
            app.get_with(&path, &[(name, value)])
                .problem(400, "invalid_parameter");
        }
        app.get_with(&path, &[(name, "9000"), (name, "9000")])
            .problem(400, "invalid_parameter");
    }
    delayed(&proxies[1], ms(60));
    until_rtt(&app, 1, |rtt| rtt > 100.0);
    eventually(s(5), "the primary, which is near, answers in time", || {
        app.get_with(&path, &[("X-Deadline-Ms", "90")]).status == 200
    });
    delayed(&proxies[0], ms(60));
    until_rtt(&app, 0, |rtt| rtt > 100.0);
    let too_tight = |answer: Answer, name: &str| {
        let answer = answer.problem(400, "invalid_parameter");
        let detail = answer.text_at("/detail");
        assert!(
            detail.starts_with(name) && detail.contains("round trip"),
            "{detail}"
        );
    };
    let staleness = [("X-Max-Staleness-Ms", "50")];
    too_tight(app.get_with(&path, &staleness), "X-Max-Staleness-Ms");
    let strong = [("X-Read-Consistency", "strong"), ("X-Deadline-Ms", "50")];
    too_tight(app.get_with(&path, &strong), "X-Deadline-Ms");
    let (key, of_a_read) = (key(), key());
    let irrelevant = [("Idempotency-Key", &*of_a_read), staleness[0]];
    app.create_with(&irrelevant, &minimal()).expect(201);
    let deadline = [("Idempotency-Key", &*key), ("X-Deadline-Ms", "50")];
    too_tight(app.create_with(&deadline, &minimal()), "X-Deadline-Ms");
    let created = app.create_keyed(&key, &minimal()).expect(201);
    assert_eq!(
        created.header("Idempotent-Replayed"),
        "false",
        "what was refused was not stored"
    );
}

#[test]
fn a_write_waits_for_a_primary_as_long_as_its_client_says() {
    let cluster = Cluster::pair();
    let app = cluster
        .launch()
        .set("database.write_deadline_ms", 60_000)
        .healthy();
    cluster.primary().stop(StopMode::Fast).unwrap();
    eventually(s(5), "the loss is known", || {
        app.get("/health").status == 503
    });
    let key = key();
    let headers = [("Idempotency-Key", &*key), ("X-Deadline-Ms", "700")];
    let start = std::time::Instant::now();
    app.create_with(&headers, &minimal())
        .problem(503, "primary_unavailable");
    let took = start.elapsed();
    assert!(took >= ms(600) && took < s(20), "{took:?}");
    cluster.primary().start().unwrap();
    app.until_healthy(s(20));
    let created = app.create_keyed(&key, &minimal()).expect(201);
    assert_eq!(created.header("Idempotent-Replayed"), "false");
}

#[test]
fn a_token_is_waited_for_where_that_is_quicker_than_the_way_to_the_primary() {
    let cluster = Cluster::pair();
    let (proxies, urls) = cluster.proxies();
    let app = in_regions(urls, &["eu", "us"], "us").healthy();
    delayed(&proxies[0], ms(150));
    until_rtt(&app, 0, |rtt| rtt > 250.0);
    let served_by = || {
        let created = app.create(&minimal()).expect(201);
        let path = format!("/transactions/{}", created.text_at("/id"));
        let token = created.header("X-Consistency-Token");
        let answer = app.get_with(&path, &[("X-Consistency-Token", token)]);
        answer.expect(200).served_by().to_owned()
    };
    // Each create takes a way of 300 ms, in which the replica has long had it.
    eventually(s(20), "the replica answers", || served_by() == "replica");
    sql(cluster.replica(), "SELECT pg_wal_replay_pause()");
    assert_eq!(
        served_by(),
        "primary",
        "it has not come, so the primary answers"
    );
}

/// Each round trip takes 330 ms, and a new connection seven of them here, without TLS.
#[test]
fn a_node_that_is_very_far_away_can_be_used() {
    let cluster = Cluster::alone();
    let (proxies, urls) = cluster.proxies();
    delayed(&proxies[0], ms(165));
    let app = Launch::on(urls)
        .set("database.probe_timeout_ms", 3000)
        .set("database.write_deadline_ms", 30_000)
        .set("database.attempt_timeout_ms", 10_000)
        .start();
    eventually(s(60), "it is used", || app.get("/health").status == 200);
    app.create(&minimal()).expect(201);
}
