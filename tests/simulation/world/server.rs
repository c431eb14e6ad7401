//! One PostgreSQL server: its log, its role, who follows it, and which of its commits wait for a standby.

use super::time::Time;
use synapse_core::db::probe::Server as Identity;

/// What a record of the log says. Only commits matter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// A promotion: the records after it are of this timeline.
    Switch(i32),
    Create {
        tx: u32,
        key: u32,
    },
    /// A commit that touches no row (`pg_logical_emit_message`).
    Proof,
    Migration,
}

/// A record has one predecessor for ever: two logs that hold the same record at a place are the same up to there.
#[derive(Clone, Copy, Debug)]
pub struct Record {
    pub id: u32,
    pub what: What,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Life {
    Up,
    /// It answers nothing, and its kernel still takes what is sent to it.
    Frozen,
    Dead,
}

/// A commit that waits for a standby: its place in the log, and whose it is.
#[derive(Clone, Copy, Debug)]
pub struct Waiting {
    pub at: usize,
    pub session: usize,
}

#[derive(Clone, Debug)]
pub struct Server {
    pub system_id: i64,
    pub started: Time,
    pub life: Life,
    pub is_primary: bool,
    pub read_only: bool,
    /// Of the log that it has.
    pub timeline: i32,
    /// What the control file of a standby says, until the next restart point.
    pub control_timeline: i32,
    /// By the history files in its `pg_wal`.
    pub heard_of: i32,
    pub log: Vec<Record>,
    pub replayed: usize,
    pub waiting: Vec<Waiting>,
    pub upstream: Option<usize>,
    /// A standby's own view.
    pub receiving: bool,
    /// A primary's view: who streams, and how much of the log it has flushed.
    pub followers: Vec<(usize, usize)>,
    /// `synchronous_standby_names`, as a session reads it, and as the checkpointer has put it into force.
    pub names: Vec<usize>,
    pub names_in_force: Vec<usize>,
    /// When the settings were read last; None: long ago.
    pub loaded: Option<Time>,
    /// Until then every statement that stores nothing is refused for lack of memory.
    pub starved_until: Time,
    /// What came while it was frozen.
    pub backlog: Vec<usize>,
}

impl Server {
    pub fn new(system_id: i64, log: Vec<Record>, timeline: i32) -> Server {
        Server {
            system_id,
            started: 0,
            life: Life::Up,
            is_primary: false,
            read_only: false,
            timeline,
            control_timeline: timeline,
            heard_of: timeline,
            replayed: log.len(),
            log,
            waiting: Vec::new(),
            upstream: None,
            receiving: false,
            followers: Vec::new(),
            names: Vec::new(),
            names_in_force: Vec::new(),
            loaded: None,
            starved_until: 0,
            backlog: Vec::new(),
        }
    }

    /// No two servers start at the same time: that is how they are told apart.
    pub fn start(&mut self, index: usize, now: Time) {
        self.started = now + index as Time;
    }

    pub fn identity(&self) -> Identity {
        Identity {
            system_id: self.system_id,
            started_at: super::time::wall(self.started),
        }
    }

    pub fn is_writable_primary(&self) -> bool {
        self.life == Life::Up && self.is_primary && !self.read_only
    }

    /// A commit of a session that is begun now waits for a standby.
    pub fn makes_wait(&self) -> bool {
        !self.names.is_empty() && !self.names_in_force.is_empty()
    }

    /// A synchronous standby has flushed everything before this place.
    pub fn is_confirmed(&self, up_to: usize) -> bool {
        let named = |(standby, flushed): &(usize, usize)| {
            self.names_in_force.contains(standby) && *flushed >= up_to
        };
        self.followers.iter().any(named)
    }

    pub fn has(&self, record: u32, at: usize) -> bool {
        self.log.get(at).is_some_and(|there| there.id == record)
    }

    /// Everything in this log is in the other one too.
    pub fn is_part_of(&self, other: &Server) -> bool {
        self.log
            .last()
            .is_none_or(|last| other.has(last.id, self.log.len() - 1))
    }

    /// What a statement sees: a primary shows no commit that waits, a standby shows what it has replayed.
    pub fn visible(&self) -> impl Iterator<Item = &Record> {
        let end = if self.is_primary {
            self.log.len()
        } else {
            self.replayed
        };
        let hidden = |at: usize| self.waiting.iter().any(|waiting| waiting.at == at);
        self.log[..end]
            .iter()
            .enumerate()
            .filter(move |(at, _)| !hidden(*at))
            .map(|(_, record)| record)
    }

    pub fn holds_transaction(&self, tx: u32) -> bool {
        self.log
            .iter()
            .any(|record| matches!(record.what, What::Create { tx: of, .. } if of == tx))
    }

    pub fn is_migrated(&self) -> bool {
        self.visible().any(|record| record.what == What::Migration)
    }
}
