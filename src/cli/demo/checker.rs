//! Compares what was acknowledged with what is stored. Pure.

use chrono::{DateTime, Utc};
use serde_json::Value;
use std::collections::{BTreeSet, HashMap};
use uuid::Uuid;

/// A create that was acknowledged. Its key and its contents are made from its number, so neither is kept.
#[derive(Clone, Copy)]
pub struct Acknowledged {
    pub number: u64,
    pub id: Uuid,
    pub created_at: DateTime<Utc>,
}

/// A transaction of this run, as the service shows it.
#[derive(Clone, Copy)]
pub struct Row {
    pub number: u64,
    pub id: Uuid,
    pub created_at: DateTime<Utc>,
    /// Its contents are those that were sent under this number, and nobody has changed it.
    pub as_sent: bool,
}

impl Row {
    /// None: it belongs to somebody else, or to another run.
    pub fn of(transaction: &Value, run: &str) -> Option<Row> {
        let metadata = &transaction["metadata"];
        let number = metadata["number"].as_u64()?;
        if metadata["demo"] != run {
            return None;
        }
        let expected = contents(run, number);
        let same = |(name, value): (&String, &Value)| transaction[name] == *value;
        let as_sent = expected
            .as_object()
            .is_some_and(|sent| sent.iter().all(same));
        Some(Row {
            number,
            id: transaction["id"].as_str()?.parse().ok()?,
            created_at: transaction["created_at"].as_str()?.parse().ok()?,
            as_sent: as_sent && transaction["version"] == 1 && transaction["status"] == "pending",
        })
    }
}

/// The body of the create with this number.
pub fn contents(run: &str, number: u64) -> Value {
    serde_json::json!({
        "stellar_account": "GA7QYNF7SOWQ3GLR2BGMZEHXAVIRZA4KVWLTJJFC7MGXUA74P7UJVSGZ",
        "amount": format!("{}.{:04}", 1 + number / 10_000, number % 10_000),
        "asset_code": "USDC",
        "metadata": { "demo": run, "number": number },
    })
}

/// At most so many numbers are kept in each set, since nobody would read more of them.
const MOST_TOLD: usize = 10_000;

/// Broken promises: the numbers of the creates that were affected.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Findings {
    /// Acknowledged, and not there.
    pub lost: BTreeSet<u64>,
    /// There more than once.
    pub doubled: BTreeSet<u64>,
    /// There once, but not as it was acknowledged or sent.
    pub wrong: BTreeSet<u64>,
}

impl Findings {
    pub fn add(&mut self, others: Findings) {
        for (mine, others) in [
            (&mut self.lost, others.lost),
            (&mut self.doubled, others.doubled),
            (&mut self.wrong, others.wrong),
        ] {
            let room = MOST_TOLD.saturating_sub(mine.len());
            mine.extend(others.into_iter().take(room));
        }
    }

    pub fn are_none(&self) -> bool {
        self.lost.is_empty() && self.doubled.is_empty() && self.wrong.is_empty()
    }
}

