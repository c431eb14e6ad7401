//! What reads showed.

use super::{Doctor, again, are_noticed_as};
use crate::faults::history::{Level, Line, Read, Seen, View};
use std::time::{Duration, Instant};

fn line(version: u64, status: &str) -> Line {
    Line {
        id: "1".into(),
        version,
        status: status.into(),
        reason: (version > 1).then(|| "why".into()),
    }
}

/// Of the transaction that was changed.
fn read(view: View, level: Level, lines: Vec<Line>) -> Read {
    Read {
        view,
        level,
        instance: 1,
        id: "1".into(),
        floor: 2,
        token_of: Some(0),
        end: Instant::now(),
        served_in: String::new(),
        took: Duration::ZERO,
        by_replica: level != Level::Strong,
        lag_ms: Some(0),
        on_old_branch: false,
        lines,
        seen: Seen::Version(2),
    }
}

/// In each view.
pub(super) fn honest() -> Vec<Read> {
    let now = || vec![line(2, "failed")];
    let key = View::Key("m-1".into());
    vec![
        read(View::One, Level::Token, now()),
        read(
            View::History,
            Level::Strong,
            vec![line(1, "pending"), line(2, "failed")],
        ),
        read(key, Level::Strong, now()),
        read(View::Status("failed"), Level::Strong, now()),
    ]
}

/// As they stand in `honest`.
const ONE: usize = 0;
const HISTORY: usize = 1;
const KEY: usize = 2;
const STATUS: usize = 3;

#[test]
fn a_read_that_shows_what_it_must_not_fails() {
    let table: [(&str, &str, Doctor); 8] = [
        (
            "a read is older than its token",
            "Version(1)",
            |history, _| history.reads[ONE].seen = Seen::Version(1),
        ),
        ("a plain read failed", "Unavailable", |history, _| {
            let unavailable = Seen::Unavailable("read_unavailable".into());
            (history.reads[ONE].level, history.reads[ONE].seen) = (Level::Eventual, unavailable);
        }),
        (
            "a strong read is older than what was acknowledged",
            "Version(1)",
            |history, _| {
                history.reads[HISTORY].seen = Seen::Version(1);
                history.reads[HISTORY].lines.pop();
            },
        ),
        (
            "a history has a gap",
            "a history with gaps",
            |history, _| drop(history.reads[HISTORY].lines.remove(0)),
        ),
        (
            "a default one has one too",
            "a history with gaps",
            |history, _| {
                history.reads[HISTORY].level = Level::Eventual;
                history.reads[HISTORY].lines.remove(0);
            },
        ),
        (
            "a history shows another step",
            "shows what is not stored",
            |history, _| history.reads[HISTORY].lines[1].status = "completed".into(),
        ),
        (
            "a history shows a step that is not stored",
            "shows what is not stored",
            |history, _| {
                let further = line(3, "pending");
                history.reads[HISTORY].lines.push(further);
            },
        ),
        (
            "a token is shown another write of its version",
            "shows what is not stored",
            |history, _| history.reads[ONE].lines[0].reason = Some("another".into()),
        ),
    ];
    are_noticed_as(super::honest, &table);
}

#[test]
fn a_list_that_misses_or_shows_what_it_must_not_fails() {
    let table: [(&str, &str, Doctor); 6] = [
        (
            "a list by key misses what was acknowledged",
            "its key stands for",
            |history, _| {
                history.reads[KEY].lines.clear();
                history.reads[KEY].seen = Seen::Version(0);
            },
        ),
        (
            "a list by key misses one of several",
            "its key stands for",
            |_, truth| truth.keys.get_mut("m-1").unwrap().push("2".into()),
        ),
        (
            "a list by key shows what the key did not make",
            "its key stands for",
            |history, _| {
                history.reads[KEY].floor = 0;
                history.reads[KEY].lines[0].id = "b0".into();
            },
        ),
        (
            "a page shows a row twice",
            "shows a transaction twice",
            |history, _| {
                let again = history.reads[STATUS].lines[0].clone();
                history.reads[STATUS].level = Level::Eventual;
                history.reads[STATUS].lines.push(again);
            },
        ),
        (
            "a list shows another status",
            "shows another status",
            |history, _| history.reads[STATUS].lines[0].status = "pending".into(),
        ),
        (
            "a default read shows what was not applied",
            "shows change why, which was not applied",
            |history, truth| {
                history.changes[0].attempts = vec![again(true)];
                truth.events.get_mut("1").unwrap().pop();
                (truth.rows[0].version, truth.rows[0].status) = (1, "pending".into());
                history.reads.truncate(1);
                history.reads[ONE].level = Level::Eventual;
            },
        ),
    ];
    are_noticed_as(super::honest, &table);
}
