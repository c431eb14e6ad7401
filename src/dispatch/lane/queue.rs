//! The jobs that wait in a lane, first come, first served; and who has to leave when there are too many.
//!
//! A lane takes whatever comes until it is full. Then an owner that has more in it than another one makes room for that one: its newest
//! job is refused: it was not sent from here. Otherwise eight batches of 2 MiB by one owner, sent while there is no primary, would refuse
//! the writes of all others.

use std::collections::HashMap;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use tokio::sync::oneshot;

use super::floor::Floor;
use super::pace::Pace;
use crate::dispatch::attempt::{Failure, Reply, fail};
use crate::dispatch::work::Work;

/// How many bytes may wait in a lane, counted as clients sent them (in memory they take more), so that the batches that gather in a
/// failover do not fill the memory.
pub const MAX_WAITING_BYTES: usize = 16 * 1024 * 1024;

pub struct Queue<W: Work> {
    pub leaders: usize,
    pub last_id: u64,
    pub pace: Pace,
    pub floor: Floor,
    max_waiting: usize,
    waiting: VecDeque<Entry<W>>,
    all: Share,
    /// Of each owner that has jobs here.
    shares: HashMap<String, Share>,
    /// How many turns there have been, where owners take turns.
    turn: u64,
}

pub struct Entry<W: Work> {
    pub id: u64,
    pub job: Arc<W::Job>,
    /// Its answer is of use until then.
    pub until: Instant,
    pub reply: oneshot::Sender<Reply<W::Answer>>,
}

#[derive(Clone, Copy, Default)]
struct Share {
    jobs: usize,
    bytes: usize,
    /// The owner's last one, or that in which it came.
    turn: u64,
}

impl Share {
    fn with(self, bytes: usize) -> Share {
        Share {
            jobs: self.jobs + 1,
            bytes: self.bytes + bytes,
            ..self
        }
    }

    fn without(self, bytes: usize) -> Share {
        Share {
            jobs: self.jobs - 1,
            bytes: self.bytes - bytes,
            ..self
        }
    }

    /// How much of a lane it is, from 0 to 1: of its places or of its bytes, whichever is more.
    fn weight(self, max_waiting: usize) -> f64 {
        let of = |part: usize, whole: usize| part as f64 / whole as f64;
        of(self.jobs, max_waiting).max(of(self.bytes, MAX_WAITING_BYTES))
    }
}

impl<W: Work> Queue<W> {
    pub fn new(max_waiting: usize) -> Queue<W> {
        Queue {
            leaders: 0,
            last_id: 0,
            pace: Pace::default(),
            floor: Floor::default(),
            max_waiting,
            waiting: VecDeque::new(),
            all: Share::default(),
            shares: HashMap::new(),
            turn: 0,
        }
    }

    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// False: there is no room for it, and no other owner has so much more in this lane that the newest of its jobs could make room.
    pub fn push(&mut self, entry: Entry<W>) -> bool {
        let (owner, bytes) = (W::owner(&entry.job), W::bytes(&entry.job));
        if self.is_too_much(self.all.with(bytes)) && !self.make_room(owner, bytes) {
            return false;
        }
        self.all = self.all.with(bytes);
        if let Some(share) = self.shares.get_mut(owner) {
            *share = share.with(bytes);
        } else {
            let first = Share {
                turn: self.turn,
                ..Share::default()
            };
            self.shares.insert(owner.to_owned(), first.with(bytes));
        }
        self.waiting.push_back(entry);
        true
    }

    fn is_too_much(&self, all: Share) -> bool {
        all.weight(self.max_waiting) > 1.0
    }

    /// Refuses the newest jobs of the owner that has most, as many as a job of this owner needs, but none of what leaves it no more than this
    /// owner would have then. If that is not enough, none is refused.
    fn make_room(&mut self, owner: &str, bytes: usize) -> bool {
        let share = self.shares.get(owner).copied().unwrap_or_default();
        let least = share.with(bytes).weight(self.max_waiting);
        let weight = |share: &Share| share.weight(self.max_waiting);
        let heaviest = self
            .shares
            .iter()
            .max_by(|a, b| weight(a.1).total_cmp(&weight(b.1)));
        let Some((heaviest, share)) = heaviest.filter(|(_, share)| weight(share) > least) else {
            return false;
        };
        let (mut left, mut all, mut refused) = (*share, self.all.with(bytes), Vec::new());
        for (at, entry) in self.waiting.iter().enumerate().rev() {
            if !self.is_too_much(all) || weight(&left) <= least {
                break;
            }
            if W::owner(&entry.job) == heaviest {
                let freed = W::bytes(&entry.job);
                (left, all) = (left.without(freed), all.without(freed));
                refused.push(at);
            }
        }
        if self.is_too_much(all) {
            return false;
        }
        // From the back to the front, so that the places stay what they were.
        let refused: Vec<_> = refused
            .into_iter()
            .filter_map(|at| self.remove(at))
            .collect();
        fail(
            refused.into_iter().map(|entry| entry.reply).collect(),
            &Failure::Full,
        );
        true
    }

    /// The job at this place, once those before it whose answer would come too late have been refused.
    pub fn in_time(&mut self, at: usize, answered_at: Instant) -> Option<&Entry<W>> {
        while self.waiting.get(at)?.until < answered_at {
            let late = self.remove(at)?;
            fail(vec![late.reply], &Failure::OutOfTime { sent: false });
        }
        self.waiting.get(at)
    }

    /// The first job; if `owners_take_turns`, that of the owner whose last turn is the longest ago. They do where a statement takes one job and
    /// may take seconds, as for statistics: an owner that sent four of them would let all others wait until their time is out.
    pub fn take_next(&mut self, answered_at: Instant, owners_take_turns: bool) -> Option<Entry<W>> {
        if !owners_take_turns || self.shares.len() < 2 {
            self.in_time(0, answered_at)?;
            return self.remove(0);
        }
        let longest_ago = self.shares.values().map(|share| share.turn).min()?;
        let has_its_turn = |entry: &Entry<W>| {
            let share = self.shares.get(W::owner(&entry.job));
            share.is_some_and(|share| share.turn == longest_ago)
        };
        let at = self.waiting.iter().position(has_its_turn);
        let at = at.filter(|at| self.in_time(*at, answered_at).is_some());
        if at.is_none() {
            self.in_time(0, answered_at)?;
        }
        let next = self.remove(at.unwrap_or(0))?;
        self.turn += 1;
        if let Some(share) = self.shares.get_mut(W::owner(&next.job)) {
            share.turn = self.turn;
        }
        Some(next)
    }

    pub fn remove(&mut self, at: usize) -> Option<Entry<W>> {
        let entry = self.waiting.remove(at)?;
        let (owner, bytes) = (W::owner(&entry.job), W::bytes(&entry.job));
        self.all = self.all.without(bytes);
        if let Some(share) = self.shares.get_mut(owner) {
            *share = share.without(bytes);
            if share.jobs == 0 {
                self.shares.remove(owner);
            }
        }
        Some(entry)
    }

    /// None: it is not here any more.
    pub fn remove_id(&mut self, id: u64) -> Option<Entry<W>> {
        // Ids ascend, and taking entries out keeps their order.
        let at = self.waiting.binary_search_by_key(&id, |entry| entry.id);
        self.remove(at.ok()?)
    }

    pub fn take_all(&mut self) -> VecDeque<Entry<W>> {
        (self.all, self.shares) = Default::default();
        std::mem::take(&mut self.waiting)
    }
}
