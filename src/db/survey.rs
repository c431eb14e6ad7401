//! All nodes asked once, and judged as the service would: for the commands that look before they act (`check`, `migrate`).

use super::NodeOptions;
use super::cause::{Cause, Trouble};
use super::conclusions::Writes;
pub use super::keeper::judge::Standing;
use super::keeper::judge::{Judgement, Memory, judge};
use super::probe::{Heard, probe};
use super::threads::Threads;
use super::url::{CONNECT_TIMEOUT, DatabaseUrl, SessionLimits, connect};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

pub struct Survey {
    /// What each node said, in the order of the settings.
    pub heard: Vec<Result<Heard, Trouble>>,
    /// What each may be used for.
    pub standings: Vec<Standing>,
    /// Which node takes writes, or why none does.
    pub primary: Result<usize, Cause>,
}

/// How long a node may take to answer once it is connected.
const PATIENCE: Duration = Duration::from_secs(5);
/// How soon a node is asked again that refused the connection.
const AGAIN: Duration = Duration::from_millis(100);

/// Nobody is elected before every node has answered, or has had its full time: that to connect and `probe_timeout`, as for the service. All
/// are asked a second time if the first answers leave open which of two branches counts.
pub fn survey(nodes: &[NodeOptions], probe_timeout: Duration) -> Survey {
    let mut memory = Memory::default();
    let full_time = CONNECT_TIMEOUT + probe_timeout;
    let (heard, judgement) = look(nodes, full_time, &mut memory);
    let in_question = judgement.writes == Writes::Held(Cause::PromotionInQuestion);
    let (heard, judgement) = if in_question {
        look(nodes, full_time, &mut memory)
    } else {
        (heard, judgement)
    };
    Survey {
        heard,
        standings: judgement.standings,
        primary: match judgement.writes {
            Writes::To { node, .. } => Ok(node),
            Writes::Held(cause) => Err(cause),
            Writes::SplitBrain => Err(Cause::SplitBrain),
        },
    }
}

fn look(
    nodes: &[NodeOptions],
    full_time: Duration,
    memory: &mut Memory,
) -> (Vec<Result<Heard, Trouble>>, Judgement) {
    let heard = ask_all(nodes, full_time);
    let facts: Vec<_> = heard.iter().map(|heard| heard.as_ref().ok()).collect();
    // A node that is silent has had its time, so nobody waits for its last word.
    let judgement = judge(&facts, memory, Instant::now(), Duration::ZERO);
    (heard, judgement)
}

/// Asks all nodes at the same time. A thread that gets no answer is left behind.
fn ask_all(nodes: &[NodeOptions], full_time: Duration) -> Vec<Result<Heard, Trouble>> {
    let mut heard: Vec<Result<Heard, Trouble>> =
        nodes.iter().map(|_| Err(Cause::NoAnswer.into())).collect();
    let threads = Threads::at_most(nodes.len());
    let (answers, inbox) = mpsc::channel();
    for (node, of) in nodes.iter().enumerate() {
        let (answers, url) = (answers.clone(), of.url.clone());
        let started = threads.start("survey", move || {
            let answer = ask(&url, Instant::now() + full_time);
            drop(answers.send((node, answer)));
        });
        if let Err(error) = started {
            heard[node] = Err(Trouble::new(Cause::NoAnswer, error.to_string()));
        }
    }
    drop(answers);
    let end = Instant::now() + full_time.max(CONNECT_TIMEOUT + PATIENCE);
    while let Ok((node, answer)) = inbox.recv_timeout(end.saturating_duration_since(Instant::now()))
    {
        heard[node] = answer;
    }
    heard
}

/// Asks one node, and again until then if it refuses the connection: it may be starting.
fn ask(url: &DatabaseUrl, until: Instant) -> Result<Heard, Trouble> {
    let session = SessionLimits::own_plans(PATIENCE, PATIENCE);
    loop {
        let asked = Instant::now();
        let facts = connect(url, &session).and_then(|mut connection| probe(&mut connection));
        let trouble = match facts {
            Ok(facts) => return Ok(Heard { facts, asked }),
            Err(error) => Trouble::from(error),
        };
        let may_be_starting =
            [Cause::ConnectionRefused, Cause::StartingUp].contains(&trouble.cause);
        if !may_be_starting || Instant::now() + AGAIN >= until {
            return Err(trouble);
        }
        thread::park_timeout(AGAIN);
    }
}
