//! What holds for every request: problems, request ids, caching, HEAD, unknown query parameters.

use crate::support::raw::plain;
use crate::support::{TENANT, key, minimal, shared};
use reqwest::Method;
use serde_json::json;
use uuid::Uuid;

#[test]
fn an_unknown_path_is_not_found() {
    let it = shared();
    for path in [
        "/",
        "/nothing",
        "/transaction",
        "/transactions/a/b/c",
        "/Transactions",
        "/health/",
        "//health",
        "/%ff",
    ] {
        it.app.get(path).problem(404, "not_found");
    }
    it.app
        .send(Method::POST, "/nothing", &[], Some(&minimal()))
        .problem(404, "not_found");
}

#[test]
fn a_wrong_method_is_told_which_ones_are_allowed() {
    let it = shared();
    let id = Uuid::now_v7();
    let table = [
        (
            Method::DELETE,
            "/transactions".to_owned(),
            vec!["GET", "HEAD", "POST"],
        ),
        (
            Method::PUT,
            "/transactions".to_owned(),
            vec!["GET", "HEAD", "POST"],
        ),
        (
            Method::DELETE,
            format!("/transactions/{id}"),
            vec!["GET", "HEAD", "PATCH"],
        ),
        (
            Method::POST,
            format!("/transactions/{id}/events"),
            vec!["GET", "HEAD"],
        ),
        (
            Method::POST,
            "/transactions/search".to_owned(),
            vec!["GET", "HEAD"],
        ),
        (Method::POST, "/health".to_owned(), vec!["GET", "HEAD"]),
        (Method::DELETE, "/live".to_owned(), vec!["GET", "HEAD"]),
        (Method::PUT, "/ready".to_owned(), vec!["GET", "HEAD"]),
        (Method::POST, "/status".to_owned(), vec!["GET", "HEAD"]),
        (Method::PATCH, "/errors".to_owned(), vec!["GET", "HEAD"]),
    ];
    for (method, path, expected) in table {
        let answer = it
            .app
            .send(method, &path, &[], None)
            .problem(405, "method_not_allowed");
        let mut allowed: Vec<&str> = answer.header("Allow").split(',').map(str::trim).collect();
        allowed.sort_unstable();
        assert_eq!(allowed, expected, "{path}");
    }
}

#[test]
fn a_body_over_64_kib_is_too_large() {
    let it = shared();
    let body_of = |bytes: usize| {
        let empty = minimal().to_string();
        format!("{}{}", " ".repeat(bytes - empty.len()), empty)
    };
    let headers = [("Idempotency-Key", &*key())];
    it.app
        .post_bytes("/transactions", &headers, body_of(64 * 1024).as_bytes())
        .expect(201);
    it.app
        .post_bytes("/transactions", &headers, body_of(64 * 1024 + 1).as_bytes())
        .problem(413, "payload_too_large");
}

#[test]
fn a_body_without_a_length_is_limited_too() {
    let it = shared();
    let chunk = format!("10000\r\n{}\r\n", " ".repeat(0x10000));
    let request = format!(
        "POST /transactions HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: {}\r\nContent-Type: application/json\r\n\
         Idempotency-Key: {}\r\nTransfer-Encoding: chunked\r\n\r\n{chunk}{chunk}0\r\n\r\n",
        TENANT.bearer(),
        key()
    );
    let answer = it.app.raw(request.as_bytes());
    assert_eq!(
        (answer.status, answer.header("Content-Type")),
        (413, "application/problem+json")
    );
}

#[test]
fn a_body_that_is_not_said_to_be_json_is_refused() {
    let it = shared();
    let post = |content_type| {
        let headers = [("Content-Type", content_type), ("Idempotency-Key", &*key())];
        it.app
            .post_bytes("/transactions", &headers, minimal().to_string().as_bytes())
    };
    for content_type in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/jsonx",
        "application/xml",
        "json",
        "",
    ] {
        post(content_type).problem(415, "unsupported_media_type");
    }
    for content_type in [
        "application/json",
        "application/json; charset=utf-8",
        "Application/JSON",
        "application/json ; charset=\"UTF-8\"",
    ] {
        post(content_type).expect(201);
    }
    let without = format!(
        "POST /transactions HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: {}\r\nIdempotency-Key: {}\r\nContent-Length: 2\r\n\r\n{{}}",
        TENANT.bearer(),
        key()
    );
    assert_eq!(it.app.raw(without.as_bytes()).status, 415);
}

