//! HTTPS: what is served, certificates that are replaced, and stops.

use crate::support::http::new_client;
use crate::support::launch::{certificate, put};
use crate::support::load::while_asking;
use crate::support::wait::{ms, s};
use crate::support::{App, Cluster, TENANT, eventually, holds_for, minimal, shared};
use nix::sys::signal::Signal;
use parking_lot::Mutex;
use reqwest::tls::TlsInfo;
use reqwest::{StatusCode, Version};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use std::fs;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

fn encrypted() -> App {
    let launch = shared().cluster.launch().encrypted();
    launch.set("server.drain_ms", 300).healthy()
}

/// What a new connection is served with.
fn is_served_with(app: &App, name: &str) -> bool {
    let answer = new_client().get(app.url("/live")).send().unwrap();
    let info = answer.extensions().get::<TlsInfo>().unwrap();
    let expected = CertificateDer::from_pem_file(certificate(name, "pem")).unwrap();
    info.peer_certificate() == Some(&*expected)
}

#[test]
fn it_is_served_over_tls_alone_and_over_http2_where_the_client_speaks_it() {
    let app = encrypted();
    app.create(&minimal()).expect(201);
    let answer = new_client().get(app.url("/live")).send().unwrap();
    assert_eq!(answer.version(), Version::HTTP_2);
    let old = reqwest::blocking::Client::builder()
        .http1_only()
        .danger_accept_invalid_certs(true)
        .build();
    let answer = old.unwrap().get(app.url("/live")).send().unwrap();
    assert_eq!(
        (answer.version(), answer.status()),
        (Version::HTTP_11, StatusCode::OK)
    );
    let clear = format!("http://127.0.0.1:{}/live", app.port());
    let answer = new_client().get(clear).send();
    assert!(answer.is_err(), "in clear text: {answer:?}");
}

#[test]
fn a_certificate_that_is_replaced_under_load_fails_no_request_and_a_broken_one_changes_nothing() {
    let app = encrypted();
    assert!(is_served_with(&app, "first"));
    let ask = || app.create(&minimal());
    let asked = while_asking(ask, || {
        // The certificate first, and its key a moment later: no pair.
        fs::copy(certificate("second", "pem"), app.dir().join("server.pem")).unwrap();
        app.logs("server.key is not the key of");
        assert!(is_served_with(&app, "first"));
        fs::copy(certificate("second", "key"), app.dir().join("server.key")).unwrap();
        eventually(s(10), "the new one is served", || {
            is_served_with(&app, "second")
        });
        fs::write(app.dir().join("server.pem"), "nonsense").unwrap();
        app.logs("holds no certificate");
        assert!(is_served_with(&app, "second"));
    });
    for asked in asked {
        asked.answer.expect(201);
    }
    assert!(
        !app.log().contains("PRIVATE KEY"),
        "no secret is in the log"
    );
}

#[test]
fn a_stop_under_load_over_http2_cuts_no_request_and_is_short() {
    let app = encrypted();
    let client = new_client();
    let url = app.url("/transactions");
    let (applied, refused) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let ask = || {
        let body = minimal().to_string();
        let request = client
            .post(&url)
            .header("Idempotency-Key", crate::support::key());
        let request = request
            .header("Content-Type", "application/json")
            .header("Authorization", TENANT.bearer())
            .body(body);
        match request.send() {
            Ok(answer) => {
                assert_eq!(answer.version(), Version::HTTP_2);
                let status = answer.status().as_u16();
                let text = answer.text().expect("an answer that has begun is whole");
                let is_refused = text.contains("\"draining\"") && text.contains("not_applied");
                match status {
                    201 => applied.fetch_add(1, Ordering::Relaxed),
                    503 if is_refused => refused.fetch_add(1, Ordering::Relaxed),
                    _ => panic!("{status} {text}"),
                };
                status == 201 // who is refused goes elsewhere
            }
            Err(error) => {
                assert!(error.is_connect(), "a request was cut: {error:?}");
                false
            }
        }
    };
    thread::scope(|scope| {
        let asking: Vec<_> = (0..4).map(|_| scope.spawn(|| while ask() {})).collect();
        eventually(s(10), "the load runs", || {
            applied.load(Ordering::Relaxed) > 50
        });
        let begun = Instant::now();
        app.signal(Signal::SIGTERM);
        holds_for(ms(200), "it serves while it drains", || {
            refused.load(Ordering::Relaxed) == 0
        });
        assert_eq!(app.until_exit(s(10)).code(), Some(0), "{}", app.log());
        assert!(begun.elapsed() < s(8), "{:?}", begun.elapsed());
        for one in asking {
            one.join().unwrap();
        }
    });
}

