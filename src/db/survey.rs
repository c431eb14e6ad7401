//! All nodes asked once, and judged as the service would: for the commands that look before they act (`check`, `migrate`).

use super::NodeOptions;
use super::cause::{Cause, Trouble};
use super::conclusions::Writes;
pub use super::keeper::judge::Standing;
use super::keeper::judge::{Judgement, Memory, judge};
use super::probe::{Heard, probe};
use super::threads::Threads;
use super::url::{CONNECT_TIMEOUT, SessionLimits, connect};
use std::sync::mpsc;
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

/// Nobody is elected before every node has answered, or has had its full time. All are asked a second time if the first answers leave open
/// which of two branches counts.
pub fn survey(nodes: &[NodeOptions]) -> Survey {
    let mut memory = Memory::default();
    let (heard, judgement) = look(nodes, &mut memory);
    let in_question = judgement.writes == Writes::Held(Cause::PromotionInQuestion);
    let (heard, judgement) = if in_question {
        look(nodes, &mut memory)
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

fn look(nodes: &[NodeOptions], memory: &mut Memory) -> (Vec<Result<Heard, Trouble>>, Judgement) {
    let heard = ask_all(nodes);
    let facts: Vec<_> = heard.iter().map(|heard| heard.as_ref().ok()).collect();
    // A node that is silent has had its time, so nobody waits for its last word.
    let judgement = judge(&facts, memory, Instant::now(), Duration::ZERO);
    (heard, judgement)
}

/// Asks all nodes at the same time. A thread that gets no answer is left behind.
fn ask_all(nodes: &[NodeOptions]) -> Vec<Result<Heard, Trouble>> {
    let mut heard: Vec<Result<Heard, Trouble>> =
        nodes.iter().map(|_| Err(Cause::NoAnswer.into())).collect();
    let threads = Threads::at_most(nodes.len());
    let (answers, inbox) = mpsc::channel();
    for (node, of) in nodes.iter().enumerate() {
        let (answers, url) = (answers.clone(), of.url.clone());
        let started = threads.start("survey", move || {
            let asked = Instant::now();
            let session = SessionLimits::own_plans(PATIENCE, PATIENCE);
            let facts = connect(&url, &session).and_then(|mut connection| probe(&mut connection));
            let answer = facts.map(|facts| Heard { facts, asked });
            drop(answers.send((node, answer.map_err(Trouble::from))));
        });
        if let Err(error) = started {
            heard[node] = Err(Trouble::new(Cause::NoAnswer, error.to_string()));
        }
    }
    drop(answers);
    let end = Instant::now() + CONNECT_TIMEOUT + PATIENCE;
    while let Ok((node, answer)) = inbox.recv_timeout(end.saturating_duration_since(Instant::now()))
    {
        heard[node] = answer;
    }
    heard
}