#[test]
fn what_is_not_strict_json_is_malformed() {
    let it = shared();
    let valid = minimal().to_string();
    let inner = &valid[1..valid.len() - 1];
    let bodies: [(&str, Vec<u8>); 12] = [
        ("empty", Vec::new()),
        ("cut off", valid.as_bytes()[..valid.len() - 1].to_vec()),
        ("trailing bytes", format!("{valid} x").into_bytes()),
        ("two documents", format!("{valid}{valid}").into_bytes()),
        (
            "duplicate key",
            format!("{{{inner},\"amount\":\"1\"}}").into_bytes(),
        ),
        (
            "duplicate key, written otherwise",
            format!("{{{inner},\"amoun\\u0074\":\"1\"}}").into_bytes(),
        ),
        (
            "duplicate key inside",
            format!("{{{inner},\"metadata\":{{\"a\":{{\"b\":1,\"b\":2}}}}}}").into_bytes(),
        ),
        (
            "invalid UTF-8",
            [b"{\"asset_code\":\"", &[0xff, 0xfe][..], b"\"}"].concat(),
        ),
        ("lone surrogate", br#"{"asset_code":"\ud800"}"#.to_vec()),
        (
            "not a number",
            format!("{{{inner},\"metadata\":{{\"a\":NaN}}}}").into_bytes(),
        ),
        (
            "a number beyond all numbers",
            format!("{{{inner},\"metadata\":{{\"a\":1e999}}}}").into_bytes(),
        ),
        (
            "too many levels",
            [vec![b'['; 500], vec![b']'; 500]].concat(),
        ),
    ];
    for (what, body) in bodies {
        let answer = it
            .app
            .post_bytes("/transactions", &[("Idempotency-Key", &key())], &body);
        assert_eq!(answer.status, 400, "{what}: {}", answer.text);
        answer.problem(400, "malformed_json");
    }
}

#[test]
fn a_good_request_id_is_echoed() {
    let it = shared();
    for id in ["a", "order-17.retry_2", &"x".repeat(64)] {
        for (method, path, status) in [
            ("GET", "/live", 200),
            ("GET", "/nothing", 404),
            ("PUT", "/live", 405),
        ] {
            let method = method.parse().unwrap();
            let answer = it
                .app
                .send(method, path, &[("X-Request-Id", id)], None)
                .expect(status);
            assert_eq!(answer.header("X-Request-Id"), id);
        }
    }
}

#[test]
fn a_bad_or_missing_request_id_is_replaced() {
    let it = shared();
    let mut seen = Vec::new();
    for id in ["", "with blank", "semi;colon", "a/b", &"x".repeat(65)] {
        let answer = it.app.get_with("/live", &[("X-Request-Id", id)]);
        seen.push(answer.header("X-Request-Id").to_owned());
    }
    seen.push(it.app.get("/live").header("X-Request-Id").to_owned());
    for id in &seen {
        let good = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        assert!(
            (1..=64).contains(&id.len()) && id.chars().all(good),
            "{id:?}"
        );
    }
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen.len(), 6, "each is new");
}

#[test]
fn nothing_may_be_cached_and_everything_has_a_request_id() {
    let it = shared();
    let created = it.app.create(&minimal()).expect(201);
    let path = format!("/transactions/{}", created.id());
    let answers = [
        created,
        it.app.get(&path),
        it.app.get("/transactions"),
        it.app.get("/health"),
        it.app.get("/status"),
        it.app.get("/nothing"),
        it.app.send(Method::DELETE, "/transactions", &[], None),
        it.app.get("/transactions?x=1"),
        it.app.post_bytes("/transactions", &[], b"{"),
    ];
    for answer in answers {
        assert_eq!(answer.header("Cache-Control"), "no-store", "{answer:?}");
        assert!(!answer.header("X-Request-Id").is_empty(), "{answer:?}");
    }
}

