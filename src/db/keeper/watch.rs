//! What the keeper knows of one node.

use super::super::Shared;
use super::super::cause::Cause;
use super::super::node::NodeState;
use super::super::probe::{Facts, Heard, Prober, Silence};
use super::super::url::CONNECT_TIMEOUT;
use super::message::Message;
use super::pace::{self, Situation};
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

/// How long a standby that starts at the same time as its primary may take to become a synchronous one.
const SETTLED: Duration = Duration::from_secs(5);
const ROUND_TRIPS: usize = 8;

pub struct Watch {
    pub prober: Prober,
    /// What it last said; None: it does not answer.
    pub heard: Option<Heard>,
    was_heard: bool,
    /// Whether a crash of its server loses nothing, by its last answer.
    pub survives_crashes: bool,
    /// When it has had its full time. Until then it is asked again if it refuses connections: it may have been promoted before a power cut,
    /// and be starting a moment later than the old primary.
    full_time: Instant,
    pub due: Instant,
    /// Round trips of its last answers.
    round_trips: VecDeque<Duration>,
    /// When the question was asked that it answered last.
    pub answered: Option<Instant>,
    /// What is already in the log.
    warned: Vec<&'static str>,
}

impl Watch {
    pub fn new(node: usize, shared: &Shared, messages: &Sender<Message>, now: Instant) -> Watch {
        let messages = Mutex::new(messages.clone());
        let tell = move |generation, answer| {
            let message = Message::Probed {
                node,
                generation,
                answer,
            };
            let messages = messages.lock();
            messages.send(message).is_ok()
        };
        let url = shared.nodes[node].url.clone();
        Watch {
            prober: Prober::new(url, shared.options.probe_timeout, Arc::new(tell)),
            heard: None,
            was_heard: false,
            survives_crashes: false,
            full_time: now + CONNECT_TIMEOUT + shared.options.probe_timeout,
            due: now,
            round_trips: VecDeque::new(),
            answered: None,
            warned: Vec::new(),
        }
    }

    pub fn is_due(&self, now: Instant) -> bool {
        !self.prober.is_asked() && self.due <= now
    }

    pub fn next_due(&self, silence: Silence) -> Instant {
        self.prober.overdue_at(silence).unwrap_or(self.due)
    }

    pub fn ask(
        &mut self,
        state: &NodeState,
        held_for: Option<Duration>,
        waited_for: bool,
        usual: Duration,
        now: Instant,
    ) {
        let of_full_use = matches!(state.cause(), None | Some(Cause::ReadOnly))
            || matches!(state, NodeState::Fenced { .. });
        let situation = Situation {
            held_for,
            waited_for,
            down_for: (!of_full_use).then(|| now.saturating_duration_since(state.since().at)),
            answers: self.heard.is_some(),
        };
        if matches!(state, NodeState::Fenced { .. }) {
            // An open connection stays with its server, even if the node's address leads to another one by now.
            self.prober.hang_up();
        }
        self.due = now + pace::interval(usual, situation, rand::random());
        if let Err(error) = self.prober.ask(now) {
            log::debug!(error:%; "no thread for a probe");
        }
    }

    pub fn has_lost_its_primary(&self, heard: &Heard) -> bool {
        let received = self
            .heard
            .as_ref()
            .is_some_and(|before| before.facts.receiving);
        received && !heard.facts.receiving
    }

    /// The round trip is that of the quickest of its last answers, since the time that a busy server takes is no distance.
    pub fn hear(&mut self, mut heard: Heard) {
        self.was_heard = true;
        self.survives_crashes = heard.facts.survives_crashes;
        self.round_trips.truncate(ROUND_TRIPS - 1);
        self.round_trips.push_front(heard.facts.rtt);
        heard.facts.rtt = self.round_trips.iter().min().copied().unwrap_or_default();
        self.answered = Some(heard.asked);
        self.heard = Some(heard);
    }

    /// Takes what an attempt to open a new pool has heard, some time ago. If the probe's connection is to another server, which was at this
    /// address before, it is given up. Otherwise it is kept: a new one may take 2 s, in which nobody would notice that the node falls
    /// silent.
    pub fn hear_of_attempt(&mut self, heard: Heard) {
        match &self.heard {
            Some(known) if known.facts.server != heard.facts.server => self.prober.hang_up(),
            // What was heard later counts: it may have been promoted since the attempt began.
            Some(known) if known.asked >= heard.asked => return,
            _ => {}
        }
        self.hear(heard);
    }

    /// It has answered, or has had its full time to. Nobody is elected before that is so of every node.
    pub fn was_heard_or_waited_for(&self, now: Instant) -> bool {
        self.was_heard || now >= self.full_time
    }

    pub fn silent(&mut self) {
        self.heard = None;
    }

    /// It went down at this time: what it said before says nothing of now.
    pub fn forget_before(&mut self, then: Instant) {
        self.heard = self.heard.take().filter(|heard| heard.asked > then);
    }

    /// Its address leads to another server, so the next question needs a new connection.
    pub fn start_afresh(&mut self, now: Instant) {
        self.prober.hang_up();
        self.round_trips.clear();
        (self.heard, self.due) = (None, now);
    }

    /// Logs each warning once, when it begins to hold.
    pub fn warn(&mut self, name: &str, state: &NodeState, facts: &Facts, now: Instant) {
        let settled = matches!(state, NodeState::Up { since, .. } if now.saturating_duration_since(since.at) > SETTLED);
        let warnings = facts.warnings(settled);
        let new = warnings
            .iter()
            .filter(|warning| !self.warned.contains(warning));
        new.for_each(|warning| log::warn!(node = name; "{warning}"));
        self.warned = warnings;
    }
}
