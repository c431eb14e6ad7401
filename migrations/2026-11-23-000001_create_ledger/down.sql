DROP TABLE idempotency_keys;
DROP TABLE transaction_events;
DROP TABLE transactions;
