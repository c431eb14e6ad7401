#!/usr/bin/env bash
# A real Patroni cluster on loopback: three nodes, synchronous mode, one etcd. For tests and for trying things out.
#
#   cluster.sh start DIR                 prints one database URL a node when all three are up (about 15 s)
#   cluster.sh stop DIR                  ends every process of it; DIR can be removed afterwards
#   cluster.sh list DIR                  patronictl list
#   cluster.sh leader DIR                the name of the leader: node1, node2 or node3
#   cluster.sh complete DIR              yes: a leader, a synchronous standby and another replica are up
#   cluster.sh switchover DIR            planned: to the synchronous standby
#   cluster.sh kill DIR NODE             kill -9 of Patroni and of PostgreSQL, as if the machine were lost
#   cluster.sh revive DIR NODE           starts Patroni there again
#
# Needs the Debian packages patroni, etcd-server and postgresql (apt-get install patroni etcd-server). DIR must be reachable by the
# account `postgres`, such as /dev/shm/patroni.
set -euo pipefail

verb=${1:-} dir=${2:-} node=${3:-}
[ -n "$dir" ] || { sed -n '2,/^set /s/^# \{0,1\}//p' "$0"; exit 2; }
nodes="node1 node2 node3"

# Becomes the program. PostgreSQL and Patroni refuse to run as root.
as_postgres() {
  cd "$dir"
  export HOME=$dir LC_ALL=C
  if [ "$(id -u)" = 0 ]; then exec setpriv --reuid=postgres --regid=postgres --init-groups "$@"; fi
  exec "$@"
}

# Starts a program of the cluster in the background, in a session of its own, and notes its process id.
launch() {
  local name=$1
  shift
  as_postgres setsid "$@" >>"$dir/$name.log" 2>&1 </dev/null &
  echo $! >"$dir/$name.pid"
}

# A process id may have been given to a stranger since.
kill_program() {
  local pid
  pid=$(cat "$dir/$1.pid" 2>/dev/null) || return 0
  ! grep -qs "$dir" "/proc/$pid/cmdline" || kill -9 "$pid"
  rm -f "$dir/$1.pid"
}

# The processes that work in a node's data directory: the postmaster and all its children.
servers() { find /proc/[0-9]*/cwd -maxdepth 0 -lname "$dir/$1" -printf '%h\n' 2>/dev/null | sed 's|/proc/||' || true; }

kill_node() {
  kill_program "$1"
  local left
  while left=$(servers "$1") && [ -n "$left" ]; do
    kill -9 $left 2>/dev/null || true
  done
}

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
  for program in patroni etcd patronictl; do
    command -v "$program" >/dev/null || { echo "no $program: apt-get install patroni etcd-server" >&2; exit 3; }
  done
  bin_dir=$(ls -d /usr/lib/postgresql/*/bin | sort -V | tail -1)
  password=$(od -An -N12 -tx1 /dev/urandom | tr -d ' \n')
  # All at once, so that they differ.
  read -r etcd_port etcd_peer p1 p2 p3 r1 r2 r3 < <(python3 -c '
import socket
sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(8)]
print(*(s.getsockname()[1] for s in sockets))')
  mkdir -p "$dir"
  printf '#!/bin/sh\nexec psql -v ON_ERROR_STOP=1 "$1" -c "CREATE ROLE synapse LOGIN PASSWORD '"'$password'"' IN ROLE pg_read_all_stats" -c "CREATE DATABASE synapse OWNER synapse"\n' >"$dir/post_bootstrap"
  chmod 700 "$dir/post_bootstrap"
  configure node1 "$p1" "$r1"
  configure node2 "$p2" "$r2"
  configure node3 "$p3" "$r3"
  chmod 600 "$dir"/*.yml
  for port in $p1 $p2 $p3; do echo "postgres://synapse:$password@127.0.0.1:$port/synapse"; done >"$dir/urls"
  [ "$(id -u)" != 0 ] || chown -R postgres: "$dir"
}

ctl() (as_postgres patronictl -c "$dir/node1.yml" "$@")

members() { ctl list -f tsv 2>/dev/null | tail -n +2 || true; }

# The leader and both replicas, one of them synchronous.
is_complete() {
  local now
  now=$(members)
  [ "$(grep -cE $'\t(running|streaming)\t' <<<"$now")" = 3 ] && grep -q $'\tLeader\t' <<<"$now" && grep -q 'Sync Standby' <<<"$now"
}

start() {
  prepare
  launch etcd etcd --data-dir "$dir/etcd" --log-level warn --logger zap \
    --listen-client-urls "http://127.0.0.1:$etcd_port" --advertise-client-urls "http://127.0.0.1:$etcd_port" \
    --listen-peer-urls "http://127.0.0.1:$etcd_peer" --initial-advertise-peer-urls "http://127.0.0.1:$etcd_peer" \
    --initial-cluster "default=http://127.0.0.1:$etcd_peer"
  for name in $nodes; do launch "$name" patroni "$dir/$name.yml"; done
  for _ in $(seq 90); do
    ! is_complete || { cat "$dir/urls"; return; }
    sleep 1
  done
  echo "the cluster did not come up; see $dir/*.log" >&2
  members >&2
  stop
  exit 1
}

stop() {
  for name in $nodes; do kill_node "$name"; done
  kill_program etcd
}

named() { members | grep "$1" | cut -f 2; }

case $verb in
  start) start ;;
  stop) stop ;;
  list) ctl list ;;
  leader) named $'\tLeader\t' || true ;;
  complete) ! is_complete || echo yes ;;
  switchover) ctl switchover synapse --leader "$(named $'\tLeader\t')" --candidate "$(named 'Sync Standby')" --force ;;
  kill) kill_node "${node:?which node?}" ;;
  revive) launch "${node:?which node?}" patroni "$dir/$node.yml" ;;
  *) echo "unknown verb $verb" >&2; exit 2 ;;
esac
