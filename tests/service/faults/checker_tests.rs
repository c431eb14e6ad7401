//! The checker fails on a doctored history.

use super::checker::violations;
use super::history::{Attempt, Batch, Callback, Change, Create, History, Level, Read, Reply, Seen};
use super::snapshot::Snapshot;
use super::tally::Tally;
use super::truth::{Event, Row, Truth};
use serde_json::json;
use std::collections::HashMap;
use std::time::{Duration, Instant};

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
        attempts,
    }
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

/// One acknowledged create with one change, one that was not applied, one in doubt, a batch, a callback, and a read.
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
        reads: vec![Read {
            level: Level::Token,
            instance: 1,
            floor: 2,
            token_of: Some(0),
            end: Instant::now(),
            served_in: String::new(),
            took: Duration::ZERO,
            by_replica: true,
            lag_ms: Some(0),
            on_old_branch: false,
            seen: Seen::Version(2),
        }],
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

type Doctor = fn(&mut History, &mut Truth);

#[test]
fn a_doctored_history_fails() {
    let table: [(&str, Doctor); 20] = [
        ("an acknowledged create is lost", |_, truth| {
            drop(truth.rows.remove(0))
        }),
        ("it is there twice", |_, truth| {
            truth.rows.push(truth.rows[0].clone())
        }),
        ("it is another", |history, _| {
            history.creates[0].attempts.push(done("2"))
        }),
        ("its key is lost", |_, truth| truth.keys.clear()),
        ("its key is another's", |_, truth| {
            truth.keys.get_mut("m-1").unwrap()[0] = "2".into()
        }),
        ("its anchor id is lost", |_, truth| {
            truth.rows[0].anchor = None
        }),
        ("its replay has another body", |history, _| {
            let body = json!({"id": "1", "version": 2});
            history.creates[0].attempts.push(attempt(Reply::Done {
                status: 201,
                replayed: true,
                replicated: false,
                durable_in: Vec::new(),
                body,
            }));
        }),
        ("its first attempt is a replay", |history, _| {
            history.creates[0].attempts[1] = attempt(Reply::Done {
                status: 201,
                replayed: true,
                replicated: false,
                durable_in: Vec::new(),
                body: json!({"id": "1"}),
            });
            history.creates[0].attempts.remove(0);
        }),
        ("what was not applied is there", |_, truth| {
            truth.rows[0].marker = "m-2".into()
        }),
        ("what was in doubt is there twice", |history, truth| {
            history.creates[0].attempts.pop();
            truth.rows.push(truth.rows[0].clone());
        }),
        ("a rejection", |history, _| {
            history.creates[1]
                .attempts
                .push(attempt(Reply::Rejected("500".into())))
        }),
        ("no answer", |history, _| {
            history.creates[1].attempts.push(attempt(Reply::Lost {
                cause: "reset".into(),
                excused: false,
            }));
        }),
        ("an event is missing", |_, truth| {
            drop(truth.events.get_mut("1").unwrap().remove(0))
        }),
        ("a change is lost", |_, truth| {
            truth.events.get_mut("1").unwrap().pop();
            (truth.rows[0].version, truth.rows[0].status) = (1, "pending".into());
        }),
        ("a change was made twice", |_, truth| {
            truth.events.get_mut("1").unwrap().push(event(2, "failed"))
        }),
        ("a change that was not applied was made", |history, _| {
            history.changes[0].attempts = vec![again(true)]
        }),
        ("a step that is not allowed", |_, truth| {
            truth.events.get_mut("1").unwrap()[0].status = "completed".into()
        }),
        ("the row is not as its last event left it", |_, truth| {
            truth.rows[0].status = "pending".into()
        }),
        ("a read is older than its token", |history, _| {
            history.reads[0].seen = Seen::Version(1)
        }),
        ("a plain read failed", |history, _| {
            let unavailable = Seen::Unavailable("read_unavailable".into());
            (history.reads[0].level, history.reads[0].seen) = (Level::Eventual, unavailable);
        }),
    ];
    all_are_noticed(&table);
}

#[test]
fn answers_that_say_the_wrong_thing_of_themselves_fail() {
    let table: [(&str, Doctor); 7] = [
        (
            "a create called replicated is on no standby",
            |history, _| {
                history.changes.clear();
                history.snapshots[0].versions.clear();
            },
        ),
        (
            "a change called replicated is on no standby",
            |history, _| *history.snapshots[0].versions.get_mut("1").unwrap() = 1,
        ),
        ("a create is not in a region that it named", |history, _| {
            history.snapshots[0].by_region.insert("us", HashMap::new());
        }),
        ("a read shows somebody else's branch", |history, _| {
            history.reads[0].seen = Seen::Version(1002)
        }),
        ("an old branch serves a token", |history, _| {
            history.reads[0].on_old_branch = true
        }),
        ("a replica serves a strong read", |history, _| {
            history.reads[0].level = Level::Strong
        }),
        ("a replica does not say how stale it is", |history, _| {
            history.reads[0].lag_ms = None
        }),
    ];
    all_are_noticed(&table);
}

#[test]
fn a_batch_in_part_and_a_callback_twice_fail() {
    let table: [(&str, Doctor); 10] = [
        ("a batch is stored in part", |_, truth| {
            drop(truth.rows.pop())
        }),
        ("a batch in doubt is stored in part", |history, truth| {
            history.batches[0].attempts = vec![again(false)];
            truth.rows.pop();
        }),
        ("a batch that was not applied is there", |history, _| {
            drop(history.batches[0].attempts.pop())
        }),
        ("a batch is stored in another order", |_, truth| {
            truth.keys.get_mut("b").unwrap().reverse()
        }),
        ("a batch of its own is a replay", |history, _| {
            if let Reply::Done { replayed, .. } = &mut history.batches[0].attempts[1].reply {
                *replayed = true;
            }
        }),
        ("a callback is lost", |_, truth| truth.callbacks.clear()),
        ("a callback is applied twice", |_, truth| {
            truth.callbacks.get_mut("c").unwrap().push(("7".into(), 3))
        }),
        ("a callback made another version", |_, truth| {
            truth.callbacks.get_mut("c").unwrap()[0].1 = 3
        }),
        ("a callback that was not applied was", |history, _| {
            history.callbacks[0].attempts = vec![again(true)]
        }),
        ("a callback is answered with another state", |history, _| {
            history.callbacks[0].body = json!({"callback_status": "refunded"})
        }),
    ];
    all_are_noticed(&table);
}

fn all_are_noticed(table: &[(&str, Doctor)]) {
    for (what, doctor) in table {
        let (mut history, mut truth) = honest();
        doctor(&mut history, &mut truth);
        assert_ne!(
            violations(&history, &truth),
            Vec::<String>::new(),
            "unnoticed: {what}"
        );
    }
}
