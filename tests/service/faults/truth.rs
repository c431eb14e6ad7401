//! What the surviving primary holds, read by SQL.

use crate::support::ask_all;
use private_postgres::Server;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::collections::HashMap;

#[derive(Clone, Debug, Default)]
pub struct Truth {
    pub rows: Vec<Row>,
    pub keys: HashMap<String, Vec<String>>,
    pub events: HashMap<String, Vec<Event>>,
    /// By the webhook's id: the transactions, and the versions of them, that it made.
    pub callbacks: HashMap<String, Vec<(String, u64)>>,
}

#[derive(Clone, Debug, Deserialize)]
pub struct Row {
    pub id: String,
    pub marker: String,
    pub anchor: Option<String>,
    pub status: String,
    pub version: u64,
}

#[derive(Clone, Debug, Deserialize)]
pub struct Event {
    pub id: String,
    pub version: u64,
    pub kind: String,
    pub status: String,
    pub reason: Option<String>,
}

#[derive(Deserialize)]
struct Applied {
    handle: String,
    id: String,
    version: u64,
}

#[derive(Deserialize)]
struct Key {
    key: String,
    ids: Vec<String>,
}

impl Truth {
    /// Of all writes whose marker begins with this.
    pub fn of(primary: &Server, prefix: &str) -> Truth {
        let rows = read(
            primary,
            &format!(
                "SELECT json_build_object('id', id, 'marker', metadata->>'marker', 'anchor', anchor_transaction_id,
                                      'status', status, 'version', version)::text AS value
               FROM transactions WHERE metadata->>'marker' LIKE '{prefix}%'"
            ),
        );
        let keys: Vec<Key> = read(
            primary,
            &format!(
                "SELECT json_build_object('key', idempotency_key, 'ids', json_agg(id ORDER BY item))::text AS value
               FROM transactions WHERE idempotency_key LIKE '{prefix}%' GROUP BY idempotency_key"
            ),
        );
        let events: Vec<Event> = read(
            primary,
            &format!(
                "SELECT json_build_object('id', t.id, 'version', e.version, 'kind', e.kind, 'status', e.status,
                                      'reason', e.status_reason)::text AS value
               FROM transactions t,
                    LATERAL (SELECT 1 AS version, 'created' AS kind, 'pending' AS status, NULL AS status_reason
                             UNION ALL
                             SELECT version, kind, status, status_reason FROM transaction_events
                              WHERE owner = t.owner AND transaction_id = t.id) e
              WHERE t.metadata->>'marker' LIKE '{prefix}%' ORDER BY t.id, e.version"
            ),
        );
        let mut by_id: HashMap<String, Vec<Event>> = HashMap::new();
        events
            .into_iter()
            .for_each(|event| by_id.entry(event.id.clone()).or_default().push(event));
        let applied: Vec<Applied> = read(
            primary,
            &format!(
                "SELECT json_build_object('handle', handle, 'id', id, 'version', version)::text AS value
               FROM (SELECT idempotency_key AS handle, id, 1 AS version FROM transactions
                     UNION ALL
                     SELECT r.handle, e.transaction_id, e.version FROM callback_receipts r
                       JOIN transaction_events e USING (owner, transaction_id, write_id)) made
              WHERE handle LIKE 'callback/{prefix}%'"
            ),
        );
        let mut callbacks: HashMap<String, Vec<(String, u64)>> = HashMap::new();
        for Applied {
            handle,
            id,
            version,
        } in applied
        {
            let webhook_id = handle.trim_start_matches("callback/").to_owned();
            callbacks.entry(webhook_id).or_default().push((id, version));
        }
        Truth {
            callbacks,
            rows,
            keys: keys.into_iter().map(|key| (key.key, key.ids)).collect(),
            events: by_id,
        }
    }
}

fn read<T: DeserializeOwned>(primary: &Server, question: &str) -> Vec<T> {
    ask_all(primary, question)
        .iter()
        .map(|text| serde_json::from_str(text).unwrap())
        .collect()
}