/// A client may open as many streams as it likes, and take no answer.
#[test]
fn a_connection_of_http2_has_so_many_requests_at_a_time() {
    let cluster = Cluster::alone();
    let launch = cluster
        .launch()
        .encrypted()
        .set("database.write_deadline_ms", 5000);
    let app = launch.healthy();
    let client = new_client();
    let live = || client.get(app.url("/live")).send().unwrap();
    assert_eq!(live().version(), Version::HTTP_2);
    cluster.primary().kill().unwrap();
    let texts = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..300 {
            scope.spawn(|| {
                let request = client
                    .post(app.url("/transactions"))
                    .header("Idempotency-Key", crate::support::key())
                    .header("Content-Type", "application/json")
                    .header("Authorization", TENANT.bearer())
                    .body(minimal().to_string());
                let answer = request.send().unwrap();
                assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
                assert!(answer.headers().contains_key("Retry-After"));
                texts.lock().push(answer.text().unwrap());
            });
        }
    });
    let texts = texts.into_inner();
    let refused = texts.iter().filter(|text| text.is_empty()).count();
    assert_eq!(refused, 300 - 256);
    assert_eq!(live().status(), StatusCode::OK);
}

#[test]
fn an_idle_connection_of_http2_does_not_hold_a_stop() {
    let app = encrypted();
    let client = new_client();
    client.get(app.url("/live")).send().unwrap();
    app.signal(Signal::SIGTERM);
    assert_eq!(app.until_exit(s(8)).code(), Some(0), "{}", app.log());
    drop(client);
}

#[test]
fn a_certificate_that_cannot_be_used_is_one_clear_line() {
    let launch = || shared().cluster.launch();
    let dir = tempfile::tempdir().unwrap();
    let copy = |name: &str, kind: &str| {
        let at = dir.path().join(format!("{name}.{kind}"));
        put(&certificate(name, kind), &at);
        at.display().to_string()
    };
    let first = |kind| copy("first", kind);
    let other_key = copy("second", "key");
    for (certificate, key, said) in [
        (
            first("pem"),
            "/nowhere".into(),
            "server.tls.key: cannot read /nowhere",
        ),
        (
            "/nowhere".into(),
            first("key"),
            "server.tls.certificate: cannot read /nowhere",
        ),
        (first("key"), first("key"), "holds no certificate (PEM)"),
        (first("pem"), first("pem"), "holds no private key (PEM)"),
        (first("pem"), other_key, "is not the key of"),
    ] {
        let launch = launch().text("server.tls.certificate", &certificate);
        let output = launch.text("server.tls.key", &key).run(&[]).expect(2);
        assert!(output.stderr.contains(said), "{said} in {}", output.stderr);
    }
    let output = launch()
        .text("server.tls.certificate", &first("pem"))
        .run(&[])
        .expect(2);
    assert!(
        output
            .stderr
            .contains("server.tls.key: is needed beside server.tls.certificate"),
        "{}",
        output.stderr
    );
}

#[test]
fn files_that_cannot_be_used_are_told_with_all_that_is_wrong_elsewhere() {
    let all_are_told = |certificate: &str, key: &str, expected: [&str; 2]| {
        for command in [&[][..], &["check"]] {
            let launch = shared().cluster.launch();
            let launch = launch.text("server.tls.certificate", certificate);
            let launch = launch.text("server.tls.key", key);
            let output = launch.set("database.pool_size", 0).run(command).expect(2);
            for said in expected.into_iter().chain(["database.pool_size: must be"]) {
                assert!(output.stderr.contains(said), "{said} in {}", output.stderr);
            }
        }
    };
    let missing = [
        "server.tls.certificate: cannot read /nowhere.pem",
        "server.tls.key: cannot read /nowhere.key",
    ];
    all_are_told("/nowhere.pem", "/nowhere.key", missing);
    let dir = tempfile::tempdir().unwrap();
    let (pem, key) = (dir.path().join("server.pem"), dir.path().join("server.key"));
    put(&certificate("first", "pem"), &key);
    put(&certificate("first", "key"), &pem);
    let exchanged = ["holds no certificate (PEM)", "holds no private key (PEM)"];
    let (pem, key) = (pem.display().to_string(), key.display().to_string());
    all_are_told(&pem, &key, exchanged);
}

#[test]
fn check_tells_of_a_certificate_that_has_expired() {
    let checked = |name: &str| {
        let launch = shared().cluster.launch().encrypted();
        launch.put_certificate(name);
        launch.run(&["check"])
    };
    let valid = checked("first").expect(0).stdout;
    assert!(valid.contains("certificate: valid"), "{valid}");
    let expired = checked("expired").expect(1).stdout;
    assert!(
        expired.contains("error: server.tls.certificate") && expired.contains("has expired"),
        "{expired}"
    );
}

#[test]
fn healthcheck_asks_over_tls() {
    let app = encrypted();
    let bind = format!("127.0.0.1:{}", app.port());
    let launch = shared().cluster.launch().encrypted();
    let launch = launch.text("server.bind", &bind);
    launch.run(&["healthcheck"]).expect(0);
    let ca = certificate("ca", "pem").display().to_string();
    let status = ["status", "--url", &app.url(""), "--ca-file", &ca];
    let said = launch.env("SYNAPSE_KEY", TENANT.key).run(&status);
    assert!(said.stdout.contains("node-1"), "{said:?}");
}
