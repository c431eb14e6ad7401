//! Whose word a callback is: it is believed only with the signature of its source.

use crate::callback::{alone, stored};
use crate::support::webhook::{SECOND_SECRET, SECRET, now};
use crate::support::{Cluster, Launch, Webhook, full, with};
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;

#[test]
fn without_a_secret_every_callback_is_refused() {
    let cluster = Cluster::alone();
    let app = cluster.launch().healthy();
    let webhook = Webhook::new("msg_1", &full());
    for path in ["/callback", "/callback/transaction"] {
        webhook
            .send_to(&app, path)
            .problem(503, "callback_not_configured");
        app.post_bytes(path, &[("Content-Type", "text/plain")], b"x")
            .problem(503, "callback_not_configured");
        let allowed = app.get(path).problem(405, "method_not_allowed");
        assert_eq!(allowed.header("Allow"), "POST");
    }
    assert_eq!(stored(&cluster), "0");
}

#[test]
fn a_callback_without_a_right_signature_is_refused_before_it_is_read() {
    let (cluster, app) = alone();
    let right = Webhook::new("msg_1", &full());
    let change = |change: fn(&mut Webhook)| {
        let mut webhook = right.clone();
        change(&mut webhook);
        webhook
    };
    let bytes = full().to_string().into_bytes();
    let stamp = now().to_string();
    let wrong = [
        change(|webhook| webhook.id = "msg_2".into()),
        change(|webhook| webhook.id = String::new()),
        change(|webhook| webhook.timestamp = (now() - 7).to_string()),
        change(|webhook| webhook.timestamp = String::new()),
        change(|webhook| webhook.body.push(b' ')),
        change(|webhook| webhook.body = b"{".to_vec()),
        change(|webhook| webhook.signature = String::new()),
        change(|webhook| webhook.signature = webhook.signature.replace("v1,", "v2,")),
        change(|webhook| webhook.signature = webhook.signature.replace("v1,", "")),
        change(|webhook| webhook.signature = webhook.signature.to_lowercase()),
        change(|webhook| webhook.signature = "v1,".into()),
        Webhook::signed("msg_1", &stamp, &bytes, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"),
        Webhook::signed(&"i".repeat(256), &stamp, &bytes, SECRET),
    ];
    for webhook in &wrong {
        let refused = webhook.send(&app).problem(401, "invalid_signature");
        assert_eq!(refused.json()["retryable"], false);
    }
    for missing in 0..3 {
        let mut headers = vec![
            ("webhook-id", right.id.as_str()),
            ("webhook-timestamp", right.timestamp.as_str()),
            ("webhook-signature", right.signature.as_str()),
        ];
        headers.remove(missing);
        app.post_bytes("/callback", &headers, &right.body)
            .problem(401, "invalid_signature");
    }
    app.send(reqwest::Method::POST, "/callback", &[], Some(&full()))
        .problem(401, "invalid_signature");
    assert_eq!(stored(&cluster), "0");
    right.send(&app).expect(201);
}

#[test]
fn a_signed_time_that_is_too_far_from_now_is_refused() {
    let (cluster, app) = alone();
    for off in [-302, -100_000, 302, 100_000] {
        Webhook::at("msg_1", now() + off, &full())
            .send(&app)
            .problem(401, "signature_timestamp_out_of_range");
    }
    let bytes = full().to_string().into_bytes();
    for stamp in ["x", "-1", "1e9", "99999999999999999999"] {
        Webhook::signed("msg_1", stamp, &bytes, SECRET)
            .send(&app)
            .problem(401, "signature_timestamp_out_of_range");
    }
    assert_eq!(stored(&cluster), "0");
    for off in [-298, 290] {
        let id = format!("msg_{off}");
        Webhook::at(&id, now() + off, &full())
            .send(&app)
            .expect(201);
    }
}

#[test]
fn what_is_signed_is_read_as_strictly_as_a_create() {
    let (cluster, app) = alone();
    let signed =
        |body: &[u8]| Webhook::signed("msg_1", &now().to_string(), body, SECRET).send(&app);
    signed(b"{").problem(400, "malformed_json");
    signed(b"").problem(400, "malformed_json");
    let bad = with(with(full(), "amount", 5), "callback_status", "Pending");
    let refused = signed(bad.to_string().as_bytes()).problem(400, "validation_failed");
    let named = [("/amount", "type"), ("/callback_status", "format")];
    assert_eq!(
        refused.violations(),
        named.map(|(pointer, code)| (pointer.to_owned(), code.to_owned()))
    );
    let unknown = with(full(), "timestamp", 1);
    signed(unknown.to_string().as_bytes()).problem(400, "unknown_field");
    signed(" ".repeat(64 * 1024 + 1).as_bytes()).problem(413, "payload_too_large");
    let webhook = Webhook::new("msg_1", &full());
    webhook
        .send_to(&app, "/callback?x=1")
        .problem(400, "unknown_parameter");
    Webhook::signed("msg_1", &now().to_string(), b"{}", "c3RyYW5nZXI=")
        .send_to(&app, "/callback?x=1")
        .problem(401, "invalid_signature");
    assert_eq!(stored(&cluster), "0", "and the id is unused");
    webhook.send(&app).expect(201);
}

#[test]
fn each_secret_of_a_source_is_good_and_one_right_signature_of_several_is_enough() {
    let (_cluster, app) = alone();
    let (body, stamp) = (full().to_string().into_bytes(), now().to_string());
    let first = Webhook::signed("msg_1", &stamp, &body, SECRET);
    let second = Webhook::signed("msg_1", &stamp, &body, SECOND_SECRET);
    let created = second.send(&app).expect(201);
    let mut both = first.clone();
    both.signature = format!("v1a,AAAA v1,AAAA {} {}", second.signature, first.signature);
    for repeated in [first, both] {
        let again = repeated.send(&app).expect(201);
        assert_eq!(
            (again.header("Idempotent-Replayed"), &again.text),
            ("true", &created.text)
        );
    }
}

#[test]
fn sources_that_cannot_be_are_told_at_the_start() {
    let good = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let source = |rest: &str| format!("[{{ name = \"a\", owner = \"default\", {rest} }}]");
    let twice = format!(
        "[{{ name = \"a\", owner = \"x\", secrets = [\"{good}\"] }}, {{ name = \"b\", owner = \"y\", secrets = [\"{good}\"] }}]"
    );
    let table = [
        (
            source("secrets = [\"MfKQ9r8!\"]"),
            "callback.sources[0].secrets: must be base64",
        ),
        (
            source("secrets = [\"whsec_!\"]"),
            "callback.sources[0].secrets: must be base64",
        ),
        (
            source("secrets = []"),
            "callback.sources[0].secrets: is missing",
        ),
        (
            source("colour = \"red\""),
            "callback.sources[0].colour: is not a known setting",
        ),
        (
            source("secrets_file = \"none\""),
            "callback.sources[0].secrets_file: cannot read",
        ),
        (
            format!("[{{ name = \"a\", secrets = [\"{good}\"] }}]"),
            "callback.sources[0].owner: is missing",
        ),
        (
            format!(
                "[{{ owner = \"a\", secrets = [\"{good}\"] }}, {{ owner = \"a\", secrets = [\"{good}\"] }}]"
            ),
            "callback.sources[1].name: another source has this name, or this owner and no name",
        ),
        (twice, "callback.sources: a secret occurs twice"),
    ];
    for (sources, told) in table {
        let launch = Launch::on(["postgres://nobody@127.0.0.1:1/none".to_owned()]);
        let output = launch.set("callback.sources", &sources).run(&[]).expect(2);
        assert!(output.stderr.contains(told), "{told}: {}", output.stderr);
        assert!(!output.stderr.contains("MfKQ"), "{}", output.stderr);
    }
}

#[test]
fn secrets_may_stand_in_a_file_one_a_line() {
    let cluster = Cluster::alone();
    let launch = cluster.launch();
    let file = launch.dir().join("secrets");
    std::fs::write(&file, format!("whsec_{SECRET}\nwhsec_{SECOND_SECRET}\n")).unwrap();
    std::fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
    let sources = "[{ name = \"anchor\", owner = \"default\", secrets_file = \"secrets\" }]";
    let app = launch.set("callback.sources", sources).healthy();
    let (body, stamp) = (full().to_string().into_bytes(), now().to_string());
    for (id, secret) in [("msg_1", SECRET), ("msg_2", SECOND_SECRET)] {
        let answer = Webhook::signed(id, &stamp, &body, secret).send(&app);
        assert!([200, 201].contains(&answer.status), "{}", answer.text);
    }
    assert!(!app.log().contains(SECRET));
}
