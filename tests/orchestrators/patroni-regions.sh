#!/usr/bin/env bash
# One real Patroni cluster over three regions: two nodes in eu, one in us, one in ap, and an etcd in each. A commit waits for one node in
# another region. See common.sh for the verbs; a region's etcd can be killed and revived by the name etcd-eu and so on.
#
# Who calls has laid the network: in $dir/hosts.REGION the address by which that region reaches each node and etcd, and in $dir/ports the
# ports of PostgreSQL, Patroni, and of etcd's clients and peers, which are the same on each address. Needs root: every program sees the
# hosts of its region as its /etc/hosts, in a mount namespace of its own. Needs Patroni 4, for the mode `quorum`, in $PATRONI_BIN:
#
#   /usr/bin/python3 -m venv /opt/patroni && /opt/patroni/bin/pip install 'patroni[etcd3]==4.1.5' 'psycopg[binary]'
nodes="eu-a eu-b us-a ap-a"
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
. "$(dirname "${BASH_SOURCE[0]}")/patroni-common.sh"

others="etcd-eu etcd-us etcd-ap"
# ANY 1 of all that may be synchronous: all but eu-b and the leader.
synchronous_mode=quorum confirming=2
PATH=${PATRONI_BIN:-/opt/patroni/bin}:$PATH
packages="etcd-server; and Patroni 4 as $0 says"
read -r port rest etcd_port etcd_peer <"$dir/ports"

# eu-a is in eu; so is etcd-eu.
region_of() {
  case $1 in
    etcd-*) echo "${1#etcd-}" ;;
    *) echo "${1%-*}" ;;
  esac
}

view_of() { view=(unshare --mount sh -c 'mount --bind "$0" /etc/hosts && exec "$@"' "$dir/hosts.$(region_of "$1")"); }

# Where it listens: the address by which its own region reaches it.
address() { awk -v name="$1" '$2 == name { print $1 }' "$dir/hosts.$(region_of "$1")"; }

prepare() {
  local name
  [ "$(id -u)" = 0 ] || { echo "needs root, for the mount namespaces" >&2; exit 3; }
  patroni --version | grep -qE '^patroni ([4-9]|[0-9]{2})' || { echo "$(patroni --version) is too old: $packages" >&2; exit 3; }
  etcd_hosts=$(printf "%s:$etcd_port," $others)
  etcd_hosts=${etcd_hosts%,}
  prepare_accounts
  # The second node of a region confirms nothing: it would be lost with the first. So whichever of the others leads, all that confirm are
  # elsewhere. It never leads itself, not even first: the first would confirm its commits then.
  for name in $nodes; do
    configure "$name" "$(address "$name")" "$name" "$port" "$rest" "$([ "$name" != eu-b ] || echo 'nosync: true, nofailover: true')"
    echo "$name postgres://synapse:$password@$(address "$name"):$port/synapse"
  done >"$dir/urls"
}

# Heartbeats come somewhat slower than the longest round trip takes, or they would queue up; and a leader counts as lost only when several of
# them are missing.
etcd_of() {
  local name=$1 at cluster=
  at=$(address "$name")
  for other in $others; do cluster+="${cluster:+,}$other=http://$other:$etcd_peer"; done
  launch "$name" etcd --name "$name" --data-dir "$dir/$name.data" --log-level warn --logger zap --heartbeat-interval 300 --election-timeout 2000 \
    --listen-client-urls "http://$at:$etcd_port" --advertise-client-urls "http://$name:$etcd_port" \
    --listen-peer-urls "http://$at:$etcd_peer" --initial-advertise-peer-urls "http://$name:$etcd_peer" \
    --initial-cluster "$cluster"
}

up() {
  for name in $others; do etcd_of "$name"; done
  for name in $nodes; do agent_of "$name"; done
}

revive() {
  [ -z "$(agents "$1")" ] || return 0
  case $1 in
    etcd-*) etcd_of "$1" ;;
    *) agent_of "$1" ;;
  esac
}

run_verb
