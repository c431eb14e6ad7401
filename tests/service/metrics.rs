//! `/metrics`: names and labels that others rely on, values that move, and labels that no client can make.

use crate::support::wait::s;
use crate::support::{Answer, App, Cluster, eventually, key, minimal, raw, shared};
use reqwest::Method;
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

/// All that others may rely on, with the labels of each.
pub const CONTRACT: [(&str, &[&str]); 18] = [
    (
        "synapse_http_requests_total",
        &["method", "route", "status"],
    ),
    (
        "synapse_http_request_duration_seconds",
        &["method", "route"],
    ),
    ("synapse_node_up", &["node", "role"]),
    ("synapse_node_timeline", &["node"]),
    ("synapse_node_lag_seconds", &["node"]),
    ("synapse_node_rtt_seconds", &["node"]),
    ("synapse_pool_connections", &["node", "state"]),
    ("synapse_rebuild_attempts_total", &["node"]),
    ("synapse_lane_waiting", &["lane"]),
    ("synapse_lane_batch_size", &["lane"]),
    ("synapse_writes_held", &[]),
    ("synapse_failovers_total", &[]),
    ("synapse_write_gap_seconds", &[]),
    ("synapse_doubts_total", &["outcome"]),
    ("synapse_replays_total", &[]),
    ("synapse_shed_total", &["reason"]),
    ("synapse_unreplicated_writes_total", &[]),
    ("synapse_build_info", &["version"]),
];
const HISTOGRAMS: [&str; 3] = [
    "synapse_http_request_duration_seconds",
    "synapse_lane_batch_size",
    "synapse_write_gap_seconds",
];

/// One scrape: each series, as it is written, and its value.
struct Scrape(BTreeMap<String, f64>);

fn scrape(app: &App) -> Scrape {
    let answer = app.get("/metrics").expect(200);
    let lines = answer.text.lines().filter(|line| !line.starts_with('#'));
    let series = lines.map(|line| {
        let (series, value) = line.rsplit_once(' ').unwrap();
        (series.to_owned(), value.parse().unwrap())
    });
    Scrape(series.collect())
}

impl Scrape {
    #[track_caller]
    fn value(&self, series: &str) -> f64 {
        let known = || self.0.keys().cloned().collect::<Vec<_>>().join("\n");
        *self
            .0
            .get(series)
            .unwrap_or_else(|| panic!("no {series} in\n{}", known()))
    }

    /// Each family, with the names of its labels.
    fn families(&self) -> BTreeMap<String, BTreeSet<String>> {
        let mut families: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for series in self.0.keys() {
            let (name, labels) = series.split_once('{').unwrap_or((series, ""));
            let parts = ["_bucket", "_sum", "_count"];
            let family = parts.iter().find_map(|part| name.strip_suffix(part));
            let family = family.filter(|family| HISTOGRAMS.contains(family));
            let labels = labels.trim_end_matches('}').split("\",");
            let names = labels.filter_map(|label| label.split_once('=').map(|(name, _)| name));
            let names = names.filter(|name| *name != "le").map(str::to_owned);
            families
                .entry(family.unwrap_or(name).to_owned())
                .or_default()
                .extend(names);
        }
        families
    }
}

#[test]
fn the_metrics_are_those_of_the_contract_with_its_labels() {
    let shared = shared();
    let app = &shared.app;
    app.create(&minimal()).expect(201);
    let mut families = scrape(app).families();
    let process: Vec<_> = families
        .extract_if(.., |name, _| name.starts_with("process_"))
        .collect();
    let names = |name: &&str| name.to_string();
    let labels = |labels: &[&str]| labels.iter().map(names).collect::<BTreeSet<_>>();
    let contract = CONTRACT
        .iter()
        .map(|(name, known)| (names(name), labels(known)));
    assert_eq!(families, contract.collect());
    let process: Vec<_> = process.iter().map(|(name, _)| name.as_str()).collect();
    for expected in [
        "process_cpu_seconds_total",
        "process_resident_memory_bytes",
        "process_open_fds",
        "process_max_fds",
        "process_start_time_seconds",
        "process_virtual_memory_bytes",
    ] {
        assert!(process.contains(&expected), "{process:?}");
    }
}

