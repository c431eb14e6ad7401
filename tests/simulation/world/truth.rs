//! The promises of the README, checked by an observer that knows everything.
//!
//! The operator keeps to the rule: only a synchronous standby is promoted, the one that has most, and all standbys are cut off from the old
//! primary before. The `crown` is the rightful primary by that rule: what is in its log survives.

use super::engine::Sim;
use super::read::{Consistency, Shown};
use super::server::{Server, What};
use super::time::{SECOND, Time};
use super::write::Told;
use std::collections::HashSet;

#[derive(Clone, Copy, Debug)]
pub struct Acknowledged {
    pub tx: u32,
    pub replicated: bool,
}

#[derive(Default)]
pub struct Truth {
    pub violation: Option<String>,
    pub crown: usize,
    /// The standbys that have followed the crown since it is the primary, and may hold what it acknowledged.
    pub followers: Vec<usize>,
    keys: Vec<Option<Acknowledged>>,
    transactions: u32,
    stored: HashSet<u32>,
    /// Transactions that a client was told were not applied.
    denied: HashSet<u32>,
    replicated: Vec<u32>,
    /// Since when the crown is well, and well connected to each place where the service runs.
    pub well_since: Vec<Option<Time>>,
    /// Since when the crown can answer reads.
    pub readable_since: Vec<Option<Time>>,
    /// Since when each place reaches a node that knows of the crown's timeline.
    pub told_since: Vec<Option<Time>>,
    /// Standbys have been cut off, and none has been promoted yet.
    pub is_failing_over: bool,
    pub acknowledged_count: u64,
    pub failovers: u64,
}

/// How long a service may take to notice what it can see.
const NOTICE: Time = 3 * SECOND;

impl Truth {
    pub fn new_transaction(&mut self) -> u32 {
        self.transactions += 1;
        self.transactions
    }

    pub fn acknowledged(&self, key: u32) -> Option<Acknowledged> {
        self.keys.get(key as usize).copied().flatten()
    }

    pub fn followed(&mut self, primary: usize, standby: usize) {
        if primary == self.crown && !self.followers.contains(&standby) {
            self.followers.push(standby);
        }
    }

    /// Whether what this server shows is of another branch than the crown's, or of a timeline that has ended.
    pub fn is_astray(&self, of: &Server, servers: &[Server]) -> bool {
        let end = if of.is_primary {
            of.log.len()
        } else {
            of.replayed
        };
        let crown = &servers[self.crown];
        let has_left = end > 0 && !crown.has(of.log[end - 1].id, end - 1);
        has_left || of.timeline < crown.timeline
    }

    /// There is a new crown, and nobody can have noticed it yet.
    pub fn reigns_anew(&mut self) {
        for since in [
            &mut self.well_since,
            &mut self.readable_since,
            &mut self.told_since,
        ] {
            since.iter_mut().for_each(|since| *since = None);
        }
    }

    fn is_since(since: &[Option<Time>], place: usize, long_before: Time) -> bool {
        since[place].is_some_and(|since| since + NOTICE <= long_before)
    }
}

