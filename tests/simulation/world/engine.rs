//! The queue of events, and the state that they change.

use super::instance::Instance;
use super::mutant::Mutant;
use super::read::ReadJob;
use super::requests::Request;
use super::schedule::{Planned, Setup};
use super::server::{Record, Server, What};
use super::session::Session;
use super::time::{Chance, Clock, Time};
use super::truth::Truth;
use super::write::WriteJob;
use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use synapse_core::db::cause::Trouble;
use synapse_core::db::probe::Heard;
use synapse_core::decisions::Failure;

/// Indices name instances, nodes, sessions and jobs. Except for nodes an index is never used again, so that a late event finds what it was
/// meant for.
pub enum Event {
    Planned(usize),
    Keeper(usize),
    Question {
        instance: usize,
        node: usize,
        generation: u64,
        asked: Time,
        connected: bool,
    },
    Answer {
        instance: usize,
        node: usize,
        generation: u64,
        answer: Box<Result<Heard, Trouble>>,
    },
    Suspected {
        instance: usize,
        session: usize,
    },
    Attempt {
        instance: usize,
        node: usize,
        attempt: Time,
    },
    AttemptFailed {
        instance: usize,
        node: usize,
        attempt: Time,
    },
    /// A standby asks its upstream for more of the log, again and again.
    Stream(usize),
    /// Something has been appended to the log of the upstream.
    StreamNow(usize),
    LostUpstream(usize),
    LostFollower {
        primary: usize,
        standby: usize,
    },
    Acknowledge {
        primary: usize,
        started: Time,
        standby: usize,
        flushed: usize,
    },
    Replay {
        standby: usize,
        last: u32,
        upto: usize,
    },
    InForce(usize),
    Promote {
        server: usize,
        old: usize,
    },
    Arrive(usize),
    Confirm(usize),
    CutShort(usize),
    Look {
        session: usize,
        looks: u32,
    },
    LockTimeout(usize),
    Reply(usize),
    GiveUp {
        session: usize,
        failure: Failure,
    },
    StartWrite(usize),
    WriteConnected(usize),
    WriteDeadline(usize),
    StartRead(usize),
    ReadQueueTimeout {
        read: usize,
        turn: u32,
    },
    Repeat(usize),
    RestartTheMisled,
    LastWish {
        place: usize,
    },
}

struct Queued {
    at: Time,
    order: u64,
    event: Event,
}

impl PartialEq for Queued {
    fn eq(&self, other: &Queued) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Queued {}

impl PartialOrd for Queued {
    fn partial_cmp(&self, other: &Queued) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Queued {
    fn cmp(&self, other: &Queued) -> Ordering {
        (self.at, self.order).cmp(&(other.at, other.order))
    }
}

pub struct Sim<'s> {
    pub now: Time,
    pub clock: Clock,
    pub chance: Chance,
    pub mutant: Option<Mutant>,
    pub setup: &'s Setup,
    pub schedule: &'s [Planned],
    queue: BinaryHeap<Reverse<Queued>>,
    order: u64,
    pub steps: u64,
    pub servers: Vec<Server>,
    /// The server that the address of each node leads to.
    pub addresses: Vec<usize>,
    /// Since when a place does not reach a node.
    pub cut_off: Vec<Vec<Option<Time>>>,
    /// Since when two servers do not reach each other.
    pub cut_apart: Vec<Vec<Option<Time>>>,
    /// The instance of the service that runs now in each place; a restart puts a new one there.
    pub places: Vec<usize>,
    pub instances: Vec<Instance>,
    pub sessions: Vec<Session>,
    pub writes: Vec<WriteJob>,
    pub reads: Vec<ReadJob>,
    pub requests: Vec<Request>,
    pub truth: Truth,
    pub records: u32,
    pub story: Option<Vec<(Time, String)>>,
}

/// The result of a run.
pub struct Run {
    pub violation: Option<String>,
    pub steps: u64,
    pub acknowledged: u64,
    pub failovers: u64,
    pub story: Vec<(Time, String)>,
}

/// A run with more steps would never end, which is a mistake of the model.
const MOST_STEPS: u64 = 400_000;

pub fn run(setup: &Setup, schedule: &[Planned], mutant: Option<Mutant>, tell: bool) -> Run {
    let mut sim = Sim::new(setup, schedule, mutant, tell);
    sim.begin();
    while sim.truth.violation.is_none() && sim.now <= setup.end() {
        let Some(Reverse(Queued { at, event, .. })) = sim.queue.pop() else {
            break;
        };
        sim.now = at;
        sim.steps += 1;
        if sim.steps > MOST_STEPS {
            sim.violated("the simulation does not end".into());
        }
        sim.happen(event);
        sim.look_at_the_whole();
    }
    Run {
        violation: sim.truth.violation.take(),
        steps: sim.steps,
        acknowledged: sim.truth.acknowledged_count,
        failovers: sim.truth.failovers,
        story: sim.story.unwrap_or_default(),
    }
}

impl<'s> Sim<'s> {
    fn new(setup: &'s Setup, schedule: &'s [Planned], mutant: Option<Mutant>, tell: bool) -> Self {
        Sim {
            now: 0,
            clock: Clock::new(),
            chance: Chance(setup.seed),
            mutant,
            setup,
            schedule,
            queue: BinaryHeap::new(),
            order: 0,
            steps: 0,
            servers: Vec::new(),
            addresses: Vec::new(),
            cut_off: Vec::new(),
            cut_apart: Vec::new(),
            places: Vec::new(),
            instances: Vec::new(),
            sessions: Vec::new(),
            writes: Vec::new(),
            reads: Vec::new(),
            requests: Vec::new(),
            truth: Truth::default(),
            records: 0,
            story: tell.then(Vec::new),
        }
    }

