//! Two owners, each hammering the other's ids, keys, anchor ids, cursors, ETags and tokens: nothing seen, nothing told apart from absence.
//! (The shared app's owner has a twin besides, see support/twins.sql.)

use crate::support::http::Headers;
use crate::support::{Answer, App, Client, full, key, shared, with};
use reqwest::Method;
use serde_json::{Value, json};
use synapse_core::ledger::ask::token::Token;
use synapse_core::ledger::model::write::Write;
use uuid::Uuid;

const ANNA: Client = Client::of("anna", "syn_anna", &["read", "write"]);
const BERT: Client = Client::of("bert", "syn_bert", &["read", "write"]);
const BOSS: Client = Client::of("boss", "syn_boss", &["read", "write", "admin"]);

fn start() -> App {
    let launch = shared().cluster.launch();
    launch.for_clients(&[ANNA, BERT, BOSS]).healthy()
}

/// What a client sends.
struct As<'a> {
    app: &'a App,
    bearer: String,
}

impl As<'_> {
    fn send(&self, method: Method, path: &str, headers: Headers, body: Option<&Value>) -> Answer {
        let own = ("Authorization", self.bearer.as_str());
        let headers: Vec<_> = std::iter::once(own)
            .chain(headers.iter().copied())
            .collect();
        self.app.send(method, path, &headers, body)
    }

    fn create(&self, key: &str, body: &Value) -> Answer {
        self.send(
            Method::POST,
            "/transactions",
            &[("Idempotency-Key", key)],
            Some(body),
        )
    }

    fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, &[("X-Read-Consistency", "strong")], None)
    }

    fn get_with_token(&self, path: &str, token: &str) -> Answer {
        self.send(Method::GET, path, &[("X-Consistency-Token", token)], None)
    }

    fn patch(&self, id: &str, etag: &str) -> Answer {
        let body = json!({"status": "processing"});
        self.send(
            Method::PATCH,
            &format!("/transactions/{id}"),
            &[("If-Match", etag)],
            Some(&body),
        )
    }
}

fn asked_by(app: &App, client: Client) -> As<'_> {
    As {
        app,
        bearer: client.bearer(),
    }
}

/// The same status, headers and body, but for what names this very request.
#[track_caller]
fn same(answer: Answer, as_absent: Answer) {
    let told = |answer: &Answer| {
        let mut body = answer.json();
        let members = body.as_object_mut().unwrap();
        members.remove("request_id");
        members.remove("instance");
        let mut headers: Vec<_> = answer.headers.keys().map(|name| name.to_string()).collect();
        headers.sort_unstable();
        (answer.status, headers, body)
    };
    assert!(answer.status >= 400, "{answer:?}");
    assert_eq!(told(&answer), told(&as_absent));
}

#[test]
fn what_another_owner_has_is_not_there() {
    let app = start();
    for (one, other) in [(ANNA, BERT), (BERT, ANNA)] {
        let (one, other) = (asked_by(&app, one), asked_by(&app, other));
        let created = one.create(&key(), &full()).expect(201);
        let (id, absent) = (created.id(), Uuid::now_v7().to_string());
        let path = |id: &str| format!("/transactions/{id}");
        let events = |id: &str| format!("/transactions/{id}/events");
        same(other.get(&path(&id)), other.get(&path(&absent)));
        same(other.get(&events(&id)), other.get(&events(&absent)));
        for etag in [created.etag().as_str(), "*", "\"1-abcdef\""] {
            same(other.patch(&id, etag), other.patch(&absent, etag));
        }
        assert_eq!(
            one.get(&path(&id)).expect(200).json()["version"],
            1,
            "and nothing has changed"
        );
        one.patch(&id, &created.etag()).expect(200);
    }
}

#[test]
fn a_key_and_an_anchor_id_of_another_owner_are_free() {
    let app = start();
    let (anna, bert) = (asked_by(&app, ANNA), asked_by(&app, BERT));
    let (key, body) = (key(), full());
    let first = anna.create(&key, &body).expect(201);
    // Under her key his own, under her anchor id with other fields, and under both once more as a replay of his.
    let his = with(body.clone(), "amount", "7");
    let second = bert.create(&key, &his).expect(201);
    assert_eq!(second.header("Idempotent-Replayed"), "false");
    assert_ne!(second.id(), first.id());
    let again = bert.create(&key, &his).expect(201);
    assert_eq!(
        (again.id(), again.header("Idempotent-Replayed")),
        (second.id(), "true")
    );
    let again = anna.create(&key, &body).expect(201);
    assert_eq!(
        (again.id(), again.header("Idempotent-Replayed")),
        (first.id(), "true")
    );
    // A refusal of his names his rows alone.
    let reused = bert
        .create(&key, &body)
        .problem(422, "idempotency_key_reused")
        .json();
    assert_eq!(reused["transaction_ids"], json!([second.id()]));
    let conflict = bert
        .create(&crate::support::key(), &body)
        .problem(409, "anchor_transaction_conflict");
    assert_eq!(conflict.json()["existing_id"], second.id());
    for (owner, id) in [(&anna, first.id()), (&bert, second.id())] {
        let anchor = body["anchor_transaction_id"].as_str().unwrap();
        for search in [
            format!("idempotency_key={key}"),
            format!("anchor_transaction_id={anchor}"),
        ] {
            let found = owner
                .get(&format!("/transactions?{search}"))
                .expect(200)
                .json();
            let ids: Vec<_> = found["data"]
                .as_array()
                .unwrap()
                .iter()
                .map(|row| &row["id"])
                .collect();
            assert_eq!(ids, [&json!(id)], "{search}");
        }
    }
}

