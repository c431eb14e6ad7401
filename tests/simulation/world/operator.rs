//! The operator: failovers by the rule (see truth.rs), mistakes, and repairs.

use super::engine::{Event, Sim};
use super::requests::Asked;
use super::server::{Life, Server, What};
use super::time::{MS, SECOND};

impl Sim<'_> {
    /// A standby stops following. Its primary notices that, if it can be reached.
    fn cut_from_upstream(&mut self, standby: usize) {
        let of = &mut self.servers[standby];
        of.receiving = false;
        if let Some(upstream) = of.upstream.take()
            && self.are_connected(standby, upstream)
        {
            let followers = &mut self.servers[upstream].followers;
            followers.retain(|(follower, _)| *follower != standby);
        }
    }

    /// Every standby that may hold what the crown has acknowledged must say how much it has. If one of them is silent, the operator waits.
    pub fn failover(&mut self) {
        let crown = self.truth.crown;
        let named = self.setup.named();
        let followers = self.truth.followers.iter().copied();
        let candidates: Vec<usize> = followers.filter(|server| *server < named).collect();
        let is_fit = |server: &usize| {
            let of = &self.servers[*server];
            of.life == Life::Up && !of.is_primary && of.system_id == self.servers[crown].system_id
        };
        if candidates.is_empty() || !candidates.iter().all(is_fit) {
            return self.tell(|| "  the operator cannot promote by the rule".into());
        }
        let furthest = candidates
            .into_iter()
            .max_by_key(|server| self.servers[*server].log.len());
        for standby in 0..self.servers.len() {
            if self.servers[standby].upstream == Some(crown) {
                self.cut_from_upstream(standby);
            }
        }
        if let Some(server) = furthest {
            self.truth.is_failing_over = true;
            let delay = self
                .chance
                .between(MS, SECOND / 2, "promotion", server as u64, self.now);
            let old = crown;
            self.after(delay, Event::Promote { server, old });
        }
    }

    pub fn promote(&mut self, server: usize, old: usize) {
        // Everything may have been repaired before.
        if !std::mem::take(&mut self.truth.is_failing_over) {
            return;
        }
        let of = &self.servers[server];
        let is_fit = of.life == Life::Up && !of.is_primary && of.upstream.is_none();
        if !is_fit || self.truth.crown != old {
            return;
        }
        let names = self.names_of(server);
        self.raise(server);
        let now = self.now;
        let of = &mut self.servers[server];
        (of.names_in_force, of.names) = (names.clone(), names);
        of.loaded = Some(now);
        let timeline = of.timeline;
        self.truth.crown = server;
        self.truth.followers.clear();
        self.truth.failovers += 1;
        self.truth.reigns_anew();
        self.tell(|| format!("  s{server} is promoted by the rule, to timeline {timeline}"));
        self.check_succession();
        for standby in 0..self.setup.nodes {
            let of = &self.servers[standby];
            let is_left_behind = self.chance.once_in(4, "left behind", standby as u64, now);
            if !of.is_primary && of.upstream.is_none() && !is_left_behind {
                self.servers[standby].upstream = Some(server);
            }
        }
    }

    pub fn mistake(&mut self, server: usize) {
        let is_spare = server >= self.setup.named() && server < self.setup.nodes;
        let of = &self.servers[server];
        if !is_spare || of.life != Life::Up || of.is_primary {
            return;
        }
        self.cut_from_upstream(server);
        self.raise(server);
        let timeline = self.servers[server].timeline;
        self.tell(|| format!("  s{server} is promoted by mistake, to timeline {timeline}"));
    }

    /// Without `pg_rewind`, so that it can follow nobody.
    pub fn restart_as_standby(&mut self, server: usize) {
        let crown = self.truth.crown;
        let of = &self.servers[server];
        if server == crown || !of.is_primary || of.life != Life::Up {
            return;
        }
        self.crash(server);
        let of = &mut self.servers[server];
        (of.is_primary, of.upstream) = (false, Some(crown));
        self.revive(server);
    }

    /// With `pg_rewind`: whatever the node was before, it now has the crown's log and follows it.
    pub fn rejoin(&mut self, node: usize) {
        let crown = self.truth.crown;
        // A standby that was cut off for a failover must not follow the old primary again before there is a new one.
        if node == crown || self.truth.is_failing_over || self.servers[crown].life != Life::Up {
            return;
        }
        if !self.are_connected(node, crown) || self.servers[node].life == Life::Frozen {
            return;
        }
        self.cut_from_upstream(node);
        self.crash(node);
        let of = &self.servers[crown];
        let (log, timeline, system_id) = (of.log.clone(), of.timeline, of.system_id);
        let mut new = Server::new(system_id, log, timeline);
        new.start(node, self.now);
        new.loaded = Some(self.now);
        new.upstream = Some(crown);
        self.servers[node] = new;
    }

    /// The address of a node leads to another server from now on.
    pub fn redirect(&mut self, node: usize, is_stranger: bool) {
        let of = &self.servers[self.truth.crown];
        let mut new = if is_stranger {
            let log = vec![self.record(What::Switch(1)), self.record(What::Migration)];
            Server::new(8, log, 1)
        } else {
            Server::new(of.system_id, of.log.clone(), of.timeline)
        };
        let server = self.servers.len();
        new.start(server, self.now);
        self.servers.push(new);
        if is_stranger {
            self.servers[server].is_primary = true;
        } else {
            self.raise(server);
        }
        self.addresses[node] = server;
    }

    /// Copies and strangers are stopped for good, since a service may still be connected to one.
    pub fn addresses_back(&mut self) {
        (self.setup.nodes..self.servers.len()).for_each(|copy| self.crash(copy));
        for (node, at) in self.addresses.iter_mut().enumerate() {
            *at = node;
        }
    }

    /// All faults end, and the operator repairs everything.
    pub fn mend(&mut self) {
        self.truth.is_failing_over = false;
        self.addresses_back();
        self.cut_off.iter_mut().for_each(|cut| cut.fill(None));
        self.cut_apart.iter_mut().for_each(|cut| cut.fill(None));
        self.thaw();
        let crown = self.truth.crown;
        self.revive(crown);
        self.servers.iter_mut().for_each(|of| of.starved_until = 0);
        for node in 0..self.setup.nodes {
            let of = &self.servers[node];
            let follows = of.upstream == Some(crown) && of.life == Life::Up;
            if node != crown && (!follows || !of.is_part_of(&self.servers[crown])) {
                self.rejoin(node);
            }
        }
        self.name(self.names_of(crown));
        self.after(5 * SECOND, Event::RestartTheMisled);
        let at = self.setup.must_work_at();
        for place in 0..self.setup.places {
            self.at(at, Event::LastWish { place });
        }
    }

    /// A service that has once followed a promotion never goes back below its timeline, nor to another cluster. If the promotion was a
    /// mistake which the service could not recognise, because the right primary was silent at the time, only a restart lets it begin anew.
    pub fn restart_the_misled(&mut self) {
        for place in 0..self.places.len() {
            if self.was_misled(place) {
                self.restart_service(place);
            }
        }
    }

    /// Requests after everything was repaired, which must succeed.
    pub fn last_wish(&mut self, place: usize) {
        let key = 1_000 + u32::try_from(place).unwrap_or(0);
        self.ask(Asked::Create { key }, place, true);
        self.ask(Asked::Any, place, true);
    }
}