/// `stored`: all rows of the run that have one of these numbers. There may be rows with other numbers among them.
pub fn compare(acknowledged: &[Acknowledged], stored: impl IntoIterator<Item = Row>) -> Findings {
    let ids: HashMap<u64, Uuid> = acknowledged.iter().map(|it| (it.number, it.id)).collect();
    let mut findings = Findings::default();
    let mut seen = BTreeSet::new();
    for row in stored {
        if !seen.insert(row.number) {
            findings.doubled.insert(row.number);
        }
        // A create that was not acknowledged may have been stored too, but only with the contents that were sent.
        let is_its = ids.get(&row.number).is_none_or(|id| *id == row.id);
        if !(is_its && row.as_sent) {
            findings.wrong.insert(row.number);
        }
    }
    findings
        .wrong
        .retain(|number| !findings.doubled.contains(number));
    findings.lost = ids
        .into_keys()
        .filter(|number| !seen.contains(number))
        .collect();
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    const RUN: &str = "r";

    /// Three creates, and the rows that they made.
    fn history() -> (Vec<Acknowledged>, Vec<Row>) {
        let transaction = |number: u64| {
            let mut transaction = contents(RUN, number);
            transaction["id"] = Uuid::from_u128(number.into()).to_string().into();
            transaction["version"] = 1.into();
            transaction["status"] = "pending".into();
            transaction["created_at"] = "2026-11-26T10:00:00.000001Z".into();
            transaction
        };
        let rows: Vec<Row> = (1..=3)
            .map(|number| Row::of(&transaction(number), RUN).unwrap())
            .collect();
        let acknowledged = |row: &Row| Acknowledged {
            number: row.number,
            id: row.id,
            created_at: row.created_at,
        };
        (rows.iter().map(acknowledged).collect(), rows)
    }

    fn numbers<const N: usize>(numbers: [u64; N]) -> BTreeSet<u64> {
        BTreeSet::from(numbers)
    }

    #[test]
    fn what_is_there_once_and_as_sent_is_clean() {
        let (acknowledged, rows) = history();
        assert!(compare(&acknowledged, rows).are_none());
    }

    #[test]
    fn a_row_that_is_missing_is_lost() {
        let (acknowledged, mut rows) = history();
        rows.remove(1);
        let found = compare(&acknowledged, rows);
        assert_eq!(
            (found.lost.clone(), found.are_none()),
            (numbers([2]), false)
        );
        assert!(found.doubled.is_empty() && found.wrong.is_empty());
    }

    #[test]
    fn a_second_row_of_a_create_is_doubled_acknowledged_or_not() {
        let (mut acknowledged, mut rows) = history();
        let again = |row: Row| Row {
            id: Uuid::from_u128(99),
            ..row
        };
        rows.push(again(rows[0]));
        rows.push(again(rows[2]));
        acknowledged.pop();
        let found = compare(&acknowledged, rows);
        assert_eq!(found.doubled, numbers([1, 3]));
        assert!(found.lost.is_empty() && found.wrong.is_empty());
    }

    #[test]
    fn another_id_and_other_contents_are_wrong() {
        let (acknowledged, mut rows) = history();
        rows[0].id = Uuid::from_u128(99);
        rows[1].as_sent = false;
        let found = compare(&acknowledged, rows);
        assert_eq!(found.wrong, numbers([1, 2]));
        assert!(found.lost.is_empty() && found.doubled.is_empty());
    }

    #[test]
    fn what_was_never_acknowledged_may_be_there_or_not() {
        let (mut acknowledged, rows) = history();
        acknowledged.pop();
        assert!(compare(&acknowledged, rows[..2].to_vec()).are_none());
        assert!(compare(&acknowledged, rows).are_none());
    }

    #[test]
    fn contents_are_compared_field_by_field() {
        let (_, rows) = history();
        let mut transaction = contents(RUN, 1);
        transaction["id"] = rows[0].id.to_string().into();
        transaction["version"] = 1.into();
        transaction["status"] = "pending".into();
        transaction["created_at"] = "2026-11-26T10:00:00Z".into();
        assert!(Row::of(&transaction, RUN).unwrap().as_sent);
        assert!(Row::of(&transaction, "another run").is_none());
        for (field, value) in [
            ("amount", "7"),
            ("asset_code", "EURC"),
            ("status", "failed"),
        ] {
            let mut other = transaction.clone();
            other[field] = value.into();
            assert!(!Row::of(&other, RUN).unwrap().as_sent, "{field}");
        }
    }

    #[test]
    fn findings_add_up_without_counting_anything_twice() {
        let mut all = Findings {
            lost: numbers([1]),
            ..Findings::default()
        };
        all.add(Findings {
            lost: numbers([1, 2]),
            ..Findings::default()
        });
        assert_eq!(all.lost, numbers([1, 2]));
        all.add(Findings {
            lost: (0..50_000).collect(),
            ..Findings::default()
        });
        assert!(all.lost.len() <= MOST_TOLD);
    }
}
