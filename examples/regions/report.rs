//! The tables of the scenarios.

use crate::faults::history::{Attempt, History, Level, Read, Reply, Seen};
use crate::scenario::Told;
use crate::support::Region;
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// The longest pause between two attempts of a client that repeats, with some allowance for a busy machine.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

#[derive(Default)]
pub struct Report {
    rows: BTreeMap<&'static str, Row>,
    violations: Vec<String>,
}

#[derive(Default)]
struct Row {
    rounds: usize,
    acknowledged: usize,
    lost: usize,
    doubled: usize,
    token_reads: usize,
    /// Those with a token that another region made.
    of_others: usize,
    stale: usize,
    longest_held: Duration,
    first_writes: Vec<Duration>,
    headers: usize,
    /// How often a region that was said to have a write was compared with its standbys, when the primary was lost.
    claims: usize,
    violations: usize,
    /// Refused requests of each kind, by region and code.
    refused: BTreeMap<(&'static str, &'static str, String), usize>,
    /// Default reads and reads with tokens, in each region; and below, those of them that its own nodes answered.
    reads: [usize; Region::ALL.len()],
    local: [usize; Region::ALL.len()],
}

impl Report {
    pub fn add(&mut self, told: Told) {
        let row = self.rows.entry(told.scenario).or_default();
        row.add(&told);
        self.violations.extend(told.violations);
    }

    pub fn note_read_back(&mut self, is_whole: bool) {
        if !is_whole {
            let what = "creates of the steady state are missing or doubled: see above";
            self.violations.push(what.to_owned());
        }
    }

    pub fn is_broken(&self) -> bool {
        !self.violations.is_empty()
    }
}

impl Row {
    fn add(&mut self, told: &Told) {
        let history = &told.history;
        self.rounds += 1;
        self.acknowledged += history.acknowledged();
        self.lost += told.tally.lost;
        self.doubled += told.tally.doubled;
        self.stale += told.tally.stale;
        self.longest_held = self.longest_held.max(longest_held(history));
        let first = told.drill.first_write_after_the_promotion(history);
        self.first_writes.extend(first);
        self.headers += told.headers;
        self.claims += claims(history);
        self.violations += told.violations.len();
        for read in &history.reads {
            self.count_read(read);
        }
        for attempt in history.attempts() {
            if let Some(why) = why(&attempt.reply) {
                self.count_refusal("write", attempt.instance, why);
            }
        }
    }

    fn count_read(&mut self, read: &Read) {
        let here = Region::ALL[read.instance].name();
        match &read.seen {
            Seen::Version(_) => {
                if read.level == Level::Token {
                    self.token_reads += 1;
                    self.of_others += usize::from(read.token_of != Some(read.instance));
                }
                if matches!(read.level, Level::Eventual | Level::Token) {
                    self.reads[read.instance] += 1;
                    self.local[read.instance] += usize::from(read.served_in == here);
                }
            }
            Seen::Unavailable(code) => self.count_refusal("read", read.instance, code.clone()),
            Seen::Excused => self.count_refusal("read", read.instance, "no answer".into()),
            Seen::Failed(_) => self.count_refusal("read", read.instance, "failed".into()),
        }
    }

    fn count_refusal(&mut self, kind: &'static str, instance: usize, why: String) {
        let at = (Region::ALL[instance].name(), kind, why);
        *self.refused.entry(at).or_default() += 1;
    }
}

/// The code of an answer that is no acknowledgement.
fn why(reply: &Reply) -> Option<String> {
    match reply {
        Reply::Done { .. } => None,
        Reply::Again { code, .. } => Some(code.clone()),
        Reply::Rejected(_) => Some("rejected".into()),
        Reply::Lost { .. } => Some("no answer".into()),
    }
}

/// The longest time from the first attempt of a write to its first acknowledgement, over all instances that it was sent to.
pub fn longest_held(history: &History) -> Duration {
    let held = history.writes().filter_map(|attempts| {
        let is_done = |attempt: &Attempt| matches!(attempt.reply, Reply::Done { .. });
        let done = attempts.iter().position(is_done)?;
        // Some clients give up. Writes in doubt are repeated when everything is over, and nobody waited until then.
        let waited = attempts[..=done]
            .windows(2)
            .all(|pair| pair[1].begun - pair[0].end <= LONGEST_PAUSE);
        waited.then(|| attempts[done].end - attempts[0].begun)
    });
    held.max().unwrap_or_default()
}

/// Counts, for each write, the regions that it was said to be in and whose standbys were looked at when the primary was lost.
fn claims(history: &History) -> usize {
    let mut claims = 0;
    for attempts in history.writes() {
        let pairs = attempts.iter().flat_map(|attempt| {
            let snapshots = history.snapshots.iter();
            snapshots.map(move |snapshot| (attempt, snapshot))
        });
        for (attempt, snapshot) in pairs {
            if let Reply::Done { durable_in, .. } = &attempt.reply
                && snapshot.covers(attempt, attempts[0].begun)
            {
                let looked_at = |region: &&String| snapshot.by_region.contains_key(region.as_str());
                claims += durable_in.iter().filter(looked_at).count();
            }
        }
    }
    claims
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:<12}{:>7}{:>9}{:>6}{:>9}{:>13}{:>11}{:>7}{:>10}{:>19}{:>9}{:>8}{:>8}",
            "scenario",
            "rounds",
            "writes",
            "lost",
            "doubled",
            "token reads",
            "of others",
            "stale",
            "held ms",
            "first write ms",
            "headers",
            "claims",
            "broken"
        )?;
        for (name, row) in &self.rows {
            writeln!(
                f,
                "{name:<12}{:>7}{:>9}{:>6}{:>9}{:>13}{:>11}{:>7}{:>10}{:>19}{:>9}{:>8}{:>8}",
                row.rounds,
                row.acknowledged,
                row.lost,
                row.doubled,
                row.token_reads,
                row.of_others,
                row.stale,
                row.longest_held.as_millis(),
                spread(&row.first_writes),
                row.headers,
                row.claims,
                row.violations
            )?;
        }
        for (name, row) in &self.rows {
            write_reads(f, name, row)?;
        }
        for (name, row) in &self.rows {
            for ((region, kind, why), count) in &row.refused {
                writeln!(
                    f,
                    "{name:<12}{region}: {count} of {kind}s were answered: {why}"
                )?;
            }
        }
        self.violations
            .iter()
            .take(50)
            .try_for_each(|violation| writeln!(f, "BROKEN {violation}"))?;
        writeln!(f, "{} promises broken", self.violations.len())
    }
}

fn write_reads(f: &mut fmt::Formatter<'_>, name: &str, row: &Row) -> fmt::Result {
    write!(f, "{name:<12}reads served in their own region:")?;
    for region in Region::ALL {
        let (local, all) = (row.local[region as usize], row.reads[region as usize]);
        let percent = 100.0 * local as f64 / all.max(1) as f64;
        write!(f, " {} {percent:.1} % of {all};", region.name())?;
    }
    writeln!(f)
}

/// The times of all rounds, the shortest first.
fn spread(times: &[Duration]) -> String {
    let mut ms: Vec<u128> = times.iter().map(Duration::as_millis).collect();
    ms.sort_unstable();
    let ms: Vec<String> = ms.iter().map(u128::to_string).collect();
    ms.join(", ")
}
