//! The plain service that ours is compared with: one pool per database, one query per request, one table, nothing that makes a create
//! repeatable, and no request log. Everything has the defaults of axum and sqlx.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use sqlx::postgres::{PgPool, PgRow};
use sqlx::{FromRow, Row};
use std::env::var;
use std::error::Error;
use uuid::Uuid;

const TABLE: &str = "CREATE TABLE IF NOT EXISTS plain (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(), stellar_account text NOT NULL, amount numeric NOT NULL, asset_code text NOT NULL,
    callback_type text, callback_status text, anchor_transaction_id text, memo text, memo_type text, metadata jsonb,
    status text NOT NULL DEFAULT 'pending', created_at timestamptz NOT NULL DEFAULT now(), updated_at timestamptz NOT NULL DEFAULT now())";

const INSERT: &str = "INSERT INTO plain (stellar_account, amount, asset_code, callback_type, callback_status, anchor_transaction_id,
    memo, memo_type, metadata) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) RETURNING *";

const SELECT: &str = "SELECT * FROM plain WHERE id = $1";

#[derive(Serialize, Deserialize)]
struct Fields {
    stellar_account: String,
    amount: Decimal,
    asset_code: String,
    callback_type: Option<String>,
    callback_status: Option<String>,
    anchor_transaction_id: Option<String>,
    memo: Option<String>,
    memo_type: Option<String>,
    metadata: Option<serde_json::Value>,
}

#[derive(Serialize)]
struct Transaction {
    id: Uuid,
    #[serde(flatten)]
    fields: Fields,
    status: String,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

#[derive(Clone)]
struct Pools {
    primary: PgPool,
    reads: PgPool,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let primary = PgPool::connect(&var("DATABASE_URL")?).await?;
    sqlx::query(TABLE).execute(&primary).await?;
    let reads = match var("DATABASE_REPLICA_URL") {
        Ok(url) => PgPool::connect(&url).await?,
        Err(_) => primary.clone(),
    };
    let routes = Router::new()
        .route("/health", get(|| async { StatusCode::OK }))
        .route("/transactions", post(create))
        .route("/transactions/{id}", get(find))
        .with_state(Pools { primary, reads });
    let listener = tokio::net::TcpListener::bind(var("SYNAPSE__SERVER__BIND")?).await?;
    Ok(axum::serve(listener, routes).await?)
}

async fn create(
    State(pools): State<Pools>,
    Json(new): Json<Fields>,
) -> Result<(StatusCode, Json<Transaction>), (StatusCode, String)> {
    let stored = sqlx::query_as(INSERT)
        .bind(new.stellar_account)
        .bind(new.amount)
        .bind(new.asset_code)
        .bind(new.callback_type)
        .bind(new.callback_status)
        .bind(new.anchor_transaction_id)
        .bind(new.memo)
        .bind(new.memo_type)
        .bind(new.metadata)
        .fetch_one(&pools.primary)
        .await
        .map_err(failed)?;
    Ok((StatusCode::CREATED, Json(stored)))
}

async fn find(
    State(pools): State<Pools>,
    Path(id): Path<Uuid>,
) -> Result<Json<Transaction>, (StatusCode, String)> {
    let found = sqlx::query_as(SELECT).bind(id);
    let found = found.fetch_optional(&pools.reads).await.map_err(failed)?;
    found
        .map(Json)
        .ok_or((StatusCode::NOT_FOUND, "no such transaction".to_owned()))
}

fn failed(error: sqlx::Error) -> (StatusCode, String) {
    (StatusCode::INTERNAL_SERVER_ERROR, error.to_string())
}

/// Written by hand, since sqlx is built without its macros.
impl FromRow<'_, PgRow> for Transaction {
    fn from_row(row: &PgRow) -> sqlx::Result<Self> {
        Ok(Self {
            id: row.try_get("id")?,
            fields: Fields {
                stellar_account: row.try_get("stellar_account")?,
                amount: row.try_get("amount")?,
                asset_code: row.try_get("asset_code")?,
                callback_type: row.try_get("callback_type")?,
                callback_status: row.try_get("callback_status")?,
                anchor_transaction_id: row.try_get("anchor_transaction_id")?,
                memo: row.try_get("memo")?,
                memo_type: row.try_get("memo_type")?,
                metadata: row.try_get("metadata")?,
            },
            status: row.try_get("status")?,
            created_at: row.try_get("created_at")?,
            updated_at: row.try_get("updated_at")?,
        })
    }
}
