// A load for demonstrations: clients of the public API like any others. Each create has an idempotency key of its own, and is repeated as
// it was until it is known to be done. In the end all that was made is read back from the primary, and compared with what was acknowledged.
if (document.getElementById("demonstration")) {
  const CLIENTS = 8;
  const PAUSE_MS = 40; // so that the machine has time for the page
  const HELD_MS = 500;
  const PATIENCE_MS = 60_000;
  const MOST = 20_000;
  const button = document.getElementById("load"); // not where operators have a listener of their own
  const said = document.getElementById("demonstration-said");
  const wait = (ms) => new Promise((done) => setTimeout(done, ms));
  const show = (id, text) => (document.getElementById(`load-${id}`).textContent = text);

  const withKey = (headers) => {
    const key = document.getElementById("key").value.trim();
    return key ? { ...headers, Authorization: `Bearer ${key}` } : headers;
  };

  const randomBytes = (count) => crypto.getRandomValues(new Uint8Array(count));

  // An account that nobody else has, so that its transactions are those of this load: base32 of a version, 32 bytes and a checksum (SEP-23).
  const newAccount = () => {
    const bytes = [6 << 3, ...randomBytes(32)];
    let crc = 0;
    for (const byte of bytes) {
      crc ^= byte << 8;
      for (let bit = 0; bit < 8; bit++) crc = (crc & 0x8000 ? (crc << 1) ^ 0x1021 : crc << 1) & 0xffff;
    }
    const bits = [...bytes, crc & 0xff, crc >> 8].map((byte) => byte.toString(2).padStart(8, "0")).join("");
    return bits.match(/.{5}/g).map((five) => "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"[parseInt(five, 2)]).join("");
  };

  // The answer, whole, or null: there was none, or one that says "later". Throws what no repetition can help.
  const once = async (path, options) => {
    let response, body;
    try {
      response = await fetch(path, { ...options, signal: AbortSignal.timeout(15_000) });
      body = await response.json();
    } catch {
      return null;
    }
    if (response.ok) return body;
    if (body.retryable) return null;
    throw new Error(`${response.status} ${body.code}: ${body.detail}`);
  };

  // The identical request again, with exponential backoff and full jitter.
  const until = async (path, options) => {
    const begun = performance.now();
    for (let attempt = 0; performance.now() - begun < PATIENCE_MS; attempt++) {
      const body = await once(path, options);
      if (body) return body;
      await wait(Math.random() * Math.min(2000, 50 * 2 ** attempt));
    }
    throw new Error(`not answered within ${PATIENCE_MS / 1000} s`);
  };

  const create = async (run) => {
    const number = ++run.begun;
    const key = [...randomBytes(16)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
    const headers = withKey({ "Content-Type": "application/json", "Idempotency-Key": key });
    const memo = String(number); // tells two of one create from two creates
    const draft = { stellar_account: run.account, amount: "1.00", asset_code: "USDC", memo_type: "text", memo };
    const begun = performance.now();
    try {
      const { id } = await until("transactions", { method: "POST", headers, body: JSON.stringify(draft) });
      run.acknowledged.push(id);
    } catch (error) {
      run.failed++;
      run.problem = error.message;
    }
    const took = performance.now() - begun;
    run.longest = Math.max(run.longest, took);
    if (took > HELD_MS) run.held++;
  };

  // Not by the keys: under a key the service finds one transaction at most, so two of one create would not be seen.
  const readBack = async (run) => {
    const headers = withKey({ "X-Read-Consistency": "strong" });
    const ids = new Set();
    const memos = new Map();
    for (let cursor = ""; cursor !== null; ) {
      const page = cursor && `&cursor=${encodeURIComponent(cursor)}`;
      const { data, meta } = await until(`transactions?limit=100&stellar_account=${run.account}${page}`, { headers });
      for (const { id, memo } of data) {
        ids.add(id);
        memos.set(memo, (memos.get(memo) ?? 0) + 1);
      }
      cursor = meta.next_cursor;
    }
    const lost = run.acknowledged.filter((id) => !ids.has(id)).length;
    const doubled = [...memos.values()].filter((count) => count > 1).length;
    return { lost, doubled };
  };

  const tell = (run) => {
    show("acknowledged", run.acknowledged.length);
    show("held", run.held);
    show("longest", `${Math.round(run.longest)} ms`);
    show("failed", run.failed);
  };

  let run = null;
  const start = async () => {
    run = { account: newAccount(), begun: 0, acknowledged: [], held: 0, longest: 0, failed: 0, going: true };
    for (const id of ["lost", "doubled"]) show(id, "–");
    said.textContent = "The load is running.";
    const telling = setInterval(tell, 200, run);
    const client = async () => {
      while (run.going && run.begun < MOST) {
        await create(run);
        await wait(PAUSE_MS);
      }
    };
    await Promise.all(Array.from({ length: CLIENTS }, client));
    clearInterval(telling);
    tell(run);
    said.textContent = "Reading back what was made.";
    try {
      const { lost, doubled } = await readBack(run);
      show("lost", lost);
      show("doubled", doubled);
      const failed = run.failed ? ` ${run.failed} failed: ${run.problem}` : "";
      said.textContent = `Of ${run.acknowledged.length} acknowledged creates ${lost} are lost, and ${doubled} are doubled.${failed}`;
    } catch (error) {
      said.textContent = `It could not be read back: ${error.message}`;
    }
    run = null;
  };

  button?.addEventListener("click", async () => {
    if (run) {
      run.going = false;
      return;
    }
    button.textContent = "Stop the load";
    button.setAttribute("aria-pressed", "true");
    await start();
    button.textContent = "Start the load";
    button.setAttribute("aria-pressed", "false");
  });

  document.getElementById("kill").addEventListener("click", async () => {
    // No page of another site can send this header.
    const headers = withKey({ "X-Synapse-Dashboard": "1" });
    try {
      const response = await fetch("dashboard/kill-primary", { method: "POST", headers });
      said.textContent = response.ok ? "The primary is being killed." : `It was refused: ${response.status}.`;
    } catch {
      said.textContent = "The service did not answer.";
    }
  });
}
