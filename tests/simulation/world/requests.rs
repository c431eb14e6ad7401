//! Clients: each keeps its key, and repeats on 503, 409 `idempotency_request_in_progress` or a lost answer, as docs/clients says.

use super::engine::{Event, Sim};
use super::read::{Consistency, Shown};
use super::time::{MS, SECOND, Time};
use super::write::Told;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    Create {
        key: u32,
    },
    /// Reads the transaction that the create with this key was answered with.
    Read {
        key: u32,
        consistency: Consistency,
    },
    /// A default read of a transaction that nobody ever created: it must be answered, whatever the answer is.
    Any,
    /// A read with a token of a write that never was.
    Forged,
}

pub struct Request {
    pub asked: Asked,
    pub place: usize,
    pub instance: usize,
    pub tries: u32,
    /// When this try has begun.
    pub begun: Time,
    /// It comes after everything has been mended, and any answer but success is a broken promise.
    pub must_succeed: bool,
    pub is_done: bool,
    /// The write that it reads had been acknowledged as replicated before the request was made.
    pub must_see: bool,
}

/// A transaction that nobody ever created.
const MADE_UP: u32 = u32::MAX;
const MOST_TRIES: u32 = 8;

impl Sim<'_> {
    pub fn ask(&mut self, asked: Asked, place: usize, must_succeed: bool) {
        let request = self.requests.len();
        self.requests.push(Request {
            asked,
            place,
            instance: 0,
            tries: 0,
            begun: self.now,
            must_succeed,
            is_done: false,
            must_see: false,
        });
        self.repeat(request);
    }

    pub fn repeat(&mut self, request: usize) {
        let of = &mut self.requests[request];
        let (asked, instance) = (of.asked, self.places[of.place]);
        if of.is_done {
            return;
        }
        (of.instance, of.begun) = (instance, self.now);
        of.tries += 1;
        match asked {
            Asked::Create { key } => {
                let tx = self.truth.new_transaction();
                self.begin_write(request, instance, tx, key);
            }
            Asked::Read { key, consistency } => {
                let Some(acked) = self.truth.acknowledged(key) else {
                    self.requests[request].is_done = true;
                    return;
                };
                let token = (consistency == Consistency::Session).then_some(acked.tx);
                self.requests[request].must_see = acked.replicated;
                self.begin_read(request, instance, (acked.tx, token), consistency);
            }
            Asked::Any => {
                self.begin_read(request, instance, (MADE_UP, None), Consistency::Eventual);
            }
            Asked::Forged => {
                let what = (MADE_UP, Some(MADE_UP));
                self.begin_read(request, instance, what, Consistency::Session);
            }
        }
    }

    /// A write is answered.
    pub fn told(&mut self, job: usize, told: Told) {
        let request = self.writes[job].request;
        self.check_write(job, told);
        let is_lost = self.chance.once_in(25, "lost answer", job as u64, self.now);
        let is_good = matches!(told, Told::Created { .. });
        if self.requests[request].must_succeed && !is_good {
            self.violated(format!(
                "after all is mended, a create is answered {told:?}"
            ));
        }
        if is_good && !is_lost {
            self.requests[request].is_done = true;
        } else {
            self.repeat_later(request, job as u64);
        }
    }

    /// Repeats after a backoff with full jitter.
    pub fn repeat_later(&mut self, request: usize, who: u64) {
        let of = &self.requests[request];
        if of.tries < MOST_TRIES {
            let most = ((100 * MS) << of.tries.min(5)).min(3 * SECOND);
            let delay = self.chance.between(MS, most, "backoff", who, self.now);
            self.after(delay, Event::Repeat(request));
        }
    }

    /// A read is answered. It is not repeated, whatever the answer is.
    pub fn shown(&mut self, job: usize, shown: Shown) {
        let request = self.reads[job].request;
        self.check_read(job, shown);
        self.requests[request].is_done = true;
        let is_good = matches!(shown, Shown::Found { .. } | Shown::Absent { .. });
        if self.requests[request].must_succeed && !is_good {
            self.violated(format!("after all is mended, a read is answered {shown:?}"));
        }
    }
}
