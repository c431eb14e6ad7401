-- Least privilege. Run as a superuser, in the service's database, after the migrations, and again after an upgrade that brings new ones:
--   psql -d synapse -f deploy/roles.sql
-- It asks for both passwords at the terminal, without showing them; they stand neither on a command line nor in a log, since psql sends
-- their SCRAM verifiers. Where something else sets the passwords (secret management, an operator of Kubernetes, a second run):
--   psql -d synapse -v keep_passwords=1 -f deploy/roles.sql
-- The service then runs with migrate_on_start = false as synapse_app; migrations run as the owner (`synapse-core migrate`).
-- synapse_app has no DELETE, no TRUNCATE, and cannot change what a transaction is once it is stored: neither its business fields nor
-- its handles, its author or its history. It is no member of pg_signal_backend: whoever can cancel a writer's wait for a standby makes
-- PostgreSQL report a commit as done that no standby has.
\set ON_ERROR_STOP on

SELECT format('CREATE ROLE %I LOGIN', name) FROM unnest(ARRAY['synapse_app', 'synapse_reader']) AS name
 WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) \gexec
\if :{?keep_passwords}
\else
\password synapse_app
\password synapse_reader
\endif

-- Nobody but its owner makes tables or functions in `public` (the default before PostgreSQL 15), and the roles look nowhere else: a table of
-- the same name in a schema of somebody else's is never found.
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
-- Before PostgreSQL 15 the owner had it as one of everybody; migrations need it.
SELECT tableowner AS owner FROM pg_tables WHERE schemaname = 'public' AND tablename = 'transactions' \gset
GRANT CREATE ON SCHEMA public TO :"owner";
ALTER ROLE synapse_app SET search_path = pg_catalog, public, pg_temp;
ALTER ROLE synapse_reader SET search_path = pg_catalog, public, pg_temp;

REVOKE ALL ON ALL TABLES IN SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO synapse_app, synapse_reader;
GRANT SELECT, INSERT ON transactions, transaction_events, callback_receipts TO synapse_app;
-- What a status change or a callback of the anchor writes. change.sql locks the row first, and SELECT ... FOR UPDATE needs UPDATE on at
-- least one column too.
GRANT UPDATE (status, status_reason, callback_status, callback_at, version, write_id, updated_at) ON transactions TO synapse_app;
-- What is stored where a standby must have it, and the question who has.
GRANT EXECUTE ON PROCEDURE confirm_commits, create_confirmed TO synapse_app;
-- At its start, and after a failover, the service looks whether the schema is its own.
GRANT SELECT ON __diesel_schema_migrations TO synapse_app;
GRANT SELECT ON transactions, transaction_events, callback_receipts TO synapse_reader;

-- The probes read timelines, lag and sync states; and, on a standby whose primary is gone, which timelines its WAL files are of. In the
-- database that the service connects to, on each server (the grant is replicated).
GRANT pg_read_all_stats TO synapse_app;
GRANT EXECUTE ON FUNCTION pg_ls_waldir() TO synapse_app;
