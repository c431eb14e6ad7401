//! The end of a run: is everything that our service acknowledged stored, and only once?

use super::support::Outcome;
use super::work::{Ask, HANDLE};
use std::collections::HashMap;

/// Whether every acknowledged create is stored exactly once. `ask` returns the text column `value` of a query on the primary.
pub fn check(ask: impl Fn(&str) -> Outcome<Vec<String>>, acknowledged: &[Ask]) -> Outcome<bool> {
    let keys = stored(&ask, "idempotency_key")?;
    let anchors = stored(&ask, "anchor_transaction_id")?;
    let is_stored = |ask: &&Ask| match ask {
        Ask::Create(number) => keys.contains_key(number),
        Ask::Natural(number) => anchors.contains_key(number),
        Ask::Get => true,
    };
    let present = acknowledged.iter().filter(is_stored).count();
    let missing = acknowledged.len() - present;
    // Creates that were not acknowledged count too.
    let rows = keys.values().chain(anchors.values());
    let doubled = rows.filter(|rows| **rows > 1).count();
    println!(
        "read back: {} acknowledged, {present} present, {missing} missing, {doubled} doubled",
        acknowledged.len()
    );
    Ok(missing == 0 && doubled == 0)
}

/// How many rows there are of each number, according to the primary itself.
fn stored(
    ask: impl Fn(&str) -> Outcome<Vec<String>>,
    column: &str,
) -> Outcome<HashMap<u64, usize>> {
    let question =
        format!("SELECT {column} AS value FROM transactions WHERE {column} LIKE '{HANDLE}%'");
    let mut rows = HashMap::new();
    for handle in ask(&question)? {
        let number = handle
            .strip_prefix(HANDLE)
            .and_then(|number| number.parse().ok());
        let number = number.ok_or_else(|| format!("{handle:?} is no handle of this run"))?;
        *rows.entry(number).or_default() += 1;
    }
    Ok(rows)
}
