//! What was done in a scenario, and when, and what must hold because of it.

use super::Promotion;
use crate::faults::history::{Attempt, History, Level, Read, Reply, Seen};
use crate::support::Region;
use std::time::{Duration, Instant};

#[derive(Default)]
pub struct Drill {
    pub steps: Vec<(&'static str, Instant)>,
    /// From the loss of the primary, or its orderly stop, on.
    pub promotion: Option<Promotion>,
    /// Times in which nothing may be acknowledged: by the instance of one region, or by any.
    silences: Vec<Silence>,
    /// Times in which an instance knows that the databases of its own region are on a branch that has ended.
    left_behind: Vec<Silence>,
}

/// Of requests that were begun in this time, and answered in it.
#[derive(Clone, Copy)]
struct Silence {
    of: Option<Region>,
    from: Instant,
    until: Instant,
}

impl Silence {
    fn covers(&self, instance: usize, begun: Instant, end: Instant) -> bool {
        let is_of = self.of.is_none_or(|region| region as usize == instance);
        is_of && self.from <= begun && end <= self.until
    }
}

impl Drill {
    pub fn step(&mut self, what: &'static str) -> Instant {
        let now = Instant::now();
        self.steps.push((what, now));
        now
    }

    /// Nothing that needs the primary may succeed there since `from` and until now.
    pub fn silent_since(&mut self, of: Option<Region>, from: Instant) {
        let until = Instant::now();
        self.silences.push(Silence { of, from, until });
    }

    /// No read with a token, and no strong one, may come from the databases of this region since `from` and until now.
    pub fn left_behind_since(&mut self, region: Region, from: Instant) {
        let (of, until) = (Some(region), Instant::now());
        self.left_behind.push(Silence { of, from, until });
    }

    pub fn violations(&self, history: &History) -> Vec<String> {
        let writes = history
            .attempts()
            .filter(|attempt| self.is_forbidden(attempt));
        let reads = history
            .reads
            .iter()
            .filter_map(|read| self.wrong_read(read));
        writes
            .map(|attempt| format!("acknowledged where that was impossible: {attempt:?}"))
            .chain(reads)
            .collect()
    }

    fn is_forbidden(&self, attempt: &Attempt) -> bool {
        let is_done = matches!(attempt.reply, Reply::Done { .. });
        let mut silences = self.silences.iter();
        is_done && silences.any(|of| of.covers(attempt.instance, attempt.begun, attempt.end))
    }

    fn wrong_read(&self, read: &Read) -> Option<String> {
        let Seen::Version(_) = read.seen else {
            return None;
        };
        let begun = read.end - read.took;
        let in_any = |times: &[Silence]| {
            let mut times = times.iter();
            times.any(|of| of.covers(read.instance, begun, read.end))
        };
        let what = if read.level == Level::Strong && in_any(&self.silences) {
            "was answered where that was impossible"
        } else if matches!(read.level, Level::Token | Level::Strong)
            && self.is_from_behind(read, begun)
        {
            "came from a region that was left behind"
        } else {
            return None;
        };
        Some(format!("{:?} read {what}: {read:?}", read.level))
    }

    fn is_from_behind(&self, read: &Read, begun: Instant) -> bool {
        let here = |of: &Silence| of.of.is_some_and(|region| region.name() == read.served_in);
        let mut times = self.left_behind.iter();
        times.any(|of| here(of) && of.covers(read.instance, begun, read.end))
    }

    /// From the promotion to the first write that was sent or waited meanwhile and was acknowledged after it.
    pub fn first_write_after_the_promotion(&self, history: &History) -> Option<Duration> {
        let promoted = self.promotion?.at;
        let ends = history
            .attempts()
            .filter(|attempt| matches!(attempt.reply, Reply::Done { .. }))
            .map(|attempt| attempt.end);
        let after = ends.filter(|end| *end >= promoted).min()?;
        Some(after - promoted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::faults::history::View;
    use serde_json::Value;

    fn read(level: Level, end: Instant) -> Read {
        Read {
            view: View::One,
            level,
            instance: Region::Eu as usize,
            id: "1".into(),
            floor: 1,
            token_of: None,
            end,
            took: Duration::ZERO,
            served_in: "eu".into(),
            by_replica: true,
            lag_ms: Some(0),
            on_old_branch: false,
            lines: Vec::new(),
            seen: Seen::Version(1),
        }
    }

    fn acknowledged(instance: Region, at: Instant) -> Attempt {
        let reply = Reply::Done {
            status: 201,
            replayed: false,
            replicated: true,
            durable_in: Vec::new(),
            body: Value::Null,
        };
        Attempt {
            instance: instance as usize,
            begun: at,
            end: at,
            reply,
        }
    }

    #[test]
    fn what_was_impossible_is_noticed() {
        let mut drill = Drill::default();
        let cut = Instant::now();
        drill.silent_since(Some(Region::Eu), cut);
        drill.left_behind_since(Region::Eu, cut);
        assert!(!drill.is_forbidden(&acknowledged(Region::Us, cut)));
        assert!(drill.is_forbidden(&acknowledged(Region::Eu, cut)));
        assert_eq!(drill.wrong_read(&read(Level::Eventual, cut)), None);
        for wrong in [read(Level::Strong, cut), read(Level::Token, cut)] {
            assert!(drill.wrong_read(&wrong).is_some(), "{wrong:?}");
        }
        let elsewhere = Read {
            served_in: "us".into(),
            ..read(Level::Token, cut)
        };
        assert_eq!(drill.wrong_read(&elsewhere), None);
    }
}