#[test]
fn a_list_holds_ones_own_alone_and_a_cursor_of_another_owner_is_like_a_damaged_one() {
    let app = start();
    let (anna, bert) = (asked_by(&app, ANNA), asked_by(&app, BERT));
    let account = crate::support::account();
    let body = with(
        crate::support::minimal(),
        "stellar_account",
        account.as_str(),
    );
    let mut id = String::new();
    for _ in 0..2 {
        id = anna.create(&key(), &body).expect(201).id();
        bert.create(&key(), &body).expect(201);
        anna.patch(&id, "*").expect(200);
    }
    let lists = [
        format!("/transactions?stellar_account={account}&limit=1"),
        format!("/transactions/{id}/events?limit=1"),
    ];
    for list in &lists {
        let page = anna.get(list).expect(200).json();
        assert_eq!(page["data"].as_array().unwrap().len(), 1);
        let cursor = page["meta"]["next_cursor"].as_str().unwrap();
        let damaged = format!("{}x", &cursor[..cursor.len() - 1]);
        let with_cursor = |cursor: &str| format!("{list}&cursor={cursor}");
        anna.get(&with_cursor(cursor)).expect(200);
        same(
            bert.get(&with_cursor(cursor)),
            bert.get(&with_cursor(&damaged)),
        );
    }
    let all = bert
        .get(&format!("/transactions?stellar_account={account}"))
        .expect(200)
        .json();
    assert_eq!(all["data"].as_array().unwrap().len(), 2);
}

#[test]
fn a_token_of_another_owner_is_like_one_of_a_write_that_is_lost() {
    let app = start();
    let (anna, bert) = (asked_by(&app, ANNA), asked_by(&app, BERT));
    let created = anna.create(&key(), &full()).expect(201);
    let his = bert.create(&key(), &full()).expect(201);
    let lost = Token {
        transaction_id: Uuid::now_v7(),
        write: Write {
            version: 1,
            id: Uuid::now_v7(),
        },
    };
    let path = format!("/transactions/{}", his.id());
    for path in [path.as_str(), "/transactions"] {
        bert.get_with_token(path, his.token()).expect(200);
        let answer = bert.get_with_token(path, created.token());
        let answer = answer.problem(409, "consistency_token_unknown");
        same(answer, bert.get_with_token(path, &lost.to_string()));
        anna.get_with_token("/transactions", created.token())
            .expect(200);
    }
}

#[test]
fn with_the_scope_admin_a_request_chooses_whose_transactions_it_is_about() {
    let app = start();
    let (anna, bert, boss) = (
        asked_by(&app, ANNA),
        asked_by(&app, BERT),
        asked_by(&app, BOSS),
    );
    let id = anna.create(&key(), &full()).expect(201).id();
    let path = format!("/transactions/{id}");
    let strong = ("X-Read-Consistency", "strong");
    let get =
        |client: &As, owner| client.send(Method::GET, &path, &[strong, ("X-Owner", owner)], None);
    get(&boss, "anna").expect(200);
    get(&boss, "bert").problem(404, "transaction_not_found");
    boss.get(&path).problem(404, "transaction_not_found");
    // Whoever has not the scope is refused before anything is looked at, even with the own name.
    for owner in ["bert", "anna", "nobody", "not a name"] {
        get(&bert, owner).problem(403, "forbidden");
    }
    for owner in ["", "a b", "a/b", "anna'--", &"x".repeat(65)] {
        get(&boss, owner).problem(400, "invalid_parameter");
    }
    let key = key();
    let headers = [("X-Owner", "anna"), ("Idempotency-Key", key.as_str())];
    let made = boss
        .send(Method::POST, "/transactions", &headers, Some(&full()))
        .expect(201);
    let events = anna
        .get(&format!("/transactions/{}/events", made.id()))
        .expect(200)
        .json();
    assert_eq!(events["data"][0]["actor"], "api:boss");
}
