//! Examples of bodies, made from the structs themselves, so that none can have another shape.

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use serde::Serialize;
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::http::VERSION;
use crate::http::answer::codes::{self, KINDS};
use crate::http::answer::view::{
    Created, ErrorCode, Health, List, Live, Meta, Node, Pool, Ready, Stats, StatsMeta,
    Status as ServiceStatus,
};
use crate::http::request::bodies::{ChangeStatus, CreateBatch, CreateTransaction};
use crate::ledger::model::event::Event;
use crate::ledger::model::metadata::Metadata;
use crate::ledger::model::stats::{AssetTotal, AssetTotals, DayTotals, StatusCount, StatusTotal};
use crate::ledger::model::status::Status;
use crate::ledger::model::transaction::Transaction;

const ACCOUNT: &str = "GA7QYNF7SOWQ3GLR2BGMZEHXAVIRZA4KVWLTJJFC7MGXUA74P7UJVSGZ";
const REQUEST_ID: &str = "0199f6a2-7c1e-7d3a-9b6f-3f0c5a1e2b45";

/// Serializing these structs never fails.
fn value(body: impl Serialize) -> Value {
    serde_json::to_value(body).unwrap_or_default()
}

fn at() -> DateTime<Utc> {
    DateTime::from_timestamp_micros(1_763_892_930_123_456).unwrap_or_default()
}

fn metadata() -> Value {
    Map::from_iter([("order".to_owned(), Value::from("A-17"))]).into()
}

fn a_transaction() -> Transaction {
    Transaction {
        id: Uuid::from_u128(0x0199_f6a2_7c1e_7d3a_9b6f_3f0c_5a1e_2b44),
        stellar_account: ACCOUNT.to_owned(),
        amount: Decimal::new(10_050, 2),
        asset_code: "USDC".to_owned(),
        callback_type: Some("deposit".to_owned()),
        callback_status: Some("pending_external".to_owned()),
        anchor_transaction_id: Some("anchor-tx-001".to_owned()),
        memo: Some("payment ref".to_owned()),
        memo_type: Some("text".to_owned()),
        metadata: Metadata::of(&metadata()).ok(),
        status: Status::Pending,
        status_reason: None,
        version: 1,
        write_id: Uuid::nil(),
        created_at: at(),
        updated_at: at(),
    }
}

pub fn transaction() -> Value {
    value(a_transaction())
}

pub fn created_batch() -> Value {
    value(Created {
        data: &[a_transaction()],
    })
}

fn last_page<T: Serialize>(row: T) -> Value {
    let meta = Meta {
        next_cursor: None,
        has_more: false,
    };
    value(List { data: &[row], meta })
}

pub fn transactions() -> Value {
    last_page(a_transaction())
}

pub fn events() -> Value {
    last_page(Event {
        version: 1,
        kind: "created".to_owned(),
        status: Status::Pending,
        status_reason: None,
        callback_status: Some("pending_external".to_owned()),
        actor: "api:shop".to_owned(),
        request_id: REQUEST_ID.to_owned(),
        at: at(),
    })
}

fn a_draft() -> CreateTransaction {
    CreateTransaction {
        stellar_account: ACCOUNT.to_owned(),
        amount: "100.50".to_owned(),
        asset_code: "USDC".to_owned(),
        callback_type: Some("deposit".to_owned()),
        callback_status: Some("pending_external".to_owned()),
        anchor_transaction_id: None,
        memo: Some("payment ref".to_owned()),
        memo_type: Some("text".to_owned()),
        metadata: Some(metadata()),
    }
}

pub fn draft() -> Value {
    value(a_draft())
}

pub fn drafts() -> Value {
    value(CreateBatch {
        transactions: vec![a_draft(), a_draft()],
    })
}

pub fn status_change() -> Value {
    value(ChangeStatus {
        status: Status::Processing,
        status_reason: Some("picked up".to_owned()),
    })
}

fn stats<T>(row: T, meta: Option<StatsMeta>) -> Stats<T> {
    Stats {
        data: vec![row],
        meta,
    }
}

const WHOLE: StatsMeta = StatsMeta { truncated: false };

pub fn status_counts() -> Value {
    let row = StatusCount {
        status: Status::Pending,
        count: 3,
    };
    value(stats(row, None))
}

pub fn daily_totals() -> Value {
    let asset = AssetTotal {
        asset_code: "USDC".to_owned(),
        count: 3,
        total_amount: "301.50".to_owned(),
    };
    let row = DayTotals {
        date: at().date_naive(),
        count: 3,
        assets: vec![asset],
    };
    value(stats(row, Some(WHOLE)))
}

pub fn asset_totals() -> Value {
    let status = StatusTotal {
        status: Status::Pending,
        count: 3,
        total_amount: "301.50".to_owned(),
    };
    let row = AssetTotals {
        asset_code: "USDC".to_owned(),
        count: 3,
        total_amount: "301.50".to_owned(),
        statuses: vec![status],
    };
    value(stats(row, Some(WHOLE)))
}

pub fn health() -> Value {
    value(Health {
        status: "healthy",
        version: VERSION,
        db_primary: "connected",
        db_replica: Some("connected"),
    })
}

pub fn live() -> Value {
    value(Live { status: "alive" })
}

pub fn ready() -> Value {
    value(Ready {
        status: "ready",
        draining: false,
        reads: true,
        writes: true,
    })
}

pub fn unhealthy() -> Value {
    value(Health {
        status: "unhealthy",
        version: VERSION,
        db_primary: "disconnected",
        db_replica: Some("connected"),
    })
}

pub fn not_ready() -> Value {
    value(Ready {
        status: "not_ready",
        draining: true,
        reads: true,
        writes: true,
    })
}

pub fn status() -> Value {
    let node = Node {
        name: "node-1".to_owned(),
        region: Some("eu-west-1".to_owned()),
        address: "db-1:5432".to_owned(),
        state: "up".to_owned(),
        role: "primary".to_owned(),
        timeline: Some(2),
        lag_ms: None,
        sync_state: None,
        rtt_ms: Some(0.3),
        pool: Pool {
            max: 10,
            open: 10,
            in_use: 2,
        },
        since: "2026-11-23T10:15:30.123456Z".to_owned(),
        cause: None,
        attempts: 0,
        next_attempt_in_ms: None,
    };
    value(ServiceStatus {
        version: VERSION.to_owned(),
        region: Some("eu-west-1".to_owned()),
        writes: "available".to_owned(),
        reads: "available".to_owned(),
        timeline: Some(2),
        nodes: vec![node],
        failovers: Vec::new(),
        embedded: false,
    })
}

pub fn errors() -> Value {
    let first = KINDS.first().copied().unwrap_or(&codes::INTERNAL_ERROR);
    value([ErrorCode::from(first)])
}
