use crate::faults::catalogue::Fault;
use crate::faults::history::History;
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

#[derive(Default)]
struct Row {
    times: usize,
    acknowledged: usize,
    /// Answers to writes other than their acknowledgement.
    failed: usize,
    /// Of these, those that had enough time to succeed in spite of the fault.
    needless: usize,
    reads: usize,
    write_gap: Duration,
    slowest_read: Duration,
    violations: usize,
}

#[derive(Default)]
pub struct Table(BTreeMap<&'static str, Row>);

impl Table {
    pub fn add(&mut self, fault: &Fault, history: &History, violations: usize) {
        let failed = history.failed_writes().len();
        for name in [fault.name, "~ all"] {
            let row = self.0.entry(name).or_default();
            row.times += 1;
            row.acknowledged += history.acknowledged();
            row.failed += failed;
            row.needless += if fault.fails_no_write { failed } else { 0 };
            row.reads += history.reads.len();
            row.write_gap = row.write_gap.max(history.write_gap());
            row.slowest_read = row.slowest_read.max(history.slowest_read());
            row.violations += violations;
        }
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:<53}{:>6}{:>9}{:>8}{:>10}{:>9}{:>9}{:>9}{:>11}",
            "fault",
            "times",
            "writes",
            "failed",
            "needless",
            "reads",
            "gap ms",
            "read ms",
            "violations"
        )?;
        for (name, row) in &self.0 {
            let Row {
                times,
                acknowledged,
                failed,
                needless,
                reads,
                write_gap,
                slowest_read,
                violations,
            } = row;
            let (gap, read) = (write_gap.as_millis(), slowest_read.as_millis());
            writeln!(
                f,
                "{name:<53}{times:>6}{acknowledged:>9}{failed:>8}{needless:>10}{reads:>9}{gap:>9}{read:>9}{violations:>11}"
            )?;
        }
        Ok(())
    }
}
