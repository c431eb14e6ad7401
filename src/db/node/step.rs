//! What follows from what happens to a node: pure, exhaustive, tested as a table of state × input.

use super::super::RebuildSchedule;
use super::super::cause::{Cause, Trouble};
use super::state::{Effect, Input, Judged, Moment, Next, Rebuild, Seen, State, delay};
use std::time::Instant;

/// The one transition function.
pub fn step<P: Clone + PartialEq>(
    state: &State<P>,
    input: Input<P>,
    now: Moment,
    schedule: &RebuildSchedule,
) -> (State<P>, Vec<Effect<P>>) {
    match state {
        State::Down {
            trouble,
            since,
            answering,
            rebuild,
        } => {
            let down = Down {
                trouble,
                since: *since,
                answering: *answering,
                rebuild: *rebuild,
            };
            while_down(&down, input, now, schedule)
        }
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
            // A late attempt, from before it was fenced.
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
            // Another server, or the same one restarted: the pool may still hold connections to the one before.
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

/// A node that is down.
struct Down<'s> {
    trouble: &'s Trouble,
    since: Moment,
    answering: bool,
    rebuild: Rebuild,
}

fn while_down<P: Clone + PartialEq>(
    down: &Down,
    input: Input<P>,
    now: Moment,
    schedule: &RebuildSchedule,
) -> (State<P>, Vec<Effect<P>>) {
    match input {
        Input::Answered { asked, judged } => match judged {
            Judged::Fenced(trouble, facts) => (State::fenced(trouble, facts, now), vec![]),
            Judged::Usable(_) => down.answered(asked, now),
        },
        Input::Unanswered(trouble) => {
            let first = down.trouble.cause == Cause::NotProbed;
            let trouble = if first { trouble } else { down.trouble.clone() };
            (down.stay(trouble, false, down.rebuild), vec![])
        }
        Input::Rebuilt { pool, judged } => match judged {
            Judged::Fenced(trouble, facts) => {
                let state = State::fenced(trouble, facts, now);
                (state, vec![Effect::Retire(pool)])
            }
            Judged::Usable(seen) => {
                let since = now;
                (State::Up { pool, seen, since }, vec![])
            }
        },
        Input::NotRebuilt { attempt, trouble } => down.not_rebuilt(attempt, trouble, now, schedule),
        Input::Time if down.rebuild.due() <= now.at => down.try_now(down.answering, now),
        Input::Time | Input::Failed { .. } => (down.as_it_is(), vec![]),
    }
}

impl Down<'_> {
    fn stay<P>(&self, trouble: Trouble, answering: bool, rebuild: Rebuild) -> State<P> {
        State::Down {
            trouble,
            since: self.since,
            answering,
            rebuild,
        }
    }

    fn as_it_is<P>(&self) -> State<P> {
        self.stay(self.trouble.clone(), self.answering, self.rebuild)
    }

    fn try_now<P>(&self, answering: bool, now: Moment) -> (State<P>, Vec<Effect<P>>) {
        let rebuild = Rebuild::trying(self.rebuild.attempts, now);
        let state = self.stay(self.trouble.clone(), answering, rebuild);
        (state, vec![Effect::Attempt(now.at)])
    }

    /// The first answer to a question that was asked after the node went down starts an attempt at once. An answer to an earlier question
    /// says nothing of now, and later answers are no news.
    fn answered<P>(&self, asked: Instant, now: Moment) -> (State<P>, Vec<Effect<P>>) {
        if self.answering || asked <= self.since.at {
            return (self.as_it_is(), vec![]);
        }
        let Next::Trying { since, .. } = self.rebuild.next else {
            return self.try_now(true, now);
        };
        let next = Next::Trying { since, again: true };
        let rebuild = Rebuild {
            next,
            ..self.rebuild
        };
        (self.stay(self.trouble.clone(), true, rebuild), vec![])
    }

    /// Ignores an attempt of an earlier outage, which says nothing of this one.
    fn not_rebuilt<P>(
        &self,
        attempt: Instant,
        trouble: Trouble,
        now: Moment,
        schedule: &RebuildSchedule,
    ) -> (State<P>, Vec<Effect<P>>) {
        let Next::Trying { since, again } = self.rebuild.next else {
            return (self.as_it_is(), vec![]);
        };
        if since != attempt {
            return (self.as_it_is(), vec![]);
        }
        let attempts = self.rebuild.attempts + 1;
        let known = trouble == *self.trouble;
        let mut effects = vec![Effect::TellAttempt { attempts, known }];
        let rebuild = if again {
            effects.push(Effect::Attempt(now.at));
            Rebuild::trying(attempts, now)
        } else {
            let next = Next::At(now.at + delay(schedule, attempts));
            Rebuild { attempts, next }
        };
        (self.stay(trouble, self.answering, rebuild), effects)
    }
}

#[cfg(test)]
mod tests;
