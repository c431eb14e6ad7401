//! A model of db/keeper/settle.rs: what follows from the answers of all nodes. The production code judges.

use super::engine::Sim;
use super::instance::{CONNECT_TIMEOUT, PROBE_TIMEOUT};
use super::mutant::Mutant;
use super::server::Server;
use super::session::{Answer, Order, Whose};
use std::time::Duration;
use synapse_core::db::cause::Cause;
use synapse_core::db::decisions::{
    Cluster, Conclusions, Input, Judged, Judgement, Memory, Seen, Standing, State, Writes, judge,
};
use synapse_core::db::probe::{Branch, Heard};

const LAST_WORD: Duration = Duration::from_micros(CONNECT_TIMEOUT + PROBE_TIMEOUT);

impl Sim<'_> {
    pub fn judge(&mut self, id: usize) -> Judgement {
        let now = self.clock.instant(self.now);
        let mutant = self.mutant;
        let instance = &mut self.instances[id];
        let mut memory = std::mem::take(&mut instance.memory);
        let heard: Vec<_> = instance.nodes.iter().map(|n| n.heard.as_ref()).collect();
        let writer = memory.writer;
        match mutant {
            Some(Mutant::ForgetsTheCluster) => memory.cluster = Cluster::Unknown,
            Some(Mutant::NumbersAreBranches) => memory.writer = None,
            Some(Mutant::AnyClusterWillDo) => adopt_any_primary(&heard, &mut memory),
            _ => {}
        }
        let judgement = if mutant == Some(Mutant::HighestTimelineWins) {
            judge_by_timeline(&heard, &mut memory, now)
        } else {
            judge(&heard, &mut memory, now, LAST_WORD)
        };
        if mutant == Some(Mutant::ShownForEver) {
            memory.timeline = memory.timeline.max(memory.shown);
            memory.gone_since = None; // and is never given up
        }
        if mutant == Some(Mutant::NumbersAreBranches) {
            memory.writer = memory.writer.or(writer);
        }
        let ours = self.servers[self.truth.crown].system_id;
        let is_ours = |heard: &&&Heard| heard.facts.server.system_id == ours;
        let of_us = heard.iter().flatten().filter(is_ours).count();
        let strangers = heard.iter().flatten().count() - of_us;
        let most_are_ours = 2 * of_us > heard.len();
        instance.was_outvoted |= 2 * strangers > heard.len();
        let elected = judgement.elected.and_then(|node| heard[node]);
        let elected = elected.and_then(|heard| {
            let is_it = |server: &Server| server.identity() == heard.facts.server;
            self.servers.iter().position(is_it)
        });
        instance.has_known_its_cluster |= memory.cluster.is_known();
        instance.memory = memory;
        self.check_election(id, elected, most_are_ours);
        judgement
    }

    /// Checks what is a violation whichever nodes were silent.
    fn check_election(&mut self, id: usize, elected: Option<usize>, most_are_ours: bool) {
        let instance = &mut self.instances[id];
        let before = instance.follows;
        instance.follows = elected.or(before);
        let crown = self.truth.crown;
        let Some(elected) = elected.filter(|server| *server != crown) else {
            return;
        };
        let has_its_number = instance.memory.timeline == self.servers[crown].timeline;
        // A copy behind the crown's own address, with its number, is taken for the restarted crown.
        let is_elsewhere = self.addresses.get(crown) != Some(&elected);
        let is_stranger = self.servers[elected].system_id != self.servers[crown].system_id;
        if is_stranger && most_are_ours && !instance.was_outvoted {
            self.violated("a stranger is followed, although most nodes are of our cluster".into());
        } else if !is_stranger && before == Some(crown) && is_elsewhere && has_its_number {
            self.violated("a promotion to a number that is taken is followed".into());
        }
    }

    pub fn settle(&mut self, id: usize) {
        let (nodes, now) = (&self.instances[id].nodes, self.now);
        let all_had_their_time = nodes
            .iter()
            .all(|node| node.was_heard || now >= node.full_time);
        if !all_had_their_time && !self.is(Mutant::ElectsBeforeAllWereHeard) {
            return;
        }
        let now = self.clock.instant(self.now);
        let judgement = self.judge(id);
        if judgement.writes == Writes::Held(Cause::PromotionInQuestion) {
            self.ask_about_the_contest(id);
        }
        let instance = &mut self.instances[id];
        let elected = judgement
            .elected
            .and_then(|n| instance.nodes[n].heard.as_ref());
        instance.positions.record(elected, now);
        for node in 0..self.addresses.len() {
            let Some(asked) = self.instances[id].nodes[node]
                .heard
                .as_ref()
                .map(|h| h.asked)
            else {
                continue;
            };
            if let Some(judged) = self.judged(id, node, &judgement) {
                self.apply(id, node, Input::Answered { asked, judged });
            }
        }
        let writes = match judgement.writes {
            Writes::To { node, timeline } => self.once_it_serves(id, node, timeline),
            other => other,
        };
        self.conclude(id, |conclusions| {
            conclusions.writes = writes;
            conclusions.elected = judgement.elected;
            conclusions.timeline = judgement.timeline;
            conclusions.contested = judgement.contested;
        });
    }

    fn ask_about_the_contest(&mut self, id: usize) {
        let now = self.now;
        let instance = &mut self.instances[id];
        let Some((_, since)) = instance.memory.contest else {
            return;
        };
        for watched in &mut instance.nodes {
            if watched.heard.as_ref().is_some_and(|h| h.asked < since) {
                watched.due = now;
            }
        }
    }

    pub fn judged(&self, id: usize, node: usize, judgement: &Judgement) -> Option<Judged> {
        let instance = &self.instances[id];
        let facts = instance.nodes[node].heard.as_ref()?.facts.clone();
        Some(match &judgement.standings[node] {
            Standing::Fenced(trouble) => Judged::Fenced(trouble.clone(), facts),
            Standing::Usable(caveat) => Judged::Usable(Seen {
                lag_ms: instance
                    .positions
                    .lag_ms(&facts, self.clock.instant(self.now)),
                as_of: instance.positions.as_of(&facts),
                settled_until: instance.positions.settled_until(&facts),
                sync_state: None,
                caveat: *caveat,
                facts,
            }),
        })
    }

    fn once_it_serves(&mut self, id: usize, node: usize, timeline: i32) -> Writes {
        let instance = &self.instances[id];
        let State::Up { pool, seen, .. } = &instance.nodes[node].state else {
            return Writes::Held(Cause::NoPrimary);
        };
        let pool = *pool;
        let Some(branch) = seen.facts.branch() else {
            return Writes::Held(Cause::NoPrimary);
        };
        if self.is_prepared(id, branch) {
            return Writes::To { node, timeline };
        }
        let wanted = Some((pool, branch));
        if self.instances[id].preparing != wanted {
            self.instances[id].preparing = wanted;
            let server = self.instances[id].pools[pool].server;
            let whose = Whose::Preparation { node, branch, pool };
            let session = self.session(id, node, server, Order::Migrate, whose);
            self.send(session);
        }
        Writes::Held(Cause::SchemaNotReady)
    }

    pub fn is_prepared(&self, id: usize, branch: Branch) -> bool {
        let prepared = self.instances[id].conclusions.prepared;
        let for_ever = self.is(Mutant::PreparedForEver) && prepared.is_some();
        let has_its_number = prepared.is_some_and(|of| of.timeline == branch.timeline);
        let by_number = self.is(Mutant::PreparedByNumber) && has_its_number;
        for_ever || by_number || prepared == Some(branch)
    }

    pub fn prepared(
        &mut self,
        id: usize,
        node: usize,
        branch: Branch,
        pool: usize,
        answer: Answer,
    ) {
        self.instances[id].preparing.take_if(|(of, _)| *of == pool);
        match answer {
            Answer::Ready => self.conclude(id, |c| c.prepared = Some(branch)),
            _ => {
                let trouble = Cause::SchemaNotReady.into();
                self.apply(id, node, Input::Failed { pool, trouble });
            }
        }
        self.keeper_wakes(id);
    }

    pub fn conclude(&mut self, id: usize, change: impl FnOnce(&mut Conclusions)) {
        let now = self.now;
        let instance = &mut self.instances[id];
        let before = instance.conclusions.clone();
        change(&mut instance.conclusions);
        let next = instance.conclusions.clone();
        if next == before {
            return;
        }
        if next.writes != before.writes {
            match next.writes {
                Writes::To { .. } => {
                    (instance.held_since, instance.has_served) = (None, true);
                }
                Writes::Held(_) | Writes::SplitBrain => {
                    instance.held_since.get_or_insert(now);
                }
            }
            self.tell(|| format!("  service {id}: writes {:?}", next.writes));
        }
        self.pump(id);
    }
}

/// For a mutant: the first primary that answers decides which cluster is ours.
fn adopt_any_primary(heard: &[Option<&Heard>], memory: &mut Memory) {
    let mut primaries = heard.iter().flatten();
    let first = primaries.find(|heard| heard.facts.is_writable_primary());
    if let Some(first) = first.filter(|_| memory.cluster == Cluster::Unknown) {
        memory.cluster = Cluster::Known(first.facts.server.system_id);
    }
}

/// For a mutant: judges as if no node had said whom it follows.
fn judge_by_timeline(
    heard: &[Option<&Heard>],
    memory: &mut Memory,
    now: std::time::Instant,
) -> Judgement {
    let deaf = |heard: &Heard| {
        let mut heard = heard.clone();
        (heard.facts.receiving, heard.facts.heard_of) = (false, None);
        heard
            .facts
            .standbys
            .retain(|_, streams| streams.iter().any(|stream| stream.sync_state != "async"));
        heard.facts.upstream_name = None;
        heard
    };
    let deaf: Vec<_> = heard.iter().map(|heard| heard.map(deaf)).collect();
    let deaf: Vec<_> = deaf.iter().map(Option::as_ref).collect();
    judge(&deaf, memory, now, LAST_WORD)
}
