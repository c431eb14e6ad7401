-- Least privilege. Run once as a superuser, in the service's database, after the migrations:
--   psql -d synapse -v app_password="'...'" -v reader_password="'...'" -f deploy/roles.sql
-- The service then runs with migrate_on_start = false as synapse_app; migrations run as the owner (`synapse-core migrate`).
-- synapse_app has no DELETE, no TRUNCATE, and cannot change what a transaction is once it is stored: neither its business fields nor
-- its handles, its author or its history. It is no member of pg_signal_backend: whoever can cancel a writer's wait for a standby turns
-- "replicated" into a wish.

CREATE ROLE synapse_app LOGIN PASSWORD :app_password;
CREATE ROLE synapse_reader LOGIN PASSWORD :reader_password;

REVOKE ALL ON ALL TABLES IN SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO synapse_app, synapse_reader;
GRANT SELECT, INSERT ON transactions, transaction_events TO synapse_app;
-- What a status change or a callback of the anchor writes. change.sql locks the row first, and SELECT ... FOR UPDATE needs UPDATE on at
-- least one column too.
GRANT UPDATE (status, status_reason, callback_status, version, write_id, updated_at) ON transactions TO synapse_app;
-- At its start the service looks whether the schema is its own.
GRANT SELECT ON __diesel_schema_migrations TO synapse_app;
GRANT SELECT ON transactions, transaction_events TO synapse_reader;

-- The probes read timelines, lag and sync states.
GRANT pg_read_all_stats TO synapse_app;
