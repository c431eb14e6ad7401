#!/bin/sh
# Makes the passwords of compose.yaml in deploy/compose/secrets, and a key for the client "shop", which it prints once. As root: Docker hands
# the files over as they are, so each belongs to the user that reads it (999 is postgres in its image, 65532 the service's).
# SYNAPSE_CORE is the program that makes the key; by default the image's.
set -eu
umask 077
cd "$(dirname "$0")"
mkdir secrets # fails where they exist: nothing is overwritten
chmod 0711 secrets
cd secrets

password() {
  od -An -N24 -tx1 /dev/urandom | tr -d ' \n'
}

url() {
  printf 'postgres://%s:%s@%s:5432/synapse' "$1" "$(cat "$2")" "$3"
}

for name in superuser owner app replication; do
  password > "$name-password"
done
url synapse_app app-password node-1 > node-1-url
url synapse_app app-password node-2 > node-2-url
url synapse_owner owner-password node-1 > owner-node-1-url
url synapse_owner owner-password node-2 > owner-node-2-url
key=$(${SYNAPSE_CORE:-docker run --rm synapse-core} key shop)
printf '%s\n' "$key" | grep -oE '[0-9a-f]{64}' > shop-key-sha256
chown 999 ./*-password
chown 65532 ./*-url shop-key-sha256
printf '%s\n' "$key"
