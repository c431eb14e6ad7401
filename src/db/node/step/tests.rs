use super::super::super::probe::Facts;
use super::super::super::probe::tests::{primary, standby};
use super::super::state::ATTEMPT_PATIENCE;
use super::*;
use std::time::{Duration, Instant};

type Pool = &'static str;

const SCHEDULE: RebuildSchedule = RebuildSchedule {
    initial: Duration::from_secs(2),
    factor: 2.0,
    max: Duration::from_secs(32),
    attempts: 5,
};

fn at(start: Moment, seconds: u64) -> Moment {
    Moment {
        at: start.at + Duration::from_secs(seconds),
        ..start
    }
}

fn seen(facts: &Facts) -> Seen {
    Seen {
        facts: facts.clone(),
        lag_ms: Some(0),
        as_of: None,
        settled_until: None,
        sync_state: None,
        caveat: None,
    }
}

fn usable(facts: &Facts) -> Judged {
    Judged::Usable(seen(facts))
}

fn trouble(cause: Cause) -> Trouble {
    cause.into()
}

/// What the tables below show of a state: its name, its cause, its pool, and for one that is down whether it answers, how many attempts
/// have failed, and when the next one is due.
fn told(state: &State<Pool>, start: Moment) -> String {
    let seconds = |at: Instant| (at - start.at).as_secs();
    match state {
        State::Up { pool, .. } => format!("up {pool}"),
        State::Fenced { trouble, .. } => format!("fenced {}", trouble.cause.code()),
        State::Down {
            trouble,
            answering,
            rebuild,
            ..
        } => {
            let next = match rebuild.next {
                Next::At(due) => format!("at {}", seconds(due)),
                Next::Trying { since, again } => {
                    format!(
                        "trying since {}{}",
                        seconds(since),
                        if again { ", again" } else { "" }
                    )
                }
            };
            let answering = if *answering { ", answers" } else { "" };
            format!(
                "down {}{answering}, {} failed, {next}",
                trouble.cause.code(),
                rebuild.attempts
            )
        }
    }
}

fn effects(effects: &[Effect<Pool>]) -> String {
    let words = effects.iter().map(|effect| match effect {
        Effect::Retire(pool) => format!("retire {pool}"),
        Effect::Attempt(_) => "attempt".to_owned(),
        Effect::LookAround => "look around".to_owned(),
        Effect::TellAttempt { attempts, known } => {
            format!("tell {attempts}{}", if *known { ", known" } else { "" })
        }
    });
    words.collect::<Vec<_>>().join(", ")
}

/// The states, all since t = 10 s: up with the pool "old", fenced, down and waiting for an attempt at t = 12 s, down and answering with
/// an attempt under way, and not probed yet.
fn states(start: Moment, facts: &Facts) -> Vec<(&'static str, State<Pool>)> {
    let since = at(start, 10);
    let down = |cause, answering, next| State::Down {
        trouble: trouble(cause),
        since,
        answering,
        rebuild: Rebuild { attempts: 1, next },
    };
    let up = State::Up {
        pool: "old",
        seen: seen(facts),
        since,
    };
    let due = at(start, 12).at;
    let trying = Next::Trying {
        since: at(start, 11).at,
        again: false,
    };
    vec![
        ("up", up),
        (
            "fenced",
            State::fenced(trouble(Cause::SameServer), facts.clone(), since),
        ),
        ("waiting", down(Cause::NoAnswer, false, Next::At(due))),
        ("trying", down(Cause::NoAnswer, false, trying)),
        ("answering", down(Cause::NoAnswer, true, trying)),
        ("new", down(Cause::NotProbed, false, Next::At(due))),
    ]
}

