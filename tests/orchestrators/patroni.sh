#!/usr/bin/env bash
# A real Patroni cluster on loopback: three nodes, synchronous mode, one etcd. See common.sh for the verbs.
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
. "$(dirname "${BASH_SOURCE[0]}")/patroni-common.sh"

others=etcd synchronous_mode=true confirming=1

prepare() {
  read -r etcd_port etcd_peer p1 p2 p3 r1 r2 r3 < <(free_ports 8)
  etcd_hosts=127.0.0.1:$etcd_port
  prepare_accounts
  configure node1 127.0.0.1 127.0.0.1 "$p1" "$r1"
  configure node2 127.0.0.1 127.0.0.1 "$p2" "$r2"
  configure node3 127.0.0.1 127.0.0.1 "$p3" "$r3"
  write_urls "synapse:$password" "$p1" "$p2" "$p3"
}

up() {
  launch etcd etcd --data-dir "$dir/etcd" --log-level warn --logger zap \
    --listen-client-urls "http://127.0.0.1:$etcd_port" --advertise-client-urls "http://127.0.0.1:$etcd_port" \
    --listen-peer-urls "http://127.0.0.1:$etcd_peer" --initial-advertise-peer-urls "http://127.0.0.1:$etcd_peer" \
    --initial-cluster "default=http://127.0.0.1:$etcd_peer"
  for name in $nodes; do agent_of "$name"; done
}

run_verb
