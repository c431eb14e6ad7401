//! The summary when the load has ended.

use super::audit::{Checked, check_all};
use super::disaster::look;
use super::request::Client;
use super::show::{clock, gaps, of};
use super::stage::Stage;
use std::sync::atomic::Ordering;

pub struct Verdict {
    pub text: String,
    pub is_clean: bool,
}

impl Verdict {
    /// The verdict on a load that has ended. Err: why there is none.
    pub fn of(stage: &Stage) -> Result<Verdict, String> {
        let time = stage.began.elapsed();
        look(&Client::new(stage));
        let checked = check_all(stage).map_err(|cause| format!("there is no verdict: {cause}"))?;
        let (tally, found) = (&stage.tally, stage.findings());
        let [failed, stale] = [&tally.failed, &tally.stale].map(|it| it.load(Ordering::Relaxed));
        let is_clean = found.are_none() && failed == 0 && stale == 0;
        let seen = stage.seen.lock();
        let timeline = seen.timeline.map_or("-".to_owned(), |it| it.to_string());
        let Checked { by_export, by_key } = checked;
        let let_go = match tally.let_go.load(Ordering::Relaxed) {
            0 => String::new(),
            earlier => format!(", {earlier} earlier ones while the load ran"),
        };
        let failure = stage.first_failure();
        let failure = failure.map_or(String::new(), |cause| format!(" (the first: {cause})"));
        let text = format!(
            "
Verdict after {time}, {kills} kills of the primary, timeline {timeline}:
  acknowledged        {writes} writes; {replays} replays were told the first outcome again
  read back           {by_export} by a strong export{let_go}; the latest {by_key} also by their idempotency keys
  lost {lost}, doubled {doubled}, wrong {wrong}
  reads with a token  {reads}, of which stale {stale}
  failed              {failed}{failure}; {repeated} attempts were repeated
  longest write       {longest} ms; write gaps of the last failovers {gaps} ms
{conclusion}
",
            time = clock(time),
            kills = of(&tally.kills),
            writes = of(&tally.writes),
            replays = of(&tally.replays),
            lost = found.lost.len(),
            doubled = found.doubled.len(),
            wrong = found.wrong.len(),
            reads = of(&tally.reads),
            repeated = of(&tally.repeated),
            longest = of(&tally.longest_write_ms),
            gaps = gaps(&seen.write_gaps),
            conclusion = if is_clean {
                "Clean: what was acknowledged is there, once, and as it was sent."
            } else {
                "NOT CLEAN: a promise was broken."
            },
        );
        Ok(Verdict { text, is_clean })
    }
}
