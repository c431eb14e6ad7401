//! `/dashboard`: what the service answers. What a browser makes of it is in tests/browser.

use crate::regional::in_regions;
use crate::support::room::Dir;
use crate::support::wait::{ms, s};
use crate::support::{
    Answer, App, Client, Cluster, Download, Launch, eventually, key, minimal, shared,
};
use nix::sys::signal::Signal;
use private_postgres::User;
use reqwest::Method;
use std::time::Instant;

const FILES: [(&str, &str); 4] = [
    ("/dashboard", "text/html; charset=utf-8"),
    ("/dashboard/operation", "text/html; charset=utf-8"),
    ("/dashboard/style.css", "text/css; charset=utf-8"),
    ("/dashboard/script.js", "text/javascript; charset=utf-8"),
];
const KILL: &str = "/dashboard/kill-primary";
const OUR_PAGE: (&str, &str) = ("X-Synapse-Dashboard", "1");
/// As many as may watch at a time.
const STREAMS: usize = 16;

fn page(app: &App) -> String {
    app.get("/dashboard").expect(200).text
}

fn events(app: &App) -> Download {
    Download::start(app.port(), "/dashboard/events", &[])
}

/// A service that needs no key.
fn open() -> App {
    Launch::on(shared().cluster.urls()).healthy()
}

fn embedded(data: &Dir) -> Launch {
    let launch = Launch::bare();
    let bind = format!("127.0.0.1:{}", launch.port());
    let data = data.path().join("data");
    let launch = launch.text("server.bind", &bind);
    let launch = launch.set("server.drain_ms", 0);
    launch
        .set("embedded.enabled", true)
        .text("embedded.data_dir", data.to_str().unwrap())
}

fn is_policy(answer: &Answer) -> bool {
    let policy = answer.header("Content-Security-Policy");
    let words: Vec<&str> = policy.split("; ").collect();
    words
        == [
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "connect-src 'self'",
            "img-src 'self'",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        ]
}

#[test]
fn without_clients_it_is_open_and_every_file_has_its_type_and_the_policy() {
    let app = open();
    for (path, media_type) in FILES {
        let answer = app.get(path).expect(200);
        assert_eq!(answer.header("Content-Type"), media_type);
        assert!(is_policy(&answer), "{path}: {answer:?}");
        let head = app.send(Method::HEAD, path, &[], None).expect(200);
        assert_eq!((head.text.as_str(), is_policy(&head)), ("", true), "{path}");
        let unknown = app.get(&format!("{path}?a=b"));
        unknown.problem(400, "unknown_parameter");
    }
    let stream = app.get("/dashboard/events").expect(200);
    assert!(is_policy(&stream));
    let head = app.send(Method::HEAD, "/dashboard/events", &[], None);
    assert_eq!(head.expect(200).header("Content-Type"), "text/event-stream");
}

#[test]
fn the_page_is_small_and_asks_for_nothing_elsewhere() {
    let app = open();
    let texts = FILES.map(|(path, _)| app.get(path).expect(200).text);
    let [page, manual, style, script] = &texts;
    let bytes = page.len() + style.len() + script.len();
    assert!(bytes <= 100 * 1024, "{bytes} bytes");
    for html in [page, manual] {
        // The policy would forbid them, and the page not work.
        for inline in ["<style", " style=", "<script>", " onclick=", "javascript:"] {
            assert!(!html.contains(inline), "{inline}");
        }
        for attribute in ["href=\"", "src=\""] {
            for target in html.split(attribute).skip(1) {
                let target = target.split('"').next().unwrap();
                assert!(
                    !target.contains(':') && !target.starts_with('/'),
                    "{target}"
                );
            }
        }
    }
    for text in [style, script] {
        assert!(!text.contains("//") || text.contains("\n// ") || text.contains("; // "));
        assert!(!text.contains("http:") && !text.contains("https:") && !text.contains("@import"));
    }
    assert!(page.contains("<noscript><meta http-equiv=\"refresh\""));
}

#[test]
fn every_link_into_the_manual_leads_to_a_heading() {
    // Nothing is there: there is advice for each node.
    let urls = ["postgres://u@127.0.0.1:1/d", "postgres://u@127.0.0.1:2/d"];
    let app = Launch::on(urls.map(str::to_owned)).start();
    eventually(s(5), "the nodes were asked", || {
        page(&app).matches("connection_refused").count() >= 2
    });
    let (page, manual) = (page(&app), app.get("/dashboard/operation").expect(200).text);
    let links = page.split("href=\"dashboard/operation#").skip(1);
    let anchors: Vec<&str> = links.map(|link| link.split('"').next().unwrap()).collect();
    assert!(anchors.len() >= 3, "{anchors:?}");
    for anchor in anchors {
        assert!(
            manual.contains(&format!("<h2 id=\"{anchor}\""))
                || manual.contains(&format!("<h3 id=\"{anchor}\"")),
            "{anchor}"
        );
    }
    assert!(page.contains(">down</h1>"), "{page}");
    assert!(page.contains("start PostgreSQL, or correct address and port"));
}

