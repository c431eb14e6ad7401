//! Replication: who follows whom, how the log travels, and which waiting commits go on.

use super::engine::{Event, Sim};
use super::server::{Life, What};
use super::time::{MS, SECOND, Time};

/// A standby asks its upstream again after so long.
const RECONNECT: Time = 300 * MS;

impl Sim<'_> {
    pub fn are_connected(&self, one: usize, other: usize) -> bool {
        self.cut_apart[one][other].is_none()
    }

    pub fn stream(&mut self, standby: usize) {
        self.after(RECONNECT, Event::Stream(standby));
        self.stream_now(standby);
    }

    /// The standby takes what its upstream has more.
    pub fn stream_now(&mut self, standby: usize) {
        let Some(upstream) = self.servers[standby].upstream else {
            return;
        };
        if self.servers[standby].life != Life::Up {
            return;
        }
        let silent =
            !self.are_connected(standby, upstream) || self.servers[upstream].life == Life::Frozen;
        if silent {
            self.notice_silence(standby, upstream);
            return;
        }
        let (of, to) = (&self.servers[upstream], &self.servers[standby]);
        let is_there = of.life == Life::Up && of.is_primary && of.system_id == to.system_id;
        if !is_there || !to.is_part_of(of) {
            let heard_of = if is_there { of.timeline } else { 0 };
            let to = &mut self.servers[standby];
            to.receiving = false;
            // The history file of the upstream's timeline is fetched first, and shows that the upstream cannot be followed.
            to.heard_of = to.heard_of.max(heard_of);
            return;
        }
        let new = of.log[to.log.len()..].to_vec();
        let is_known = of
            .followers
            .iter()
            .any(|(follower, _)| *follower == standby);
        let (timeline, started, is_new) = (of.timeline, of.started, !new.is_empty());
        let to = &mut self.servers[standby];
        let is_first = !to.receiving || !is_known;
        to.log.extend(new);
        (to.receiving, to.timeline) = (true, timeline);
        to.heard_of = to.heard_of.max(timeline);
        let (flushed, last) = (to.log.len(), to.log.last().map_or(0, |last| last.id));
        if is_new || is_first {
            let ack = self
                .chance
                .between(50, 2 * MS, "ack", standby as u64, self.now);
            let acknowledge = Event::Acknowledge {
                primary: upstream,
                started,
                standby,
                flushed,
            };
            self.after(ack, acknowledge);
            let slow = self
                .chance
                .once_in(40, "slow replay", standby as u64, self.now);
            let most = if slow { 3 * SECOND } else { 5 * MS };
            let replay = self
                .chance
                .between(20, most, "replay", standby as u64, self.now);
            let upto = flushed;
            self.after(
                replay,
                Event::Replay {
                    standby,
                    last,
                    upto,
                },
            );
        }
    }

    /// Neither side is told of a cut: each notices it by its own timeout.
    fn notice_silence(&mut self, standby: usize, upstream: usize) {
        let what = self
            .chance
            .between(0, 2 * SECOND, "notice", standby as u64, self.now);
        if self.servers[standby].receiving {
            self.after(what, Event::LostUpstream(standby));
        }
        let late = self
            .chance
            .between(0, 3 * SECOND, "late", standby as u64, self.now);
        let primary = upstream;
        self.after(late, Event::LostFollower { primary, standby });
    }

    fn is_silent(&self, standby: usize, upstream: usize) -> bool {
        !self.are_connected(standby, upstream)
            || self.servers[upstream].life == Life::Frozen
            || self.servers[standby].life != Life::Up
            || self.servers[standby].upstream != Some(upstream)
    }

    pub fn lost_upstream(&mut self, standby: usize) {
        let upstream = self.servers[standby].upstream;
        if upstream.is_none_or(|upstream| self.is_silent(standby, upstream)) {
            self.servers[standby].receiving = false;
        }
    }

    pub fn lost_follower(&mut self, primary: usize, standby: usize) {
        if self.is_silent(standby, primary) && self.servers[primary].life == Life::Up {
            let followers = &mut self.servers[primary].followers;
            followers.retain(|(follower, _)| *follower != standby);
        }
    }

    /// A standby reports what it has flushed, and commits that waited for that go on.
    pub fn acknowledge(&mut self, primary: usize, started: Time, standby: usize, flushed: usize) {
        let of = &self.servers[primary];
        let same = of.started == started && of.life == Life::Up && of.is_primary;
        let follows = self.servers[standby].upstream == Some(primary);
        if !same || !self.are_connected(primary, standby) {
            return;
        }
        let followers = &mut self.servers[primary].followers;
        match followers
            .iter_mut()
            .find(|(follower, _)| *follower == standby)
        {
            Some((_, known)) => *known = flushed.max(*known),
            None if follows => followers.push((standby, flushed)),
            None => return,
        }
        self.truth.followed(primary, standby);
        self.release(primary);
    }

    /// Releases the commits on this server that need not wait for a standby any more.
    pub fn release(&mut self, server: usize) {
        let of = &self.servers[server];
        let free = of.names_in_force.is_empty();
        let (released, waiting): (Vec<_>, Vec<_>) = of
            .waiting
            .iter()
            .partition(|waiting| free || of.is_confirmed(waiting.at + 1));
        self.servers[server].waiting = waiting;
        for done in released {
            self.committed(done.session);
        }
    }

    pub fn replay(&mut self, standby: usize, last: u32, upto: usize) {
        let of = &mut self.servers[standby];
        if of.life == Life::Up && upto > 0 && of.has(last, upto - 1) {
            of.replayed = of.replayed.max(upto);
        }
    }

    pub fn restart_point(&mut self, server: usize) {
        let of = &mut self.servers[server];
        of.control_timeline = of.timeline;
    }

    /// The checkpointer has read the new settings.
    pub fn put_in_force(&mut self, server: usize) {
        let of = &mut self.servers[server];
        of.names_in_force.clone_from(&of.names);
        self.release(server);
    }

    /// Sends what has been appended to all standbys that follow.
    pub fn wake_standbys(&mut self, primary: usize) {
        for standby in 0..self.servers.len() {
            if self.servers[standby].upstream == Some(primary) {
                let delay = self
                    .chance
                    .between(50, 2 * MS, "wal", standby as u64, self.now);
                self.after(delay, Event::StreamNow(standby));
            }
        }
    }

    /// A standby becomes a primary, on a timeline above all that it has heard of.
    pub fn raise(&mut self, server: usize) {
        let timeline = self.servers[server]
            .heard_of
            .max(self.servers[server].timeline)
            + 1;
        let switch = self.record(What::Switch(timeline));
        let of = &mut self.servers[server];
        (of.is_primary, of.upstream, of.receiving) = (true, None, false);
        (of.timeline, of.heard_of, of.control_timeline) = (timeline, timeline, timeline);
        of.followers.clear();
        of.log.push(switch);
        of.replayed = of.log.len();
    }
}