    pub fn at(&mut self, at: Time, event: Event) {
        self.order += 1;
        let order = self.order;
        self.queue.push(Reverse(Queued { at, order, event }));
    }

    pub fn after(&mut self, delay: Time, event: Event) {
        self.at(self.now + delay, event);
    }

    pub fn is(&self, mutant: Mutant) -> bool {
        self.mutant == Some(mutant)
    }

    pub fn record(&mut self, what: What) -> Record {
        self.records += 1;
        let id = self.records;
        Record { id, what }
    }

    pub fn tell(&mut self, line: impl FnOnce() -> String) {
        if let Some(story) = &mut self.story {
            story.push((self.now, line()));
        }
    }

    pub fn violated(&mut self, what: String) {
        self.tell(|| format!("VIOLATION: {what}"));
        self.truth.violation.get_or_insert(what);
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Planned(at) => self.act(at),
            Event::Keeper(instance) => self.keeper_wakes(instance),
            Event::Question {
                instance,
                node,
                generation,
                asked,
                connected,
            } => self.questioned(instance, node, generation, asked, connected),
            Event::Answer {
                instance,
                node,
                generation,
                answer,
            } => self.answered(instance, node, generation, *answer),
            Event::Suspected { instance, session } => self.suspected(instance, session),
            Event::Attempt {
                instance,
                node,
                attempt,
            } => self.attempt(instance, node, attempt),
            Event::AttemptFailed {
                instance,
                node,
                attempt,
            } => self.attempt_failed(instance, node, attempt),
            Event::Stream(standby) => self.stream(standby),
            Event::StreamNow(standby) => self.stream_now(standby),
            Event::LostUpstream(standby) => self.lost_upstream(standby),
            Event::LostFollower { primary, standby } => self.lost_follower(primary, standby),
            Event::Acknowledge {
                primary,
                started,
                standby,
                flushed,
            } => self.acknowledge(primary, started, standby, flushed),
            Event::Replay {
                standby,
                last,
                upto,
            } => self.replay(standby, last, upto),
            Event::InForce(server) => self.put_in_force(server),
            Event::Promote { server, old } => self.promote(server, old),
            other => self.happen_to_work(other),
        }
    }

    fn happen_to_work(&mut self, event: Event) {
        match event {
            Event::Arrive(session) => self.arrive(session),
            Event::Confirm(session) => self.confirm_now(session),
            Event::CutShort(session) => self.cut_short(session),
            Event::Look { session, looks } => self.look(session, looks),
            Event::LockTimeout(session) => self.lock_timeout(session),
            Event::Reply(session) => self.replied(session),
            Event::GiveUp { session, failure } => self.give_up(session, failure),
            Event::StartWrite(job) => self.start_write(job),
            Event::WriteConnected(job) => self.write_connected(job),
            Event::WriteDeadline(job) => self.write_deadline(job),
            Event::StartRead(job) => self.start_read(job),
            Event::ReadQueueTimeout { read, turn } => self.read_queue_timeout(read, turn),
            Event::Repeat(request) => self.repeat(request),
            Event::RestartTheMisled => self.restart_the_misled(),
            Event::LastWish { place } => self.last_wish(place),
            _ => {}
        }
    }
}
