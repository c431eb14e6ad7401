//! Shows how the demo goes: in a terminal as a table that is redrawn, elsewhere as lines.

use super::stage::{Stage, Tally};
use anstyle::{AnsiColor, Style};
use std::io::{self, IsTerminal, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

/// Between two drawings of the table.
const REFRESH: Duration = Duration::from_millis(250);
/// Between two lines, if the output is not a terminal.
const REPORT: Duration = Duration::from_secs(10);
/// So many failovers are shown with their write gaps.
const GAPS: usize = 6;

const GOOD: Style = AnsiColor::Green.on_default();
const BAD: Style = AnsiColor::Red.on_default().bold();

/// Shows the demo until the load has to end, or until the output is closed, and ends the load. `limit`: the load ends by itself after so
/// long.
pub fn show(stage: &Stage, events: &Receiver<String>, limit: Option<Duration>) {
    let shown = if io::stdout().is_terminal() {
        draw(stage, events, limit)
    } else {
        report(stage, events, limit)
    };
    drop(shown);
    stage.stop.end();
}

/// Waits for a moment, and says whether the load goes on.
fn goes_on(stage: &Stage, limit: Option<Duration>) -> bool {
    let left = limit.map(|limit| limit.saturating_sub(stage.began.elapsed()));
    let wait = left.map_or(REFRESH, |left| left.min(REFRESH));
    left != Some(Duration::ZERO) && !stage.stop.ends_within(wait)
}

fn draw(stage: &Stage, events: &Receiver<String>, limit: Option<Duration>) -> io::Result<()> {
    let mut out = anstream::stdout();
    let mut last_event = String::new();
    write!(out, "{}", table(stage, &last_event))?;
    while goes_on(stage, limit) {
        if let Some(event) = events.try_iter().last() {
            last_event = format!("{} {event}", clock(stage.began.elapsed()));
        }
        // Draws over the old table.
        write!(out, "\x1b[{LINES}A\x1b[J{}", table(stage, &last_event))?;
        out.flush()?;
    }
    Ok(())
}

fn report(stage: &Stage, events: &Receiver<String>, limit: Option<Duration>) -> io::Result<()> {
    let mut out = io::stdout();
    let mut next = Instant::now() + REPORT;
    while goes_on(stage, limit) {
        for event in events.try_iter() {
            writeln!(out, "{} {event}", clock(stage.began.elapsed()))?;
        }
        if Instant::now() >= next {
            next += REPORT;
            writeln!(out, "{}", line(stage))?;
        }
    }
    writeln!(out, "{}", line(stage))
}

/// The number of lines of the table, whatever it shows.
const LINES: usize = 10;

fn table(stage: &Stage, event: &str) -> String {
    let (tally, found, seen) = (&stage.tally, stage.findings(), stage.seen.lock());
    let timeline = seen.timeline.map_or("-".to_owned(), |it| it.to_string());
    let primary = seen.primary.clone().unwrap_or("none".to_owned());
    let count = |name, counter: &AtomicU64| (name, counter.load(Ordering::Relaxed).to_string());
    let rows = [
        [
            ("elapsed", clock(stage.began.elapsed())),
            ("primary", primary),
        ],
        [count("kills", &tally.kills), ("timeline", timeline)],
        [
            count("writes acknowledged", &tally.writes),
            count("replays", &tally.replays),
        ],
        [
            ("held now", seen.held.to_string()),
            ("longest write ms", of(&tally.longest_write_ms)),
        ],
        [
            count("reads with a token", &tally.reads),
            count("repeated attempts", &tally.repeated),
        ],
    ];
    let mut table = String::new();
    for [left, right] in rows {
        table += &format!(
            "  {:<20}{:>10}    {:<20}{:>10}\n",
            left.0, left.1, right.0, right.1
        );
    }
    let gaps = gaps(&seen.write_gaps);
    table += &format!("  last write gaps ms  {gaps}\n\n  ");
    let faults = [
        ("failed", tally.failed.load(Ordering::Relaxed)),
        ("lost", found.lost.len() as u64),
        ("doubled", found.doubled.len() as u64),
        ("wrong", found.wrong.len() as u64),
        ("stale token reads", tally.stale.load(Ordering::Relaxed)),
    ];
    for (name, number) in faults {
        let style = if number == 0 { GOOD } else { BAD };
        table += &format!("{name} {style}{number}{style:#}    ");
    }
    let event: String = event.chars().take(76).collect();
    format!("{}\n\n  {event}\n", table.trim_end())
}

fn line(stage: &Stage) -> String {
    let (tally, found, seen) = (&stage.tally, stage.findings(), stage.seen.lock());
    let Tally {
        kills,
        writes,
        longest_write_ms,
        reads,
        failed,
        stale,
        ..
    } = tally;
    format!(
        "{} kills {}, timeline {}, writes {}, held {}, longest write {} ms, reads {}, failed {}, lost {}, doubled {}, wrong {}, \
         stale token reads {}, last write gaps {} ms",
        clock(stage.began.elapsed()),
        of(kills),
        seen.timeline.unwrap_or_default(),
        of(writes),
        seen.held,
        of(longest_write_ms),
        of(reads),
        of(failed),
        found.lost.len(),
        found.doubled.len(),
        found.wrong.len(),
        of(stale),
        gaps(&seen.write_gaps),
    )
}

pub fn of(counter: &AtomicU64) -> String {
    counter.load(Ordering::Relaxed).to_string()
}

/// The gaps of the latest failovers, the latest first.
pub fn gaps(gaps: &[u64]) -> String {
    let shown: Vec<String> = gaps.iter().take(GAPS).map(u64::to_string).collect();
    if shown.is_empty() {
        "-".to_owned()
    } else {
        shown.join(" ")
    }
}

/// `1:02:03`, or `2:03` within the first hour.
pub fn clock(time: Duration) -> String {
    let s = time.as_secs();
    match s / 3600 {
        0 => format!("{}:{:02}", s / 60, s % 60),
        hours => format!("{hours}:{:02}:{:02}", s / 60 % 60, s % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::demo::stop::Stop;

    #[test]
    fn the_table_has_always_as_many_lines_as_are_drawn_over() {
        let stop = Stop::default();
        let stage = Stage::new(&stop, ([127, 0, 0, 1], 1).into());
        let empty = table(&stage, "");
        stage.seen.lock().write_gaps = vec![1000; 20];
        let full = table(&stage, &"long ".repeat(50));
        for text in [&empty, &full] {
            assert_eq!(text.matches('\n').count(), LINES, "{text}");
            let plain = anstream::adapter::strip_str(text).to_string();
            assert!(
                plain.lines().all(|line| line.chars().count() < 80),
                "{plain}"
            );
        }
    }

    #[test]
    fn times_are_told_in_hours_minutes_and_seconds() {
        assert_eq!(clock(Duration::from_secs(62)), "1:02");
        assert_eq!(clock(Duration::from_secs(3723)), "1:02:03");
    }
}
