//! A service that hears of its nodes, told by the sentences of a test.

mod caveats;
mod clusters;
mod failover;
mod mistake;
mod outcasts;

use super::super::super::probe::tests::{primary, standby, streams};
use super::*;
use std::time::Duration;

const LAST_WORD: Duration = Duration::from_millis(2500);

/// A service that sees its nodes at moments of its choice.
struct Service {
    memory: Memory,
    now: Instant,
}

impl Service {
    fn new() -> Service {
        let (memory, now) = (Memory::default(), Instant::now());
        Service { memory, now }
    }

    /// All of them were asked just now.
    fn sees(&mut self, nodes: &[Option<Facts>]) -> Judgement {
        self.now += Duration::from_millis(500);
        let asked = self.now - Duration::from_millis(1);
        self.sees_as_of(asked, nodes)
    }

    fn sees_twice(&mut self, nodes: &[Option<Facts>]) -> Judgement {
        self.sees(nodes);
        self.sees(nodes)
    }

    fn sees_as_of(&mut self, asked: Instant, nodes: &[Option<Facts>]) -> Judgement {
        self.sees_each(&vec![Some(asked); nodes.len()], nodes)
    }

    fn sees_each(&mut self, asked: &[Option<Instant>], nodes: &[Option<Facts>]) -> Judgement {
        let heard = nodes.iter().cloned().zip(asked);
        let heard: Vec<_> = heard
            .map(|(facts, asked)| {
                Some(Heard {
                    facts: facts?,
                    asked: (*asked)?,
                })
            })
            .collect();
        let heard: Vec<_> = heard.iter().map(Option::as_ref).collect();
        judge(&heard, &mut self.memory, self.now, LAST_WORD)
    }
}

fn to(node: usize, timeline: i32) -> Writes {
    Writes::To { node, timeline }
}

fn causes(judgement: &Judgement) -> Vec<Option<Cause>> {
    let cause = |standing: &Standing| match standing {
        Standing::Usable(caveat) => *caveat,
        Standing::Fenced(trouble) => Some(trouble.cause),
    };
    judgement.standings.iter().map(cause).collect()
}

/// A standby that follows as `name`.
fn follower(timeline: i32, name: &str) -> Facts {
    Facts {
        upstream_name: Some(name.into()),
        ..standby(1, timeline)
    }
}

/// A primary whose commits wait for the standby of this name, which streams.
fn confirmed_by(name: &str, timeline: i32) -> Facts {
    Facts {
        waits_for: 1,
        standbys: streams(name, &["sync"]),
        ..primary(1, timeline)
    }
}

/// A primary from which the standby of this name streams, while its commits wait for nobody.
fn followed_by(name: &str, timeline: i32) -> Facts {
    Facts {
        waits_for: 0,
        standbys: streams(name, &["async"]),
        ..primary(1, timeline)
    }
}

fn alone(facts: Facts) -> Facts {
    Facts {
        receiving: false,
        ..facts
    }
}