/// What stands in the settings is shown as it is, and is no markup. (Of what clients send, nothing is on the page.)
#[test]
fn no_name_can_be_markup() {
    let hostile = "<script>alert('x')</script>";
    for key in [
        "server.region",
        "database.primary.region",
        "database.primary.name",
    ] {
        let launch = Launch::on(shared().cluster.urls()).text(key, hostile);
        let output = launch.run(&["serve"]).expect(2);
        assert!(output.stderr.contains(key), "{}", output.stderr);
    }
}

#[test]
fn whoever_watches_sees_a_failover_as_it_happens() {
    let cluster = Cluster::pair();
    let app = cluster.launch().healthy();
    let mut stream = events(&app);
    assert_eq!(
        (stream.status, stream.header("Content-Type")),
        (200, "text/event-stream")
    );
    assert!(stream.read_until(">healthy</h1>"));
    cluster.primary().kill().unwrap();
    assert!(stream.read_until(">writes held</h1>"));
    assert!(stream.read_until("node-1 is down and not used"));
    assert!(page(&app).contains(">writes held</h1>"));
    cluster.replica().promote().unwrap();
    assert!(stream.read_until(">degraded</h1>"));
    assert!(stream.read_until("node-1 → node-2"));
    let page = page(&app);
    assert!(
        page.contains("node-1 → node-2") && page.contains("write gap"),
        "{page}"
    );
}

/// In the picture, and in its words for those who cannot see it.
#[test]
fn each_region_is_a_frame_with_its_nodes_whatever_their_state() {
    let cluster = Cluster::with_replicas(2);
    let app = in_regions(cluster.urls(), &["eu", "eu", "us"], "eu").healthy();
    let titles = |page: &str| -> Vec<String> {
        let headings = page.split("class=\"heading\"").skip(1);
        let texts = headings.map(|heading| heading.split(['>', '<']).nth(1).unwrap().to_owned());
        texts.collect()
    };
    let healthy = page(&app);
    assert_eq!(titles(&healthy), ["eu (this instance)", "us"], "{healthy}");
    assert!(!healthy.contains("no primary"));
    for words in [
        "eu (this instance): node-1 is up as primary",
        "us: node-3 is up as replica",
    ] {
        assert!(healthy.contains(words), "{words}: {healthy}");
    }
    cluster.nodes[2].kill().unwrap();
    eventually(s(10), "it is down, in its region", || {
        page(&app).contains("us: node-3 is down and not used")
    });
    let one_down = page(&app);
    assert_eq!(titles(&one_down), titles(&healthy));
    assert!(one_down.contains("class=\"node down\""), "{one_down}");
    cluster.primary().kill().unwrap();
    eventually(s(10), "there is no primary", || {
        page(&app).contains(">no primary<")
    });
    let headless = page(&app);
    assert_eq!(titles(&headless), titles(&healthy));
    assert!(
        headless.contains("eu (this instance): node-1 is down and not used"),
        "{headless}"
    );
}

#[test]
fn without_regions_what_is_not_used_is_set_apart() {
    let cluster = Cluster::pair();
    let app = cluster.launch().healthy();
    cluster.replica().kill().unwrap();
    eventually(s(10), "it is down", || {
        page(&app).contains(">Set apart: not used<")
    });
    assert!(!page(&app).contains("region\" x="));
}

#[test]
fn two_primaries_are_told_in_so_many_words() {
    let (one, other) = (Cluster::alone(), Cluster::twin());
    let urls = [&one, &other].map(|cluster| cluster.primary().url(User::Application));
    let app = Launch::on(urls).start();
    eventually(s(5), "it says so", || {
        page(&app).contains(">split brain</h1>")
    });
}

/// The charts tell of the clients' requests, and not of those that look at the service.
#[test]
fn the_charts_show_what_clients_ask_for() {
    let app = open();
    eventually(s(10), "a create is in the chart", || {
        app.create(&minimal()).expect(201);
        let page = page(&app);
        let now = page.split("success: ").nth(1).unwrap();
        !now.starts_with("0/s now")
    });
}

