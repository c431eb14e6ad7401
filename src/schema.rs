// @generated automatically by Diesel CLI.

diesel::table! {
    idempotency_keys (client, key) {
        client -> Text,
        key -> Text,
        fingerprint -> Bytea,
        transaction_ids -> Array<Nullable<Uuid>>,
        created -> Bool,
        replays -> Int8,
        first_used_at -> Timestamptz,
        last_used_at -> Timestamptz,
    }
}

diesel::table! {
    transaction_events (transaction_id, version) {
        transaction_id -> Uuid,
        version -> Int4,
        kind -> Text,
        status -> Text,
        status_reason -> Nullable<Text>,
        callback_status -> Nullable<Text>,
        actor -> Text,
        request_id -> Text,
        change_id -> Nullable<Uuid>,
        at -> Timestamptz,
    }
}

diesel::table! {
    transactions (id) {
        id -> Uuid,
        stellar_account -> Text,
        amount -> Numeric,
        asset_code -> Text,
        callback_type -> Nullable<Text>,
        callback_status -> Nullable<Text>,
        anchor_transaction_id -> Nullable<Text>,
        memo -> Nullable<Text>,
        memo_type -> Nullable<Text>,
        metadata -> Nullable<Jsonb>,
        status -> Text,
        status_reason -> Nullable<Text>,
        version -> Int4,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
        duplicates -> Int8,
    }
}

diesel::joinable!(transaction_events -> transactions (transaction_id));

diesel::allow_tables_to_appear_in_same_query!(idempotency_keys, transaction_events, transactions,);
