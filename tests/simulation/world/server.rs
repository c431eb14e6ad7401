//! One PostgreSQL server: its log, its role, who follows it, and which of its commits wait for a standby.

use super::time::Time;
use synapse_core::db::probe::Server as Identity;

/// What a record of the log contains. Only commits matter.
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

/// A record has the same predecessor in every log: two logs with the same record at the same place are the same up to there.
#[derive(Clone, Copy, Debug)]
pub struct Record {
    pub id: u32,
    pub what: What,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Life {
    Up,
    /// It answers nothing, while its kernel still accepts what is sent to it.
    Frozen,
    Dead,
}

/// A commit that waits for a standby: its place in the log, and its session.
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
    /// The timeline of its log.
    pub timeline: i32,
    /// The timeline in the control file of a standby, which only a restart point brings up to date.
    pub control_timeline: i32,
    /// The highest timeline that the history files in its `pg_wal` know of.
    pub heard_of: i32,
    pub log: Vec<Record>,
    pub replayed: usize,
    pub waiting: Vec<Waiting>,
    pub upstream: Option<usize>,
    /// Whether a standby believes that it is connected to its upstream.
    pub receiving: bool,
    /// The standbys that stream, as a primary sees it, and how much of the log each has flushed.
    pub followers: Vec<(usize, usize)>,
    /// `synchronous_standby_names`, first as sessions read it, then as the checkpointer has put it into force.
    pub names: Vec<usize>,
    pub names_in_force: Vec<usize>,
    /// When the settings were read last; None: long ago.
    pub loaded: Option<Time>,
    /// Until then it has too little memory to confirm commits.
    pub starved_until: Time,
    /// The sessions whose statements came while it was frozen.
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

    /// No two servers start at the same time, since the time of the start tells them apart.
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

    /// Whether a commit waits for a standby, in a session that begins now.
    pub fn makes_wait(&self) -> bool {
        !self.names.is_empty() && !self.names_in_force.is_empty()
    }

    /// Whether a synchronous standby has flushed everything before this place.
    pub fn is_confirmed(&self, up_to: usize) -> bool {
        let named = |(standby, flushed): &(usize, usize)| {
            self.names_in_force.contains(standby) && *flushed >= up_to
        };
        self.followers.iter().any(named)
    }

    pub fn has(&self, record: u32, at: usize) -> bool {
        self.log.get(at).is_some_and(|there| there.id == record)
    }

    /// Whether everything in this log is in the other one too.
    pub fn is_part_of(&self, other: &Server) -> bool {
        self.log
            .last()
            .is_none_or(|last| other.has(last.id, self.log.len() - 1))
    }

    /// What a statement sees: a primary shows no commit that still waits, a standby shows what it has replayed.
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
