//! The latest transactions: with a key, and of whatever clients sent.

use crate::support::wait::s;
use crate::support::{Client, Cluster, Launch, full, key, with};
use crate::{Browser, is_accessible_everywhere, is_clean, patient};
use serde_json::json;

const SHOP: Client = Client::of("shop", "syn_shop", &["read", "write"]);
const BOSS: Client = Client::of("boss", "syn_boss", &["read", "admin"]);

const HOSTILE: [&str; 4] = [
    "<img src=x onerror=pwned=1>",
    "<script>pwned=1</script>",
    "\"><svg onload=pwned=1>",
    "{{7*7}}&lt;b&gt;&amp;'`",
];

#[test]
#[ignore = "needs Chromium: tests/browser/run"]
fn what_clients_sent_is_shown_as_it_is_and_never_becomes_markup() {
    let cluster = Cluster::alone();
    let spare = Launch::bare().port();
    let admin_bind = format!("127.0.0.1:{spare}");
    let launch = patient(cluster.launch()).for_clients(&[SHOP, BOSS]);
    let launch = launch.text("server.admin_bind", &admin_bind);
    let app = launch.asked_by(SHOP).start();
    for text in HOSTILE {
        let body = with(full(), "memo", text);
        let body = with(body, "anchor_transaction_id", format!("{text} {}", key()));
        let body = with(body, "metadata", json!({text: text}));
        crate::support::eventually(s(10), "it is stored", || app.create(&body).status == 201);
    }
    let browser = Browser::start();
    browser.open(&format!("http://{admin_bind}/dashboard"));
    browser.until_live();
    browser.click("#transactions-form button");
    browser.until_text("#transactions-said", s(5), "401 unauthorized");
    browser.type_into("#key", SHOP.key);
    browser.click("#transactions-form button");
    browser.until_text(
        "#transactions-said",
        s(5),
        "4 transactions, from the primary.",
    );
    let cells = browser.eval(
        "[...document.querySelectorAll('#transactions tr')].map((of) => [...of.children].map((cell) => cell.textContent))",
    );
    let rows = cells.as_array().unwrap();
    for (row, text) in rows.iter().rev().zip(HOSTILE) {
        assert_eq!(row[5], format!("text: {text}"));
        assert!(row[6].as_str().unwrap().starts_with(text), "{row}");
    }
    let markup = browser.eval("document.querySelectorAll('#transactions :not(tr, th, td)').length");
    assert_eq!(
        (markup, browser.eval("typeof pwned")),
        (0.into(), "undefined".into())
    );
    is_accessible_everywhere(&browser);
    is_another_owners_for_an_admin_alone(&browser);
    let kept = browser.eval("localStorage.length + sessionStorage.length + document.cookie.length");
    assert_eq!(kept, 0);
    let unauthorized = browser.complaints();
    let of_the_test = |it: &&String| it.contains("status of 401") || it.contains("status of 403");
    let others = unauthorized
        .iter()
        .filter(|it| !of_the_test(it) && !it.contains("favicon"));
    assert_eq!(others.count(), 0, "{unauthorized:#?}");
    is_clean(&browser);
}

fn is_another_owners_for_an_admin_alone(browser: &Browser) {
    browser.type_into("#owner", "boss");
    browser.click("#transactions-form button");
    browser.until_text("#transactions-said", s(5), "403 forbidden");
    browser
        .eval("document.getElementById('key').value = document.getElementById('owner').value = ''");
    browser.type_into("#key", BOSS.key);
    browser.click("#transactions-form button");
    browser.until_text("#transactions-said", s(5), "There are none.");
    browser.type_into("#owner", "shop");
    browser.click("#transactions-form button");
    browser.until_text("#transactions-said", s(5), "4 transactions");
}
