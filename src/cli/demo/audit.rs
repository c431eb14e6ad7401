//! Reads back what was acknowledged, and has the checker compare.

use super::checker::{Acknowledged, Row, compare};
use super::request::{Client, Request, agent};
use super::stage::Stage;
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::time::Duration;

/// Between two checks while the load runs.
const PAUSE: Duration = Duration::from_millis(100);
/// At the end so many handles, the latest ones, are also looked up by their keys.
const BY_KEY: usize = 500;
/// Exports begin so long before the oldest acknowledged row: a second row of the same handle may have been stored earlier.
const BEFORE: TimeDelta = TimeDelta::minutes(2);
const EXPORT_ATTEMPTS: u32 = 5;
const EXPORT_PATIENCE: Duration = Duration::from_secs(600);
const BETWEEN_EXPORTS: Duration = Duration::from_secs(1);

/// How much was read back.
pub struct Checked {
    pub by_export: usize,
    pub by_key: usize,
}

/// While the load runs: checks handles by their keys, one after the other at random, and all of them when too many are held.
pub fn audit(stage: &Stage) {
    let client = Client::new(stage);
    while !stage.stop.ends_within(PAUSE) {
        if stage.is_full() {
            match check_by_export(stage) {
                Ok(checked) => stage.let_go(checked / 2),
                Err(cause) => {
                    // Handles that could not be checked are not let go, so no more can be held: the load ends.
                    stage.failed(cause);
                    stage.stop.end();
                }
            }
        } else if let Some(of) = stage.any_held() {
            check_by_key(&client, of);
        }
    }
}

/// When the load has ended: checks all handles that are held.
pub fn check_all(stage: &Stage) -> Result<Checked, String> {
    let by_export = check_by_export(stage)?;
    let client = Client::new(stage);
    let held = stage.all_held();
    let latest = held.iter().rev().take(BY_KEY);
    latest.clone().for_each(|of| check_by_key(&client, *of));
    Ok(Checked {
        by_export,
        by_key: latest.count(),
    })
}

/// A search by key is always a strong read.
fn check_by_key(client: &Client, of: Acknowledged) {
    let stage = client.stage;
    let key = stage.key(of.number);
    let request = Request::read(format!("/transactions?idempotency_key={key}"));
    match client.ask(&request) {
        Ok(answer) if answer.status == 200 => {
            let page = answer.json();
            let found = page["data"].as_array().into_iter().flatten();
            let rows = found.filter_map(|transaction| Row::of(transaction, &stage.run));
            stage.found(compare(&[of], rows));
        }
        Ok(answer) => stage.failed(answer.quoted()),
        Err(cause) => stage.failed(cause),
    }
}

/// Checks every handle that is held, with one strong export, and returns how many these are.
fn check_by_export(stage: &Stage) -> Result<usize, String> {
    let held = stage.all_held();
    let Some(oldest) = held.iter().map(|of| of.created_at).min() else {
        return Ok(0);
    };
    let mut attempt = 1;
    let rows = loop {
        match export(stage, oldest - BEFORE) {
            Ok(rows) => break rows,
            Err(cause) if attempt == EXPORT_ATTEMPTS => return Err(cause),
            Err(_) if stage.stop.breaks_off_within(BETWEEN_EXPORTS) => {
                return Err("broken off".into());
            }
            Err(_) => attempt += 1,
        }
    };
    stage.found(compare(&held, rows));
    Ok(held.len())
}

/// All rows of this run since then. An export that breaks off is an error, since it proves nothing.
fn export(stage: &Stage, since: DateTime<Utc>) -> Result<Vec<Row>, String> {
    let since = since.to_rfc3339_opts(SecondsFormat::Micros, true);
    let url = format!(
        "{}/export?format=jsonl&end_marker=true&from_date={since}",
        stage.service
    );
    let strong = agent(EXPORT_PATIENCE)
        .get(url)
        .header("X-Read-Consistency", "strong");
    let mut answer = strong.call().map_err(|error| error.to_string())?;
    if answer.status() != 200 {
        return Err(format!("the export was answered {}", answer.status()));
    }
    let mut rows = Vec::new();
    for line in BufReader::new(answer.body_mut().as_reader()).lines() {
        let line = line.map_err(|error| format!("the export broke off: {error}"))?;
        let value: Value =
            serde_json::from_str(&line).map_err(|error| format!("the export: {error}"))?;
        if value["end"] == true {
            return Ok(rows);
        }
        rows.extend(Row::of(&value, &stage.run));
    }
    Err("the export broke off".into())
}
