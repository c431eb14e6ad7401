//! What was told of writes.

use super::{Doctor, again, all_are_noticed, attempt, done, event, refused};
use crate::faults::history::Reply;
use serde_json::json;

#[test]
fn a_doctored_history_fails() {
    let table: [(&str, Doctor); 18] = [
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
                .push(refused(500, "internal_error"))
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
