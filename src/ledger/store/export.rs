//! A page of an export: a page of a search that never shows an older state than the page before it, nor another branch of the history.

use std::sync::LazyLock;

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Integer, Nullable};

use super::list::{Page, list};
use super::statement::{Binds, Run, Statement, Text};
use super::tokens::Read;
use crate::ledger::Error;
use crate::ledger::ask::export::ExportPage;
use crate::ledger::ask::token::Token;
use crate::ledger::model::point::{Compared, Here, Point};

#[derive(Debug)]
pub struct Exported {
    pub page: Page,
    /// How far the server had come when the page was read, or a little further.
    pub point: Point,
}

/// The point is read before the page and after it, in statements of their own: the page's snapshot is taken between the two.
pub fn export(
    connection: &mut PgConnection,
    page: &ExportPage,
    tokens: &[Token],
) -> QueryResult<Read<Result<Exported, Error>>> {
    if let Some(before) = page.not_before {
        let here = here(connection)?;
        let refused = match here.compared_with(before) {
            Compared::Reached => None,
            Compared::Behind => Some(Error::Behind),
            Compared::Lost => Some(Error::HistoryLost),
        };
        if let Some(error) = refused {
            return Ok(Read {
                value: Err(error),
                in_recovery: Some(here.is_standby),
            });
        }
    }
    let Read { value, in_recovery } = list(connection, &page.search, tokens)?;
    let mut point = here(connection)?.point;
    let known_before = page.not_before.and_then(|before| before.timeline);
    point.timeline = point.timeline.or(known_before);
    let value = value.map(|page| Exported { page, point });
    Ok(Read { value, in_recovery })
}

fn here(connection: &mut PgConnection) -> QueryResult<Here> {
    let (is_standby, timeline, lsn, promoted_at) = Run(&Ask).get_result(connection)?;
    Ok(Here {
        is_standby,
        point: Point { timeline, lsn },
        promoted_at,
    })
}

/// point.sql
struct Ask;

impl Statement for Ask {
    type Columns = (Bool, Nullable<Integer>, BigInt, Nullable<BigInt>);

    fn text(&self) -> &'static Text {
        static TEXT: LazyLock<Text> = LazyLock::new(|| Text::of(include_str!("point.sql")));
        &TEXT
    }

    fn bind<'b>(&'b self, _: &mut Binds<'_, 'b>) -> QueryResult<()> {
        Ok(())
    }
}
