//! Whether a commit is on a standby.
//!
//! That a commit has waited proves less than it seems. PostgreSQL lets those who wait go when `synchronous_standby_names` is cleared; it
//! makes nobody wait before the checkpointer has read new settings (`sync_standbys_defined`, syncrep.c); with `'*'` it is content with
//! `pg_receivewal` or a logical subscriber; and with `remote_write` with what a standby has not flushed. So what is believed is a look
//! after the commit: a standby that is one of the configured nodes, and that the primary counts as synchronous, has flushed it.

use std::sync::LazyLock;
use std::time::{Duration, Instant};

use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Bool, Nullable, Text as SqlText};

use super::statement::{Binds, Run, Statement, Text};

/// What a statement answered, and who has its commit.
#[derive(Debug)]
pub struct Committed<T> {
    pub value: T,
    pub copies: Copies,
}

/// The standbys that are known to have a commit, of those that count, by their `application_name`. There may be more; without any, the
/// commit may be on the primary alone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Copies(pub Vec<String>);

impl Copies {
    pub fn is_replicated(&self) -> bool {
        !self.0.is_empty()
    }

    /// Of two commits together.
    pub fn and(mut self, other: &Copies) -> Copies {
        self.0.retain(|standby| other.0.contains(standby));
        self
    }
}

/// How long a standby that has let the commit go may take to confirm what others have flushed since.
const PATIENCE: Duration = Duration::from_millis(500);
const FIRST_PAUSE: Duration = Duration::from_millis(1);

/// Of all that this session has committed. `standbys` are those that count, by the names under which the primary knows them; none where
/// this primary waits for nobody.
///
/// The commit is done, whatever becomes of the look: one that fails proves nothing, and takes nothing back.
pub fn copies(connection: &mut PgConnection, standbys: &[String]) -> Copies {
    if standbys.is_empty() {
        return Copies::default();
    }
    confirmed(connection, standbys).unwrap_or_else(|error| {
        log::debug!(error:%; "whether a commit is on a standby could not be asked");
        Copies::default()
    })
}

#[expect(
    clippy::disallowed_methods,
    reason = "a blocking thread, within the bounds of its attempt"
)]
fn confirmed(connection: &mut PgConnection, standbys: &[String]) -> QueryResult<Copies> {
    let until = Instant::now() + PATIENCE;
    let mut position = None;
    let mut pause = FIRST_PAUSE;
    loop {
        let look = Look { standbys, position };
        let (seen, may_be, by): (i64, bool, Vec<String>) = Run(&look).get_result(connection)?;
        if !may_be {
            return Ok(Copies::default());
        }
        if !by.is_empty() || Instant::now() + pause > until {
            return Ok(Copies(by));
        }
        position = Some(seen);
        std::thread::sleep(pause);
        pause *= 2;
    }
}

/// durability.sql
struct Look<'s> {
    standbys: &'s [String],
    position: Option<i64>,
}

impl Statement for Look<'_> {
    type Id = Look<'static>;
    type Columns = (BigInt, Bool, Array<SqlText>);

    fn text(&self) -> &'static Text {
        static TEXT: LazyLock<Text> = LazyLock::new(|| Text::of(include_str!("durability.sql")));
        &TEXT
    }

    fn bind<'b>(&'b self, binds: &mut Binds<'_, 'b>) -> QueryResult<()> {
        binds.bind::<Array<SqlText>, _>(self.standbys)?;
        binds.bind::<Nullable<BigInt>, _>(&self.position)
    }
}
