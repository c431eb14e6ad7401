#!/usr/bin/env bash
# A real pg_auto_failover cluster on loopback: a monitor and three nodes, its defaults. See common.sh for the verbs.
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

packages="postgresql-15-auto-failover pg-auto-failover-cli" programs="pg_autoctl psql" others=monitor

prepare() {
  read -r p0 p1 p2 p3 < <(free_ports 4)
  echo "postgres://autoctl_node@127.0.0.1:$p0/pg_auto_failover" >"$dir/monitor_url"
  write_urls synapse "$p1" "$p2" "$p3"
  mkdir -p "$dir/run"
  chmod 700 "$dir/run"
}

# Its files go beside the data, not into a home directory.
autoctl() (
  export XDG_DATA_HOME=$dir/share XDG_CONFIG_HOME=$dir/config XDG_RUNTIME_DIR=$dir/run
  as_postgres pg_autoctl "$@"
)

agent_of() (
  export XDG_DATA_HOME=$dir/share XDG_CONFIG_HOME=$dir/config XDG_RUNTIME_DIR=$dir/run
  launch "$1" pg_autoctl run --pgdata "$dir/$1"
)

up() {
  local common=(--hostname 127.0.0.1 --auth trust --no-ssl)
  autoctl create monitor --pgdata "$dir/monitor" --pgport "$p0" "${common[@]}" >>"$dir/monitor.log" 2>&1
  agent_of monitor
  patiently psql_at "$(cat "$dir/monitor_url")" "SELECT 1"
  local ports=("$p1" "$p2" "$p3") superuser=postgres://postgres@127.0.0.1:$p1/postgres
  for number in 1 2 3; do
    # Not --run: the agent shall look the same whenever it is started.
    autoctl create postgres --pgdata "$dir/node$number" --pgport "${ports[number - 1]}" --name "node$number" \
      --monitor "$(cat "$dir/monitor_url")" "${common[@]}" >>"$dir/node$number.log" 2>&1
    agent_of "node$number"
    [ "$number" != 1 ] || roles
  done
  patiently both_stream "$superuser"
}

# Not by --username, which would make a user that may cancel others. In the locale C, pg_autoctl makes a server whose databases are SQL_ASCII.
roles() {
  patiently psql_at "$superuser" "SELECT 1"
  psql -qX "$superuser" -c "$database_role" \
    -c "CREATE DATABASE synapse OWNER synapse ENCODING 'UTF8' LOCALE 'C' TEMPLATE template0"
  psql -qX "${superuser%/postgres}/synapse" -c "$grant"
}

# A base backup waits for a checkpoint.
both_stream() {
  psql_at "$1" CHECKPOINT && [ "$(ask node1 "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'")" = 2 ]
}

list() { autoctl show state --pgdata "$dir/monitor"; }

# Every node has reached the state that it was told to.
settled() {
  autoctl show state --json --pgdata "$dir/monitor" 2>/dev/null | python3 -c '
import json, sys
nodes = json.load(sys.stdin)
sys.exit(not all(n["current_group_state"] == n["assigned_group_state"] and n["health"] == 1 for n in nodes))'
}

switchover() { autoctl perform switchover --pgdata "$dir/monitor" >/dev/null 2>&1; }

maintain() {
  autoctl enable maintenance --allow-failover --pgdata "$dir/$1" >/dev/null 2>&1
  sleep 3
  autoctl disable maintenance --pgdata "$dir/$1" >/dev/null 2>&1
}

# It mends itself while its agent runs.
revive() { [ -n "$(agents "$1")" ] || agent_of "$1"; }

run_verb