/// The inputs, all at t = 12 s.
fn inputs(start: Moment, facts: &Facts) -> Vec<(&'static str, Input<Pool>)> {
    let asked = at(start, 11).at;
    let fenced = || Judged::Fenced(trouble(Cause::OtherCluster), facts.clone());
    let not_rebuilt = |begun, cause| Input::NotRebuilt {
        attempt: at(start, begun).at,
        trouble: trouble(cause),
    };
    let failed = |pool| Input::Failed {
        pool,
        trouble: trouble(Cause::ConnectionLost),
    };
    let answered = |asked, judged| Input::Answered { asked, judged };
    let rebuilt = |judged| Input::Rebuilt {
        pool: "new",
        judged,
    };
    let another = usable(&standby(1, 1));
    let refused = trouble(Cause::ConnectionRefused);
    vec![
        ("answered", answered(asked, usable(facts))),
        ("answered before", answered(at(start, 9).at, usable(facts))),
        ("another server answered", answered(asked, another)),
        ("fenced", answered(asked, fenced())),
        ("unanswered", Input::Unanswered(refused)),
        ("its pool failed", failed("old")),
        ("an older pool failed", failed("older")),
        ("rebuilt", rebuilt(usable(facts))),
        ("rebuilt, but fenced", rebuilt(fenced())),
        ("not rebuilt", not_rebuilt(11, Cause::NoAnswer)),
        ("an older attempt failed", not_rebuilt(3, Cause::NoAnswer)),
        ("time", Input::Time),
    ]
}

/// state | input | next state | effects
const TABLE: &str = "
up | answered | up old |
up | answered before | up old |
up | another server answered | down restarted, answers, 0 failed, trying since 12 | retire old, attempt, look around
up | fenced | fenced other_cluster | retire old
up | unanswered | down connection_refused, 0 failed, at 14 | retire old, look around
up | its pool failed | down connection_lost, 0 failed, at 14 | retire old, look around
up | an older pool failed | up old |
up | rebuilt | up old | retire new
up | rebuilt, but fenced | up old | retire new
up | not rebuilt | up old |
up | an older attempt failed | up old |
up | time | up old |
fenced | answered | down no_longer_fenced, answers, 0 failed, trying since 12 | attempt
fenced | answered before | down no_longer_fenced, answers, 0 failed, trying since 12 | attempt
fenced | another server answered | down no_longer_fenced, answers, 0 failed, trying since 12 | attempt
fenced | fenced | fenced other_cluster |
fenced | unanswered | down connection_refused, 0 failed, at 14 | look around
fenced | its pool failed | fenced same_server |
fenced | an older pool failed | fenced same_server |
fenced | rebuilt | fenced same_server | retire new
fenced | rebuilt, but fenced | fenced same_server | retire new
fenced | not rebuilt | fenced same_server |
fenced | an older attempt failed | fenced same_server |
fenced | time | fenced same_server |
waiting | answered | down no_answer, answers, 1 failed, trying since 12 | attempt
waiting | answered before | down no_answer, 1 failed, at 12 |
waiting | another server answered | down no_answer, answers, 1 failed, trying since 12 | attempt
waiting | fenced | fenced other_cluster |
waiting | unanswered | down no_answer, 1 failed, at 12 |
waiting | its pool failed | down no_answer, 1 failed, at 12 |
waiting | an older pool failed | down no_answer, 1 failed, at 12 |
waiting | rebuilt | up new |
waiting | rebuilt, but fenced | fenced other_cluster | retire new
waiting | not rebuilt | down no_answer, 1 failed, at 12 |
waiting | an older attempt failed | down no_answer, 1 failed, at 12 |
waiting | time | down no_answer, 1 failed, trying since 12 | attempt
trying | answered | down no_answer, answers, 1 failed, trying since 11, again |
trying | answered before | down no_answer, 1 failed, trying since 11 |
trying | another server answered | down no_answer, answers, 1 failed, trying since 11, again |
trying | fenced | fenced other_cluster |
trying | unanswered | down no_answer, 1 failed, trying since 11 |
trying | its pool failed | down no_answer, 1 failed, trying since 11 |
trying | an older pool failed | down no_answer, 1 failed, trying since 11 |
trying | rebuilt | up new |
trying | rebuilt, but fenced | fenced other_cluster | retire new
trying | not rebuilt | down no_answer, 2 failed, at 20 | tell 2, known
trying | an older attempt failed | down no_answer, 1 failed, trying since 11 |
trying | time | down no_answer, 1 failed, trying since 11 |
answering | answered | down no_answer, answers, 1 failed, trying since 11 |
answering | answered before | down no_answer, answers, 1 failed, trying since 11 |
answering | another server answered | down no_answer, answers, 1 failed, trying since 11 |
answering | fenced | fenced other_cluster |
answering | unanswered | down no_answer, 1 failed, trying since 11 |
answering | its pool failed | down no_answer, answers, 1 failed, trying since 11 |
answering | an older pool failed | down no_answer, answers, 1 failed, trying since 11 |
answering | rebuilt | up new |
answering | rebuilt, but fenced | fenced other_cluster | retire new
answering | not rebuilt | down no_answer, answers, 2 failed, at 20 | tell 2, known
answering | an older attempt failed | down no_answer, answers, 1 failed, trying since 11 |
answering | time | down no_answer, answers, 1 failed, trying since 11 |
new | answered | down not_probed, answers, 1 failed, trying since 12 | attempt
new | answered before | down not_probed, 1 failed, at 12 |
new | another server answered | down not_probed, answers, 1 failed, trying since 12 | attempt
new | fenced | fenced other_cluster |
new | unanswered | down connection_refused, 1 failed, at 12 |
new | its pool failed | down not_probed, 1 failed, at 12 |
new | an older pool failed | down not_probed, 1 failed, at 12 |
new | rebuilt | up new |
new | rebuilt, but fenced | fenced other_cluster | retire new
new | not rebuilt | down not_probed, 1 failed, at 12 |
new | an older attempt failed | down not_probed, 1 failed, at 12 |
new | time | down not_probed, 1 failed, trying since 12 | attempt";

