//! Holds what reads showed against what the database holds, and against what was told of the changes that they show.

use super::history::{Attempt, History, Level, Line, Read, Seen, View};
use super::truth::Truth;
use std::collections::HashSet;

pub fn violations(history: &History, truth: &Truth) -> Vec<String> {
    let changes = history.changes.iter();
    // Not those that were refused: a primary that was lost may have made and shown them before a rival's went first on the next one.
    let not_applied: HashSet<&str> = changes
        .filter(|change| change.attempts.iter().all(Attempt::changed_nothing))
        .map(|change| change.reason.as_str())
        .collect();
    let mut found = Vec::new();
    for read in &history.reads {
        let wrong = check_floor(read)
            .into_iter()
            .chain(check_page(read))
            .chain(check_key(read, truth))
            .chain(check_lines(read, truth))
            .chain(check_undone(read, &not_applied));
        found.extend(wrong.map(|what| about(read, &what)));
    }
    found
}

fn about(read: &Read, what: &str) -> String {
    let Read {
        view,
        level,
        instance,
        id,
        floor,
        took,
        lines,
        ..
    } = read;
    format!(
        "{level:?} read of instance {instance}, {view:?} of {id:?}, at least version {floor}: {what} after {took:?}: {lines:?}"
    )
}

/// Nothing older than was asked for.
fn check_floor(read: &Read) -> Option<String> {
    match &read.seen {
        Seen::Version(version) if *version >= read.floor => None,
        Seen::Unavailable(_) if read.level != Level::Eventual => None,
        Seen::Excused => None,
        wrong => Some(format!("{wrong:?}")),
    }
}

/// What one answer says must fit together, whoever gave it.
fn check_page(read: &Read) -> Option<String> {
    let what = match &read.view {
        View::History => {
            let versions = read.lines.iter().map(|line| line.version);
            let is_whole = versions.eq(1..=read.lines.len() as u64);
            (!is_whole).then_some("a history with gaps")
        }
        View::Status(status) if read.lines.iter().any(|line| line.status != *status) => {
            Some("shows another status")
        }
        _ => {
            let ids: HashSet<&str> = read.lines.iter().map(|line| line.id.as_str()).collect();
            (ids.len() < read.lines.len()).then_some("shows a transaction twice")
        }
    };
    what.map(str::to_owned)
}

/// All that the key made, and nothing else: no key stands for anything else later.
fn check_key(read: &Read, truth: &Truth) -> Option<String> {
    let (View::Key(key), Seen::Version(_)) = (&read.view, &read.seen) else {
        return None;
    };
    let stored = truth.keys.get(key).into_iter().flatten();
    let stored: HashSet<&str> = stored.map(String::as_str).collect();
    let shown: HashSet<&str> = read.lines.iter().map(|line| line.id.as_str()).collect();
    (shown != stored).then(|| format!("its key stands for {stored:?}"))
}

/// A strong read has waited until what it shows could not be lost any more. One with a token may show more than its token's write,
/// which a failover may still take back.
fn check_lines(read: &Read, truth: &Truth) -> Option<String> {
    let is_certain = |line: &&Line| match read.level {
        Level::Strong => true,
        Level::Token => line.id == read.id && line.version <= read.floor,
        Level::Bounded | Level::Eventual => false,
    };
    let is_true = |line: &Line| {
        let events = truth.events.get(&line.id).into_iter().flatten();
        let mut same = events.filter(|event| event.version == line.version);
        same.any(|event| (&event.status, &event.reason) == (&line.status, &line.reason))
    };
    let mut certain = read.lines.iter().filter(is_certain);
    let wrong = certain.find(|line| !is_true(line))?;
    Some(format!("shows what is not stored, {wrong:?}"))
}

/// What was told to be not applied is seen by nobody.
fn check_undone(read: &Read, not_applied: &HashSet<&str>) -> Option<String> {
    let reasons = read.lines.iter().filter_map(|line| line.reason.as_deref());
    let mut undone = reasons.filter(|reason| not_applied.contains(reason));
    let reason = undone.next()?;
    Some(format!("shows change {reason}, which was not applied"))
}
