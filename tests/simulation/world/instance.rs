//! One running instance of the service: what it keeps in memory.

use super::engine::{Event, Sim};
use super::time::{MS, SECOND, Time};
use std::collections::VecDeque;
use std::time::Duration;
use synapse_core::db::RebuildSchedule;
use synapse_core::db::decisions::{Conclusions, Memory, Moment, PrimaryPositions, State};
use synapse_core::db::probe::{Branch, Heard, Server as Identity};
use synapse_core::db::{Use, share};

pub const SCHEDULE: RebuildSchedule = RebuildSchedule {
    initial: Duration::from_secs(2),
    factor: 2.0,
    max: Duration::from_secs(32),
    attempts: 5,
};
pub const POOL_SIZE: u32 = 5;
pub const PROBE_INTERVAL: Duration = Duration::from_millis(500);
pub const PROBE_TIMEOUT: Time = 500 * MS;
pub const CONNECT_TIMEOUT: Time = 2 * SECOND;

pub struct Pool {
    pub server: usize,
    pub started: Time,
    pub identity: Identity,
    pub is_retired: bool,
    pub has_strayed: bool,
    reads: usize,
    commits: usize,
}

/// What the keeper knows of one node (`Watch` and `Prober` of the production code).
pub struct Watched {
    pub state: State<usize>,
    pub heard: Option<Heard>,
    pub was_heard: bool,
    pub full_time: Time,
    pub due: Time,
    /// When it was asked, and how much longer it has because it has to connect first.
    pub asked: Option<(Time, Time)>,
    /// When the question was asked that it has answered last.
    pub answered: Option<Time>,
    pub generation: u64,
    /// The server that the probe's connection has reached, and that server's start.
    pub connected: Option<(usize, Time)>,
    pub openings: Vec<Opening>,
}

/// An attempt to open a pool, while the schema is prepared.
pub struct Opening {
    pub attempt: Time,
    pub server: usize,
    pub heard: Heard,
    pub prepared: Option<Branch>,
}

pub struct Instance {
    pub place: usize,
    pub is_alive: bool,
    pub nodes: Vec<Watched>,
    pub memory: Memory,
    /// The server that it judged to be the primary last.
    pub follows: Option<usize>,
    pub positions: PrimaryPositions,
    pub conclusions: Conclusions,
    pub held_since: Option<Time>,
    pub preparing: Option<(usize, Branch)>,
    pub pools: Vec<Pool>,
    pub queued_writes: VecDeque<usize>,
    pub queued_reads: VecDeque<usize>,
    pub wakes_at: Time,
    /// Whether more than half of the nodes have ever told it which cluster it serves.
    pub has_known_its_cluster: bool,
    /// Whether more than half of the nodes have ever been strangers.
    pub was_outvoted: bool,
    /// Whether it has sent writes to a node since it started.
    pub has_served: bool,
}

impl Instance {
    /// As `Prober::overdue_at` in production: if all nodes are silent they have more time.
    pub fn overdue_at(&self, node: usize) -> Option<Time> {
        let (asked, connecting) = self.nodes[node].asked?;
        let mut others = self
            .nodes
            .iter()
            .enumerate()
            .filter(|(other, _)| *other != node);
        let answers = others.any(|(_, watched)| watched.answered > Some(asked));
        let times = if answers || self.nodes.len() == 1 {
            1
        } else {
            4
        };
        Some(asked + connecting + PROBE_TIMEOUT * times)
    }

    pub fn new(place: usize, nodes: usize, now: Time, moment: Moment) -> Instance {
        let watched = |_| Watched {
            state: State::new(moment, &SCHEDULE),
            heard: None,
            was_heard: false,
            full_time: now + CONNECT_TIMEOUT + PROBE_TIMEOUT,
            due: now,
            asked: None,
            answered: None,
            generation: 0,
            connected: None,
            openings: Vec::new(),
        };
        Instance {
            place,
            is_alive: true,
            nodes: (0..nodes).map(watched).collect(),
            memory: Memory::default(),
            follows: None,
            positions: PrimaryPositions::default(),
            conclusions: Conclusions::none(),
            held_since: None,
            preparing: None,
            pools: Vec::new(),
            queued_writes: VecDeque::new(),
            queued_reads: VecDeque::new(),
            wakes_at: 0,
            has_known_its_cluster: false,
            was_outvoted: false,
            has_served: false,
        }
    }

    pub fn open_pool(&mut self, (server, started): (usize, Time), identity: Identity) -> usize {
        self.pools.push(Pool {
            server,
            started,
            identity,
            is_retired: false,
            has_strayed: false,
            reads: 0,
            commits: 0,
        });
        self.pools.len() - 1
    }
}

impl Pool {
    /// Admits as `db/pool/bulkhead.rs` does.
    fn try_enter(&mut self, purpose: Use) -> bool {
        let all = self.reads + self.commits < POOL_SIZE as usize;
        let mine = match purpose {
            Use::Read => &mut self.reads,
            Use::Commit => &mut self.commits,
        };
        let enters = all && *mine < share(POOL_SIZE) && !self.is_retired;
        *mine += usize::from(enters);
        enters
    }

    pub fn in_use(&self) -> usize {
        self.reads + self.commits
    }
}

impl Sim<'_> {
    pub fn start_instance(&mut self, place: usize) {
        let id = self.instances.len();
        let moment = self.clock.moment(self.now);
        let nodes = self.addresses.len();
        self.instances
            .push(Instance::new(place, nodes, self.now, moment));
        self.places[place] = id;
        self.at(self.now, Event::Keeper(id));
    }

    pub fn enter_pool(&mut self, instance: usize, pool: usize, purpose: Use) -> bool {
        self.instances[instance].pools[pool].try_enter(purpose)
    }

    pub fn leave_pool(&mut self, instance: usize, pool: usize, purpose: Use) {
        let of = &mut self.instances[instance].pools[pool];
        match purpose {
            Use::Read => of.reads -= 1,
            Use::Commit => of.commits -= 1,
        }
        self.pump(instance);
    }

    /// Jobs that wait for a primary or for a connection look again.
    pub fn pump(&mut self, instance: usize) {
        if !self.instances[instance].is_alive {
            return;
        }
        for job in std::mem::take(&mut self.instances[instance].queued_writes) {
            self.seek_primary(job);
        }
        for job in std::mem::take(&mut self.instances[instance].queued_reads) {
            self.seek_connection(job);
        }
    }
}
