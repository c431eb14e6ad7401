//! The recipes of docs/clients, each run through a failover and the loss of an answer.

use crate::support::room::Dir;
use crate::support::wait::s;
use crate::support::{Cluster, Proxy, ask, eventually, minimal};
use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::{env, fs};

/// A recipe that is under way.
struct Run(Child);

impl Run {
    /// What it printed, in words.
    fn ended(mut self) -> Vec<String> {
        let mut status = None;
        eventually(s(60), "the recipe has ended", || {
            status = self.0.try_wait().unwrap();
            status.is_some()
        });
        let mut texts = [String::new(), String::new()];
        self.0
            .stdout
            .take()
            .unwrap()
            .read_to_string(&mut texts[0])
            .unwrap();
        self.0
            .stderr
            .take()
            .unwrap()
            .read_to_string(&mut texts[1])
            .unwrap();
        assert_eq!(status.unwrap().code(), Some(0), "{texts:?}");
        texts[0].split_whitespace().map(str::to_owned).collect()
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        let _ = (self.0.kill(), self.0.wait());
    }
}

fn recipe(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("docs/clients")
        .join(name)
}

/// Whether this program runs here. Where it does not, the test says so.
fn is_there(program: &str, arguments: &[&str]) -> bool {
    let mut command = Command::new(program);
    command
        .args(arguments)
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let there = command.status().is_ok_and(|status| status.success());
    if !there {
        println!(
            "SKIPPED: {program} {} does not run here",
            arguments.join(" ")
        );
    }
    there
}

/// There is no primary when the recipe begins, the answer of the first create is lost, and then it is run again.
fn goes_through_a_failover(command: impl Fn() -> Command) {
    let cluster = Cluster::pair();
    let app = cluster
        .launch()
        .set("database.write_deadline_ms", 300)
        .healthy();
    let network = Proxy::to(app.port());
    let dir = Dir::new("recipe");
    let (url, kept) = (
        format!("http://127.0.0.1:{}", network.port()),
        dir.path().join("payment"),
    );
    let run = || {
        let mut command = command();
        command.arg(&url).arg(&kept).arg(minimal().to_string());
        command.current_dir(dir.path()).stdin(Stdio::null());
        Run(command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap())
    };

    cluster.primary().kill().unwrap();
    let first = run();
    eventually(s(30), "the write was refused", || {
        app.log().contains("primary_unavailable")
    });
    network.cut_answers("POST /transactions", 1);
    cluster.replica().promote().unwrap();
    let told = first.ended();
    assert_eq!(network.cuts_left(), 0, "an answer was lost");
    assert_eq!(told[1..], ["pending", "session"], "{told:?}");

    let kept = || fs::read_to_string(&kept).unwrap();
    let [key, token] = kept()
        .lines()
        .map(str::to_owned)
        .collect::<Vec<_>>()
        .try_into()
        .unwrap();
    let found = app
        .get(&format!("/transactions?idempotency_key={key}"))
        .expect(200);
    assert_eq!(found.text_at("/data/0/id"), told[0]);
    assert!(!token.is_empty());
    assert_eq!(
        run().ended()[0],
        told[0],
        "run again, it finds its transaction"
    );
    assert!(kept().starts_with(&key));
    let count = "SELECT count(*)::text AS value FROM transactions";
    assert_eq!(ask(cluster.replica(), count), "1");
}

/// 2 says that repeating is of no use: no client goes on for ever.
fn a_refusal_is_final(command: impl Fn() -> Command) {
    let shared = crate::support::shared();
    let dir = Dir::new("recipe");
    let mut command = command();
    command
        .arg(shared.app.url(""))
        .arg(dir.path().join("payment"))
        .arg("{}");
    let key = crate::support::TENANT.key;
    let output = command.env("SYNAPSE_KEY", key).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("validation_failed"), "{said}");
}

fn is_right(command: impl Fn() -> Command) {
    a_refusal_is_final(&command);
    goes_through_a_failover(command);
}

#[test]
fn the_recipe_for_bash_and_curl_makes_one_transaction() {
    if is_there("curl", &["--version"]) && is_there("bash", &["--version"]) {
        is_right(|| {
            let mut command = Command::new("bash");
            command.arg(recipe("synapse.sh"));
            command
        });
    }
}

#[test]
fn the_recipe_for_python_makes_one_transaction() {
    if is_there(
        "python3",
        &["-c", "import sys; assert sys.version_info >= (3, 8)"],
    ) {
        is_right(|| {
            let mut command = Command::new("python3");
            command.arg(recipe("synapse.py"));
            command
        });
    }
}

#[test]
fn the_recipe_for_typescript_makes_one_transaction() {
    if !is_there("node", &["-e", "fetch"]) {
        return;
    }
    if is_there("node", &["--experimental-strip-types", "-e", ""]) {
        is_right(|| {
            let mut command = Command::new("node");
            command
                .arg("--experimental-strip-types")
                .arg(recipe("synapse.ts"));
            command
        });
        return;
    }
    println!("this Node does not read TypeScript: run without its types");
    let dir = Dir::new("recipe");
    let script = dir.path().join("synapse.mjs");
    let source = fs::read_to_string(recipe("synapse.ts")).unwrap();
    fs::write(&script, without_types(&source)).unwrap();
    is_right(|| {
        let mut command = Command::new("node");
        command.arg(&script);
        command
    });
}

/// Of a file that has interfaces, and annotations of the types named here, and no other types. Where one is left, Node says so.
fn without_types(source: &str) -> String {
    let types = [
        "Record<string, string>",
        "Promise<Answer>",
        "Promise<void>",
        "string[]",
        "string",
        "number",
        "boolean",
        "never",
        "void",
    ];
    let mut script = String::new();
    let mut in_interface = false;
    for line in source.lines() {
        in_interface |= line.starts_with("interface ");
        if !in_interface {
            let erased = types.iter().fold(line.to_owned(), |line, name| {
                [",", ")", " {"].iter().fold(line, |line, end| {
                    let annotated = [format!("?: {name}{end}"), format!(": {name}{end}")];
                    annotated
                        .iter()
                        .fold(line, |line, it| line.replace(it.as_str(), end))
                })
            });
            script.push_str(&erased);
            script.push('\n');
        }
        in_interface &= line != "}";
    }
    script
}
