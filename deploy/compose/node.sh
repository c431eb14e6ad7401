#!/bin/sh
# Starts a PostgreSQL of compose.yaml: NODE is its name, PEER that of the other one. A node without data copies its peer if that is there and
# becomes its standby; only the node that is called INITIAL makes a new cluster, and only where its peer does not answer.
# To bring an old primary back after a failover, remove its volume and start it: it is copied anew.
set -eu

secret() {
  cat "/run/secrets/$1"
}

upstream="host=$PEER port=${PEER_PORT:-5432} user=replicator application_name=$NODE connect_timeout=2"

copy_the_peer() {
  # Beside its place until it is whole: what was cut off is thrown away.
  rm -rf "$PGDATA.new" &&
    PGPASSWORD=$(secret replication-password) pg_basebackup -D "$PGDATA.new" -d "$upstream" -X stream -c fast -R &&
    mv "$PGDATA.new" "$PGDATA"
}

while [ ! -s "$PGDATA/PG_VERSION" ]; do
  if pg_isready -q -h "$PEER" -p "${PEER_PORT:-5432}"; then
    copy_the_peer && break
  elif [ "$NODE" = "$INITIAL" ]; then
    break # the entrypoint of the image makes a new cluster, and runs initial.sh
  fi
  echo "$NODE waits for $PEER"
  sleep 1
done
exec "${ENTRYPOINT:-docker-entrypoint.sh}" postgres "$@"
