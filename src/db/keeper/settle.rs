//! Draws the conclusions from what is known now, and publishes them.

use super::super::cause::Cause;
use super::super::conclusions::{Conclusions, Standby, Standbys, Writes};
use super::super::node::{Input, NodeState};
use super::super::probe::{Facts, Heard};
use super::super::url::CONNECT_TIMEOUT;
use super::cluster::Cluster;
use super::judge::{Judgement, Standing, judge};
use super::message::Message;
use super::{Keeper, rebuild};
use std::sync::Arc;
use std::time::Instant;

impl Keeper {
    pub(super) fn judge(&mut self, now: Instant) -> Judgement {
        let heard: Vec<_> = self
            .watches
            .iter()
            .map(|watch| watch.heard.as_ref())
            .collect();
        let last_word = CONNECT_TIMEOUT + self.shared.options.probe_timeout;
        judge(&heard, &mut self.memory, now, last_word)
    }

    fn tell_of_the_cluster(&self, before: Cluster) {
        let cluster = self.memory.cluster;
        let system_identifier = cluster.system_id().unwrap_or_default();
        let presumed = before.system_id().unwrap_or_default();
        match cluster {
            _ if cluster == before => {}
            Cluster::Known(_) if cluster.replaces(before) => {
                log::error!(system_identifier, presumed;
                    "the cluster that was presumed is not that of more than half of the nodes: what was written meanwhile is there");
            }
            Cluster::Presumed(_) => log::warn!(system_identifier;
                "no more than half of the nodes are known to be of this cluster, which is presumed to be the right one"),
            Cluster::Known(_) => {
                log::info!(system_identifier; "more than half of the nodes are of this cluster");
            }
            Cluster::Unknown => {}
        }
    }

    pub(super) fn settle(&mut self, now: Instant) {
        if !self
            .watches
            .iter()
            .all(|watch| watch.was_heard_or_waited_for(now))
        {
            return; // the first to answer need not be the right one
        }
        let cluster = self.memory.cluster;
        let judgement = self.judge(now);
        self.tell_of_the_cluster(cluster);
        if judgement.writes == Writes::Held(Cause::PromotionInQuestion) {
            self.ask_about_the_contest(now);
        }
        self.learn_whose_streams_they_are(&judgement, now);
        let elected = judgement
            .elected
            .and_then(|node| self.watches[node].heard.as_ref());
        self.positions.record(elected, now);
        let standbys = self.standbys_of(judgement.elected);
        let elected = elected.cloned();
        for node in 0..self.watches.len() {
            let Some(judged) = self.judged(node, &judgement, now) else {
                continue;
            };
            let state = self.shared.nodes[node].state();
            let watch = &mut self.watches[node];
            let Some(Heard { facts, asked }) = watch.heard.clone() else {
                continue;
            };
            watch.warn(&self.shared.nodes[node].name, &state, &facts, now);
            self.apply(node, Input::Answered { asked, judged });
        }
        let writes = match judgement.writes {
            Writes::To { node, timeline } => self.writes_to_prepared(node, timeline),
            other => other,
        };
        self.conclude(|conclusions| {
            conclusions.standbys = standbys;
            conclusions.writes = writes;
            conclusions.elected = judgement.elected;
            conclusions.timeline = judgement.timeline;
            conclusions.contested = judgement.contested;
            conclusions.see_primary(elected.as_ref());
        });
    }

    fn learn_whose_streams_they_are(&mut self, judgement: &Judgement, now: Instant) {
        let heard = |node: &usize| self.watches[*node].heard.as_ref();
        let Some(primary) = judgement.elected.as_ref().and_then(heard) else {
            return;
        };
        let is_usable = |node: &usize| matches!(judgement.standings[*node], Standing::Usable(_));
        let others = (0..self.watches.len()).filter(|node| Some(*node) != judgement.elected);
        let others: Vec<usize> = others.filter(is_usable).collect();
        let said: Vec<&Heard> = others.iter().filter_map(heard).collect();
        if self.streams.learn(&primary.facts, &said, now) {
            others.iter().for_each(|node| self.watches[*node].due = now);
        }
    }