#[test]
fn so_many_may_watch_and_no_more() {
    let app = open();
    let mut streams: Vec<Download> = (0..STREAMS).map(|_| events(&app)).collect();
    assert!(streams.iter().all(|stream| stream.status == 200));
    let refused = app.get("/dashboard/events").problem(503, "overloaded");
    assert_eq!(refused.header("Retry-After"), "1");
    page(&app);
    streams.pop();
    eventually(s(10), "there is a place again", || {
        events(&app).status == 200
    });
}

#[test]
fn a_stop_does_not_wait_for_those_who_watch() {
    let launch = Launch::on(shared().cluster.urls());
    let app = launch.set("server.drain_ms", 3000).healthy();
    let mut stream = events(&app);
    assert!(stream.read_until(">healthy</h1>"));
    let start = Instant::now();
    app.signal(Signal::SIGTERM);
    let (_, complete) = stream.read_whole();
    assert!(
        complete && start.elapsed() < ms(2500),
        "{:?}",
        start.elapsed()
    );
    app.get("/dashboard/events").problem(503, "draining");
    assert!(page(&app).contains("This instance is stopping."));
    assert_eq!(app.until_exit(s(10)).code(), Some(0));
}

#[test]
fn nobody_can_kill_a_database_that_is_not_the_services_own() {
    let app = open();
    let killing = app.send(Method::POST, KILL, &[OUR_PAGE], None);
    killing.problem(404, "not_found");
    assert_eq!(app.raw(get(KILL).as_bytes()).status, 404);
    let page = page(&app);
    assert!(!page.contains("id=\"kill\"") && !page.contains("id=\"load\""));
}

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
}

#[test]
fn the_private_primary_is_killed_by_the_page_alone_and_no_write_is_lost() {
    let data = Dir::new("dashboard");
    let app = embedded(&data).start();
    app.until_healthy(s(30));
    eventually(s(10), "replication is synchronous", || {
        app.create(&minimal()).expect(201).header("X-Durability") == "replicated"
    });
    let before = app.create(&minimal()).expect(201);
    let page = page(&app);
    assert!(page.contains("id=\"kill\"") && page.contains("id=\"load\""));
    // A form of another site can send all but the header, and for that its browser asks first.
    let origin = ("Origin", "https://elsewhere.example");
    let form = ("Content-Type", "application/x-www-form-urlencoded");
    for headers in [&[][..], &[origin, form], &[("X-Synapse-Dashboard", "")]] {
        let answer = app.send(Method::POST, KILL, headers, None);
        answer.problem(403, "forbidden");
    }
    let preflight = app.raw(
        format!(
            "OPTIONS {KILL} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nOrigin: {}\r\nAccess-Control-Request-Method: POST\r\n\
             Access-Control-Request-Headers: x-synapse-dashboard\r\n\r\n",
            origin.1
        )
        .as_bytes(),
    );
    assert_eq!(preflight.status, 405);
    assert!(!preflight.head.to_lowercase().contains("access-control"));
    assert_eq!(app.get("/status").json()["timeline"], 1, "nothing was done");
    app.send(Method::POST, KILL, &[OUR_PAGE], None).expect(202);
    eventually(s(10), "the replica took over", || {
        app.get("/status").json()["timeline"] == 2
    });
    let key = key();
    app.create_keyed(&key, &minimal()).expect(201);
    app.get_strong(before.header("Location")).expect(200);
    app.until_healthy(s(30));
}

#[test]
fn with_clients_the_private_primary_is_killed_by_an_admin_alone() {
    const READER: Client = Client {
        name: "reader",
        owner: "reader",
        key: "syn_reader",
        scopes: &["read", "write"],
    };
    const BOSS: Client = Client {
        name: "boss",
        scopes: &["admin"],
        key: "syn_boss",
        ..READER
    };
    let data = Dir::new("dashboard");
    let app = embedded(&data).for_clients(&[READER, BOSS]).start();
    let kill = |client: Option<Client>| {
        let bearer = client.map(|client| client.bearer()).unwrap_or_default();
        let headers = [OUR_PAGE, ("Authorization", bearer.as_str())];
        app.send(Method::POST, KILL, &headers, None)
    };
    kill(None).problem(401, "unauthorized");
    kill(Some(READER)).problem(403, "forbidden");
    kill(Some(BOSS)).expect(202);
}

#[test]
fn private_databases_are_not_shown_to_operators_elsewhere() {
    let data = Dir::new("dashboard");
    let launch = embedded(&data).text("server.admin_bind", "0.0.0.0:0");
    let refused = launch.run(&["serve"]).expect(2).stderr;
    assert!(refused.contains("server.admin_bind"), "{refused}");
}
