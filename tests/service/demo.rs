//! `synapse-core demo`: a load that survives kills of the primary, and the verdict of its checker.

use crate::support::room::Dir;
use crate::support::wait::s;
use crate::support::{Launch, eventually};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fs;

/// With a database that is configured, and that nobody may touch: it is not even there.
fn launch(data: &Dir) -> Launch {
    Launch::on(["postgres://nobody@127.0.0.1:1/none".to_owned()]).text(
        "embedded.data_dir",
        data.path().join("data").to_str().unwrap(),
    )
}

/// The number that stands before or after this word.
fn number_after(text: &str, word: &str) -> u64 {
    let rest = text
        .split_once(word)
        .unwrap_or_else(|| panic!("{word} in {text}"))
        .1;
    let digits: String = rest
        .trim_start()
        .chars()
        .take_while(char::is_ascii_digit)
        .collect();
    digits
        .parse()
        .unwrap_or_else(|_| panic!("{word} in {text}"))
}

#[test]
fn the_demo_kills_the_primary_under_load_and_its_verdict_is_clean() {
    let data = Dir::new("demo");
    let output = launch(&data)
        .run(&["demo", "--seconds", "8", "--kill-every", "2"])
        .expect(0);
    let told = &output.stdout;
    assert!(told.contains("databases of its own"), "{told}");
    assert!(told.contains("/dashboard"), "{told}");
    assert!(told.contains(" was killed"), "{told}");
    assert!(told.contains("has taken over on timeline 2"), "{told}");
    let (_, verdict) = told.split_once("Verdict after").expect(told);
    assert!(verdict.contains("lost 0, doubled 0, wrong 0"), "{verdict}");
    assert!(
        verdict.contains("stale 0") && verdict.contains("Clean"),
        "{verdict}"
    );
    let written = number_after(verdict, "acknowledged");
    assert!(written > 50, "{verdict}");
    assert_eq!(number_after(verdict, "read back"), written, "{verdict}");
    assert!(number_after(verdict, "timeline") >= 2, "{verdict}");
    assert!(
        number_after(verdict, "reads with a token") > 50,
        "{verdict}"
    );
    assert!(!told.contains('\u{1b}'), "{told}");
    // Its databases are beside those of `serve`, and go after a clean verdict.
    let left: Vec<_> = fs::read_dir(data.path().join("data"))
        .unwrap()
        .flatten()
        .collect();
    assert_eq!(left.len(), 1, "{left:?}");
    assert!(!data.path().join("data/demo/primary").exists());
}

#[test]
fn ctrl_c_ends_the_load_and_the_verdict_follows() {
    let data = Dir::new("demo");
    let launch = launch(&data);
    let mut child = launch.spawn(&["demo"]);
    let pid = Pid::from_raw(i32::try_from(child.id()).unwrap());
    let told = || fs::read_to_string(launch.dir().join("stdout")).unwrap_or_default();
    eventually(s(60), "the load has begun", || {
        told().contains("end it: Ctrl-C")
    });
    kill(pid, Signal::SIGINT).unwrap();
    let mut status = None;
    eventually(s(60), "the demo has ended", || {
        status = child.try_wait().unwrap();
        status.is_some()
    });
    assert_eq!(status.unwrap().code(), Some(0), "{}", told());
    assert!(told().contains("Clean: "), "{}", told());
}

#[test]
fn what_is_typed_wrong_starts_nothing() {
    let data = Dir::new("demo");
    for (option, value) in [
        ("--kill-every", "0"),
        ("--seconds", "0"),
        ("--clients", "1000"),
    ] {
        let output = launch(&data).run(&["demo", option, value]).expect(2);
        assert!(output.stderr.contains(option), "{}", output.stderr);
    }
    let output = launch(&data)
        .set("colour", "\"red\"")
        .run(&["demo"])
        .expect(2);
    assert!(output.stderr.contains("colour"), "{}", output.stderr);
    assert!(!data.path().join("data").exists());
}
