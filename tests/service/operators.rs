//! What operators see, and what the log tells them of who asked.

use crate::support::http::{Headers, send};
use crate::support::wait::s;
use crate::support::{Answer, App, Client, Launch, eventually, full, key, raw, shared};
use nix::sys::signal::Signal;
use reqwest::Method;

const ANNA: Client = Client {
    name: "anna",
    owner: "annas-shop",
    key: "syn_anna",
    scopes: &["read", "write"],
};
const BOSS: Client = Client::of("boss", "syn_boss", &["read", "admin"]);

fn launch() -> Launch {
    shared().cluster.launch().for_clients(&[ANNA, BOSS])
}

fn get(port: u16, path: &str) -> Option<Answer> {
    send(
        Method::GET,
        &format!("http://127.0.0.1:{port}{path}"),
        &[],
        None,
    )
    .ok()
}

#[test]
fn operators_have_a_listener_of_their_own_and_clients_see_nothing_of_it() {
    let (launch, spare) = (launch(), Launch::bare().port());
    let admin_bind = format!("127.0.0.1:{spare}");
    let app = launch.text("server.admin_bind", &admin_bind).healthy();
    let there = |path: &str| get(spare, path).unwrap();
    let bearer = BOSS.bearer();
    for path in ["/status", "/metrics", "/dashboard", "/dashboard/events"] {
        there(path).expect(200);
        for headers in [&[][..], &[("Authorization", bearer.as_str())]] {
            app.get_with(path, headers).problem(404, "not_found");
        }
    }
    for path in ["/live", "/ready", "/health"] {
        there(path).expect(200);
        app.get(path).expect(200);
    }
    for path in ["/transactions/search", "/export", "/errors", "/nothing"] {
        there(path).problem(404, "not_found");
    }
    app.signal(Signal::SIGTERM);
    assert_eq!(app.until_exit(s(20)).code(), Some(0));
    assert!(get(spare, "/live").is_none());
}

#[test]
fn an_address_that_has_used_up_its_limit_still_reaches_the_listener_for_operators() {
    let (launch, spare) = (launch(), Launch::bare().port());
    let app = launch
        .text("server.admin_bind", &format!("127.0.0.1:{spare}"))
        .set("limits.without_key.requests_per_second", 1)
        .set("limits.without_key.burst", 5)
        .healthy();
    eventually(s(10), "the limit is used up", || {
        app.get("/errors").status == 429
    });
    for _ in 0..10 {
        get(spare, "/metrics").unwrap().expect(200);
    }
}

/// Its page shows transactions to whoever has a client's key, and to nobody else.
#[test]
fn the_list_of_transactions_needs_a_key_on_the_listener_for_operators_too() {
    let spare = Launch::bare().port();
    let admin_bind = format!("127.0.0.1:{spare}");
    let url = format!("http://{admin_bind}/transactions?limit=1");
    let there = |headers: Headers| send(Method::GET, &url, headers, None).unwrap();
    let app = launch().text("server.admin_bind", &admin_bind).healthy();
    there(&[]).problem(401, "unauthorized");
    there(&[("Authorization", "Bearer syn_other")]).problem(401, "unauthorized");
    let (anna, boss) = (ANNA.bearer(), BOSS.bearer());
    let own = ("Authorization", anna.as_str());
    let key = key();
    let made = app.create_with(&[own, ("Idempotency-Key", &key)], &full());
    let id = made.expect(201).id();
    let strong = ("X-Read-Consistency", "strong");
    let newest = |answer: Answer| answer.expect(200).json()["data"][0]["id"].clone();
    assert_eq!(newest(there(&[own, strong])), id);
    let whose = ("X-Owner", "annas-shop");
    assert_eq!(
        newest(there(&[("Authorization", &boss), whose, strong])),
        id
    );
    there(&[own, ("X-Owner", "boss")]).problem(403, "forbidden");
    let post = raw::exchange(spare, &raw::plain("POST", "/transactions"));
    assert_eq!((post.status, post.header("Allow")), (405, "GET, HEAD"));
}

/// The service is open on loopback alone then, and the address for operators may be another one.
#[test]
fn without_clients_nobody_reads_transactions_on_the_listener_for_operators() {
    let spare = Launch::bare().port();
    let admin_bind = format!("127.0.0.1:{spare}");
    let launch = Launch::on(shared().cluster.urls());
    let app = launch.text("server.admin_bind", &admin_bind).healthy();
    app.get("/transactions").expect(200);
    let bearer = ANNA.bearer();
    for headers in [&[][..], &[("Authorization", bearer.as_str())]] {
        let url = format!("http://{admin_bind}/transactions");
        let answer = send(Method::GET, &url, headers, None).unwrap();
        answer.problem(401, "unauthorized");
    }
}

