//! Plays one scenario once: what the clients saw, and what the checks found.

use crate::args::Args;
use crate::faults::Stage;
use crate::faults::history::History;
use crate::faults::regions::drill::Drill;
use crate::faults::regions::headers;
use crate::faults::regions::scenarios::Scenario;
use crate::faults::round::{Round, run_among};
use crate::faults::tally::Tally;
use crate::faults::truth::Truth;
use crate::support::wait::pause;

/// The headers of so many answers of each instance, to reads and to writes, are compared with the servers.
const HEADERS: usize = 20;

pub struct Told {
    pub scenario: &'static str,
    pub history: History,
    pub drill: Drill,
    pub tally: Tally,
    pub headers: usize,
    pub violations: Vec<String>,
}

pub fn play(stage: &Stage, scenario: &Scenario, args: &Args) -> Told {
    let (mut drill, mut run) = (Drill::default(), String::new());
    let meanwhile = |_: &Stage| pause(args.time());
    let round = run_among(stage, &args.crowd().groups(), |stage, markers| {
        run = markers.to_owned();
        (scenario.run)(stage, markers, &mut drill, &meanwhile);
    });
    let Round {
        history,
        mut violations,
    } = round;
    violations.extend(drill.violations(&history));
    let told = headers::against_the_servers(stage, HEADERS);
    violations.extend(told.wrong);
    for violation in &violations {
        eprintln!("  BROKEN {violation}");
    }
    Told {
        scenario: scenario.name,
        tally: Tally::of(&history, &Truth::of(stage.primary(), &run)),
        history,
        drill,
        headers: told.answers,
        violations,
    }
}