impl Sim<'_> {
    fn crown(&self) -> &Server {
        &self.servers[self.truth.crown]
    }

    pub fn stored(&mut self, server: usize, tx: u32, key: u32) {
        self.truth.stored.insert(tx);
        self.tell(|| format!("  s{server} writes transaction {tx} under key {key}"));
        if self.truth.denied.contains(&tx) {
            self.violated(format!(
                "transaction {tx} was told to be not applied, and is applied afterwards"
            ));
        }
    }

    pub fn check_write(&mut self, job: usize, told: Told) {
        let of = &self.writes[job];
        let (tx, key, begun, id) = (of.tx, of.key, of.begun, of.instance);
        let place = self.instances[id].place;
        let asked = self.requests[of.request].asked;
        self.tell(|| format!("  service {id} answers {asked:?}: {told:?}"));
        match told {
            Told::Created { tx, replicated } => self.check_created(place, key, tx, replicated),
            Told::NotApplied | Told::InProgress => {
                self.truth.denied.insert(tx);
                if self.truth.stored.contains(&tx) {
                    self.violated(format!(
                        "transaction {tx} is applied, and was told to be not applied"
                    ));
                }
            }
            Told::Unknown => {}
            Told::Internal => {
                self.violated("a create is answered with an internal error".into());
            }
        }
        let was_well = Truth::is_since(&self.truth.well_since, place, begun);
        // A server without memory cannot confirm a commit, so the service may not know whether a standby has it.
        let was_starved = self.crown().starved_until > begun;
        let is_unknown = told == Told::Unknown && !was_starved;
        if (told == Told::NotApplied || is_unknown) && was_well && self.instances[id].has_served {
            self.violated(format!(
                "a create is answered {told:?}, although the primary was well all the time"
            ));
        }
    }

    fn check_created(&mut self, place: usize, key: u32, tx: u32, replicated: bool) {
        self.truth.acknowledged_count += 1;
        let survives = self.crown().holds_transaction(tx);
        if replicated && !survives {
            self.violated(format!(
                "transaction {tx} is acknowledged as replicated, and is not on the branch that counts"
            ));
        }
        let could_know = Truth::is_since(&self.truth.told_since, place, self.now);
        if !survives && could_know {
            self.violated(format!(
                "transaction {tx} is acknowledged on a branch that is known to be dead"
            ));
        }
        let before = self.truth.acknowledged(key);
        if let Some(before) = before
            && before.tx != tx
            && survives
            && (before.replicated || self.crown().holds_transaction(before.tx))
        {
            self.violated(format!(
                "key {key} was acknowledged as transaction {}, and now as {tx}",
                before.tx
            ));
        }
        let under_the_key = |what: What| matches!(what, What::Create { key: of, .. } if of == key);
        let records = self.crown().log.iter();
        if records.filter(|record| under_the_key(record.what)).count() > 1 {
            self.violated(format!("two transactions are stored under key {key}"));
        }
        let at = key as usize;
        if self.truth.keys.len() <= at {
            self.truth.keys.resize(at + 1, None);
        }
        let replicated = replicated || before.is_some_and(|b| b.replicated && b.tx == tx);
        self.truth.keys[at] = Some(Acknowledged { tx, replicated });
        if replicated {
            self.truth.replicated.push(tx);
        }
    }

    /// Under settings that have not changed, a commit that waits for a standby must not be acknowledged as being on the primary alone.
    pub fn check_local(&mut self, session: usize) {
        let session = &self.sessions[session];
        let of = &self.servers[session.server];
        let are_old = of
            .loaded
            .is_none_or(|loaded| loaded + SECOND <= session.sent);
        let waits = of.started == session.started && of.makes_wait();
        if waits && are_old {
            let server = session.server;
            self.violated(format!(
                "a create is acknowledged as local by s{server}, whose commits wait for a standby"
            ));
        }
    }

    /// A new crown must have everything that was acknowledged as replicated.
    pub fn check_succession(&mut self) {
        let crown = self.truth.crown;
        let lost = self.truth.replicated.iter().copied();
        let mut lost = lost.filter(|tx| !self.servers[crown].holds_transaction(*tx));
        if let Some(tx) = lost.next() {
            self.violated(format!(
                "transaction {tx} was acknowledged as replicated, and a failover by the rule lost it"
            ));
        }
    }

    pub fn check_read(&mut self, job: usize, shown: Shown) {
        let of = &self.reads[job];
        let (begun, id, consistency) = (of.begun, of.instance, of.consistency);
        let request = &self.requests[of.request];
        let (asked, must_see) = (request.asked, request.must_see);
        let place = self.instances[id].place;
        let timeline = self.instances[id].conclusions.timeline;
        if shown == Shown::Internal {
            self.violated("a read is answered with an internal error".into());
        }
        let is_misled = self.was_misled(place);
        // An instance that has not followed the crown, on the crown's timeline, cannot tell which branch is the dead one.
        let has_seen_it = self.instances[id].follows == Some(self.truth.crown);
        let knows = timeline >= self.crown().timeline && has_seen_it;
        let astray = matches!(
            shown,
            Shown::Found { astray: true } | Shown::Absent { astray: true, .. }
        );
        if astray && knows && consistency != Consistency::Eventual {
            self.violated(format!(
                "a {consistency:?} read shows the state of a branch that is known to be dead"
            ));
        }
        let is_missing = matches!(shown, Shown::Absent { .. } | Shown::TokenUnknown);
        if is_missing && must_see && consistency != Consistency::Eventual && !is_misled {
            self.violated(format!(
                "{asked:?} is answered {shown:?}, and the write was acknowledged as replicated before"
            ));
        }
        let was_well = Truth::is_since(&self.truth.readable_since, place, begun);
        let is_refused = matches!(shown, Shown::NoNode | Shown::Overloaded);
        if is_refused && was_well && consistency == Consistency::Eventual {
            self.violated(format!(
                "a default read is answered {shown:?}, although the primary was well all the time"
            ));
        }
    }
}
