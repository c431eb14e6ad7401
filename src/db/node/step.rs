//! What follows from what happens to a node: pure, exhaustive, tested as a table of state × input.

use super::super::RebuildSchedule;
use super::super::cause::{Cause, Trouble};
use super::state::{Effect, Input, Judged, Moment, Next, Rebuild, Seen, State, delay};

/// The one transition function.
pub fn step<P: Clone + PartialEq>(
    state: &State<P>,
    input: Input<P>,
    now: Moment,
    schedule: &RebuildSchedule,
) -> (State<P>, Vec<Effect<P>>) {
    match state {
        State::Down { .. } => while_down(state, input, now, schedule),
        State::Up { pool, seen, since } => while_up(pool, seen, *since, input, now, schedule),
        State::Fenced { since, .. } => match input {
            Input::Answered { judged, .. } => match judged {
                Judged::Fenced(trouble, facts) => (State::fenced(trouble, facts, *since), vec![]),
                Judged::Usable(_) => {
                    let state = State::reopening(Cause::NoLongerFenced, now);
                    (state, vec![Effect::Attempt(now.at)])
                }
            },
            Input::Unanswered(trouble) => (
                State::down(trouble, now, schedule),
                vec![Effect::LookAround],
            ),
            // A late attempt, of before it was fenced.
            Input::Rebuilt { pool, .. } => (state.clone(), vec![Effect::Retire(pool)]),
            Input::Failed { .. } | Input::NotRebuilt { .. } | Input::Time => {
                (state.clone(), vec![])
            }
        },
    }
}

fn while_up<P: Clone + PartialEq>(
    pool: &P,
    seen: &Seen,
    since: Moment,
    input: Input<P>,
    now: Moment,
    schedule: &RebuildSchedule,
) -> (State<P>, Vec<Effect<P>>) {
    let up = |seen: Seen| State::Up {
        pool: pool.clone(),
        seen,
        since,
    };
    let retire = || Effect::Retire(pool.clone());
    match input {
        Input::Answered { judged, .. } => match judged {
            Judged::Fenced(trouble, facts) => (State::fenced(trouble, facts, now), vec![retire()]),
            // Its pool may still hold connections to what was there before.
            Judged::Usable(new) if new.facts.server != seen.facts.server => {
                let effects = vec![retire(), Effect::Attempt(now.at), Effect::LookAround];
                (State::reopening(Cause::Restarted, now), effects)
            }
            Judged::Usable(new) => (up(new), vec![]),
        },
        Input::Unanswered(trouble) => {
            let effects = vec![retire(), Effect::LookAround];
            (State::down(trouble, now, schedule), effects)
        }
        Input::Failed { pool: of, trouble } if of == *pool => {
            let effects = vec![retire(), Effect::LookAround];
            (State::down(trouble, now, schedule), effects)
        }
        // Only a node that is down needs a pool.
        Input::Rebuilt { pool: late, .. } => (up(seen.clone()), vec![Effect::Retire(late)]),
        Input::Failed { .. } | Input::NotRebuilt { .. } | Input::Time => (up(seen.clone()), vec![]),
    }
}

fn while_down<P: Clone + PartialEq>(
    state: &State<P>,
    input: Input<P>,
    now: Moment,
    schedule: &RebuildSchedule,
) -> (State<P>, Vec<Effect<P>>) {
    let State::Down {
        trouble,
        since,
        answering,
        rebuild,
    } = state
    else {
        return (state.clone(), vec![]);
    };
    let stay = |trouble: Trouble, answering: bool, rebuild: Rebuild| State::Down {
        trouble,
        since: *since,
        answering,
        rebuild,
    };
    match (input, rebuild.next) {
        (
            Input::Answered {
                judged: Judged::Fenced(trouble, facts),
                ..
            },
            _,
        ) => (State::fenced(trouble, facts, now), vec![]),
        // An answer to what was asked before it went down says nothing of now; and only the first one since then is news.
        (Input::Answered { asked, .. }, _) if *answering || asked <= since.at => {
            (state.clone(), vec![])
        }
        (Input::Answered { .. }, Next::At(_)) => {
            let state = stay(
                trouble.clone(),
                true,
                Rebuild::trying(rebuild.attempts, now),
            );
            (state, vec![Effect::Attempt(now.at)])
        }
        (Input::Answered { .. }, Next::Trying { since: begun, .. }) => {
            let next = Next::Trying {
                since: begun,
                again: true,
            };
            let rebuild = Rebuild { next, ..*rebuild };
            (stay(trouble.clone(), true, rebuild), vec![])
        }
        (Input::Unanswered(new), _) => {
            let first = trouble.cause == Cause::NotProbed;
            let trouble = if first { new } else { trouble.clone() };
            (stay(trouble, false, *rebuild), vec![])
        }
        (
            Input::Rebuilt {
                pool,
                judged: Judged::Usable(seen),
            },
            _,
        ) => (
            State::Up {
                pool,
                seen,
                since: now,
            },
            vec![],
        ),
        (
            Input::Rebuilt {
                pool,
                judged: Judged::Fenced(trouble, facts),
            },
            _,
        ) => (
            State::fenced(trouble, facts, now),
            vec![Effect::Retire(pool)],
        ),
        (
            Input::NotRebuilt {
                attempt,
                trouble: new,
            },
            Next::Trying {
                since: begun,
                again,
            },
        ) if attempt == begun => {
            let attempts = rebuild.attempts + 1;
            let tell = Effect::TellAttempt {
                attempts,
                known: new == *trouble,
            };
            if again {
                let state = stay(new, *answering, Rebuild::trying(attempts, now));
                return (state, vec![tell, Effect::Attempt(now.at)]);
            }
            let next = Next::At(now.at + delay(schedule, attempts));
            (
                stay(new, *answering, Rebuild { attempts, next }),
                vec![tell],
            )
        }
        (Input::Time, _) if state.due().is_some_and(|due| due <= now.at) => {
            let state = stay(
                trouble.clone(),
                *answering,
                Rebuild::trying(rebuild.attempts, now),
            );
            (state, vec![Effect::Attempt(now.at)])
        }
        (Input::Failed { .. } | Input::NotRebuilt { .. } | Input::Time, _) => {
            (state.clone(), vec![])
        }
    }
}

#[cfg(test)]
mod tests;
