//! The jobs that wait in a lane, first come, first served; and who has to leave when there are too many.
//!
//! A lane takes whatever comes until it is full. Then an owner that has more in it than another one makes room for that one: its newest
//! job is refused, which nobody has sent yet. Otherwise eight batches of 2 MiB by one owner, sent while there is no primary, would refuse
//! the writes of all others.

use std::collections::HashMap;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use tokio::sync::oneshot;

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
    max_waiting: usize,
    waiting: VecDeque<Entry<W>>,
    all: Share,
    /// Of each owner that has jobs here.
    shares: HashMap<String, Share>,
    /// The owner whose turn it was last, where owners take turns.
    last_owner: String,
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
}

impl Share {
    fn with(self, bytes: usize) -> Share {
        Share {
            jobs: self.jobs + 1,
            bytes: self.bytes + bytes,
        }
    }

    fn without(self, bytes: usize) -> Share {
        Share {
            jobs: self.jobs - 1,
            bytes: self.bytes - bytes,
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
            max_waiting,
            waiting: VecDeque::new(),
            all: Share::default(),
            shares: HashMap::new(),
            last_owner: String::new(),
        }
    }

    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// False: there is no room for it, and nobody who has more in this lane than its owner.
    pub fn push(&mut self, entry: Entry<W>) -> bool {
        let (owner, bytes) = (W::owner(&entry.job), W::bytes(&entry.job));
        let share = self.shares.get(owner).copied().unwrap_or_default();
        let share = share.with(bytes);
        while self.all.with(bytes).weight(self.max_waiting) > 1.0 {
            let Some(at) = self.newest_of_who_has_more(share) else {
                return false;
            };
            if let Some(refused) = self.remove(at) {
                fail(vec![refused.reply], &Failure::Full);
            }
        }
        self.all = self.all.with(bytes);
        self.shares.insert(owner.to_owned(), share);
        self.waiting.push_back(entry);
        true
    }

    /// The place of the newest job of the owner that has most in this lane, if that is more than this.
    fn newest_of_who_has_more(&self, than: Share) -> Option<usize> {
        let weight = |share: &Share| share.weight(self.max_waiting);
        let by_weight =
            |a: &(&String, &Share), b: &(&String, &Share)| weight(a.1).total_cmp(&weight(b.1));
        let (owner, share) = self.shares.iter().max_by(by_weight)?;
        let is_more = weight(share) > weight(&than);
        let newest = || {
            let mut owners = self.waiting.iter().map(|entry| W::owner(&entry.job));
            owners.rposition(|of| of == owner)
        };
        is_more.then(newest).flatten()
    }

    /// The job at this place, once those before it whose answer would come too late have been refused.
    pub fn in_time(&mut self, at: usize, answered_at: Instant) -> Option<&Entry<W>> {
        while self.waiting.get(at)?.until < answered_at {
            let late = self.remove(at)?;
            fail(vec![late.reply], &Failure::OutOfTime { sent: false });
        }
        self.waiting.get(at)
    }

    /// The first job; if `owners_take_turns`, that of another owner than the last one, where there is one. They do where a statement takes
    /// one job and may take seconds, as for statistics: an owner that sent four of them would let all others wait until their time is out.
    pub fn take_next(&mut self, answered_at: Instant, owners_take_turns: bool) -> Option<Entry<W>> {
        if !owners_take_turns {
            self.in_time(0, answered_at)?;
            return self.remove(0);
        }
        let mut owners = self.waiting.iter().map(|entry| W::owner(&entry.job));
        let of_another = owners.position(|owner| owner != self.last_owner);
        let at = of_another.filter(|at| self.in_time(*at, answered_at).is_some());
        if at.is_none() {
            self.in_time(0, answered_at)?;
        }
        let next = self.remove(at.unwrap_or(0))?;
        W::owner(&next.job).clone_into(&mut self.last_owner);
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
