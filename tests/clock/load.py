"""One client, while the clock of the service and its servers is stepped: `load.py PLACE SECONDS`."""

import http.client
import json
import re
import sys
import time
import uuid

BODY = {"stellar_account": "GA7QYNF7SOWQ3GLR2BGMZEHXAVIRZA4KVWLTJJFC7MGXUA74P7UJVSGZ", "amount": "1", "asset_code": "USDC"}
STEPS = ["+3600s", "-7200s", "+0", "+86400s", "-60s", "+0"]
place, seconds = sys.argv[1], float(sys.argv[2])


def address():
    end = time.monotonic() + 300
    while time.monotonic() < end:
        served = re.search(r"serving address=127\.0\.0\.1:(\d+)", open(f"{place}/err.log").read())
        if served:
            return int(served[1])
        time.sleep(0.1)
    sys.exit("the service does not start: " + open(f"{place}/err.log").read())


connection = http.client.HTTPConnection("127.0.0.1", address(), timeout=30)


def ask(method, path, body=None, **headers):
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request(method, path, json.dumps(body) if body else None, {"Content-Type": "application/json", **headers})
    answer = connection.getresponse()
    return answer.status, json.loads(answer.read()), answer.headers


def create(key):
    return ask("POST", "/transactions", BODY, Idempotency_Key=key)


while ask("GET", "/health")[0] != 200:
    time.sleep(0.1)
stored, failed, longest = {}, [], 0.0
end, steps = time.monotonic() + seconds, list(STEPS)
next_step = time.monotonic() + seconds / 10
while time.monotonic() < end:
    if steps and time.monotonic() > next_step:
        step, next_step = steps.pop(0), next_step + seconds / 7
        open(f"{place}/clock", "w").write(step)
        print(f"the clock is at {step} after {len(stored)} creates", flush=True)
    key, begun = str(uuid.uuid4()), time.monotonic()
    status, created, headers = create(key)
    longest = max(longest, time.monotonic() - begun)
    if status != 201:
        failed.append(created)
        continue
    path = stored[key] = headers["Location"]
    for method, path, body, wanted in [
        ("GET", path, None, {"X_Consistency_Token": headers["X-Consistency-Token"]}),
        ("PATCH", path, {"status": "processing"}, {"If_Match": headers["ETag"]}),
        ("GET", "/transactions?limit=1", None, {}),
    ]:
        status, answer, _ = ask(method, path, body, **wanted)
        if status != 200:
            failed.append(answer)

broken = 0
for key, path in stored.items():
    status, _, headers = create(key)
    broken += (status, headers["Location"], headers["Idempotent-Replayed"]) != (201, path, "true")
print(f"{len(stored)} creates, each with a read, a change and a page; {len(failed)} failed, {broken} lost or doubled, longest {longest:.2f} s")
for answer in failed[:5]:
    print(answer)
sys.exit(bool(failed or broken or len(stored) < 10))
