//! Attempts to open a new pool. When one is made is the state's business (`node/state.rs`): on the schedule, and at once when a probe
//! sees the node answer again.

use super::super::cause::{Cause, Trouble};
use super::super::node::{Input, Node, NodeState};
use super::super::pool::Pool;
use super::super::probe::{Branch, Heard, probe};
use super::super::url::connect;
use super::super::{Options, Schema, Shared};
use super::{Keeper, Message};
use std::sync::Arc;
use std::time::Instant;

/// Connections to a node of another region, while they are not used.
const WARM_ELSEWHERE: u32 = 2;

/// A pool that has answered before it serves, and the branch of which the schema was made ready.
pub struct Rebuilt {
    pub pool: Arc<Pool>,
    pub heard: Heard,
    pub prepared: Option<Branch>,
}

impl Keeper {
    /// In a thread of its own: a node that never answers delays no other.
    pub(super) fn attempt(&mut self, node: usize, attempt: Instant) {
        let (shared, messages) = (self.shared.clone(), self.messages.clone());
        self.shared.nodes[node].rebuilds.add_one();
        let thread = self.shared.nodes[node].attempts.start("rebuild", move || {
            let result = rebuild(&shared, node);
            drop(messages.send(Message::Attempted {
                node,
                attempt,
                result,
            }));
        });
        if let Err(error) = thread {
            let trouble = Trouble::new(Cause::NoAnswer, error.to_string());
            self.apply(node, Input::NotRebuilt { attempt, trouble });
        }
    }

    pub(super) fn tell_attempt(&self, node: usize, attempts: u32, known: bool) {
        let (of, limit) = (
            &self.shared.nodes[node],
            self.shared.options.rebuild.attempts,
        );
        let level = match attempts {
            n if n == limit => log::Level::Error,
            _ if known => log::Level::Debug,
            _ => log::Level::Warn,
        };
        let state = if attempts >= limit { "failed" } else { "down" };
        let now = of.state();
        let NodeState::Down { trouble, .. } = &*now else {
            return;
        };
        log::log!(level, node = of.name.as_str(), attempts, state, cause = trouble.cause.code(), detail = trouble.detail.as_str();
            "rebuilding the pool did not succeed");
    }

    pub(super) fn attempted(
        &mut self,
        node: usize,
        attempt: Instant,
        result: Result<Rebuilt, Trouble>,
    ) {
        let rebuilt = match result {
            Ok(rebuilt) => rebuilt,
            Err(trouble) => return self.not_rebuilt(node, attempt, trouble),
        };
        if let Some(branch) = rebuilt.prepared {
            self.conclude(|conclusions| conclusions.prepared = Some(branch));
        }
        self.watches[node].hear_of_attempt(rebuilt.heard);
        // Nothing may be remembered of a judgement that was made before every node had its time.
        let remembered = self.memory.clone();
        let judgement = self.judge(Instant::now());
        if !self.watches.iter().all(|watch| watch.had_its_time) {
            self.memory = remembered;
        }
        let judged = self.judged(node, &judgement, Instant::now());
        let pool = rebuilt.pool;
        match judged {
            Some(judged) => self.apply(node, Input::Rebuilt { pool, judged }),
            None => pool.retire(),
        }
    }

    /// Where no connection could be made, the probe's may be to where the address led before, and be answered all the time. It is given up,
    /// and the first answer on a new one is news: it makes the next attempt. A late attempt says nothing of a node that is up since.
    fn not_rebuilt(&mut self, node: usize, attempt: Instant, trouble: Trouble) {
        let reached = trouble.cause == Cause::SchemaNotReady;
        let unanswered = Input::Unanswered(trouble.clone());
        self.apply(node, Input::NotRebuilt { attempt, trouble });
        let is_down = matches!(*self.shared.nodes[node].state(), NodeState::Down { .. });
        if is_down && !reached {
            self.watches[node].prober.hang_up();
            self.apply(node, unanswered);
        }
    }
}

/// The first connection is made outside the pool because r2d2 does not return a refused connect early.
pub fn rebuild(shared: &Shared, index: usize) -> Result<Rebuilt, Trouble> {
    let (node, options) = (&shared.nodes[index], &shared.options);
    let session = shared.session();
    let asked = Instant::now();
    let mut connection = connect(&node.url, &session)?;
    let facts = probe(&mut connection)?;
    // Only where this node was judged to be the primary: a fork must not be migrated.
    let conclusions = shared.conclusions.borrow().clone();
    let is_primary = conclusions.elected == Some(index) && facts.is_writable_primary();
    let unprepared = facts
        .branch()
        .filter(|branch| is_primary && Some(*branch) != conclusions.prepared);
    if unprepared.is_some() {
        make_ready(&shared.schema, node, &mut connection)?;
    }
    let pool = Pool::open(
        &node.url,
        &session,
        options.pool_size,
        warm(node, options),
        facts.server,
        node.workers.clone(),
    );
    pool.connection()?;
    Ok(Rebuilt {
        pool: Arc::new(pool),
        heard: Heard { facts, asked },
        prepared: unprepared,
    })
}

/// How many connections are kept open although nobody uses them. Another region is asked for writes while it has the primary, else only
/// when nothing near can answer: a few then serve until there are more.
fn warm(node: &Node, options: &Options) -> u32 {
    let elsewhere = options.region.is_some() && node.region.as_deref() != options.region.as_deref();
    let few = if elsewhere { WARM_ELSEWHERE } else { u32::MAX };
    options.pool_size.min(few)
}

/// The schema of a node that is up and was elected: by a connection that is at hand, since writes wait meanwhile.
pub fn prepare(shared: &Shared, node: &Node, pool: &Pool) -> Result<(), Trouble> {
    match pool.idle_connection() {
        Some(mut connection) => make_ready(&shared.schema, node, &mut connection),
        None => make_ready(
            &shared.schema,
            node,
            &mut connect(&node.url, &shared.session())?,
        ),
    }
}

fn make_ready(
    schema: &Schema,
    node: &Node,
    connection: &mut diesel::PgConnection,
) -> Result<(), Trouble> {
    (schema.verify)(connection)
        .or_else(|_| (schema.prepare)(&node.url))
        .map_err(|reason| Trouble::new(Cause::SchemaNotReady, reason))
}
