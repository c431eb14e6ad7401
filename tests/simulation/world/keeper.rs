//! A model of the keeper (db/keeper/mod.rs and watch.rs) in virtual time, since the real one owns threads and pools. Its decisions
//! (`judge`, `step`, `interval`, the lag) are made by the production code.

use super::engine::{Event, Sim};
use super::instance::{CONNECT_TIMEOUT, PROBE_INTERVAL, SCHEDULE};
use super::mutant::Mutant;
use super::server::Life;
use super::session::Whose;
use super::time::{MS, Time};
use std::time::Duration;
use synapse_core::db::cause::{Cause, Trouble};
use synapse_core::db::decisions::{Effect, Input, Situation, State, interval, step};
use synapse_core::db::probe::Heard;
use synapse_core::decisions::Failure;

impl Sim<'_> {
    pub fn keeper_wakes(&mut self, id: usize) {
        if !self.instances[id].is_alive {
            return;
        }
        self.give_up_overdue(id);
        self.settle(id);
        for node in 0..self.addresses.len() {
            self.apply(id, node, Input::Time);
        }
        self.ask_who_is_due(id);
        self.sleep(id);
    }

    /// Sleeps until something is due.
    fn sleep(&mut self, id: usize) {
        let instance = &self.instances[id];
        let probes = instance.nodes.iter().enumerate();
        let probes = probes.map(|(node, watched)| instance.overdue_at(node).unwrap_or(watched.due));
        let attempts = instance.nodes.iter().filter_map(|node| node.state.due());
        let attempts = attempts.map(|due| self.clock.time(due));
        let next = probes.chain(attempts).min().unwrap_or(self.now);
        let next = next.max(self.now + 1);
        let instance = &mut self.instances[id];
        if instance.wakes_at <= self.now || next < instance.wakes_at {
            instance.wakes_at = next;
            self.at(next, Event::Keeper(id));
        }
    }

    fn ask_who_is_due(&mut self, id: usize) {
        let now = self.now;
        let held_for = self.instances[id]
            .held_since
            .map(|since| Duration::from_micros(now - since));
        for node in 0..self.addresses.len() {
            let watched = &self.instances[id].nodes[node];
            if watched.asked.is_some() || watched.due > now {
                continue;
            }
            let since = self.clock.time(since(&watched.state));
            let situation = Situation {
                held_for,
                waited_for: true, // there is always a client that writes
                down_for: (!is_of_full_use(&watched.state))
                    .then(|| Duration::from_micros(now.saturating_sub(since))),
                answers: watched.heard.is_some(),
            };
            let who = (id * 16 + node) as u64;
            let jitter = self.chance.between(0, 1000, "jitter", who, now) as f64 / 1000.0;
            let pause = interval(PROBE_INTERVAL, situation, jitter);
            let hangs_up = matches!(watched.state, State::Fenced { .. });
            let stays = !hangs_up || self.is(Mutant::ProbesStay);
            let connected = watched.connected.is_some() && stays;
            let generation = watched.generation;
            let connecting = if connected { 0 } else { CONNECT_TIMEOUT };
            let watched = &mut self.instances[id].nodes[node];
            watched.due = now + Time::try_from(pause.as_micros()).unwrap_or(Time::MAX);
            watched.asked = Some((now, connecting));
            let slow = self.chance.once_in(30, "slow probe", who, now);
            let most = if slow { 400 * MS } else { 2 * MS };
            let delay = self.chance.between(100, most, "probe", who, now);
            let question = Event::Question {
                instance: id,
                node,
                generation,
                asked: now,
                connected,
            };
            self.after(delay, question);
        }
    }

    /// The question has arrived. A server that is frozen or cut off does not answer.
    pub fn questioned(
        &mut self,
        id: usize,
        node: usize,
        generation: u64,
        asked: Time,
        connected: bool,
    ) {
        let place = self.instances[id].place;
        let old = self.instances[id].nodes[node].connected;
        let reached = old.filter(|_| connected);
        let server = reached.map_or(self.addresses[node], |(server, _)| server);
        let of = &self.servers[server];
        let is_silent = self.cut_off[place][node].is_some() || of.life == Life::Frozen;
        if is_silent || !self.instances[id].is_alive {
            return;
        }
        let is_reset = reached.is_some_and(|(_, started)| started != of.started);
        let answer = if of.life == Life::Dead || is_reset {
            Err(Trouble::from(Cause::ConnectionRefused))
        } else {
            Ok(Heard {
                facts: self.facts(server),
                asked: self.clock.instant(asked),
            })
        };
        let started = of.started;
        let watched = &mut self.instances[id].nodes[node];
        if watched.generation == generation {
            watched.connected = answer.is_ok().then_some((server, started));
        }
        let delay = self
            .chance
            .between(100, 2 * MS, "answer", node as u64, self.now);
        let answer = Event::Answer {
            instance: id,
            node,
            generation,
            answer: Box::new(answer),
        };
        self.after(delay, answer);
    }

    pub fn answered(
        &mut self,
        id: usize,
        node: usize,
        generation: u64,
        answer: Result<Heard, Trouble>,
    ) {
        let is_cut = self.cut_off[self.instances[id].place][node].is_some();
        let is_heard = self.instances[id].is_alive && !is_cut;
        let watched = &mut self.instances[id].nodes[node];
        if watched.generation != generation || watched.asked.is_none() || !is_heard {
            return;
        }
        let asked = watched.asked.take().map(|(asked, _)| asked);
        match answer {
            Ok(heard) => {
                let received = watched.heard.as_ref().is_some_and(|h| h.facts.receiving);
                let has_lost_its_primary = received && !heard.facts.receiving;
                (watched.was_heard, watched.heard) = (true, Some(heard));
                watched.answered = asked;
                if has_lost_its_primary {
                    self.look_around(id);
                }
            }
            Err(trouble) => {
                watched.connected = None;
                self.unanswered(id, node, trouble);
            }
        }
        self.keeper_wakes(id);
    }

    fn unanswered(&mut self, id: usize, node: usize, trouble: Trouble) {
        let watched = &mut self.instances[id].nodes[node];
        watched.heard = None;
        self.apply(id, node, Input::Unanswered(trouble));
    }

    fn give_up_overdue(&mut self, id: usize) {
        for node in 0..self.addresses.len() {
            let overdue_at = self.instances[id].overdue_at(node);
            if overdue_at.is_some_and(|at| at <= self.now) {
                hang_up(&mut self.instances[id].nodes[node]);
                self.unanswered(id, node, Cause::NoAnswer.into());
            }
            let instance = &self.instances[id];
            if let State::Up { pool, .. } = instance.nodes[node].state
                && instance.pools[pool].has_strayed
            {
                let trouble = Cause::AnotherServer.into();
                self.apply(id, node, Input::Failed { pool, trouble });
                self.start_afresh(id, node);
            }
        }
    }

    fn start_afresh(&mut self, id: usize, node: usize) {
        let now = self.now;
        let watched = &mut self.instances[id].nodes[node];
        hang_up(watched);
        (watched.heard, watched.due) = (None, now);
    }

    /// A request has seen that a node has failed.
    pub fn report(&mut self, id: usize, node: usize, pool: usize, trouble: Trouble) {
        let strayed = trouble.cause == Cause::AnotherServer;
        let before = since(&self.instances[id].nodes[node].state);
        self.apply(id, node, Input::Failed { pool, trouble });
        let watched = &mut self.instances[id].nodes[node];
        if let State::Down { since, .. } = &watched.state
            && since.at != before
        {
            let down = since.at;
            watched.heard = watched.heard.take().filter(|heard| heard.asked > down);
            if strayed {
                self.start_afresh(id, node);
            }
        }
        self.at(self.now, Event::Keeper(id));
    }

    pub fn suspected(&mut self, id: usize, session: usize) {
        let of = &self.sessions[session];
        if !of.ended && !of.given_up {
            self.look_at(id, of.node);
        }
    }

    pub fn look_at(&mut self, id: usize, node: usize) {
        self.instances[id].nodes[node].due = self.now;
        self.at(self.now, Event::Keeper(id));
    }

    pub fn apply(&mut self, id: usize, node: usize, input: Input<usize>) {
        let moment = self.clock.moment(self.now);
        let watched = &mut self.instances[id].nodes[node];
        let (new, effects) = step(&watched.state, input, moment, &SCHEDULE);
        watched.state = new;
        for effect in effects {
            match effect {
                Effect::Retire(pool) => self.retire(id, pool),
                Effect::Attempt(attempt) => {
                    let attempt = self.clock.time(attempt);
                    let delay = self
                        .chance
                        .between(200, 3 * MS, "open", node as u64, self.now);
                    let instance = id;
                    self.after(
                        delay,
                        Event::Attempt {
                            instance,
                            node,
                            attempt,
                        },
                    );
                }
                Effect::LookAround => self.look_around(id),
                Effect::TellAttempt { .. } => {}
            }
        }
    }

    fn look_around(&mut self, id: usize) {
        let now = self.now;
        self.instances[id]
            .nodes
            .iter_mut()
            .for_each(|n| n.due = now);
    }

    /// Whoever waits for an answer through this pool is told so when the watcher looks next.
    pub fn retire(&mut self, id: usize, pool: usize) {
        self.instances[id].pools[pool].is_retired = true;
        let delay = self
            .chance
            .between(0, 20 * MS, "watcher", pool as u64, self.now);
        for session in 0..self.sessions.len() {
            let of = &self.sessions[session];
            let waits = matches!(of.whose, Whose::Write(_) | Whose::Read(_));
            if of.instance == id && of.pool == Some(pool) && !of.ended && waits {
                let failure = Failure::NodeDown { sent: true };
                self.after(delay, Event::GiveUp { session, failure });
            }
        }
    }
}

pub fn hang_up(watched: &mut super::instance::Watched) {
    (watched.asked, watched.connected) = (None, None);
    watched.generation += 1;
}

fn since(state: &State<usize>) -> std::time::Instant {
    match state {
        State::Up { since, .. } | State::Down { since, .. } | State::Fenced { since, .. } => {
            since.at
        }
    }
}

/// As in `Watch::ask`.
fn is_of_full_use(state: &State<usize>) -> bool {
    match state {
        State::Up { seen, .. } => matches!(seen.caveat, None | Some(Cause::ReadOnly)),
        State::Fenced { .. } => true,
        State::Down { .. } => false,
    }
}
