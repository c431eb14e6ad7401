#!/usr/bin/env bash
# A real Patroni cluster on loopback: three nodes, synchronous mode, one etcd. See common.sh for the verbs.
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

packages="patroni etcd-server" programs="patroni etcd patronictl psql" others=etcd

# Synchronous mode; the short times are for tests. Defaults for production: ttl 30, loop_wait 10, retry_timeout 10.
configure() {
  local name=$1 port=$2 rest=$3
  cat >"$dir/$name.yml" <<YAML
scope: synapse
name: $name
restapi: {listen: "127.0.0.1:$rest", connect_address: "127.0.0.1:$rest"}
etcd3: {host: "127.0.0.1:$etcd_port"}
bootstrap:
  dcs:
    ttl: 20
    loop_wait: 2
    retry_timeout: 5
    maximum_lag_on_failover: 1048576
    synchronous_mode: true
    postgresql:
      use_pg_rewind: true
      parameters: {max_connections: 100, wal_keep_size: 256MB}
  initdb: [{encoding: UTF8}, {locale: C}, data-checksums]
  post_bootstrap: $dir/post_bootstrap
postgresql:
  listen: "127.0.0.1:$port"
  connect_address: "127.0.0.1:$port"
  data_dir: $dir/$name
  bin_dir: $bin_dir
  pgpass: $dir/$name.pgpass
  authentication:
    superuser: {username: postgres, password: $password}
    replication: {username: replicator, password: $password}
    rewind: {username: rewind, password: $password}
  # Shared memory in the data directory: what a killed server leaves in /dev/shm stays there.
  parameters: {unix_socket_directories: "", dynamic_shared_memory_type: mmap}
  basebackup: [{checkpoint: fast}]
  pg_hba:
    - host all all 127.0.0.1/32 scram-sha-256
    - host replication replicator 127.0.0.1/32 scram-sha-256
YAML
}

prepare() {
  password=$(od -An -N12 -tx1 /dev/urandom | tr -d ' \n')
  read -r etcd_port etcd_peer p1 p2 p3 r1 r2 r3 < <(free_ports 8)
  printf '#!/bin/sh\nexec psql -v ON_ERROR_STOP=1 "$1" -c "%s PASSWORD '"'$password'"'" -c "CREATE DATABASE synapse OWNER synapse"\n' \
    "$database_role" >"$dir/post_bootstrap"
  chmod 700 "$dir/post_bootstrap"
  configure node1 "$p1" "$r1"
  configure node2 "$p2" "$r2"
  configure node3 "$p3" "$r3"
  chmod 600 "$dir"/*.yml
  for port in $p1 $p2 $p3; do echo "postgres://synapse:$password@127.0.0.1:$port/synapse"; done >"$dir/urls"
}

up() {
  launch etcd etcd --data-dir "$dir/etcd" --log-level warn --logger zap \
    --listen-client-urls "http://127.0.0.1:$etcd_port" --advertise-client-urls "http://127.0.0.1:$etcd_port" \
    --listen-peer-urls "http://127.0.0.1:$etcd_peer" --initial-advertise-peer-urls "http://127.0.0.1:$etcd_peer" \
    --initial-cluster "default=http://127.0.0.1:$etcd_peer"
  for name in $nodes; do agent_of "$name"; done
}

agent_of() { launch "$1" patroni "$dir/$1.yml"; }

ctl() (as_postgres patronictl -c "$dir/node1.yml" "$@")

list() { ctl list; }

members() { ctl list -f tsv 2>/dev/null | tail -n +2 || true; }

named() { members | grep "$1" | cut -f 2; }

# The leader and both replicas, one of them synchronous, in Patroni's eyes too.
settled() {
  local now
  now=$(members)
  [ "$(grep -cE $'\t(running|streaming)\t' <<<"$now")" = 3 ] && grep -q $'\tLeader\t' <<<"$now" && grep -q 'Sync Standby' <<<"$now"
}

switchover() { ctl switchover synapse --leader "$(named $'\tLeader\t')" --candidate "$(named 'Sync Standby')" --force; }

# Patroni looks on while its server is restarted.
maintain() {
  ctl pause --wait synapse
  ctl restart synapse "$1" --force
  ctl resume --wait synapse
}

# It mends itself while its agent runs.
revive() { [ -n "$(agents "$1")" ] || agent_of "$1"; }

run_verb
