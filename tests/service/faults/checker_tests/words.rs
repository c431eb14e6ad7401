//! What answers said of themselves.

use super::{Doctor, all_are_noticed};
use crate::faults::history::Level;
use std::collections::HashMap;

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
            history.reads[0].lines[0].version = 1002
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
