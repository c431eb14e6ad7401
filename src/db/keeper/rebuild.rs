//! One attempt to open a new pool. When it is made is the state's business (`node/state.rs`): on the schedule, and at once when a probe
//! sees the node answer again.

use super::super::cause::{Cause, Trouble};
use super::super::node::Node;
use super::super::pool::Pool;
use super::super::probe::{Heard, probe};
use super::super::url::connect;
use super::super::{Schema, Shared};
use std::sync::Arc;
use std::time::Instant;

/// A pool that has answered before it serves, and the timeline of which the schema was made ready.
pub struct Rebuilt {
    pub pool: Arc<Pool>,
    pub heard: Heard,
    pub prepared: Option<i32>,
}

/// The first connection is made outside the pool because r2d2 does not return a refused connect early.
pub fn rebuild(shared: &Shared, index: usize) -> Result<Rebuilt, Trouble> {
    let (node, options) = (&shared.nodes[index], &shared.options);
    let session = shared.session();
    let asked = Instant::now();
    let mut connection = connect(&node.url, &session)?;
    let facts = probe(&mut connection)?;
    // Only where this node was judged to be the primary: a fork must not be migrated.
    let conclusions = *shared.conclusions.borrow();
    let is_primary = conclusions.elected == Some(index) && facts.is_writable_primary();
    let unprepared = facts
        .timeline
        .filter(|_| is_primary && facts.timeline != conclusions.prepared);
    if unprepared.is_some() {
        make_ready(&shared.schema, node, &mut connection)?;
    }
    let pool = Pool::open(
        &node.url,
        &session,
        options.pool_size,
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
