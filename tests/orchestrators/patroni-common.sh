# What the clusters of Patroni have in common. Sourced, after common.sh. Each script sets `synchronous_mode`, `etcd_hosts`, and how many nodes
# confirm commits (`confirming`), and calls `prepare_accounts` and `configure`.

packages="patroni etcd-server" programs="patroni etcd patronictl psql"

# A password for all accounts, and what makes the service's account and its database when the cluster is new.
prepare_accounts() {
  password=$(od -An -N12 -tx1 /dev/urandom | tr -d ' \n')
  printf '#!/bin/sh\nexec psql -v ON_ERROR_STOP=1 "$1" -c "%s PASSWORD '"'$password'"'" -c "CREATE DATABASE synapse OWNER synapse"\n' \
    "$database_role" >"$dir/post_bootstrap"
  chmod 700 "$dir/post_bootstrap"
}

# The short times are for tests. Defaults for production: ttl 30, loop_wait 10, retry_timeout 10.
#
# ADDRESS is where the node listens, HOST by what name the others reach it.
configure() {
  local name=$1 address=$2 host=$3 port=$4 rest=$5 tags=${6:-}
  cat >"$dir/$name.yml" <<YAML
scope: synapse
name: $name
tags: {$tags}
restapi: {listen: "$address:$rest", connect_address: "$host:$rest"}
etcd3: {hosts: "$etcd_hosts"}
bootstrap:
  dcs:
    ttl: 20
    loop_wait: 2
    retry_timeout: 5
    maximum_lag_on_failover: 1048576
    synchronous_mode: $synchronous_mode
    postgresql:
      use_pg_rewind: true
      parameters: {max_connections: 100, wal_keep_size: 256MB}
  initdb: [{encoding: UTF8}, {locale: C}, data-checksums]
  post_bootstrap: $dir/post_bootstrap
postgresql:
  listen: "$address:$port"
  connect_address: "$host:$port"
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
    - host all all 127.0.0.0/8 scram-sha-256
    - host replication replicator 127.0.0.0/8 scram-sha-256
YAML
  chmod 600 "$dir/$name.yml"
}

agent_of() { launch "$1" patroni "$dir/$1.yml"; }

# With the view of the last node.
ctl() (
  local last=${nodes##* }
  view_of "$last"
  as_postgres patronictl -c "$dir/$last.yml" "$@"
)

list() { ctl list; }

members() { ctl list -f tsv 2>/dev/null | tail -n +2 || true; }

named() { members | grep -E "$1" | head -n 1 | cut -f 2; }

# The leader and all replicas, and those of them that confirm, in Patroni's eyes too: it promotes no other.
settled() {
  local now
  now=$(members)
  [ "$(grep -cE $'\t(running|streaming)\t' <<<"$now")" = "$(wc -w <<<"$nodes")" ] && grep -q $'\tLeader\t' <<<"$now" &&
    [ "$(grep -cE '(Sync|Quorum) Standby' <<<"$now")" = "$confirming" ]
}

switchover() { ctl switchover synapse --leader "$(named $'\tLeader\t')" --candidate "${1:-$(named '(Sync|Quorum) Standby')}" --force; }

# Patroni looks on while its server is restarted.
maintain() {
  ctl pause --wait synapse
  ctl restart synapse "$1" --force
  ctl resume --wait synapse
}

# It mends itself while its agent runs.
revive() { [ -n "$(agents "$1")" ] || agent_of "$1"; }
