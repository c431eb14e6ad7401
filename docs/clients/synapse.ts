// A client of synapse-core that does the retry right: TypeScript whose types can be erased, with Node's own fetch.
//
//   node --experimental-strip-types synapse.ts http://127.0.0.1:3000 payment-17 '{"stellar_account":"G…","amount":"100.50","asset_code":"USDC"}'
//
// (Node 22.6 or newer; from 23.6 on without the flag.) payment-17 is the file in which the key is kept, and then the token. Run again, after a
// crash or an exit status of 75, with the same file and the same body, it goes on where it was: there is one transaction. SYNAPSE_KEY, where it
// is set, is the key of a client of the service.

import { randomUUID } from "node:crypto";
import { closeSync, existsSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";

const FIRST_BACKOFF_MS = 100;
const LONGEST_BACKOFF_MS = 10_000;
const PATIENCE_MS = 300_000;

interface Answer {
  headers: Headers;
  transaction: Transaction;
}

interface Transaction {
  id: string;
  status: string;
}

/** 1: a 4xx that no repetition changes. 75: the outcome is not known, ask again later with the same key. */
function fail(exitStatus: number, message: string): never {
  console.error(message);
  process.exit(exitStatus);
}

function isToBeRepeated(status: number, body: string): boolean {
  if (status === 409) {
    return body.includes('"idempotency_request_in_progress"');
  }
  return status === 429 || status >= 500; // a bug (500), or a proxy on the way (502, 504): the outcome is not known
}

/** Repeats the identical request until its answer is one to keep. */
async function ask(url: string, headers: Record<string, string>, body?: string): Promise<Answer> {
  const key = process.env.SYNAPSE_KEY;
  const allHeaders = key ? { ...headers, Authorization: `Bearer ${key}` } : headers;
  const end = Date.now() + PATIENCE_MS;
  let backoffMs = FIRST_BACKOFF_MS;
  while (true) {
    let retryAfterMs = 0;
    try {
      const method = body === undefined ? "GET" : "POST";
      const response = await fetch(url, { method, headers: allHeaders, body, signal: AbortSignal.timeout(30_000) });
      const text = await response.text();
      if (response.ok) {
        return { headers: response.headers, transaction: JSON.parse(text) };
      }
      if (!isToBeRepeated(response.status, text)) {
        fail(1, `refused: ${text}`);
      }
      retryAfterMs = 1000 * (Number(response.headers.get("Retry-After")) || 0);
    } catch {
      // No answer, or half of one. Whether the write was applied is not known, and the same key asks.
    }
    if (Date.now() >= end) {
      fail(75, `no answer to keep within ${PATIENCE_MS / 1000} s: run this again, with the same file`);
    }
    // At least what the service asks for, and full jitter: clients that failed together do not come back together.
    await pause(retryAfterMs + Math.random() * backoffMs);
    backoffMs = Math.min(backoffMs * 2, LONGEST_BACKOFF_MS);
  }
}

/** On the disk before anybody hears of it. */
function keep(file: string, lines: string[]): void {
  const to = openSync(`${file}.new`, "w");
  writeSync(to, lines.join("\n") + "\n");
  fsyncSync(to);
  closeSync(to);
  renameSync(`${file}.new`, file);
}

/** Made once. */
function keptKey(file: string): string {
  if (!existsSync(file)) {
    keep(file, [randomUUID()]);
  }
  return readFileSync(file, "utf8").split("\n")[0];
}

async function main(url: string, file: string, body: string): Promise<void> {
  const key = keptKey(file);
  const headers = { "Idempotency-Key": key, "Content-Type": "application/json" };
  const created = await ask(`${url}/transactions`, headers, body);
  const token = created.headers.get("X-Consistency-Token") ?? "";
  keep(file, [key, token]);

  // With the token the answer is never older than the write, whichever server gives it.
  const read = await ask(`${url}/transactions/${created.transaction.id}`, { "X-Consistency-Token": token });
  console.log(read.transaction.id, read.transaction.status, read.headers.get("X-Read-Consistency"));
}

const [url, file, body] = process.argv.slice(2);
void main(url, file, body);
