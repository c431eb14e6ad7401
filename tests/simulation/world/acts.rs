//! What the schedule does to the servers, the networks and the services.

use super::engine::{Event, Sim};
use super::requests::Asked;
use super::schedule::{Act, Who};
use super::server::{Life, Server, What};
use super::time::MS;

impl Sim<'_> {
    /// The beginning: one cluster that has run for long, and an instance of the service in each place.
    pub fn begin(&mut self) {
        let setup = self.setup;
        let mut log = vec![self.record(What::Switch(1))];
        if !setup.empty {
            log.push(self.record(What::Migration));
        }
        for server in 0..setup.nodes {
            self.servers.push(Server::new(7, log.clone(), 1));
            self.servers[server].start(server, 0);
            self.addresses.push(server);
            if server > 0 {
                (
                    self.servers[server].upstream,
                    self.servers[server].receiving,
                ) = (Some(0), true);
                self.truth.followers.push(server);
                let followers = &mut self.servers[0].followers;
                followers.push((server, log.len()));
            }
            self.at(0, Event::Stream(server));
        }
        self.servers[0].is_primary = true;
        let names = self.names_of(0);
        self.servers[0].names.clone_from(&names);
        self.servers[0].names_in_force = names;
        // Room for the copies and strangers that may be added.
        let most = setup.nodes + self.schedule.len();
        self.cut_apart = vec![vec![None; most]; most];
        self.cut_off = vec![vec![None; setup.nodes]; setup.places];
        self.truth.well_since = vec![None; setup.places];
        self.truth.readable_since = vec![None; setup.places];
        self.truth.told_since = vec![None; setup.places];
        self.places = vec![0; setup.places];
        for place in 0..setup.places {
            self.start_instance(place);
        }
        for (at, planned) in self.schedule.iter().enumerate() {
            self.at(planned.at, Event::Planned(at));
        }
    }

    /// The standbys that the commits of this server wait for, if it is the primary.
    pub fn names_of(&self, primary: usize) -> Vec<usize> {
        let named = 0..self.setup.named();
        let named = named.filter(|server| *server != primary && self.setup.synchronous);
        named.collect()
    }

    fn who(&self, who: Who) -> usize {
        match who {
            Who::Node(node) => self.addresses[node],
            Who::Primary => self.truth.crown,
        }
    }

    fn node_of(&self, who: Who) -> usize {
        match who {
            Who::Node(node) => node,
            Who::Primary => {
                let crown = self.truth.crown;
                let node = self.addresses.iter().position(|at| *at == crown);
                node.unwrap_or(0)
            }
        }
    }

    pub fn act(&mut self, at: usize) {
        let planned = self.schedule[at];
        self.tell(|| format!("{:?}", planned.act));
        let now = self.now;
        match planned.act {
            Act::Ask { asked, place } => self.ask(asked, place, false),
            Act::Crash(who) => self.crash(self.who(who)),
            Act::Restart(_) => {
                for server in 0..self.setup.nodes {
                    self.revive(server);
                }
            }
            Act::Freeze(who) => {
                let server = self.who(who);
                let of = &mut self.servers[server];
                if of.life == Life::Up {
                    of.life = Life::Frozen;
                }
            }
            Act::Thaw(_) => self.thaw(),
            Act::CutService { place, from } => {
                let node = self.node_of(from);
                self.cut_off[place][node] = Some(now);
            }
            Act::HealService { place } => self.cut_off[place].fill(None),
            Act::CutApart(one, other) => {
                let (one, other) = (self.who(one), self.who(other));
                self.cut_apart[one][other] = Some(now);
                self.cut_apart[other][one] = Some(now);
            }
            Act::HealApart => self.cut_apart.iter_mut().for_each(|cut| cut.fill(None)),
            Act::Starve(who, lasts) => {
                let server = self.who(who);
                self.servers[server].starved_until = now + lasts;
            }
            Act::RestartPoint(node) => {
                let server = self.addresses[node];
                self.restart_point(server);
            }
            Act::RestartService { place } => self.restart_service(place),
            other => self.operate(other),
        }
    }

    fn operate(&mut self, act: Act) {
        match act {
            Act::Failover => self.failover(),
            Act::Mistake(node) => self.mistake(self.addresses[node]),
            Act::RestartAsStandby(node) => self.restart_as_standby(self.addresses[node]),
            Act::Rejoin(node) => self.rejoin(node),
            Act::ClearNames => self.name(Vec::new()),
            Act::SetNames => self.name(self.names_of(self.truth.crown)),
            Act::Stranger(who) => {
                let node = self.node_of(who);
                self.redirect(node, true);
            }
            Act::Clone(who) => {
                let node = self.node_of(who);
                self.redirect(node, false);
            }
            Act::AddressBack => self.addresses_back(),
            Act::Mend => self.mend(),
            _ => {}
        }
    }

    pub fn crash(&mut self, server: usize) {
        let of = &mut self.servers[server];
        if of.life == Life::Dead {
            return;
        }
        (of.life, of.receiving) = (Life::Dead, false);
        of.followers.clear();
        let upstream = of.upstream;
        self.reset_sessions(server);
        if let Some(upstream) = upstream.filter(|upstream| self.are_connected(server, *upstream)) {
            let followers = &mut self.servers[upstream].followers;
            followers.retain(|(follower, _)| *follower != server);
        }
    }

    pub fn revive(&mut self, server: usize) {
        let now = self.now;
        let of = &mut self.servers[server];
        if of.life == Life::Dead {
            of.start(server, now);
            (of.life, of.loaded) = (Life::Up, Some(now));
            of.names_in_force.clone_from(&of.names);
        }
    }

    pub fn thaw(&mut self) {
        for server in 0..self.servers.len() {
            let of = &mut self.servers[server];
            if of.life == Life::Frozen {
                of.life = Life::Up;
                for session in std::mem::take(&mut of.backlog) {
                    self.at(self.now, Event::Arrive(session));
                }
            }
        }
    }

    pub fn restart_service(&mut self, place: usize) {
        let old = self.places[place];
        self.instances[old].is_alive = false;
        self.truth.well_since[place] = None;
        self.truth.readable_since[place] = None;
        self.start_instance(place);
        for request in 0..self.requests.len() {
            let of = &self.requests[request];
            if of.instance == old && !of.is_done && matches!(of.asked, Asked::Create { .. }) {
                self.repeat_later(request, request as u64);
            }
        }
    }

    /// `synchronous_standby_names` is written and reloaded: sessions read it at once, the checkpointer somewhat later.
    pub fn name(&mut self, names: Vec<usize>) {
        let crown = self.truth.crown;
        let now = self.now;
        let of = &mut self.servers[crown];
        (of.names, of.loaded) = (names, Some(now));
        let delay = self
            .chance
            .between(1, 300 * MS, "checkpointer", crown as u64, now);
        self.after(delay, Event::InForce(crown));
    }
}
