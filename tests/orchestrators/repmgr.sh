#!/usr/bin/env bash
# A real repmgr cluster on loopback: three nodes with repmgrd, ANY 1 of them synchronous. See common.sh for the verbs.
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

packages="postgresql-15-repmgr" programs="repmgr repmgrd psql" others=""

prepare() {
  read -r p1 p2 p3 < <(free_ports 3)
  write_urls synapse "$p1" "$p2" "$p3"
  # repmgr reaches other machines by ssh. Here all are this one.
  printf '#!/bin/sh\nwhile [ $# -gt 0 ]; do case $1 in -o) shift 2 ;; -*) shift ;; *) break ;; esac; done\nshift\nexec sh -c "$*"\n' >"$dir/bin/ssh"
  chmod 755 "$dir/bin/ssh"
  configure 1 "$p1"
  configure 2 "$p2"
  configure 3 "$p3"
}

# The port is in the environment, since a standby has a copy of the primary's files. reconnect_* is for tests: by default a primary is
# given up after 6 * 10 s.
configure() {
  local id=$1 port=$2
  local server="PGPORT=$port $bin_dir/pg_ctl -D $dir/node$id -l $dir/node$id.server.log -w"
  cat >"$dir/node$id.conf" <<CONF
node_id=$id
node_name='node$id'
conninfo='host=127.0.0.1 port=$port user=repmgr dbname=repmgr connect_timeout=2'
data_directory='$dir/node$id'
pg_bindir='$bin_dir'
failover=automatic
promote_command='repmgr standby promote -f $dir/node$id.conf'
follow_command='repmgr standby follow -f $dir/node$id.conf --upstream-node-id=%n'
service_start_command='$server start'
service_stop_command='$server -m fast stop'
service_restart_command='$server -m fast restart'
service_reload_command='$server reload'
monitor_interval_secs=1
reconnect_attempts=3
reconnect_interval=1
standby_disconnect_on_failover=true
primary_visibility_consensus=true
CONF
}

repmgr_at() (as_postgres repmgr -f "$dir/$1.conf" "${@:2}" >>"$dir/$1.log" 2>&1)

agent_of() { launch "$1" repmgrd -f "$dir/$1.conf" --daemonize=false --no-pid-file; }

server_of() (as_postgres sh -c "$(sed -n "s/^service_$2_command='\(.*\)'$/\1/p" "$dir/$1.conf")" >>"$dir/$1.log" 2>&1)

up() {
  (as_postgres initdb -D "$dir/node1" -A trust -U postgres -k --locale=C -E UTF8 >"$dir/node1.log")
  cat >>"$dir/node1/postgresql.conf" <<CONF
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
dynamic_shared_memory_type = mmap
shared_preload_libraries = 'repmgr'
wal_log_hints = on
wal_keep_size = 256MB
synchronous_standby_names = 'ANY 1 (node1, node2, node3)'
CONF
  server_of node1 start
  local superuser=postgres://postgres@127.0.0.1:$p1/postgres
  # Nobody follows yet: these must not wait for anybody.
  psql -qX "$superuser" -c "SET synchronous_commit = local" -c "CREATE ROLE repmgr LOGIN SUPERUSER" -c "$database_role" \
    -c "CREATE DATABASE repmgr OWNER repmgr" -c "CREATE DATABASE synapse OWNER synapse"
  psql -qX "postgres://postgres@127.0.0.1:$p1/synapse" -c "SET synchronous_commit = local" -c "$grant"
  (PGOPTIONS="-c synchronous_commit=local" repmgr_at node1 primary register)
  for name in node2 node3; do
    repmgr_at "$name" -h 127.0.0.1 -p "$p1" -U repmgr -d repmgr standby clone --fast-checkpoint
    server_of "$name" start
    repmgr_at "$name" standby register
  done
  for name in $nodes; do agent_of "$name"; done
}

list() { as_postgres repmgr -f "$dir/$(leader).conf" cluster show --compact; }

settled() { true; }

switchover() {
  local old name
  old=$(leader)
  for name in $nodes; do [ "$name" = "$old" ] || break; done
  repmgr_at "$name" standby switchover --siblings-follow
}

# repmgrd looks on while the server is restarted.
maintain() {
  repmgr_at "$1" service pause
  server_of "$1" restart
  repmgr_at "$1" service unpause
}

# repmgr leaves this to its operator: what remains of the node ends, and it follows the new leader. The checkpoint lets pg_rewind see the
# new timeline.
revive() {
  kill_node "$1"
  local leads
  leads=$(sed -n "s/^conninfo='\(.*\)'$/\1/p" "$dir/$(leader).conf")
  patiently psql_at "$leads" CHECKPOINT
  repmgr_at "$1" node rejoin --force-rewind -d "$leads"
  agent_of "$1"
}

run_verb
