DROP TABLE callback_receipts;
DROP TABLE transaction_events;
DROP TABLE transactions;
