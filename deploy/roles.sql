-- Least privilege. Run once as a superuser, in the service's database, after the migrations:
--   psql -d synapse -v app_password="'...'" -v reader_password="'...'" -f deploy/roles.sql
-- The service then runs with migrate_on_start = false as synapse_app; migrations run as the owner (`synapse-core migrate`).
-- synapse_app has no DELETE, no TRUNCATE, and cannot change what a transaction is once it is stored. It is no member of
-- pg_signal_backend: whoever can cancel a writer's wait for a standby turns "replicated" into a wish.

CREATE ROLE synapse_app LOGIN PASSWORD :app_password;
CREATE ROLE synapse_reader LOGIN PASSWORD :reader_password;

REVOKE ALL ON ALL TABLES IN SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO synapse_app, synapse_reader;
GRANT SELECT ON transactions, transaction_events, idempotency_keys TO synapse_app;
GRANT INSERT ON transactions, transaction_events, idempotency_keys TO synapse_app;
GRANT UPDATE (status, status_reason, callback_status, version, updated_at, duplicates) ON transactions TO synapse_app;
GRANT UPDATE (replays, last_used_at) ON idempotency_keys TO synapse_app;
GRANT SELECT ON transactions, transaction_events TO synapse_reader;

-- The probes read timelines, lag and sync states.
GRANT pg_read_all_stats TO synapse_app;
