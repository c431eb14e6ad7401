//! The rehearsal of docs/operation.md, "Backup and restore": the service is pointed at a restored backup.

use crate::support::wait::s;
use crate::support::{Answer, App, Cluster, Launch, ask, eventually, key, minimal};
use private_postgres::{Server, StopMode, User};
use serde_json::json;
use std::fs;

/// A base backup, taken now. Started, it recovers to its own end and begins a new timeline, as a restore to a point in time does.
fn backup(primary: &Server) -> Server {
    let backup = Server::standby_of(primary, "restored").unwrap();
    let data = backup.data_dir();
    fs::rename(data.join("standby.signal"), data.join("recovery.signal")).unwrap();
    let nothing_archived = ("restore_command", "false");
    backup.reload(&[nothing_archived]).unwrap();
    backup
}

/// As the document has it: every change has its history.
const WITHOUT_HISTORY: &str = "
    SELECT count(*)::text AS value FROM transactions t WHERE version > 1 AND NOT EXISTS (
        SELECT FROM transaction_events e WHERE e.owner = t.owner AND e.transaction_id = t.id AND e.version = t.version)";

fn with_token(app: &App, write: &Answer) -> Answer {
    let token = [("X-Consistency-Token", write.token())];
    app.get_with(&format!("/transactions/{}", write.id()), &token)
}

#[test]
fn a_restored_backup_knows_its_keys_tells_lost_writes_and_outranks_the_old_primary() {
    let cluster = Cluster::alone();
    let (kept_key, lost_key) = (key(), key());
    let app = cluster.launch().healthy();
    let kept = app.create_keyed(&kept_key, &minimal()).expect(201);
    let change = json!({"status": "processing"});
    let changed = app.patch(&kept.id(), &kept.etag(), &change).expect(200);
    let restored = backup(cluster.primary());
    let lost = app.create_keyed(&lost_key, &minimal()).expect(201);
    drop(app);
    cluster.primary().stop(StopMode::Immediate).unwrap();

    restored.start().unwrap();
    let url = restored.url(User::Application);
    eventually(s(20), "it has recovered", || {
        let checked = Launch::on([url.clone()]).run(&["check"]);
        checked.status.success() && checked.stdout.contains("timeline 2")
    });
    assert_eq!(ask(&restored, WITHOUT_HISTORY), "0");
    let urls = [url, cluster.primary().url(User::Application)];
    let app = Launch::on(urls).start();
    let again = |key: &str| app.create_keyed(key, &minimal()).expect(201);
    let replayed = again(&kept_key);
    assert_eq!(
        (replayed.id(), replayed.header("Idempotent-Replayed")),
        (kept.id(), "true")
    );
    with_token(&app, &changed).expect(200);
    with_token(&app, &lost).problem(409, "consistency_token_unknown");
    let anew = again(&lost_key);
    assert_eq!(anew.header("Idempotent-Replayed"), "false");
    assert_ne!(anew.id(), lost.id());
    assert_eq!(again(&lost_key).id(), anew.id());

    // The old primary comes back, with the write that the restored one has not.
    cluster.primary().start().unwrap();
    eventually(s(20), "the old primary is fenced", || {
        let node = app.get("/status").json()["nodes"][1].clone();
        node["state"] == "fenced" && node["cause"] == "lower_timeline"
    });
    assert_eq!(again(&lost_key).id(), anew.id());
}
