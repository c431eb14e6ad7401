// @generated automatically by Diesel CLI.

diesel::table! {
    callback_receipts (owner, handle) {
        owner -> Text,
        handle -> Text,
        fingerprint -> Bytea,
        transaction_id -> Uuid,
        write_id -> Nullable<Uuid>,
    }
}

diesel::table! {
    transaction_events (owner, transaction_id, version) {
        owner -> Text,
        transaction_id -> Uuid,
        version -> Int4,
        write_id -> Uuid,
        kind -> Text,
        status -> Text,
        status_reason -> Nullable<Text>,
        callback_status -> Nullable<Text>,
        actor -> Text,
        request_id -> Text,
        at -> Timestamptz,
    }
}

diesel::table! {
    transactions (owner, id) {
        owner -> Text,
        id -> Uuid,
        stellar_account -> Text,
        amount -> Numeric,
        asset_code -> Text,
        callback_type -> Nullable<Text>,
        callback_status -> Nullable<Text>,
        anchor_transaction_id -> Nullable<Text>,
        memo -> Nullable<Text>,
        memo_type -> Nullable<Text>,
        metadata -> Nullable<Json>,
        status -> Text,
        status_reason -> Nullable<Text>,
        version -> Int4,
        write_id -> Uuid,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
        idempotency_key -> Nullable<Text>,
        item -> Int2,
        fingerprint -> Nullable<Bytea>,
        first_callback_status -> Nullable<Text>,
        callback_at -> Nullable<Timestamptz>,
        actor -> Text,
        request_id -> Text,
    }
}

diesel::allow_tables_to_appear_in_same_query!(callback_receipts, transaction_events, transactions,);
