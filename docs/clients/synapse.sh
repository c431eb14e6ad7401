#!/usr/bin/env bash
# A client of synapse-core that does the retry right: bash and curl.
#
#   bash synapse.sh http://127.0.0.1:3000 payment-17 '{"stellar_account":"G…","amount":"100.50","asset_code":"USDC"}'
#
# payment-17 is the file in which the key is kept, and then the token. Run again, after a crash or an exit status of 75, with the same file
# and the same body, it goes on where it was: there is one transaction. SYNAPSE_KEY, where it is set, is the key of a client of the service.
set -euo pipefail

url=$1 kept=$2 body=$3
first_backoff_ms=100 longest_backoff_ms=10000 patience_s=300
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
authorization=()
if [ -n "${SYNAPSE_KEY:-}" ]; then
  (umask 077 && printf 'Authorization: Bearer %s\n' "$SYNAPSE_KEY" >"$dir/authorization") # not an argument, which everybody can see
  authorization=(-H "@$dir/authorization")
fi

# Repeats the identical request until its answer is one to keep: a 2xx, or a 4xx that no repetition changes. The arguments are curl's.
ask() {
  local status retry_after backoff_ms=$first_backoff_ms end=$((SECONDS + patience_s)) wait_ms
  while true; do
    # An answer that breaks off is none: whether the write was applied is not known, and the same key asks.
    : >"$dir/head"
    status=$(curl -s --max-time 30 -o "$dir/body" -D "$dir/head" -w '%{http_code}' ${authorization[@]+"${authorization[@]}"} "$@") || status=000
    case $status in
      2??) return 0 ;;
      000 | 429 | 5??) ;; # a bug (500), or a proxy on the way (502, 504): the outcome is not known
      409) grep -q '"code":"idempotency_request_in_progress"' "$dir/body" || break ;;
      *) break ;;
    esac
    if ((SECONDS >= end)); then
      echo "no answer to keep within $patience_s s: run this again, with the same file" >&2
      exit 75
    fi
    # At least what the service asks for, and full jitter: clients that failed together do not come back together.
    retry_after=$(header Retry-After)
    [[ $retry_after =~ ^[0-9]+$ ]] || retry_after=0
    wait_ms=$((retry_after * 1000 + RANDOM % (backoff_ms + 1)))
    sleep "$((wait_ms / 1000)).$(printf '%03d' $((wait_ms % 1000)))"
    backoff_ms=$((backoff_ms * 2 > longest_backoff_ms ? longest_backoff_ms : backoff_ms * 2))
  done
  echo "refused: $(cat "$dir/body")" >&2
  exit 1
}

# Of the last answer.
header() {
  tr -d '\r' <"$dir/head" | awk -v name="$1:" 'tolower($1) == tolower(name) { print $2 }'
}

# The key is made once, and on the disk before anybody hears of it.
if [ ! -s "$kept" ]; then
  cat /proc/sys/kernel/random/uuid >"$kept.new" 2>/dev/null || uuidgen >"$kept.new"
  sync "$kept.new"
  mv "$kept.new" "$kept"
fi
key=$(head -n 1 "$kept")

ask "$url/transactions" -H "Idempotency-Key: $key" -H 'Content-Type: application/json' --data-raw "$body"
id=$(sed 's/.*"id":"\([^"]*\)".*/\1/' "$dir/body")
token=$(header X-Consistency-Token)
printf '%s\n%s\n' "$key" "$token" >"$kept.new"
mv "$kept.new" "$kept"

# With the token the answer is never older than the write, whichever server gives it.
ask "$url/transactions/$id" -H "X-Consistency-Token: $token"
status=$(sed 's/.*"status":"\([^"]*\)".*/\1/' "$dir/body")
echo "$id $status $(header X-Read-Consistency)"