#[test]
fn an_address_for_operators_that_is_taken_is_told() {
    let it = shared();
    let bind = format!("127.0.0.1:{}", it.app.port());
    let output = launch()
        .text("server.admin_bind", &bind)
        .run(&["serve"])
        .expect(2);
    assert!(output.stderr.contains(&bind), "{}", output.stderr);
}

fn line_with(app: &App, part: &str) -> String {
    let line = || {
        app.log()
            .lines()
            .find(|line| line.contains(part))
            .map(str::to_owned)
    };
    eventually(s(10), part, || line().is_some());
    line().unwrap()
}

#[track_caller]
fn has(line: &str, parts: &[&str]) {
    for part in parts {
        assert!(line.contains(part), "{part} in {line}");
    }
}

#[test]
fn a_request_is_logged_with_client_owner_address_and_transaction() {
    let app = launch().healthy();
    let bearer = ANNA.bearer();
    let own = ("Authorization", bearer.as_str());
    let key = key();
    let headers = [
        own,
        ("Idempotency-Key", key.as_str()),
        ("X-Request-Id", "made"),
    ];
    let id = app.create_with(&headers, &full()).expect(201).id();
    let transaction = format!("transaction_id={id}");
    let line = line_with(&app, "request_id=made");
    has(
        &line,
        &[
            "client=anna",
            "owner=annas-shop",
            "peer=127.0.0.1",
            "key=",
            &transaction,
        ],
    );
    app.get_with(
        &format!("/transactions/{id}"),
        &[own, ("X-Request-Id", "read")],
    );
    has(
        &line_with(&app, "request_id=read"),
        &["client=anna", &transaction],
    );
    let (boss, whose) = (BOSS.bearer(), ("X-Owner", "annas-shop"));
    app.get_with(
        "/transactions",
        &[("Authorization", &boss), whose, ("X-Request-Id", "boss")],
    );
    let line = line_with(&app, "request_id=boss");
    has(
        &line,
        &["client=boss", "owner=annas-shop", "transaction_id=- "],
    );
    // What a client writes cannot pass for an id.
    app.get_with(
        "/transactions/client=forged",
        &[own, ("X-Request-Id", "odd")],
    );
    let line = line_with(&app, "request_id=odd");
    assert!(
        line.contains("transaction_id=- ") && !line.contains("forged"),
        "{line}"
    );
}

#[test]
fn an_address_that_a_proxy_names_is_believed_of_trusted_proxies_alone() {
    let trusting = launch()
        .set("server.trusted_proxies", "[\"127.0.0.1\"]")
        .start();
    let other = launch().start();
    for (name, value) in [
        ("X-Forwarded-For", "203.0.113.7"),
        ("Forwarded", "for=203.0.113.7;proto=https"),
    ] {
        for (app, peer) in [(&trusting, "peer=203.0.113.7"), (&other, "peer=127.0.0.1")] {
            app.get_with("/errors", &[(name, value), ("X-Request-Id", name)])
                .expect(200);
            has(&line_with(app, &format!("request_id={name}")), &[peer]);
        }
    }
}

#[test]
fn a_refused_key_is_one_line_of_the_audit_without_the_key() {
    let app = launch().start();
    // Both are refused: two lines for each.
    let refused = |id, authorization: &str, owner| {
        let id = ("X-Request-Id", id);
        let headers = [id, ("Authorization", authorization), ("X-Owner", owner)];
        let headers = if owner.is_empty() {
            &headers[..2]
        } else {
            &headers[..]
        };
        assert!(app.get_with("/status", headers).status >= 401);
        app.get_with("/transactions", headers)
    };
    refused("unknown", "Bearer syn_hunter2", "").expect(401);
    refused("odd", "Basic aHVudGVyMjpodW50ZXIy", "").expect(401);
    refused("owner", &ANNA.bearer(), "boss").expect(403);
    app.get("/transactions").expect(401);
    let audit = |id: &str, why: &str| {
        let lines = || {
            let log = app.log();
            let of_it = |line: &&str| {
                line.contains(" audit ")
                    && line.contains(&format!("request_id={id}"))
                    && line.contains(why)
            };
            log.lines()
                .filter(of_it)
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        eventually(s(10), why, || !lines().is_empty());
        lines()
    };
    has(
        &audit("unknown", "why=unknown_key")[0],
        &["peer=127.0.0.1", "client=-"],
    );
    assert_eq!(
        audit("unknown", "why=unknown_key").len(),
        2,
        "one for each request"
    );
    audit("odd", "why=unknown_key");
    has(&audit("owner", "why=scope")[0], &["client=anna"]);
    has(&audit("owner", "why=owner")[0], &["client=anna"]);
    let log = app.log();
    assert_eq!(
        log.matches(" audit ").count(),
        6,
        "who sends no key is refused none: {log}"
    );
    for secret in ["hunter2", "aHVudGVyMjpodW50ZXIy", ANNA.key] {
        assert!(!log.contains(secret), "{secret}");
    }
}