#[test]
fn the_page_is_in_prometheus_text_format_and_every_family_says_its_type() {
    let shared = shared();
    let answer = shared.app.get("/metrics").expect(200);
    assert_eq!(
        answer.header("Content-Type"),
        "text/plain; version=0.0.4; charset=utf-8"
    );
    let line = |kind: &str, name: &str, rest: &str| {
        let start = format!("# {kind} {name} {rest}");
        answer.text.lines().any(|line| line.starts_with(&start))
    };
    for (name, _) in CONTRACT {
        let kind = match name {
            name if HISTOGRAMS.contains(&name) => "histogram",
            name if name.ends_with("_total") => "counter",
            _ => "gauge",
        };
        assert!(
            line("HELP", name, "") && line("TYPE", name, kind),
            "{name}:\n{}",
            answer.text
        );
    }
    assert!(answer.text.ends_with('\n'));
}

#[test]
fn a_node_is_told_as_status_tells_it() {
    let shared = shared();
    let status = shared.app.get("/status").json();
    let scrape = scrape(&shared.app);
    for node in status["nodes"].as_array().unwrap() {
        let (name, role) = (
            node["name"].as_str().unwrap(),
            node["role"].as_str().unwrap(),
        );
        assert_eq!(
            scrape.value(&format!(
                "synapse_node_up{{node=\"{name}\",role=\"{role}\"}}"
            )),
            1.0
        );
        let of = |metric: &str| scrape.value(&format!("{metric}{{node=\"{name}\"}}"));
        assert_eq!(
            of("synapse_node_timeline"),
            node["timeline"].as_f64().unwrap()
        );
        assert!(
            of("synapse_node_rtt_seconds") > 0.0 && of("synapse_rebuild_attempts_total") >= 1.0
        );
        let max = format!("synapse_pool_connections{{node=\"{name}\",state=\"max\"}}");
        assert_eq!(scrape.value(&max), node["pool"]["max"].as_f64().unwrap());
    }
    assert_eq!(scrape.value("synapse_build_info{version=\"0.1.0\"}"), 1.0);
    assert!(scrape.value("synapse_node_lag_seconds{node=\"node-2\"}") < 60.0);
}

/// On a service of its own: others' requests would be counted too.
#[test]
fn creates_replays_and_batches_are_counted() {
    let cluster = Cluster::alone();
    let app = cluster.launch().healthy();
    let key = key();
    app.create_keyed(&key, &minimal()).expect(201);
    app.create_keyed(&key, &minimal()).expect(201);
    app.get("/nowhere").problem(404, "not_found");
    app.get("/transactions/x").problem(400, "invalid_id");
    let scrape = scrape(&app);
    let requests = |method: &str, route: &str, status: &str| {
        let labels = format!("method=\"{method}\",route=\"{route}\",status=\"{status}\"");
        scrape.value(&format!("synapse_http_requests_total{{{labels}}}"))
    };
    assert_eq!(requests("POST", "/transactions", "201"), 2.0);
    assert_eq!(requests("GET", "/transactions/{id}", "400"), 1.0);
    assert_eq!(requests("GET", "unmatched", "404"), 1.0);
    assert_eq!(scrape.value("synapse_replays_total"), 1.0);
    assert_eq!(
        scrape.value("synapse_unreplicated_writes_total"),
        2.0,
        "there is no standby"
    );
    assert_eq!(
        scrape.value("synapse_lane_batch_size_count{lane=\"create\"}"),
        2.0
    );
    assert_eq!(
        scrape.value("synapse_lane_batch_size_sum{lane=\"create\"}"),
        2.0
    );
    let took =
        "synapse_http_request_duration_seconds_count{method=\"POST\",route=\"/transactions\"}";
    assert_eq!(scrape.value(took), 2.0);
    assert_eq!(scrape.value("synapse_failovers_total"), 0.0);
    assert_eq!(
        scrape.value("synapse_write_gap_seconds_count"),
        0.0,
        "a start is no gap"
    );
}

