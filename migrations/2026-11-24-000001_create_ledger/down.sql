DROP PROCEDURE create_confirmed;
DROP PROCEDURE confirm_commits;
DROP TABLE callback_receipts;
DROP TABLE transaction_events;
DROP TABLE transactions;
