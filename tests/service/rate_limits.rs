//! How often a client, or an address without a key, may ask.

use crate::support::wait::s;
use crate::support::{Answer, App, Client, Launch, eventually, key, minimal, shared};

const ANNA: Client = Client::of("anna", "syn_anna", &["write", "admin"]);
const BERT: Client = Client::of("bert", "syn_bert", &["admin"]);

fn launch(clients: &[Client]) -> Launch {
    shared().cluster.launch().for_clients(clients)
}

/// What is answered without a database.
fn ask(app: &App, authorization: &str) -> Answer {
    app.get_with("/status", &[("Authorization", authorization)])
}

/// Asks until it is refused: how many were answered with this status before, and the refusal.
fn until_limited(status: u16, mut ask: impl FnMut() -> Answer) -> (u32, Answer) {
    for count in 0..1000 {
        let answer = ask();
        if answer.status == 429 {
            return (count, answer.problem(429, "rate_limited"));
        }
        answer.expect(status);
    }
    panic!("never limited");
}

#[test]
fn a_client_that_has_used_its_burst_up_waits_and_the_others_do_not() {
    let limits = launch(&[ANNA, BERT]).set("limits.requests_per_second", 1);
    let app = limits.set("limits.burst", 20).healthy();
    let first = ask(&app, &ANNA.bearer()).expect(200);
    assert_eq!(first.header("RateLimit-Policy"), "\"client\";q=20;w=20");
    assert_eq!(first.header("RateLimit"), "\"client\";r=19;t=1");
    let (count, refused) = until_limited(200, || ask(&app, &ANNA.bearer()));
    assert!((19..30).contains(&count), "{count}");
    assert_eq!(refused.header("Retry-After"), "1");
    assert_eq!(refused.header("RateLimit-Policy"), "\"client\";q=20;w=20");
    assert_eq!(refused.header("RateLimit"), "\"client\";r=0;t=1");
    assert_eq!(refused.json()["retryable"], true);
    ask(&app, &BERT.bearer()).expect(200);
    // A refused create has stored nothing, and its key is unused.
    let key = key();
    let bearer = ANNA.bearer();
    let create = || {
        app.create_with(
            &[("Authorization", &bearer), ("Idempotency-Key", &key)],
            &minimal(),
        )
    };
    let (_, _) = until_limited(200, || ask(&app, &ANNA.bearer()));
    create().problem(429, "rate_limited");
    let mut answer = None;
    let mut is_admitted = || {
        answer = Some(create()).filter(|answer| answer.status == 201);
        answer.is_some()
    };
    eventually(s(5), "it may ask again", &mut is_admitted);
    assert_eq!(answer.unwrap().header("Idempotent-Replayed"), "false");
}

#[test]
fn an_address_that_tries_keys_waits_and_whoever_has_one_does_not() {
    let limits = launch(&[ANNA]).set("limits.without_key.requests_per_second", 1);
    let app = limits.set("limits.without_key.burst", 10).start();
    let (count, refused) = until_limited(401, || ask(&app, "Bearer syn_guess"));
    assert!((10..15).contains(&count), "{count}");
    assert!(refused.header("RateLimit").starts_with("\"address\";r=0;"));
    // Paths and documents count too, probes do not.
    until_limited(404, || app.get("/nothing"));
    until_limited(200, || app.get("/errors"));
    for _ in 0..50 {
        for probe in ["/live", "/ready", "/health"] {
            let answer = app.get(probe);
            assert!([200, 503].contains(&answer.status));
            assert_eq!(answer.header("RateLimit"), "");
        }
        ask(&app, &ANNA.bearer()).expect(200);
    }
}

/// And a client that is not limited is told no limit.
#[test]
fn with_clients_strangers_are_limited_by_default_and_without_nobody_is() {
    let app = launch(&[ANNA]).start();
    assert_eq!(
        ask(&app, "Bearer syn_guess").header("RateLimit-Policy"),
        "\"address\";q=1000;w=10"
    );
    assert_eq!(ask(&app, &ANNA.bearer()).header("RateLimit-Policy"), "");
    let open = launch(&[]).start();
    for _ in 0..1500 {
        let answer = open.get("/errors").expect(200);
        assert_eq!(answer.header("RateLimit"), "");
    }
}

#[test]
fn without_clients_the_limit_of_a_client_is_that_of_an_address() {
    let limits = launch(&[]).set("limits.requests_per_second", 5);
    let app = limits.set("limits.burst", 30).start();
    let (count, refused) = until_limited(200, || app.get("/status"));
    assert!((30..60).contains(&count), "{count}");
    assert_eq!(refused.header("RateLimit-Policy"), "\"address\";q=30;w=6");
}

#[test]
fn an_address_behind_a_trusted_proxy_is_limited_by_itself() {
    let limits = launch(&[]).set("limits.requests_per_second", 1);
    let limits = limits.set("server.trusted_proxies", "[\"127.0.0.0/8\"]");
    let app = limits.set("limits.burst", 5).start();
    let from = |address| app.get_with("/errors", &[("X-Forwarded-For", address)]);
    until_limited(200, || from("203.0.113.1"));
    from("203.0.113.2").expect(200);
    // What the client itself writes to the left changes nothing.
    until_limited(200, || from("198.51.100.7, 203.0.113.1"));
}
