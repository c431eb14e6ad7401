// The latest transactions of an owner, as the public API tells them to whoever has a key. They hold what clients sent: every text of them is
// set as text, and never becomes markup. The key stays in its field and is gone with the page.
{
  const form = document.getElementById("transactions-form");
  const rows = document.getElementById("transactions");
  const said = document.getElementById("transactions-said");
  const field = (id) => document.getElementById(id).value.trim();

  const cell = (text, tag = "td") => {
    const element = document.createElement(tag);
    element.textContent = text ?? "–";
    return element;
  };

  const row = (of) => {
    const element = document.createElement("tr");
    const head = cell(of.created_at, "th");
    head.scope = "row";
    const memo = of.memo === null ? null : `${of.memo_type}: ${of.memo}`;
    const texts = [of.id, of.amount, of.asset_code, of.status, memo, of.anchor_transaction_id];
    element.append(head, ...texts.map((text) => cell(text)));
    return element;
  };

  const ask = async () => {
    const headers = {};
    if (field("key")) headers.Authorization = `Bearer ${field("key")}`;
    if (field("owner")) headers["X-Owner"] = field("owner");
    const response = await fetch("transactions?limit=10", { headers });
    const body = await response.json();
    if (!response.ok) throw new Error(`${response.status} ${body.code}: ${body.detail}`);
    return { found: body.data, from: response.headers.get("X-Served-By") };
  };

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    try {
      const { found, from } = await ask();
      rows.replaceChildren(...found.map(row));
      said.textContent = found.length ? `${found.length} transactions, from the ${from}.` : "There are none.";
    } catch (error) {
      rows.replaceChildren();
      said.textContent = error.message;
    }
  });
}
