//! The checker fails on a doctored history.

mod changes;
mod reads;
mod rivals;
mod words;
mod writes;

use super::checker::violations;
use super::history::attempts::Refusal;
use super::history::{Attempt, Batch, Callback, Change, Create, History, Reply, Seen};
use super::snapshot::Snapshot;
use super::tally::Tally;
use super::truth::{Event, Row, Truth};
use serde_json::json;
use std::time::Instant;

fn attempt(reply: Reply) -> Attempt {
    Attempt {
        instance: 0,
        begun: Instant::now(),
        end: Instant::now(),
        reply,
    }
}

fn done(id: &str) -> Attempt {
    attempt(Reply::Done {
        status: 201,
        replayed: false,
        replicated: true,
        durable_in: vec!["eu".into(), "us".into()],
        body: json!({"id": id, "version": 1}),
    })
}

fn again(not_applied: bool) -> Attempt {
    attempt(Reply::Again {
        code: "any".into(),
        not_applied,
    })
}

fn create(n: u32, attempts: Vec<Attempt>) -> Create {
    let marker = format!("m-{n}");
    let (key, anchor) = (Some(marker.clone()), Some(format!("anchor-{n}")));
    Create {
        marker,
        key,
        anchor,
        body: json!({}),
        refusable: None,
        attempts,
    }
}

fn refused(status: u16, code: &str) -> Attempt {
    attempt(Reply::Rejected(Refusal {
        status,
        code: code.into(),
        body: json!({}),
    }))
}

fn event(version: u64, status: &str) -> Event {
    let kind = if version == 1 {
        "created"
    } else {
        "status_changed"
    };
    Event {
        id: "1".into(),
        version,
        kind: kind.into(),
        status: status.into(),
        reason: (version > 1).then(|| "why".into()),
    }
}

/// Of two items, acknowledged.
fn batch() -> Batch {
    Batch {
        marker: "b".into(),
        body: json!({}),
        size: 2,
        attempts: vec![
            again(true),
            attempt(Reply::Done {
                status: 201,
                replayed: false,
                replicated: false,
                durable_in: Vec::new(),
                body: json!({"data": [{"id": "b0"}, {"id": "b1"}]}),
            }),
        ],
    }
}

/// The second one of a transaction, acknowledged after a doubt.
fn callback() -> Callback {
    Callback {
        marker: "c".into(),
        body: json!({"callback_status": "completed"}),
        makes: 2,
        attempts: vec![
            again(false),
            attempt(Reply::Done {
                status: 200,
                replayed: true,
                replicated: false,
                durable_in: Vec::new(),
                body: json!({"id": "7", "version": 2, "callback_status": "completed"}),
            }),
        ],
    }
}

fn of_batch(item: usize) -> Row {
    Row {
        id: format!("b{item}"),
        marker: "b".into(),
        anchor: None,
        status: "pending".into(),
        version: 1,
    }
}

/// One acknowledged create with one change, one that was not applied, one in doubt, a batch, a callback, and reads.
fn honest() -> (History, Truth) {
    let changed = json!({"id": "1", "version": 2, "status": "failed", "status_reason": "why"});
    let history = History {
        creates: vec![
            create(1, vec![again(false), done("1")]),
            create(2, vec![again(true)]),
            create(3, vec![again(false)]),
        ],
        changes: vec![Change {
            id: "1".into(),
            from: 1,
            if_match: "\"1-5f2c9a\"".into(),
            to: "failed",
            reason: "why".into(),
            refusable: None,
            deadline: None,
            attempts: vec![attempt(Reply::Done {
                status: 200,
                replayed: false,
                replicated: true,
                durable_in: Vec::new(),
                body: changed,
            })],
        }],
        batches: vec![batch()],
        callbacks: vec![callback()],
        reads: reads::honest(),
        snapshots: vec![Snapshot {
            at: Instant::now(),
            from: None,
            versions: [("1".to_owned(), 2)].into(),
            by_region: [("us", [("1".to_owned(), 2)].into())].into(),
        }],
    };
    let row = Row {
        id: "1".into(),
        marker: "m-1".into(),
        anchor: Some("anchor-1".into()),
        status: "failed".into(),
        version: 2,
    };
    let truth = Truth {
        rows: vec![row, of_batch(0), of_batch(1)],
        keys: [
            ("m-1".to_owned(), vec!["1".to_owned()]),
            ("b".to_owned(), vec!["b0".to_owned(), "b1".to_owned()]),
        ]
        .into(),
        events: [
            (
                "1".to_owned(),
                vec![event(1, "pending"), event(2, "failed")],
            ),
            ("b0".to_owned(), vec![event(1, "pending")]),
            ("b1".to_owned(), vec![event(1, "pending")]),
        ]
        .into(),
        callbacks: [("c".to_owned(), vec![("7".to_owned(), 2)])].into(),
    };
    (history, truth)
}

#[test]
fn an_honest_history_passes() {
    let (history, truth) = honest();
    assert_eq!(violations(&history, &truth), Vec::<String>::new());
}

type Doctor = fn(&mut History, &mut Truth);

type Honest = fn() -> (History, Truth);

fn all_are_noticed(table: &[(&str, Doctor)]) {
    for (what, doctor) in table {
        let found = found(honest, *doctor);
        assert_ne!(found, Vec::<String>::new(), "unnoticed: {what}");
    }
}

/// Each by the rule that says so.
fn are_noticed_as(honest: Honest, table: &[(&str, &str, Doctor)]) {
    for (what, words, doctor) in table {
        let found = found(honest, *doctor);
        let is_noticed = found.iter().any(|violation| violation.contains(words));
        assert!(is_noticed, "unnoticed: {what}, but {found:#?}");
    }
}

fn found(honest: Honest, doctor: Doctor) -> Vec<String> {
    let (mut history, mut truth) = honest();
    doctor(&mut history, &mut truth);
    violations(&history, &truth)
}

#[test]
fn what_is_lost_doubled_or_stale_is_counted() {
    let (mut history, mut truth) = honest();
    assert_eq!(Tally::of(&history, &truth), Tally::default());
    history.reads[0].seen = Seen::Version(1);
    truth.rows.push(truth.rows[1].clone()); // of the batch
    truth.rows.remove(0);
    truth.events.get_mut("1").unwrap().push(event(2, "failed"));
    truth.callbacks.clear();
    let expected = Tally {
        lost: 2, // the create, and the callback
        doubled: 2,
        stale: 1,
    };
    assert_eq!(Tally::of(&history, &truth), expected);
}
