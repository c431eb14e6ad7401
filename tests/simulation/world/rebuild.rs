//! A model of db/keeper/rebuild.rs: one attempt to open a new pool.

use super::engine::{Event, Sim};
use super::instance::{CONNECT_TIMEOUT, Opening};
use super::keeper::hang_up;
use super::mutant::Mutant;
use super::server::Life;
use super::session::{Answer, Order, Whose};
use super::time::{MS, Time};
use synapse_core::db::cause::Cause;
use synapse_core::db::decisions::{Input, State};
use synapse_core::db::probe::Heard;

impl Sim<'_> {
    pub fn attempt(&mut self, id: usize, node: usize, attempt: Time) {
        if !self.instances[id].is_alive {
            return;
        }
        let server = self.addresses[node];
        let place = self.instances[id].place;
        let of = &self.servers[server];
        let is_silent = self.cut_off[place][node].is_some() || of.life == Life::Frozen;
        if is_silent || of.life == Life::Dead {
            let delay = if is_silent { CONNECT_TIMEOUT } else { MS };
            let instance = id;
            return self.after(
                delay,
                Event::AttemptFailed {
                    instance,
                    node,
                    attempt,
                },
            );
        }
        let heard = Heard {
            facts: self.facts(server),
            asked: self.clock.instant(attempt),
        };
        let is_elected = self.instances[id].conclusions.elected == Some(node);
        let is_primary = is_elected && heard.facts.is_writable_primary();
        let branch = heard.facts.branch().filter(|_| is_primary);
        let prepared = branch.filter(|branch| !self.is_prepared(id, *branch));
        let opening = Opening {
            attempt,
            server,
            heard,
            prepared,
        };
        self.instances[id].nodes[node].openings.push(opening);
        if prepared.is_none() {
            return self.attempt_is_ready(id, node, attempt, Answer::Ready);
        }
        let whose = Whose::Attempt { node, attempt };
        let session = self.session(id, node, server, Order::Migrate, whose);
        self.send(session);
    }

    pub fn attempt_is_ready(&mut self, id: usize, node: usize, attempt: Time, answer: Answer) {
        let openings = &mut self.instances[id].nodes[node].openings;
        let Some(at) = openings
            .iter()
            .position(|opening| opening.attempt == attempt)
        else {
            return;
        };
        let opening = openings.swap_remove(at);
        let of = &self.servers[opening.server];
        let same = of.life == Life::Up
            && of.identity() == opening.heard.facts.server
            && self.addresses[node] == opening.server;
        let started = of.started;
        if !same || !matches!(answer, Answer::Ready) {
            return self.attempt_failed(id, node, attempt);
        }
        if let Some(branch) = opening.prepared {
            self.conclude(id, |c| c.prepared = Some(branch));
        }
        let identity = opening.heard.facts.server;
        let watched = &mut self.instances[id].nodes[node];
        (watched.was_heard, watched.heard) = (true, Some(opening.heard));
        let pool = self.instances[id].open_pool((opening.server, started), identity);
        let judgement = self.judge(id);
        match self.judged(id, node, &judgement) {
            Some(judged) => self.apply(id, node, Input::Rebuilt { pool, judged }),
            None => self.retire(id, pool),
        }
        self.keeper_wakes(id);
        self.pump(id);
    }

    pub fn attempt_failed(&mut self, id: usize, node: usize, attempt: Time) {
        if !self.instances[id].is_alive {
            return;
        }
        let attempt = self.clock.instant(attempt);
        let stays = self.is(Mutant::ProbesStay);
        let trouble = Cause::Unreachable.into();
        self.apply(id, node, Input::NotRebuilt { attempt, trouble });
        let watched = &mut self.instances[id].nodes[node];
        if matches!(watched.state, State::Down { .. }) && !stays {
            hang_up(watched);
            self.apply(id, node, Input::Unanswered(Cause::Unreachable.into()));
        }
        self.keeper_wakes(id);
    }
}