#[test]
fn an_outage_is_seen_in_the_nodes_the_held_writes_the_gap_and_the_failovers() {
    let cluster = Cluster::pair();
    let app = cluster.launch().healthy();
    let attempts = "synapse_rebuild_attempts_total{node=\"node-1\"}";
    let before = scrape(&app).value(attempts);
    cluster.primary().kill().unwrap();
    std::thread::scope(|scope| {
        let write = scope.spawn(|| app.create(&minimal()));
        eventually(s(5), "a write is held", || {
            scrape(&app).value("synapse_writes_held") == 1.0
        });
        let down = scrape(&app);
        assert_eq!(
            down.value("synapse_node_up{node=\"node-1\",role=\"unknown\"}"),
            0.0
        );
        assert_eq!(down.value("synapse_lane_waiting{lane=\"create\"}"), 1.0);
        eventually(s(5), "a rebuild was attempted", || {
            scrape(&app).value(attempts) > before
        });
        cluster.replica().promote().unwrap();
        write.join().unwrap().expect(201);
    });
    eventually(s(5), "the gap is told", || {
        scrape(&app).value("synapse_write_gap_seconds_count") == 1.0
    });
    let after = scrape(&app);
    let told_ms = app.get("/status").json()["failovers"][0]["write_gap_ms"]
        .as_f64()
        .unwrap();
    let gap_s = after.value("synapse_write_gap_seconds_sum");
    assert!(
        (gap_s - told_ms / 1e3).abs() < 0.002,
        "{gap_s} s, and {told_ms} ms in /status"
    );
    assert_eq!(after.value("synapse_failovers_total"), 1.0);
    assert_eq!(after.value("synapse_writes_held"), 0.0);
    assert_eq!(
        after.value("synapse_node_up{node=\"node-2\",role=\"primary\"}"),
        1.0
    );
}

#[test]
fn a_doubt_is_counted_by_how_it_ended() {
    let cluster = Cluster::alone();
    let (proxies, urls) = cluster.proxies();
    let app = crate::support::Launch::on(urls).healthy();
    let doubts = |app: &App| scrape(app).value("synapse_doubts_total{outcome=\"applied\"}");
    assert_eq!(doubts(&app), 0.0);
    proxies[0].cut_answers("INSERT INTO transactions", 1);
    app.create(&minimal()).expect(201);
    eventually(s(5), "the doubt is counted", || doubts(&app) == 1.0);
}

#[test]
fn no_label_grows_with_what_clients_send() {
    const IDS: usize = 10_000;
    let cluster = Cluster::alone();
    let app = cluster.launch().healthy();
    let ask_all_kinds = || -> Vec<Answer> {
        let methods =
            ["BREW", "PROPFIND", "X-ANYTHING"].map(|m| Method::from_bytes(m.as_bytes()).unwrap());
        let odd = methods
            .into_iter()
            .map(|method| app.send(method, "/transactions", &[], None));
        let mut answers: Vec<Answer> = odd.collect();
        let paths = ["/a", "/transactions/1/2/3", "/%7Bid%7D", "/metrics/x"];
        answers.extend(paths.map(|path| app.get(path)));
        answers.push(app.get(&format!("/transactions/{}", Uuid::now_v7())));
        answers.push(app.get_with("/transactions", &[("X-Request-Id", &key())]));
        answers.push(app.get(&format!("/transactions?cursor={}", key())));
        answers
    };
    ask_all_kinds();
    app.get("/transactions/none").problem(400, "invalid_id");
    scrape(&app);
    let series = |scrape: &Scrape| scrape.0.keys().cloned().collect::<BTreeSet<_>>();
    let before = series(&scrape(&app));
    for _ in 0..IDS / 100 {
        let ids: Vec<String> = (0..100).map(|_| format!("{}x", Uuid::now_v7())).collect();
        let mut requests: Vec<u8> = Vec::new();
        for id in &ids {
            requests.extend(
                format!("GET /transactions/{id} HTTP/1.1\r\nHost: localhost\r\n\r\n").bytes(),
            );
        }
        requests.extend(raw::plain("GET", "/live"));
        app.raw(&requests);
    }
    (0..10).for_each(|_| drop(ask_all_kinds()));
    let after = scrape(&app);
    assert_eq!(series(&after), before);
    let asked =
        "synapse_http_requests_total{method=\"GET\",route=\"/transactions/{id}\",status=\"400\"}";
    assert_eq!(after.value(asked), IDS as f64 + 1.0);
}
