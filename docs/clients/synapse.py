#!/usr/bin/env python3
"""A client of synapse-core that does the retry right: Python 3.8 or newer, its standard library alone.

    python3 synapse.py http://127.0.0.1:3000 payment-17 '{"stellar_account":"G…","amount":"100.50","asset_code":"USDC"}'

payment-17 is the file in which the key is kept, and then the token. Run again, after a crash or an exit status of 75, with the same file
and the same body, it goes on where it was: there is one transaction. SYNAPSE_KEY, where it is set, is the key of a client of the service.
"""

import http.client
import json
import os
import random
import sys
import time
import urllib.error
import urllib.request
import uuid

FIRST_BACKOFF_S = 0.1
LONGEST_BACKOFF_S = 10.0
PATIENCE_S = 300.0


class Refused(Exception):
    """A 4xx that no repetition changes."""


class NoAnswerYet(Exception):
    """The outcome is not known: ask again later, with the same key."""


def is_to_be_repeated(status, body):
    if status == 409:
        return b'"idempotency_request_in_progress"' in body
    return status == 429 or status >= 500  # a bug (500), or a proxy on the way (502, 504): the outcome is not known


def ask(url, headers, body=None):
    """Repeats the identical request until its answer is one to keep."""
    if "SYNAPSE_KEY" in os.environ:
        headers = {**headers, "Authorization": "Bearer " + os.environ["SYNAPSE_KEY"]}
    end, backoff_s = time.monotonic() + PATIENCE_S, FIRST_BACKOFF_S
    while True:
        retry_after_s = 0.0
        try:
            request = urllib.request.Request(url, data=body, headers=headers)
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.headers, json.load(answer)
        except urllib.error.HTTPError as error:
            problem = error.read()
            if not is_to_be_repeated(error.code, problem):
                raise Refused(problem.decode()) from error
            retry_after = error.headers.get("Retry-After", "0")
            retry_after_s = float(retry_after) if retry_after.isdecimal() else 0.0
        except (OSError, http.client.HTTPException):
            pass  # No answer, or half of one. Whether the write was applied is not known, and the same key asks.
        if time.monotonic() >= end:
            raise NoAnswerYet
        # At least what the service asks for, and full jitter: clients that failed together do not come back together.
        time.sleep(retry_after_s + random.uniform(0, backoff_s))
        backoff_s = min(backoff_s * 2, LONGEST_BACKOFF_S)


def keep(file, *lines):
    """On the disk before anybody hears of it."""
    with open(file + ".new", "w") as new:
        new.write("".join(line + "\n" for line in lines))
        new.flush()
        os.fsync(new.fileno())
    os.replace(file + ".new", file)


def kept_key(file):
    """Made once."""
    if not os.path.exists(file):
        keep(file, str(uuid.uuid4()))
    with open(file) as lines:
        return lines.readline().strip()


def main(url, file, body):
    key = kept_key(file)
    headers = {"Idempotency-Key": key, "Content-Type": "application/json"}
    answer, transaction = ask(url + "/transactions", headers, body.encode())
    token = answer["X-Consistency-Token"]
    keep(file, key, token)

    # With the token the answer is never older than the write, whichever server gives it.
    path = "/transactions/" + transaction["id"]
    answer, transaction = ask(url + path, {"X-Consistency-Token": token})
    print(transaction["id"], transaction["status"], answer["X-Read-Consistency"])


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except Refused as error:
        sys.exit("refused: %s" % error)
    except NoAnswerYet:
        print("no answer to keep within %d s: run this again, with the same file" % PATIENCE_S, file=sys.stderr)
        sys.exit(75)