    /// A standby that a crash can cost what it has flushed does not count for a primary that a crash costs nothing.
    fn standbys_of(&self, elected: Option<usize>) -> Arc<Standbys> {
        let nodes = &self.shared.nodes;
        let region = elected.and_then(|elected| nodes[elected].region.as_deref());
        let survives = |node: usize| self.watches[node].survives_crashes;
        let must_survive = elected.is_some_and(survives);
        let others = self.memory.nodes.iter().enumerate();
        let others = others.filter(|(node, _)| Some(*node) != elected);
        let others = others.filter_map(|(node, remembered)| {
            let name = remembered.upstream_name.clone();
            let name = name.filter(|name| !self.streams.has_a_stranger(name))?;
            Some(Standby {
                name,
                region: nodes[node].region.clone(),
                survives: !must_survive || survives(node),
            })
        });
        let (require, others) = (self.shared.options.require, others.collect::<Vec<_>>());
        Arc::new(Standbys::eligible(require, region, &others))
    }

    /// Two branches are in question: asks each node again that was last asked before the question came up.
    fn ask_about_the_contest(&mut self, now: Instant) {
        let Some((_, since)) = self.memory.contest else {
            return;
        };
        let stale = |heard: &Heard| heard.asked < since;
        for watch in &mut self.watches {
            if watch.heard.as_ref().is_some_and(stale) {
                watch.due = now;
            }
        }
    }

    /// A promoted node keeps its pool, and gets writes once its schema has been looked at: its branch may have lost a migration.
    fn writes_to_prepared(&mut self, node: usize, timeline: i32) -> Writes {
        let of = &self.shared.nodes[node];
        let state = of.state();
        let NodeState::Up { pool, seen, .. } = &*state else {
            return Writes::Held(state.cause().unwrap_or(Cause::NoPrimary));
        };
        let Some(branch) = seen.facts.branch() else {
            return Writes::Held(Cause::NoPrimary);
        };
        if self.shared.conclusions.borrow().prepared == Some(branch) {
            return Writes::To { node, timeline };
        }
        let wanted = Some((pool.clone(), branch));
        if self.preparing != wanted {
            let (shared, messages, pool) =
                (self.shared.clone(), self.messages.clone(), pool.clone());
            let started = of.attempts.start("schema", move || {
                let result = rebuild::prepare(&shared, &shared.nodes[node], &pool);
                drop(messages.send(Message::Prepared {
                    node,
                    branch,
                    pool,
                    result,
                }));
            });
            self.preparing = wanted.filter(|_| started.is_ok());
        }
        Writes::Held(Cause::SchemaNotReady)
    }

    /// A write waits for a primary.
    pub(super) fn is_waited_for(&self) -> bool {
        self.shared.conclusions.receiver_count() > 0
    }

    pub(super) fn conclude(&mut self, change: impl FnOnce(&mut Conclusions)) {
        let before = self.shared.conclusions.borrow().clone();
        let mut next = before.clone();
        change(&mut next);
        if next == before {
            return;
        }
        let waited_for = self.is_waited_for();
        let writes = next.writes;
        self.shared.conclusions.send_replace(next);
        if writes != before.writes {
            if let Writes::To { node, timeline } = writes {
                self.tell_of_a_new_timeline(node, timeline);
            }
            self.failovers
                .concluded(before.writes, writes, waited_for, Instant::now());
        }
    }

    /// Logs both positions: they are needed to find out later what was lost.
    fn tell_of_a_new_timeline(&self, new: usize, timeline: i32) {
        let Some((old, old_timeline)) = self.failovers.last().filter(|(_, old)| *old != timeline)
        else {
            return;
        };
        let name = |node: usize| self.shared.nodes[node].name.as_str();
        let position = self.watches[new]
            .heard
            .as_ref()
            .map(|heard| heard.facts.lsn);
        let [position, old_position] = [position, self.positions.of_the_last_timeline()]
            .map(|position| position.map_or("unknown".into(), lsn));
        log::warn!(primary = name(new), timeline, position = position.as_str(), old_primary = name(old), old_timeline,
            old_position = old_position.as_str(); "a new timeline counts from now on");
        if timeline < old_timeline {
            log::error!(lost_timeline = old_timeline, timeline; "no node has the timeline any more that writes went to: what was acknowledged there is lost");
        }
    }

    pub(super) fn sync_state(&self, standby: &Facts, elected: Option<usize>) -> Option<String> {
        let primary = &self.watches[elected?].heard.as_ref()?.facts;
        let name = standby
            .upstream_name
            .as_ref()
            .filter(|_| standby.receiving)?;
        primary.sync_state_of(name).map(str::to_owned)
    }
}

/// A position as PostgreSQL writes it.
fn lsn(position: i64) -> String {
    format!("{:X}/{:X}", position >> 32, position & 0xFFFF_FFFF)
}