#[test]
fn head_is_get_without_the_body() {
    let it = shared();
    let id = it.app.create(&minimal()).expect(201).id();
    it.app
        .get_strong(&format!("/transactions/{id}"))
        .expect(200);
    crate::support::eventually(crate::support::wait::s(5), "the replica has it", || {
        it.app.get(&format!("/transactions/{id}")).status == 200
    });
    let known = [
        format!("/transactions/{id}"),
        format!("/transactions/{id}/events"),
    ];
    let fixed = [
        "/transactions?limit=1",
        "/transactions/search",
        "/health",
        "/live",
        "/ready",
        "/status",
        "/errors",
    ];
    for path in known.iter().map(String::as_str).chain(fixed) {
        let answer = it.app.raw(&plain("HEAD", path));
        assert_eq!((answer.status, answer.body.as_str()), (200, ""), "{path}");
        assert_eq!(answer.header("Content-Type"), "application/json", "{path}");
    }
    for (path, status) in [("/nothing", 404), ("/transactions/7", 400)] {
        let answer = it.app.raw(&plain("HEAD", path));
        assert_eq!(
            (answer.status, answer.body.as_str()),
            (status, ""),
            "{path}"
        );
        assert_eq!(
            answer.header("Content-Type"),
            "application/problem+json",
            "{path}"
        );
    }
    let (head, get) = (it.app.raw(&plain("HEAD", "/health")), it.app.get("/health"));
    assert_eq!(head.header("Content-Length"), get.text.len().to_string());
}

#[test]
fn an_unknown_query_parameter_is_an_error() {
    let it = shared();
    let id = it.app.create(&minimal()).expect(201).id();
    for path in [
        "/transactions?page=2",
        "/transactions/search?q=x",
        "/transactions?Limit=2",
    ] {
        it.app.get(path).problem(400, "unknown_parameter");
    }
    for path in [
        format!("/transactions/{id}?fields=id"),
        format!("/transactions/{id}/events?order=asc"),
    ] {
        it.app.get_strong(&path).problem(400, "unknown_parameter");
    }
    let headers = [("Idempotency-Key", &*key())];
    let answer = it.app.send(
        Method::POST,
        "/transactions?dry_run=true",
        &headers,
        Some(&minimal()),
    );
    answer.problem(400, "unknown_parameter");
}

#[test]
fn an_id_that_is_no_uuid_is_invalid() {
    let it = shared();
    for id in [
        "7",
        "not-a-uuid",
        "0199f6a2-7c1e-7d3a-9b6f-3f0c5a1e2b4",
        "%00",
        "%ff",
        "{}",
        "0199f6a2-7c1e-7d3a-9b6f-3f0c5a1e2b44x",
    ] {
        it.app
            .get(&format!("/transactions/{id}"))
            .problem(400, "invalid_id");
        it.app
            .get(&format!("/transactions/{id}/events"))
            .problem(400, "invalid_id");
        it.app
            .patch(id, "\"1\"", &json!({"status": "failed"}))
            .problem(400, "invalid_id");
    }
}

#[test]
fn an_answer_never_shows_driver_text_or_hosts() {
    let it = shared();
    let odd = [
        "'; DROP TABLE transactions; --",
        "\u{feff}",
        "%s%n",
        "${jndi:ldap://x}",
    ];
    for text in odd {
        let body = json!({"stellar_account": text, "amount": text, "asset_code": text, "memo": text, "memo_type": text});
        let answer = it.app.create(&body).problem(400, "validation_failed");
        for leak in ["diesel", "SQL", "127.0.0.1", "panicked", "src/"] {
            assert!(!answer.text.contains(leak), "{}", answer.text);
        }
    }
}
