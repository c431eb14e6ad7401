#!/bin/sh
# Run once by the entrypoint of the postgres image, in a new cluster: roles, the database, and replication that is synchronous from the next
# start on. Every node has both names in synchronous_standby_names, whichever is the primary.
set -eu
psql -v ON_ERROR_STOP=1 -U postgres -d postgres <<'SQL'
\set owner_password `cat /run/secrets/owner-password`
\set app_password `cat /run/secrets/app-password`
\set replication_password `cat /run/secrets/replication-password`
CREATE ROLE synapse_owner LOGIN PASSWORD :'owner_password';
CREATE ROLE synapse_app LOGIN PASSWORD :'app_password';
CREATE ROLE replicator LOGIN REPLICATION PASSWORD :'replication_password';
CREATE DATABASE synapse OWNER synapse_owner;
ALTER SYSTEM SET synchronous_standby_names = 'ANY 1 ("node-1", "node-2")';
SQL
echo 'host replication replicator all scram-sha-256' >> "$PGDATA/pg_hba.conf"
