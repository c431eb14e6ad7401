//! Attempts to open a new pool. `node/state.rs` decides when one is made: on the schedule, and at once when a probe sees the node answer
//! again.

use super::super::cause::{Cause, Trouble};
use super::super::node::{Input, Node, NodeState};
use super::super::pool::Pool;
use super::super::probe::{Branch, Heard, probe};
use super::super::url::connect;
use super::super::{Options, Schema, Shared};
use super::{Keeper, Message};
use std::sync::Arc;
use std::time::Instant;

/// How many connections to a node of another region are kept open while they are not used.
const WARM_ELSEWHERE: u32 = 2;

/// A new pool that has a working connection, what its node said, and the branch whose schema was made ready, if that had to be done.
pub struct Rebuilt {
    pub pool: Arc<Pool>,
    pub heard: Heard,
    pub prepared: Option<Branch>,
}

impl Keeper {
    /// In a thread of its own, so that a node that never answers delays no other.
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
        // Before every node has answered or had its time, a judgement may be wrong, so nothing of it is remembered.
        let remembered = self.memory.clone();
        let now = Instant::now();
        let judgement = self.judge(now);
        if !self
            .watches
            .iter()
            .all(|watch| watch.was_heard_or_waited_for(now))
        {
            self.memory = remembered;
        }
        let judged = self.judged(node, &judgement, now);
        let pool = rebuilt.pool;
        match judged {
            Some(judged) => self.apply(node, Input::Rebuilt { pool, judged }),
            None => pool.retire(),
        }
    }

    /// An attempt has failed. If it could not connect, the probe's connection may lead to a server that was at this address before, and be
    /// answered all the time. So the probe hangs up, and its first answer on a new connection starts the next attempt. An attempt that ends
    /// late says nothing of a node that is up by then.
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

/// The first connection is made outside the pool, since r2d2 would not return before its timeout where a connection is refused. Then the
/// pool begins with it, so that what was verified over it holds for what is asked.
pub fn rebuild(shared: &Shared, index: usize) -> Result<Rebuilt, Trouble> {
    let (node, options) = (&shared.nodes[index], &shared.options);
    let session = shared.session();
    let asked = Instant::now();
    let mut connection = connect(&node.url, &session)?;
    let facts = probe(&mut connection)?;
    // Only if this node was judged to be the primary: a branch that does not count must not be migrated.
    let conclusions = shared.conclusions.borrow().clone();
    let is_primary = conclusions.elected == Some(index) && facts.is_writable_primary();
    let unprepared = facts
        .branch()
        .filter(|branch| is_primary && Some(*branch) != conclusions.prepared);
    if unprepared.is_some() {
        make_ready(&shared.schema, node, &mut connection)?;
    }
    let pool = Pool::open(
        connection,
        &facts,
        &node.url,
        &session,
        options.pool_size,
        warm(node, options),
        node.workers.clone(),
    );
    pool.connection()?;
    Ok(Rebuilt {
        pool: Arc::new(pool),
        heard: Heard { facts, asked },
        prepared: unprepared,
    })
}

/// How many connections are kept open although nobody uses them. To a node of another region a few are enough until more are opened: it is
/// asked for writes while it has the primary, and otherwise only when no near node can answer.
fn warm(node: &Node, options: &Options) -> u32 {
    let elsewhere = options.region.is_some() && node.region.as_deref() != options.region.as_deref();
    let few = if elsewhere { WARM_ELSEWHERE } else { u32::MAX };
    options.pool_size.min(few)
}

/// Looks at the schema of a node that is up and was elected, and makes it ready: on an idle connection, if there is one, since writes wait
/// meanwhile.
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
        .or_else(|_| {
            (schema.prepare)(&node.url)?;
            // By now the address may lead to another server than this connection does.
            (schema.verify)(connection)
        })
        .map_err(|reason| Trouble::new(Cause::SchemaNotReady, reason))
}
