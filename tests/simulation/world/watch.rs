//! What the observer checks after every step.

use super::engine::Sim;
use super::server::{Life, Server};
use super::time::{SECOND, Time};
use synapse_core::db::decisions::Writes;

/// A primary that is well must be elected within this time, and stay elected.
const PATIENCE: Time = 4 * SECOND;

impl Sim<'_> {
    pub fn look_at_the_whole(&mut self) {
        for place in 0..self.places.len() {
            let is_well = self.is_well(place);
            let is_told = self.is_told(place);
            let is_readable = self.is_readable(place);
            let now = self.now;
            let was_well = self.truth.well_since[place];
            if self.was_misled(place) && was_well.is_some_and(|since| since + PATIENCE <= now) {
                self.violated(
                    "a promotion by mistake is followed, although the right primary is well".into(),
                );
            }
            keep(&mut self.truth.readable_since[place], is_readable, now);
            keep(&mut self.truth.well_since[place], is_well, now);
            keep(&mut self.truth.told_since[place], is_told, now);
            let long_well =
                self.truth.well_since[place].is_some_and(|since| since + PATIENCE <= now);
            let instance = &self.instances[self.places[place]];
            if let Writes::To { node, .. } = instance.conclusions.writes
                && long_well
                && self.addresses[node] != self.truth.crown
            {
                self.violated(format!(
                    "writes go to node {}, although the right primary is well",
                    node + 1
                ));
            }
        }
    }

    fn reaches(&self, place: usize, server: usize) -> bool {
        let node = self.addresses.iter().position(|at| *at == server);
        let is_open = node.is_some_and(|node| self.cut_off[place][node].is_none());
        is_open && self.servers[server].life == Life::Up
    }

    /// Whether the crown takes writes, and the instance in this place can see that it is the right one.
    fn is_well(&self, place: usize) -> bool {
        let crown = self.truth.crown;
        let of = &self.servers[crown];
        if !self.reaches(place, crown) || !of.is_writable_primary() || !of.is_migrated() {
            return false;
        }
        let confirms = |standby: usize| {
            let follower = &self.servers[standby];
            of.names_in_force.contains(&standby)
                && follower.receiving
                && follower.upstream == Some(crown)
                && self.are_connected(crown, standby)
                && self.reaches(place, standby)
        };
        let has_standby = of.followers.iter().any(|(standby, _)| confirms(*standby));
        let is_synchronous = !of.names.is_empty() && !of.names_in_force.is_empty();
        let settled = of.names == of.names_in_force && (!is_synchronous || has_standby);
        let instance = &self.instances[self.places[place]];
        let was_misled = self.was_misled(place);
        let rivals = self.rivals();
        let mut above = rivals.clone().filter(|rival| rival.timeline >= of.timeline);
        let is_plain = above.clone().next().is_none();
        let is_known = self.has_followed_the_crown(place);
        let can_be_told =
            is_synchronous && above.all(|rival| is_known || rival.timeline > of.timeline);
        let no_stranger = instance.has_known_its_cluster || !self.has_strangers();
        settled && !was_misled && (is_plain || can_be_told && rivals.count() == 1) && no_stranger
    }

    /// Whether the crown can answer reads, be its commits confirmed by a standby or not.
    fn is_readable(&self, place: usize) -> bool {
        let crown = self.truth.crown;
        let was_misled = self.was_misled(place);
        let is_alone = self.rivals().next().is_none() && !self.has_strangers();
        let of = &self.servers[crown];
        let serves = of.is_primary && of.is_migrated();
        self.reaches(place, crown) && serves && !was_misled && is_alone
    }

    /// Whether the instance has followed a mistaken promotion, or a stranger, when no node was there to contradict it.
    pub fn was_misled(&self, place: usize) -> bool {
        let instance = &self.instances[self.places[place]];
        let crown = &self.servers[self.truth.crown];
        let Some(followed) = instance.follows.filter(|at| *at != self.truth.crown) else {
            return false;
        };
        let is_stranger = self.servers[followed].system_id != crown.system_id;
        is_stranger || instance.memory.timeline >= crown.timeline
    }

    /// Whether the instance has judged the crown to be the primary, and so knows its branch among others of the same number.
    fn has_followed_the_crown(&self, place: usize) -> bool {
        let instance = &self.instances[self.places[place]];
        let crown = self.truth.crown;
        let is_there = instance.memory.timeline == self.servers[crown].timeline;
        is_there && instance.follows == Some(crown)
    }

    /// Writable primaries of this cluster other than the crown.
    fn rivals(&self) -> impl Iterator<Item = &Server> + Clone {
        let crown = self.truth.crown;
        let system_id = self.servers[crown].system_id;
        let servers = self.addresses.iter().filter(move |at| **at != crown);
        let servers = servers.map(|at| &self.servers[*at]);
        servers.filter(move |of| of.is_primary && of.system_id == system_id)
    }

    fn has_strangers(&self) -> bool {
        let ours = self.servers[self.truth.crown].system_id;
        let mut servers = self.addresses.iter().map(|at| &self.servers[*at]);
        servers.any(|of| of.system_id != ours)
    }

    /// Whether another branch has a timeline of the same number, which the instance cannot tell from the right one, or a higher number.
    pub fn numbers_clash(&self, place: usize) -> bool {
        let timeline = self.servers[self.truth.crown].timeline;
        let is_known = self.has_followed_the_crown(place);
        self.rivals()
            .any(|rival| rival.timeline > timeline || rival.timeline == timeline && !is_known)
    }

    fn is_told(&self, place: usize) -> bool {
        let crown = &self.servers[self.truth.crown];
        let knows = |server: usize| {
            let of = &self.servers[server];
            let same = of.timeline == crown.timeline && of.system_id == crown.system_id;
            same && self.reaches(place, server)
        };
        let instance = &self.instances[self.places[place]];
        let no_stranger = instance.has_known_its_cluster || !self.has_strangers();
        let can_tell = no_stranger && !self.numbers_clash(place) && !self.was_misled(place);
        can_tell && self.addresses.iter().any(|server| knows(*server))
    }
}

fn keep(since: &mut Option<Time>, holds: bool, now: Time) {
    if holds {
        since.get_or_insert(now);
    } else {
        *since = None;
    }
}
