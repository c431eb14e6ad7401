//! `durability.require = "region"`: a write must be in another region, and `check` tells where it cannot be.

use crate::faults::regions::launch_in;
use crate::namesakes::name_like_the_first_standby;
use crate::regional::in_regions;
use crate::support::wait::s;
use crate::support::{Cluster, Launch, Region, eventually, key, minimal};
use private_postgres::StopMode;

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
