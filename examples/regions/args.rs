//! The command line.

use crate::faults::regions::population::Crowd;
use clap::Parser;
use clap::builder::PossibleValuesParser;
use std::time::Duration;

const SCENARIOS: [&str; 5] = ["steady", "killed", "cut-off", "evacuation", "two-lost"];

/// Plays what befalls regions, under load, and tells what was lost, doubled, stale, refused and held.
///
/// Starts four private PostgreSQL servers (fsync on; primary and standby in eu, standbys in us and ap; a commit waits for another region)
/// and one instance of the service in each region. All between regions goes through cables that delay: eu–us 80 ms, eu–ap 160 ms, us–ap
/// 120 ms round trip. In each region clients create, change and read at their own instance; tokens pass between the regions.
///
/// Exit status 1 where a promise was broken, or something did not heal.
#[derive(Parser)]
#[command(name = "regions")]
pub struct Args {
    /// How often each scenario is played, and each figure measured
    #[arg(long, default_value_t = 3)]
    pub rounds: usize,
    /// Only these
    #[arg(long, value_delimiter = ',', value_parser = PossibleValuesParser::new(SCENARIOS))]
    only: Vec<String>,
    /// How long the worst moment of a scenario lasts
    #[arg(long, default_value_t = 10.0)]
    pub seconds: f64,
    /// Tell of each scenario, step by step, what a drill would report: RPO and RTO. Measures no steady state
    #[arg(long)]
    pub rehearse: bool,
    /// The same seed gives the same order of scenarios
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Clients that create, in each region
    #[arg(long, default_value_t = 6)]
    pub writers: usize,
    /// Clients that read with tokens, in each region
    #[arg(long, default_value_t = 3)]
    pub token_readers: usize,
    /// Numbers of connections at which writes are measured
    #[arg(long, value_delimiter = ',', default_value = "128,512")]
    pub connections: Vec<usize>,
}

impl Args {
    pub fn includes(&self, scenario: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|name| name == scenario)
    }

    pub fn time(&self) -> Duration {
        Duration::from_secs_f64(self.seconds)
    }

    pub fn crowd(&self) -> Crowd {
        Crowd {
            writers: self.writers,
            token_readers: self.token_readers,
            ..Crowd::SMALL
        }
    }
}
