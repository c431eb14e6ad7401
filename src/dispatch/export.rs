//! An export: a read of many pages, each of which goes to whichever node is best at that moment.
//!
//! On a time line: at t = 0 s the newest transaction is looked up, which was created at 11:59:59.9. The export must contain it, and must
//! end at a time before which no other transaction can appear any more: up to there the rows are *settled*. At t = 0.3 s a probe says that
//! they are settled up to 12:00:00.1, so this is what the export is *as of*: it contains what was created before. At t = 5 s the replica
//! that has answered up to now dies. The next page is asked of another node, with the point of the history at which the page before was
//! read: a node that has not reached that point does not answer it. If a failover has lost what was read already, no node can, and the
//! export ends with an error.

use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};

use super::{Bounds, Dispatch, Error, Served};
use crate::ledger::ask::consistency::Consistency;
use crate::ledger::ask::export::ExportPage;
use crate::ledger::ask::search::{Order, Search};
use crate::ledger::model::transaction::Transaction;
use crate::ledger::store::export::Exported;

/// How long an export waits, at its beginning, for its rows to be settled. Probes tell it, by default twice a second; a session that
/// has written and leaves its transaction open can delay it for ever.
const SETTLING: Duration = Duration::from_secs(2);
/// How long a page after the first one is tried for: longer than a failover usually takes.
const PATIENCE: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(50);

/// An export under way.
#[derive(Debug)]
pub struct Export {
    /// It holds the transactions that were created before this time.
    pub as_of: DateTime<Utc>,
    /// Its rows are settled up to this time. None: unknown.
    pub settled_until: Option<DateTime<Utc>>,
    /// The next page. None after the last one.
    next: Option<ExportPage>,
    consistency: Consistency,
}

impl Dispatch {
    /// Begins an export, and reads its first page, so that whatever fails until then is reported like the error of any other read.
    pub async fn export(
        &self,
        search: Search,
        consistency: Consistency,
    ) -> Result<(Export, Served<Vec<Transaction>>), Error> {
        let newest = ExportPage {
            search: Search {
                order: Order::Desc,
                limit: 1,
                ..search.clone()
            },
            not_before: None,
        };
        let looked = self.page(newest, &consistency).await?;
        let page = &looked.value.page;
        let newest = page.transactions.first().map(|newest| newest.created_at);
        let newest = newest.or(page.next.map(|place| place.created_at));
        let (as_of, settled_until) = self.as_of(newest, &consistency).await;
        let mut export = Export {
            as_of,
            settled_until,
            next: Some(ExportPage {
                search: Search {
                    to_date: search.to_date.map_or(Some(as_of), |to| Some(to.min(as_of))),
                    ..search
                },
                not_before: Some(looked.value.point),
            }),
            consistency,
        };
        let first = self.first_page(&mut export).await?;
        Ok((export, first))
    }

    /// The next page, which may be empty. None: that was the last one.
    pub async fn next_page(&self, export: &mut Export) -> Result<Option<Vec<Transaction>>, Error> {
        let Some(page) = &export.next else {
            return Ok(None);
        };
        let until = Instant::now() + PATIENCE;
        loop {
            match self.page(page.clone(), &export.consistency).await {
                Ok(served) => return Ok(Some(export.turn(served.value))),
                Err(error) if is_temporary(&error) && Instant::now() < until => {}
                Err(error) => return Err(error),
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn page(
        &self,
        page: ExportPage,
        consistency: &Consistency,
    ) -> Result<Served<Exported>, Error> {
        let (owner, bounds) = (page.search.owner.clone(), Bounds::default());
        self.read(&self.exporting, owner, page, consistency, bounds)
            .await
    }

    /// Reads the first page, from a node that shows everything up to `settled_until`.
    async fn first_page(&self, export: &mut Export) -> Result<Served<Vec<Transaction>>, Error> {
        let until = Instant::now() + SETTLING;
        while let Some(page) = &export.next {
            let served = self.page(page.clone(), &export.consistency).await?;
            if served.settled_until >= export.settled_until {
                return Ok(served.map(|exported| export.turn(exported)));
            }
            if Instant::now() > until {
                break;
            }
            tokio::time::sleep(PAUSE).await;
        }
        Err(Error::ConsistencyUnavailable)
    }

    /// The time at which the export ends, and the time up to which its rows are settled.
    async fn as_of(
        &self,
        newest: Option<DateTime<Utc>>,
        consistency: &Consistency,
    ) -> (DateTime<Utc>, Option<DateTime<Utc>>) {
        let until = Instant::now() + SETTLING;
        let after_newest = newest.map(|newest| newest + TimeDelta::microseconds(1));
        loop {
            let candidates = self.candidates(consistency, true);
            let settled_until = candidates.first().and_then(|best| best.settled_until);
            let late = Instant::now() > until;
            match settled_until {
                Some(settled) if newest.is_none_or(|newest| newest < settled) => {
                    return (settled, Some(settled));
                }
                // Something older may still appear. A default read ends where the rows are settled. One that must contain every
                // acknowledged write ends after the newest row, and is told up to when its rows are settled.
                Some(settled) if late && *consistency == Consistency::Eventual => {
                    return (settled, Some(settled));
                }
                settled if late => return (after_newest.unwrap_or_else(Utc::now), settled),
                _ => tokio::time::sleep(PAUSE).await,
            }
        }
    }
}

impl Export {
    /// Takes the rows of a page, and turns to the next one.
    fn turn(&mut self, Exported { page, point }: Exported) -> Vec<Transaction> {
        self.next = self.next.take().filter(|_| page.next.is_some());
        if let Some(next) = &mut self.next {
            next.search.cursor = page.next;
            next.not_before = Some(point);
        }
        page.transactions
    }
}

/// The page may succeed later.
fn is_temporary(error: &Error) -> bool {
    matches!(
        error,
        Error::ReadUnavailable | Error::ConsistencyUnavailable | Error::Overloaded | Error::TooSlow
    )
}
