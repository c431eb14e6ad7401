//! Stores many rows of which PostgreSQL has no statistics: the stage then runs without autovacuum, and nobody runs ANALYZE.

use crate::stage::Stage;
use crate::support::Outcome;

/// Inserts the rows directly into the table, with one statement.
pub fn run(stage: &Stage, rows: u64) -> Outcome<()> {
    stage.execute(&format!(
        "INSERT INTO transactions
             (owner, id, stellar_account, amount, asset_code, anchor_transaction_id, write_id, actor, request_id)
         SELECT 'default', id, 'GA7QYNF7SOWQ3GLR2BGMZEHXAVIRZA4KVWLTJJFC7MGXUA74P7UJVSGZ', 100.50, 'USDC', 'prefill-' || n, id,
                'api:default', 'prefill'
         FROM (SELECT n, gen_random_uuid() AS id FROM generate_series(1, {rows}) AS n) AS made"
    ))?;
    stage.wait_for_standby()
}
