//! One fault under load: the clients run, something breaks and heals, and what they saw is checked.

use super::board::Board;
use super::clients::{self, Client};
use super::history::{History, Outcome, outcome};
use super::resolve::resolve;
use super::truth::Truth;
use super::{Stage, anchors, batches, catalogue::Fault, changers, checker, readers, rivals};
use crate::support::{App, key};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::Ordering;
use std::thread;

/// More than may commit at a time (of a pool of ten, two are kept for reads): some wait in line behind commits that hang on a primary
/// that has lost its standbys, and must not be failed for that.
const WRITERS: usize = 10;
const CHANGERS: usize = 2;
const BATCHERS: usize = 1;
const ANCHORS: usize = 1;
/// Each is two or three.
const RIVALS: usize = 1;
const CONSISTENT_READERS: usize = 1;
const READERS: usize = 2;
/// Before the fault, and after it is healed.
const SOME: usize = 30;

pub struct Round {
    pub history: History,
    pub violations: Vec<String>,
}

/// Runs the fault under load, and checks. Panics where it does not heal.
pub fn run(stage: &Stage, fault: impl FnOnce(&Stage, &str)) -> Round {
    run_among(stage, &population(), fault)
}

pub fn run_among(stage: &Stage, population: &[Group], fault: impl FnOnce(&Stage, &str)) -> Round {
    let board = Board::new(&format!("r{}", key()));
    let mut history = under_load(stage, &board, population, || {
        stage.more_writes(SOME);
        fault(stage, &board.run);
        stage.until_healed();
        stage.more_writes(SOME);
    });
    history.snapshots = std::mem::take(&mut stage.snapshots.lock());
    let mut violations = check(stage, &history, &board.run);
    let client = Client {
        stage,
        board: &board,
        home: None,
    };
    resolve(&client, &mut history);
    violations.extend(unresolved(&history));
    violations.extend(check(stage, &history, &board.run));
    violations.sort();
    violations.dedup();
    Round {
        history,
        violations,
    }
}

/// So many clients of one kind, at one instance or at any.
pub struct Group {
    pub size: usize,
    pub home: Option<usize>,
    pub kind: fn(&Client) -> History,
}

fn population() -> [Group; 7] {
    let anywhere = |size, kind| Group {
        size,
        home: None,
        kind,
    };
    [
        anywhere(WRITERS, clients::write),
        anywhere(CHANGERS, changers::change),
        anywhere(BATCHERS, batches::write),
        anywhere(ANCHORS, anchors::tell),
        anywhere(RIVALS, rivals::write),
        anywhere(CONSISTENT_READERS, readers::read_consistently),
        anywhere(READERS, readers::read),
    ]
}

fn under_load(stage: &Stage, board: &Board, population: &[Group], work: impl FnOnce()) -> History {
    thread::scope(|scope| {
        let all = population
            .iter()
            .flat_map(|group| (0..group.size).map(move |_| group));
        let threads: Vec<_> = all
            .map(|group| {
                let home = group.home;
                scope.spawn(move || (group.kind)(&Client { stage, board, home }))
            })
            .collect();
        let result = catch_unwind(AssertUnwindSafe(work));
        if result.is_err() {
            stage.apps.iter().for_each(tell);
        }
        board.stop.store(true, Ordering::Release);
        let mut history = History::default();
        threads
            .into_iter()
            .for_each(|thread| history.add(thread.join().unwrap()));
        result.unwrap_or_else(|panic| resume_unwind(panic));
        history
    })
}

/// What the service thinks, and what became known to it lately: its requests are left out.
fn tell(app: &App) {
    let status = app.try_get("/status").map(|answer| answer.text);
    let log = app.log();
    let lines: Vec<&str> = log
        .lines()
        .filter(|line| !line.contains("route="))
        .collect();
    let last = &lines[lines.len().saturating_sub(40)..];
    eprintln!("--- {status:?}\n{}\n---", last.join("\n"));
}

pub fn check(stage: &Stage, history: &History, prefix: &str) -> Vec<String> {
    checker::violations(history, &Truth::of(stage.primary(), prefix))
}

fn unresolved(history: &History) -> Vec<String> {
    let creates = history
        .creates
        .iter()
        .map(|create| (&create.marker, &create.attempts));
    let changes = history
        .changes
        .iter()
        .map(|change| (&change.reason, &change.attempts));
    let batches = history
        .batches
        .iter()
        .map(|batch| (&batch.marker, &batch.attempts));
    let callbacks = history
        .callbacks
        .iter()
        .map(|callback| (&callback.marker, &callback.attempts));
    let doubtful = creates
        .chain(changes)
        .chain(batches)
        .chain(callbacks)
        .filter(|(_, attempts)| outcome(attempts) == Outcome::Doubt);
    doubtful
        .map(|(marker, attempts)| format!("{marker} was never resolved: {attempts:?}"))
        .collect()
}

/// A named test: the fault breaks no promise, and fails no write where it need not.
#[track_caller]
pub fn survives(stage: &Stage, fault: &Fault) -> History {
    let Round {
        history,
        violations,
    } = run(stage, |stage, marker| (fault.run)(stage, marker));
    assert!(
        violations.is_empty(),
        "{} violations, the first: {:#?}",
        violations.len(),
        &violations[..violations.len().min(5)]
    );
    let failed = history.failed_writes();
    assert!(
        !fault.fails_no_write || failed.is_empty(),
        "{} writes failed, the first: {:?}",
        failed.len(),
        failed[0]
    );
    history
}
