DROP TABLE transaction_events;
DROP TABLE transactions;
