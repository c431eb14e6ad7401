# What the scripts of the orchestrators have in common: some nodes on loopback (node1, node2 and node3, if the script does not name
# others), each with an agent (the program of the orchestrator) and a PostgreSQL in $dir/NODE. Sourced. Verbs:
#
#   start DIR                  prints the name and the database URL of each node when all are up
#   stop DIR                   ends every process of it; DIR can be removed afterwards
#   list DIR                   what the orchestrator says of it
#   leader DIR                 the name of the leader, by what the servers say
#   complete DIR               yes: there is a leader, all others stream from it, and its commits wait for one of them
#   switchover DIR [NODE]      planned: to this standby, where the script can choose
#   maintain DIR NODE          what an operator does around work on the leader's server that takes some seconds
#   kill DIR NODE              kill -9 of agent and PostgreSQL, as if the machine were lost
#   freeze DIR NODE            both stop without a word, as on a machine that hangs; thaw DIR NODE: they go on
#   freeze-server DIR NODE     PostgreSQL alone
#   revive DIR NODE            brings it back as a standby, where the orchestrator does not do so by itself
#
# DIR must be reachable by the account `postgres`, such as /dev/shm/x. Each script defines: packages, prepare, up, agent_of, revive,
# switchover, maintain, list, and settled.
set -euo pipefail

verb=${1:-} dir=${2:-} node=${3:-}
[ -n "$dir" ] || { sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$0" "${BASH_SOURCE[0]}"; exit 2; }
[ -n "${nodes-}" ] || nodes="node1 node2 node3"
bin_dir=/usr/lib/postgresql/15/bin
database_role='CREATE ROLE synapse LOGIN IN ROLE pg_read_all_stats'
grant='GRANT EXECUTE ON FUNCTION pg_ls_waldir() TO synapse'

# Becomes the program. PostgreSQL and the agents refuse to run as root.
as_postgres() {
  cd "$dir"
  export HOME=$dir LC_ALL=C PATH=$dir/bin:$bin_dir:$PATH
  local account=()
  [ "$(id -u)" != 0 ] || account=(setpriv --reuid=postgres --regid=postgres --init-groups)
  exec "${view[@]}" "${account[@]}" "$@"
}

# A command before the program of this name, which makes it see the network in another way than this script: a script may set one.
view=()
view_of() { :; }

# Starts a program in the background, in a session of its own, and notes its process id, which is the session's too.
launch() {
  local name=$1
  shift
  (view_of "$name" && as_postgres setsid "$@") >>"$dir/$name.log" 2>&1 </dev/null &
  echo $! >"$dir/$name.pid"
}

# The processes of an agent. A process id may have been given to a stranger since.
agents() {
  local session
  session=$(cat "$dir/$1.pid" 2>/dev/null) || return 0
  ! grep -qs "$dir" "/proc/$session/cmdline" || ps -o pid= -s "$session" || true
}

# The processes that work in a node's data directory: the postmaster and all its children.
servers() { find /proc/[0-9]*/cwd -maxdepth 0 -lname "$dir/$1" -printf '%h\n' 2>/dev/null | sed 's|/proc/||' || true; }

# A signal to all of them. Twice, for those that were just being made.
signal_node() {
  local signal=$1 name=$2 which=$3
  for _ in 1 2; do
    for program in $which; do kill "-$signal" $("$program" "$name") 2>/dev/null || true; done
  done
}

kill_node() {
  local left
  while left=$(agents "$1"; servers "$1") && [ -n "$left" ]; do
    kill -9 $left 2>/dev/null || true
  done
  rm -f "$dir/$1.pid"
}

# So many ports that are free, and differ.
free_ports() {
  python3 -c '
import socket, sys
sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(int(sys.argv[1]))]
print(*(s.getsockname()[1] for s in sockets))' "$1"
}

# The database of each node: the account, and the ports in the order of the nodes.
write_urls() {
  local account=$1 name
  shift
  for name in $nodes; do
    echo "$name postgres://$account@127.0.0.1:$1/synapse"
    shift
  done >"$dir/urls"
}

url() { sed -n "s/^$1 //p" "$dir/urls"; }

psql_at() { PGCONNECT_TIMEOUT=2 timeout 5 psql -qAtX -v ON_ERROR_STOP=1 "$1" -c "$2" 2>/dev/null; }

# Nothing where it does not answer.
ask() { psql_at "$(url "$1")" "$2" || true; }

# Until it succeeds.
patiently() {
  for _ in $(seq 300); do
    ! "$@" >/dev/null || return 0
    sleep 0.2
  done
  echo "in vain: $*" >&2
  exit 1
}

# Where more than one is writable, the one on the highest timeline.
leader() {
  local timeline="SELECT ('x' || substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8))::bit(32)::int WHERE NOT pg_is_in_recovery()"
  for name in $nodes; do echo "$(ask "$name" "$timeline") $name"; done | sed -n '/^[0-9]/p' | sort -n | tail -1 | cut -d ' ' -f 2
}

standbys() { echo $(($(wc -w <<<"$nodes") - 1)); }

is_complete() {
  local leads
  leads=$(leader)
  [ -n "$leads" ] && [ "$(ask "$leads" "SELECT count(*) = $(standbys) AND bool_or(sync_state IN ('sync', 'quorum'))
    AND current_setting('default_transaction_read_only') = 'off' FROM pg_stat_replication WHERE state = 'streaming'")" = t ] && settled
}

start() {
  [ -z "$(missing_programs)" ] || { echo "missing: $(missing_programs); apt-get install $packages" >&2; exit 3; }
  mkdir -p "$dir/bin"
  prepare
  [ "$(id -u)" != 0 ] || chown -R postgres: "$dir"
  up
  for _ in $(seq 120); do
    ! is_complete || { cat "$dir/urls"; return; }
    sleep 1
  done
  echo "the cluster did not come up; see $dir/*.log" >&2
  list >&2 || true
  stop
  exit 1
}

missing_programs() {
  for program in $programs; do PATH=$bin_dir:$PATH command -v "$program" >/dev/null || echo -n "$program "; done
}

stop() {
  for name in $nodes $others; do kill_node "$name"; done
}

run_verb() {
  case $verb in
    start | stop | list | leader) "$verb" ;;
    switchover) switchover "$node" ;;
    complete) ! is_complete || echo yes ;;
    maintain | revive) "$verb" "${node:?which node?}" ;;
    kill) kill_node "${node:?which node?}" ;;
    freeze) signal_node STOP "${node:?which node?}" "agents servers" ;;
    freeze-server) signal_node STOP "${node:?which node?}" servers ;;
    thaw) signal_node CONT "${node:?which node?}" "servers agents" ;;
    *) echo "unknown verb $verb" >&2; exit 2 ;;
  esac
}
