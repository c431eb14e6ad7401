//! Notices nodes that do not answer.

use std::time::Instant;

use super::Keeper;
use crate::db::cause::{Cause, Trouble};
use crate::db::probe::Silence;

impl Keeper {
    pub(super) fn give_up_overdue(&mut self, now: Instant) {
        for node in 0..self.watches.len() {
            let silence = self.silence(node);
            let prober = &mut self.watches[node].prober;
            if prober.give_up_overdue(silence, now) {
                let patience = prober.patience(silence).as_millis();
                let detail = format!("no answer to a probe within {patience} ms");
                self.unanswered(node, Trouble::new(Cause::NoAnswer, detail));
            }
        }
    }

    pub(super) fn silence(&self, node: usize) -> Silence {
        let asked_at = self.watches[node].prober.asked_at();
        let mut others = self.watches.iter().enumerate();
        let is_alone = others.len() == 1;
        let answers = others.any(|(other, watch)| other != node && watch.answered > asked_at);
        if is_alone || answers {
            Silence::OfOne
        } else {
            Silence::OfAll
        }
    }
}
