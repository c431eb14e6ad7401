//! Who may: every route of the URL table without a key, with a wrong one, with one that is too weak, and with the right one.

use crate::support::http::Headers;
use crate::support::{Answer, App, Client, Launch, full, minimal, shared};
use crate::support::{client::sha256, raw};
use reqwest::Method;
use serde_json::{Value, json};
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::sync::{Arc, OnceLock};
use synapse_core::url_table::{Endpoint, Need, Scope, TABLE};

const fn client(name: &'static str, key: &'static str, scopes: &'static [&'static str]) -> Client {
    Client {
        name,
        owner: "shop",
        key,
        scopes,
    }
}

const READER: Client = client("reader", "syn_reader", &["read"]);
const WRITER: Client = client("writer", "syn_writer", &["write"]);
const ADMIN: Client = client("admin", "syn_admin", &["admin"]);
const NOT_READER: Client = client("not-reader", "syn_not_reader", &["write", "admin"]);
const NOT_WRITER: Client = client("not-writer", "syn_not_writer", &["read", "admin"]);
const NOT_ADMIN: Client = client("not-admin", "syn_not_admin", &["read", "write"]);

/// Who has this scope alone, and who has all but this.
fn with_and_without(scope: Scope) -> (Client, Client) {
    match scope {
        Scope::Read => (READER, NOT_READER),
        Scope::Write => (WRITER, NOT_WRITER),
        Scope::Admin => (ADMIN, NOT_ADMIN),
    }
}

/// A service for these clients, for the tests that change nothing of it.
fn shop() -> Arc<App> {
    static SHOP: OnceLock<Arc<App>> = OnceLock::new();
    let start = || {
        let clients = [READER, WRITER, ADMIN, NOT_READER, NOT_WRITER, NOT_ADMIN];
        let launch = shared().cluster.launch().for_clients(&clients);
        Arc::new(launch.healthy())
    };
    SHOP.get_or_init(start).clone()
}

fn all_methods() -> impl Iterator<Item = (&'static Endpoint, &'static str)> {
    let of = |row: &'static Endpoint| row.methods().into_iter().map(move |method| (row, method));
    served().flat_map(of)
}

/// What a service on databases that are not its own has: tests/service/dashboard.rs asks for the rest.
fn served() -> impl Iterator<Item = &'static Endpoint> {
    TABLE.iter().filter(|row| !row.embedded_only)
}

/// With a body and headers that some routes understand and none is asked for before the key.
fn ask(app: &App, row: &Endpoint, method: &str, authorization: Option<&str>) -> Answer {
    let path = row
        .path
        .replace("{id}", "0199f6a2-7c1e-7d3a-9b6f-3f0c5a1e2b44");
    let authorization = authorization.map(|value| ("Authorization", value));
    let has_body = !["GET", "HEAD"].contains(&method);
    let body = has_body.then(|| json!({"status": "failed"}));
    let headers: Vec<_> = authorization.into_iter().collect();
    app.send(method.parse().unwrap(), &path, &headers, body.as_ref())
}

const WRONG: [Option<&str>; 12] = [
    None,
    Some(""),
    Some("Bearer"),
    Some("Bearer "),
    Some("Bearer syn_000000000000000000000000000000000000000000000000"),
    Some("Bearer syn_readers"),
    Some("Bearer syn_reade"),
    Some("Bearer SYN_READER"),
    Some("Bearer syn_reader syn_reader"),
    Some("Basic syn_reader"),
    Some("syn_reader"),
    Some("Bearer anonymous"),
];

#[test]
fn without_a_key_or_with_a_wrong_one_every_route_that_needs_one_says_the_same() {
    let app = shop();
    let mut said = Vec::new();
    for (row, method) in all_methods() {
        for wrong in WRONG {
            let answer = ask(&app, row, method, wrong);
            let what = format!("{method} {} {wrong:?}", row.path);
            match row.need {
                Need::Key(_) => {
                    assert_eq!(answer.status, 401, "{what}");
                    said.push(apart_from_the_request(method, answer));
                }
                Need::Signature => assert_ne!(answer.status, 403, "{what}"),
                Need::Probe | Need::Nothing => assert_eq!(answer.status, 200, "{what}"),
            }
        }
    }
    let (heads, mut bodies): (Vec<_>, Vec<_>) =
        said.into_iter().partition(|(_, body)| body.is_null());
    bodies.dedup();
    assert_eq!(bodies.len(), 1, "{bodies:#?}");
    assert!(heads.iter().all(|(headers, _)| *headers == bodies[0].0));
}

