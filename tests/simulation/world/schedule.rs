//! What happens from outside, and when. It is made from a seed, and can be told as a story.

use super::read::Consistency;
use super::requests::Asked;
use super::time::{MS, SECOND, Time};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use std::fmt;

/// What does not change during a run.
#[derive(Clone, Debug)]
pub struct Setup {
    pub seed: u64,
    pub nodes: usize,
    /// The number of places where the service runs, with one instance in each.
    pub places: usize,
    /// Commits wait for a standby (any one of those named).
    pub synchronous: bool,
    /// The last node is an asynchronous reporting replica.
    pub reporting: bool,
    /// The service finds an empty database.
    pub empty: bool,
    pub mended_at: Time,
}

impl Setup {
    /// When everything must work again, some time after the repair.
    pub fn must_work_at(&self) -> Time {
        self.mended_at + 25 * SECOND
    }

    pub fn end(&self) -> Time {
        self.must_work_at() + 12 * SECOND
    }

    /// So many nodes, the first ones, stand in `synchronous_standby_names` while they are standbys.
    pub fn named(&self) -> usize {
        self.nodes - usize::from(self.reporting)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    Node(usize),
    /// Whichever node is the primary at that time.
    Primary,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    Ask {
        asked: Asked,
        place: usize,
    },
    Crash(Who),
    Restart(Who),
    Freeze(Who),
    Thaw(Who),
    CutService {
        place: usize,
        from: Who,
    },
    HealService {
        place: usize,
    },
    CutApart(Who, Who),
    HealApart,
    /// By the rule: all standbys are cut off, and the one that has most is promoted.
    Failover,
    /// A node that follows is promoted beside the primary.
    Mistake(usize),
    /// A node that was promoted by mistake is restarted as a standby, with the data that it has.
    RestartAsStandby(usize),
    /// The operator makes the node a standby of the primary again.
    Rejoin(usize),
    ClearNames,
    SetNames,
    /// The address leads to the writable primary of another cluster.
    Stranger(Who),
    /// The address leads to a copy of the primary, restored and promoted.
    Clone(Who),
    AddressBack,
    Starve(Who, Time),
    RestartPoint(usize),
    RestartService {
        place: usize,
    },
    Mend,
}

#[derive(Clone, Copy, Debug)]
pub struct Planned {
    pub at: Time,
    pub act: Act,
}

impl fmt::Display for Planned {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{:9.3} s  {:?}", self.at as f64 / 1e6, self.act)
    }
}

/// Each seed uses only some kinds of faults, so that these often meet each other.
pub fn plan(seed: u64) -> (Setup, Vec<Planned>) {
    let mut random = StdRng::seed_from_u64(seed);
    let nodes = random.random_range(2..=4);
    let setup = Setup {
        seed,
        nodes,
        places: random.random_range(1..=2),
        synchronous: random.random_ratio(2, 3),
        reporting: nodes > 2 && random.random_ratio(2, 3),
        empty: random.random_ratio(1, 4),
        mended_at: random.random_range(12..=30) * SECOND,
    };
    let mut planned = Vec::new();
    let kinds: Vec<usize> = (0..KINDS).filter(|_| random.random_ratio(2, 5)).collect();
    let faults = random.random_range(2..=9);
    if setup.empty && random.random() {
        let act = Act::CutApart(Who::Node(0), Who::Node(1));
        planned.push(Planned { at: 0, act });
    }
    for _ in 0..faults {
        if let Some(kind) = kinds.choose(&mut random) {
            let at = random.random_range(2 * SECOND..setup.mended_at);
            fault(*kind, at, &setup, &mut random, &mut planned);
        }
    }
    ask(&setup, &mut random, &mut planned);
    planned.retain(|planned| planned.at < setup.mended_at);
    let (at, act) = (setup.mended_at, Act::Mend);
    planned.push(Planned { at, act });
    planned.sort_by_key(|planned| planned.at);
    (setup, planned)
}

const KINDS: usize = 15;

fn fault(kind: usize, at: Time, setup: &Setup, random: &mut StdRng, plan: &mut Vec<Planned>) {
    let node = random.random_range(0..setup.nodes);
    let other = random.random_range(0..setup.nodes);
    let who = if random.random() {
        Who::Primary
    } else {
        Who::Node(node)
    };
    let place = random.random_range(0..setup.places);
    let lasts = random.random_range(10 * MS..10 * SECOND);
    let mut add = |at, act| plan.push(Planned { at, act });
    let over = at + lasts;
    let heals = random.random_ratio(2, 3);
    match kind {
        0 => {
            add(at, Act::Crash(who));
            add(over, Act::Restart(who));
        }
        1 => {
            add(at, Act::Freeze(who));
            add(over, Act::Thaw(who));
        }
        2 => {
            add(at, Act::CutService { place, from: who });
            add(over, Act::HealService { place });
        }
        3 => {
            add(at, Act::CutApart(who, Who::Node(other)));
            add(over, Act::HealApart);
        }
        4 | 5 => {
            add(at, Act::Failover);
            if heals {
                add(over, Act::Rejoin(node));
            }
        }
        6 => {
            add(at, Act::Mistake(setup.nodes - 1));
            if !heals {
                add(over, Act::Rejoin(setup.nodes - 1));
            } else if lasts.is_multiple_of(2) {
                add(over, Act::RestartAsStandby(setup.nodes - 1));
            }
        }
        7 => {
            add(at, Act::ClearNames);
            add(over, Act::SetNames);
        }
        8 => {
            add(at, Act::Stranger(who));
            add(over, Act::AddressBack);
        }
        9 => {
            add(at, Act::Clone(who));
            add(over, Act::AddressBack);
        }
        10 => add(at, Act::Starve(who, 12 * SECOND)),
        11 => add(at, Act::RestartService { place }),
        // A service that knows nothing of the past is started while the old primary may still be alive; and in 13 while the new one is
        // dead.
        12 => {
            add(at, Act::Failover);
            add(over, Act::RestartService { place });
        }
        13 => {
            add(at, Act::Failover);
            add(over, Act::Crash(Who::Primary));
            add(over + lasts, Act::RestartService { place });
        }
        _ => add(at, Act::RestartPoint(node)),
    }
}

/// Requests come one by one, and now and then many at once.
fn ask(setup: &Setup, random: &mut StdRng, plan: &mut Vec<Planned>) {
    let mut at = 500 * MS;
    let mut keys = 0;
    let forgers = random.random_ratio(1, 4);
    while at < setup.mended_at {
        let place = random.random_range(0..setup.places);
        let key = random.random_range(0..=keys);
        let consistency = [
            Consistency::Eventual,
            Consistency::Session,
            Consistency::Strong,
        ];
        let read = Asked::Read {
            key,
            consistency: consistency[random.random_range(0..3)],
        };
        let (asked, many) = match random.random_range(0..12) {
            0..=4 => {
                keys += 1;
                (Asked::Create { key: keys }, 1)
            }
            5 => (Asked::Create { key }, 1),
            6..=8 => (read, 1),
            9 | 10 => (Asked::Any, 1),
            _ if forgers => (Asked::Forged, 8),
            _ => (read, 1),
        };
        for _ in 0..many {
            let act = Act::Ask { asked, place };
            plan.push(Planned { at, act });
        }
        at += random.random_range(MS..700 * MS);
    }
}
