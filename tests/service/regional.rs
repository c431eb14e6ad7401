//! Nodes in several regions: which of them answers a read, what a client may ask of the way there, and where a write must be.

use crate::durability::name_like_the_first_standby;
use crate::faults::regions::launch_in;
use crate::support::proxy::{Mode, Proxy};
use crate::support::wait::{ms, s};
use crate::support::{
    Answer, App, Cluster, Launch, Region, eventually, holds_for, key, minimal, sql,
};
use private_postgres::StopMode;
use serde_json::json;
use std::time::Instant;

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

fn delayed(proxy: &Proxy, by: std::time::Duration) {
    proxy.set(Mode::Delay(by));
}

fn region(answer: &Answer) -> &str {
    answer.header("X-Served-By-Region")
}

/// Seen to be far or near by probes.
fn until_rtt(app: &App, node: usize, is: impl Fn(f64) -> bool) {
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
fn a_read_that_bounds_its_staleness_is_answered_by_who_is_known_to_be_fresh() {
    let cluster = Cluster::pair();
    let app = cluster
        .launch()
        .set("database.probe_interval_ms", 100)
        .healthy();
    let created = app.create(&minimal()).expect(201);
    let path = format!("/transactions/{}", created.text_at("/id"));
    let within = |ms: &str| app.get_with(&path, &[("X-Max-Staleness-Ms", ms)]);
    eventually(s(5), "the replica is fresh enough", || {
        let answer = within("60000");
        answer.status == 200 && answer.served_by() == "replica"
    });
    sql(cluster.replica(), "SELECT pg_wal_replay_pause()");
    app.create(&minimal()).expect(201);
    eventually(
        s(10),
        "the primary answers what the replica is too late for",
        || within("1000").expect(200).served_by() == "primary",
    );
    assert_eq!(within("86400000").expect(200).served_by(), "replica");
    cluster.primary().stop(StopMode::Fast).unwrap();
    eventually(s(10), "nobody is fresh enough", || {
        within("1000").status == 503
    });
    within("1000").problem(503, "consistency_unavailable");
    within("86400000").expect(200);
}

/// That it stands still is seen by the next probe alone, half a second later.
#[test]
fn no_replica_shows_an_older_state_than_a_read_bounds_it_to() {
    let cluster = Cluster::pair();
    let app = cluster.launch().healthy();
    let created = app.create(&minimal()).expect(201);
    let path = format!("/transactions/{}", created.id());
    let bound = ms(400);
    let read = || {
        app.get_with(&path, &[("X-Max-Staleness-Ms", "400")])
            .expect(200)
    };
    for status in ["processing", "failed", "pending", "processing", "completed"] {
        let before = eventually_replicated(&read);
        sql(cluster.replica(), "SELECT pg_wal_replay_pause()");
        app.patch(
            created.text_at("/id").as_str(),
            before.header("ETag"),
            &json!({"status": status}),
        )
        .expect(200);
        let changed = Instant::now();
        holds_for(s(1), "it is as fresh as was asked", || {
            let asked = Instant::now();
            read().text_at("/status") == status || asked < changed + bound
        });
        sql(cluster.replica(), "SELECT pg_wal_replay_resume()");
    }
}

/// By the replica, which has what there is.
fn eventually_replicated(read: &impl Fn() -> Answer) -> Answer {
    let mut last = read();
    eventually(s(10), "the replica is fresh enough", || {
        last = read();
        last.served_by() == "replica"
    });
    last
}

#[test]
fn a_primary_proves_that_it_is_as_fresh_as_was_asked() {
    let cluster = Cluster::pair();
    cluster.make_synchronous();
    let app = cluster.launch().healthy();
    let created = app.create(&minimal()).expect(201);
    let path = format!("/transactions/{}", created.text_at("/id"));
    cluster.replica().kill().unwrap();
    let bounded = [("X-Max-Staleness-Ms", "60000")];
    // Its commits hang, as they would if it had been replaced.
    eventually(s(10), "nothing proves it", || {
        app.get_with(&path, &bounded).status == 503
    });
    app.get(&path).expect(200);
    cluster.replica().start().unwrap();
    app.until_healthy(s(20));
    app.get_with(&path, &bounded).expect(200);
}

/// Where commits wait for a standby, and none confirms them, the primary may have been replaced: what its other replicas show has no known age,
/// whatever is required of writes.
#[test]
fn a_replica_of_a_primary_whose_commits_hang_is_not_known_to_be_fresh() {
    let cluster = Cluster::with_replicas(2);
    cluster.make_synchronous_with("\"replica-2\"");
    let app = cluster
        .launch()
        .set("database.probe_interval_ms", 50)
        .healthy();
    let created = app.create(&minimal()).expect(201);
    let path = format!("/transactions/{}", created.id());
    let within = |ms: &str| app.get_with(&path, &[("X-Max-Staleness-Ms", ms)]);
    eventually(s(10), "a replica is fresh enough", || {
        let answer = within("5000");
        answer.status == 200 && answer.served_by() == "replica"
    });
    cluster.nodes[2].kill().unwrap();
    eventually(s(20), "nobody is known to be fresh", || {
        within("1000").status == 503
    });
    within("1000").problem(503, "consistency_unavailable");
    assert_eq!(app.get(&path).expect(200).served_by(), "replica");
    cluster.nodes[2].start().unwrap();
    app.until_healthy(s(20));
    within("1000").expect(200);
}

/// A proof is a round trip of its own, after that of the read: only its own time counts.
#[test]
fn a_proof_by_a_far_primary_makes_the_replica_here_fresh() {
    let cluster = Cluster::pair();
    cluster.make_synchronous();
    let (proxies, urls) = cluster.proxies();
    let app = Launch::on(urls)
        .set("database.probe_interval_ms", 50)
        .healthy();
    let created = app.create(&minimal()).expect(201);
    let path = format!("/transactions/{}", created.id());
    delayed(&proxies[0], ms(80));
    until_rtt(&app, 0, |rtt| rtt > 150.0);
    // Two round trips take longer.
    let bound = [("X-Max-Staleness-Ms", "300")];
    eventually(s(30), "the replica answers after a proof", || {
        let answer = app.get_with(&path, &bound);
        answer.status == 200 && answer.served_by() == "replica"
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
fn where_another_region_must_have_a_write_one_here_is_not_enough() {
    let cluster = Cluster::with_replicas(2);
    cluster.make_durable();
    cluster.make_synchronous_with("\"replica-1\"");
    let regions = ["eu", "eu", "us"];
    let launch = || {
        in_regions(cluster.urls(), &regions, "eu")
            .text("durability.require", "region")
            .set("database.write_deadline_ms", 1500)
    };
    let app = launch().start();
    eventually(s(10), "it is known what commits wait for", || {
        app.get("/status").json()["writes"] == "refused"
    });
    let key = key();
    let refused = app
        .create_keyed(&key, &minimal())
        .problem(503, "durability_unavailable");
    assert_eq!(refused.json()["outcome"], "not_applied");
    let output = launch().run(&["check"]).expect(1);
    let advice = r#"ANY 1 ("replica-2")"#;
    assert!(output.stdout.contains(advice), "{output:#?}");

    cluster.make_synchronous_with("\"replica-2\"");
    // For when the other region has the primary.
    let of_the_others = [("synchronous_standby_names", "primary")];
    cluster.nodes[2].reload(&of_the_others).unwrap();
    eventually(s(10), "the other region confirms", || {
        app.create(&minimal()).status == 201
    });
    let created = app.create_keyed(&key, &minimal()).expect(201);
    assert_eq!(created.header("Idempotent-Replayed"), "false");
    let durability = created.header("X-Durability");
    assert_eq!(durability, "replicated; regions=\"eu,us\"");
    cluster.until_set(&cluster.nodes[2], of_the_others[0].0, of_the_others[0].1);
    let output = launch().run(&["check"]).expect(0);
    assert!(output.stdout.contains("which is enough"), "{output:#?}");
}

/// A promoted node keeps the setting that it has.
#[test]
fn check_judges_every_node_as_if_it_were_promoted() {
    let cluster = Cluster::in_regions();
    let launch = launch_in(Region::Eu, &cluster);
    let check = |status: i32| launch.run(&["check"]).expect(status).stdout;
    let report = check(0);
    let told = |start: &str| {
        let line = report.lines().find(|line| line.contains(start));
        line.unwrap_or_else(|| panic!("{start}: {report}"))
    };
    let (_, cost) = told("commits of eu-a wait")
        .split_once("which is enough: ")
        .unwrap();
    let nearest = "a create waits for the nearest of us-a (us), ap-a (ap): about ";
    let ms = cost.strip_prefix(nearest).unwrap();
    let ms: u32 = ms.split(' ').next().unwrap().parse().unwrap();
    assert!(ms >= 80, "{cost}");
    assert!(told("if us-a is promoted").contains(
        "which is enough: a create waits for the nearest of eu-a (eu), eu-b (eu), ap-a (ap)"
    ));

    let us = &cluster.nodes[2];
    let set = |names: &str| {
        us.reload(&[("synchronous_standby_names", names)]).unwrap();
        cluster.until_set(us, "synchronous_standby_names", names);
    };
    let line = r#"on us-a: synchronous_standby_names = 'ANY 1 ("eu-a", "eu-b", "ap-a")'"#;
    // Empty, nobody confirms anything; with those of eu alone, nobody does while eu is lost.
    for (names, why) in [
        ("", "ever satisfies"),
        ("ANY 1 (\"eu-a\", \"eu-b\")", "eu is lost"),
    ] {
        set(names);
        let report = check(0);
        let warned = report.lines().filter(|line| line.starts_with("warning: "));
        let mut warned = warned.filter(|line| line.contains("if us-a is promoted"));
        let warning = warned.next().unwrap();
        assert!(warning.contains(why), "{report}");
        assert!(report.contains(line) && warned.next().is_none(), "{report}");
    }
    set("*");
    let report = check(0);
    assert!(
        report.contains("warning: durability.require: if us-a is promoted")
            && report.contains(line),
        "{report}"
    );
}

#[test]
fn check_knows_the_primary_without_a_cluster_name_in_a_list_of_all_nodes() {
    let cluster = Cluster::with_replicas(2);
    let primary = cluster.primary();
    primary.reload(&[("cluster_name", "")]).unwrap();
    primary.stop(StopMode::Fast).unwrap();
    primary.start().unwrap();
    cluster.until_streaming(primary, 2);
    cluster.make_synchronous_with("\"primary\", \"replica-1\", \"replica-2\"");
    cluster.nodes[1..].iter().for_each(|node| {
        let names = "ANY 1 (\"primary\", \"replica-1\", \"replica-2\")";
        cluster.until_set(node, "synchronous_standby_names", names);
    });
    let launch = cluster.launch().text("durability.require", "node");
    let report = launch.run(&["check"]).expect(0).stdout;
    assert!(
        report.contains("warning: node-1: ")
            && report.contains("\"primary\" in synchronous_standby_names is taken for it"),
        "{report}"
    );
    assert_eq!(report.matches("which is enough").count(), 3, "{report}");
    // Who streams from it is somebody else.
    let _archiver = cluster.archiver();
    cluster.until_streaming(primary, 3);
    cluster.make_synchronous_with("pg_receivewal, \"replica-1\", \"replica-2\"");
    let report = launch.run(&["check"]).expect(1).stdout;
    assert!(
        report.contains("error: durability.require: commits of node-1 wait"),
        "{report}"
    );
}

/// Of the two servers of that name, the one in the primary's own region is not configured, and is all that is left.
#[test]
fn an_unlisted_namesake_here_does_not_stand_for_a_standby_in_another_region() {
    let cluster = Cluster::with_replicas(2);
    cluster.make_durable();
    name_like_the_first_standby(&cluster, &cluster.nodes[2]);
    cluster.make_synchronous_with("\"replica-1\"");
    let launch = || {
        let listed = cluster.urls().into_iter().take(2).collect();
        in_regions(listed, &["eu", "us"], "eu")
            .text("durability.require", "region")
            .set("database.write_deadline_ms", 1500)
    };
    let checked = launch().run(&["check"]).expect(1).stdout;
    assert!(checked.contains("more servers stream as"), "{checked}");
    let app = launch().start();
    let is_refused = || app.get("/status").json()["writes"] == "refused";
    eventually(s(10), "it is known what commits wait for", is_refused);
    cluster.replica().kill().unwrap();
    let refused = app
        .create(&minimal())
        .problem(503, "durability_unavailable");
    assert_eq!(refused.json()["outcome"], "not_applied");

    cluster.nodes[2].stop(StopMode::Fast).unwrap();
    cluster.replica().start().unwrap();
    eventually(s(10), "the other region confirms", || {
        app.create(&minimal()).status == 201
    });
    let checked = launch().run(&["check"]).expect(0).stdout;
    assert!(checked.contains("which is enough"), "{checked}");
}

#[test]
fn what_the_regions_cannot_give_is_refused_at_the_start() {
    let launch = |regions: &[&str], own: &str| {
        let urls = ["postgres://u@a/d", "postgres://u@b/d"].map(str::to_owned);
        in_regions(urls.to_vec(), regions, own)
    };
    let refused = |launch: Launch, word: &str| {
        let output = launch.run(&["serve"]).expect(2);
        assert!(output.stderr.contains(word), "{}", output.stderr);
        assert_eq!(output.stderr.lines().count(), 1, "{}", output.stderr);
    };
    refused(launch(&["eu", "us"], "ap"), "server.region");
    refused(launch(&["eu", "EU"], "eu"), "differ in case only");
    let region = |launch: Launch| launch.text("durability.require", "region");
    refused(region(launch(&["eu", "eu"], "eu")), "durability.require");
    let alone = Launch::on(["postgres://u@a/d".to_owned()]);
    refused(region(alone), "durability.require");
    let alone = Launch::on(["postgres://u@a/d".to_owned()]);
    refused(
        alone.text("durability.require", "node"),
        "durability.require",
    );
    refused(
        launch(&["eu", "us"], "eu").text("durability.require", "world"),
        "durability.require",
    );
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