/// What could tell one wrong key from another.
fn apart_from_the_request(method: &str, answer: Answer) -> (Vec<String>, Value) {
    assert_eq!(answer.header("WWW-Authenticate"), "Bearer");
    let of_the_request = [
        "x-request-id",
        "date",
        "content-length",
        "connection",
        "ratelimit",
    ];
    let headers = answer.headers.keys().map(|name| name.as_str().to_owned());
    let mut headers: Vec<String> = headers
        .filter(|name| !of_the_request.contains(&name.as_str()))
        .collect();
    headers.sort_unstable();
    if method == "HEAD" {
        return (headers, Value::Null);
    }
    let mut body = answer.problem(401, "unauthorized").json();
    let members = body.as_object_mut().unwrap();
    members.remove("request_id");
    members.remove("instance");
    (headers, body)
}

#[test]
fn a_key_without_the_scope_of_a_route_is_forbidden_and_one_with_it_is_not() {
    let app = shop();
    for (row, method) in all_methods() {
        let Need::Key(scope) = row.need else { continue };
        let what = format!("{method} {}", row.path);
        let (with, without) = with_and_without(scope);
        let answer = ask(&app, row, method, Some(&without.bearer()));
        assert_eq!(answer.status, 403, "{what}");
        if method != "HEAD" {
            answer.problem(403, "forbidden");
        }
        let answer = ask(&app, row, method, Some(&with.bearer()));
        assert!(![401, 403].contains(&answer.status), "{what}: {answer:?}");
    }
}

#[test]
fn the_scheme_is_taken_in_any_case_and_a_second_key_beside_it_is_not() {
    let app = shop();
    for scheme in ["Bearer", "bearer", "BEARER"] {
        let authorization = format!("{scheme} {}", READER.key);
        app.get_with("/transactions", &[("Authorization", &authorization)])
            .expect(200);
    }
    let twice = format!(
        "GET /transactions HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: {0}\r\nAuthorization: {0}\r\n\r\n",
        READER.bearer()
    );
    assert_eq!(raw::exchange(app.port(), twice.as_bytes()).status, 401);
    let long = format!("Bearer {}", "s".repeat(60_000));
    app.get_with("/transactions", &[("Authorization", &long)])
        .problem(401, "unauthorized");
}

#[test]
fn an_unknown_path_or_method_is_told_without_a_key() {
    let app = shop();
    app.get("/nothing").problem(404, "not_found");
    let answer = app
        .send(Method::DELETE, "/transactions", &[], None)
        .problem(405, "method_not_allowed");
    assert_eq!(answer.header("Allow"), "GET, HEAD, POST");
}

#[test]
fn the_history_tells_which_client_it_was() {
    let app = shop();
    let headers: Headers = &[("Authorization", &NOT_ADMIN.bearer())];
    let id = app.create_with(headers, &full()).expect(201).id();
    let headers = [headers[0], ("X-Read-Consistency", "strong")];
    let events = app
        .get_with(&format!("/transactions/{id}/events"), &headers)
        .expect(200)
        .json();
    assert_eq!(events["data"][0]["actor"], "api:not-admin");
}

/// An old key and a new one side by side, then the new one alone; each step a restart, as a rolling update does it.
#[test]
fn a_key_is_replaced_without_a_request_that_fails() {
    let it = shared();
    let with_keys = |keys: &[&str]| {
        let launch = it.cluster.launch().for_clients(&[]);
        let clients = format!("[{}]", READER.toml_with_keys(keys));
        launch.set("clients", clients).healthy()
    };
    let status = |app: &App, key: &str| {
        let bearer = format!("Bearer {key}");
        app.get_with("/transactions", &[("Authorization", &bearer)])
            .status
    };
    let (old, new) = ("syn_old", "syn_new");
    let app = with_keys(&[old]);
    assert_eq!([old, new].map(|key| status(&app, key)), [200, 401]);
    let app = with_keys(&[old, new]);
    assert_eq!([old, new].map(|key| status(&app, key)), [200, 200]);
    for key in [old, new] {
        let digest = &sha256(key)[..8];
        let shown = format!("client=reader owner=shop key={digest}");
        app.logs(&shown);
    }
    let app = with_keys(&[new]);
    assert_eq!([old, new].map(|key| status(&app, key)), [401, 200]);
}

