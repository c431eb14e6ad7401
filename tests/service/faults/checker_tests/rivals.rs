//! Several clients with one key at the same time.

use super::{Doctor, again, are_noticed_as, attempt, create, done, honest};
use crate::faults::checker::violations;
use crate::faults::history::attempts::Refusal;
use crate::faults::history::{Attempt, History, Reply};
use crate::faults::truth::{Row, Truth};
use serde_json::json;

const REUSED: &str = "idempotency_key_reused";

fn replay(id: &str) -> Attempt {
    let mut attempt = done(id);
    if let Reply::Done { replayed, .. } = &mut attempt.reply {
        *replayed = true;
    }
    attempt
}

fn refused_for(id: &str) -> Attempt {
    attempt(Reply::Rejected(Refusal {
        status: 422,
        code: REUSED.into(),
        body: json!({"transaction_ids": [id]}),
    }))
}

/// All are sent before the first is answered.
fn at_once(mut attempts: Vec<Attempt>) -> Vec<Attempt> {
    let begun = attempts[0].begun;
    attempts
        .iter_mut()
        .for_each(|attempt| attempt.begun = begun);
    attempts
}

/// Two send the first create, and the answer of the one who made it comes last. The last create, under the same key, differs.
fn rivalry() -> (History, Truth) {
    let (mut history, truth) = honest();
    history.creates[0].refusable = Some(REUSED);
    history.creates[0].attempts = at_once(vec![replay("1"), done("1")]);
    let mut other = create(4, vec![again(false), refused_for("1")]);
    other.refusable = Some(REUSED);
    (other.key, other.anchor) = (Some("m-1".into()), None);
    history.creates.push(other);
    (history, truth)
}

fn store_the_other(truth: &mut Truth) {
    let other = Row {
        id: "4".into(),
        marker: "m-4".into(),
        anchor: None,
        status: "pending".into(),
        version: 1,
    };
    truth.rows.push(other);
}

#[test]
fn an_honest_rivalry_passes() {
    let (history, truth) = rivalry();
    assert_eq!(violations(&history, &truth), Vec::<String>::new());
}

#[test]
fn a_rivalry_that_makes_two_of_one_fails() {
    let table: [(&str, &str, Doctor); 12] = [
        ("both are called new", "called new", |history, _| {
            history.creates[0].attempts = at_once(vec![done("1"), done("1")])
        }),
        ("neither is called new", "called new", |history, _| {
            history.creates[0].attempts = at_once(vec![replay("1"), replay("1")])
        }),
        ("one is new after its replay", "called new", |history, _| {
            history.creates[0].attempts = vec![replay("1"), done("1")]
        }),
        ("they have two ids", "two answers", |history, _| {
            history.creates[0].attempts = at_once(vec![done("1"), replay("2")])
        }),
        ("they have two bodies", "two answers", |history, _| {
            if let Reply::Done { body, .. } = &mut history.creates[0].attempts[0].reply {
                body["version"] = json!(2);
            }
        }),
        ("the one is lost", "but 0 rows", |_, truth| {
            drop(truth.rows.remove(0))
        }),
        (
            "the other is done too",
            "its key stands for",
            |history, truth| {
                history.creates.last_mut().unwrap().attempts = vec![done("4")];
                store_the_other(truth);
                truth.keys.get_mut("m-1").unwrap().push("4".into());
            },
        ),
        (
            "the other is there though refused",
            "NotApplied, but 1 rows",
            |_, truth| store_the_other(truth),
        ),
        (
            "it is refused for what is not there",
            "refused for",
            |history, _| history.creates.last_mut().unwrap().attempts = vec![refused_for("5")],
        ),
        (
            "one is done and refused",
            "both done and refused",
            |history, _| history.creates[0].attempts.push(refused_for("1")),
        ),
        (
            "one that is alone is refused",
            "answered Refusal",
            |history, _| history.creates.last_mut().unwrap().refusable = None,
        ),
        (
            "it is refused for another reason",
            "answered Refusal",
            |history, _| {
                let other = super::refused(409, "anchor_transaction_conflict");
                history.creates.last_mut().unwrap().attempts = vec![other];
            },
        ),
    ];
    are_noticed_as(rivalry, &table);
}