#[test]
fn what_follows_in_every_state_from_every_input() {
    let (start, facts) = (Moment::now(), primary(1, 1));
    let mut rows = Vec::new();
    for (name, state) in states(start, &facts) {
        for (input_name, input) in inputs(start, &facts) {
            let (next, what) = step(&state, input, at(start, 12), &SCHEDULE);
            let row = format!(
                "{name} | {input_name} | {} | {}",
                told(&next, start),
                effects(&what)
            );
            rows.push(row.trim_end().to_owned());
        }
    }
    let table: Vec<&str> = TABLE.lines().filter(|row| !row.is_empty()).collect();
    assert_eq!(rows, table);
}

#[test]
fn a_node_that_answered_during_an_attempt_is_tried_again_at_once_should_that_fail() {
    let (start, facts) = (Moment::now(), primary(1, 1));
    let state = State::<Pool>::down(trouble(Cause::NoAnswer), start, &SCHEDULE);
    let (state, _) = step(&state, Input::Time, at(start, 2), &SCHEDULE);
    let answered = Input::Answered {
        asked: at(start, 3).at,
        judged: usable(&facts),
    };
    let (state, _) = step(&state, answered, at(start, 3), &SCHEDULE);
    let failed = Input::NotRebuilt {
        attempt: at(start, 2).at,
        trouble: trouble(Cause::StartingUp),
    };
    let (state, what) = step(&state, failed, at(start, 4), &SCHEDULE);
    assert_eq!(
        told(&state, start),
        "down starting_up, answers, 1 failed, trying since 4"
    );
    assert_eq!(effects(&what), "tell 1, attempt");
}

#[test]
fn an_attempt_that_never_ends_gets_another_beside_it() {
    let start = Moment::now();
    let state = State::<Pool>::reopening(Cause::Restarted, start);
    assert_eq!(state.due(), Some(start.at + ATTEMPT_PATIENCE));
    let late = ATTEMPT_PATIENCE.as_secs();
    let (state, what) = step(&state, Input::Time, at(start, late), &SCHEDULE);
    assert_eq!(
        told(&state, start),
        "down restarted, answers, 0 failed, trying since 10"
    );
    assert_eq!(effects(&what), "attempt");
}

#[test]
fn the_schedule_doubles_from_two_seconds_and_stays_at_its_cap() {
    let seconds: Vec<u64> = (0..7)
        .map(|attempts| delay(&SCHEDULE, attempts).as_secs())
        .collect();
    assert_eq!(seconds, [2, 4, 8, 16, 32, 32, 32]);
    assert_eq!(delay(&SCHEDULE, u32::MAX), SCHEDULE.max);
}