#[test]
fn the_key_command_makes_a_key_that_works() {
    let it = shared();
    let output = Launch::bare().run(&["key", "shop-7"]).expect(0);
    let key = output.stdout.lines().next().unwrap();
    let form = |key: &str| {
        let rest = key.strip_prefix("syn_").unwrap_or("");
        rest.len() == 49 && rest.bytes().all(|b| b.is_ascii_alphanumeric())
    };
    assert!(form(key), "{key}");
    assert_eq!(output.stdout.matches(key).count(), 1, "it is shown once");
    let settings = output.stdout.split_once("[[clients]]").unwrap().1;
    let another = Launch::bare().run(&["key", "shop-7"]).expect(0).stdout;
    assert!(!another.contains(key), "each is another one");
    let launch = it.cluster.launch().for_clients(&[]);
    let file = launch.dir().join("Settings.toml");
    let text = format!(
        "[server]\nbind = \"127.0.0.1:{}\"\n[database.primary]\nurl = \"{}\"\n[[clients]]{settings}",
        launch.port(),
        it.cluster.urls()[0]
    );
    std::fs::write(&file, text).unwrap();
    let app = launch.without_settings().healthy();
    let bearer = format!("Bearer {key}");
    let headers = [
        ("Authorization", bearer.as_str()),
        ("Idempotency-Key", &crate::support::key()),
    ];
    app.create_with(&headers, &minimal()).expect(201);
    app.create(&minimal()).problem(401, "unauthorized");
    assert!(!app.log().contains(&key[4..]), "no key is logged");
    for name in ["", "a b", "a/b", &"x".repeat(65)] {
        Launch::bare().run(&["key", name]).expect(2);
    }
}

#[test]
fn clients_may_stand_with_their_digests_in_files() {
    let it = shared();
    let launch = it.cluster.launch().for_clients(&[]);
    let file = launch.dir().join("digests");
    let digests = format!("{}\n{}\n", sha256("syn_1"), sha256("syn_2"));
    std::fs::write(&file, digests).unwrap();
    std::fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
    let app = launch
        .set(
            "clients",
            "[{ name = \"a\", key_sha256_file = \"digests\", scopes = [\"read\"] }]",
        )
        .healthy();
    for (key, status) in [("syn_1", 200), ("syn_2", 200), ("syn_3", 401)] {
        let bearer = format!("Bearer {key}");
        app.get_with("/transactions", &[("Authorization", &bearer)])
            .expect(status);
    }
}

#[test]
fn a_service_without_clients_is_only_for_this_machine() {
    let it = shared();
    for bind in ["0.0.0.0:0", "[::]:0", "192.0.2.1:3000"] {
        let launch = it
            .cluster
            .launch()
            .for_clients(&[])
            .text("server.bind", bind);
        let said = launch.run(&["serve"]).expect(2).stderr;
        assert_eq!(said.lines().count(), 1, "{said}");
        assert!(
            said.contains("server.bind") && said.contains("[[clients]]"),
            "{said}"
        );
    }
    let launch = it.cluster.launch().for_clients(&[READER]);
    let bind = format!("0.0.0.0:{}", launch.port());
    launch.text("server.bind", &bind).healthy();
    let open = it.cluster.launch().for_clients(&[]).healthy();
    open.create(&minimal()).expect(201);
    open.logs("no clients are configured");
    open.get_with("/transactions", &[("Authorization", "Bearer whatever")])
        .expect(200);
}

/// Each row of the URL table stands in the README with what it needs, and nothing else does.
#[test]
fn the_readme_tells_what_every_route_needs() {
    let readme = include_str!("../../README.md");
    let rows = readme.lines().filter_map(|line| {
        let cells: Vec<&str> = line.split(" | ").collect();
        let (method, paths) = cells.first()?.strip_prefix("| ")?.split_once(" `")?;
        let need = cells.get(3)?.trim_end_matches(" |");
        let paths = paths.split('`').filter(|path| path.starts_with('/'));
        Some(paths.map(move |path| format!("{method} {path}: {need}")))
    });
    let mut told: Vec<String> = rows.flatten().collect();
    let need = |need| match need {
        Need::Probe | Need::Nothing => "none",
        Need::Signature => "signature",
        Need::Key(Scope::Read) => "read",
        Need::Key(Scope::Write) => "write",
        Need::Key(Scope::Admin) => "admin",
    };
    let row = |row: &Endpoint| format!("{} {}: {}", row.methods()[0], row.path, need(row.need));
    let mut known: Vec<String> = TABLE.iter().map(row).collect();
    told.sort_unstable();
    known.sort_unstable();
    assert_eq!(told, known);
}
