//! `synapse-core demo`: a load that survives kills of the primary, and the verdict of its checker.

use crate::support::room::Dir;
use crate::support::wait::s;
use crate::support::{Launch, eventually};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fs;
use std::process::Child;

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

/// A demo that is under way. It starts PostgreSQL, kills it and reads everything back, so it may take its time.
struct Demo {
    launch: Launch,
    child: Child,
}

impl Demo {
    fn start(launch: Launch, options: &[&str]) -> Demo {
        let arguments: Vec<&str> = ["demo"].iter().chain(options).copied().collect();
        let child = launch.spawn(&arguments);
        Demo { launch, child }
    }

    fn told(&self) -> String {
        let file = |name| fs::read_to_string(self.launch.dir().join(name)).unwrap_or_default();
        file("stdout") + &file("stderr")
    }

    /// Its exit status, and what it told.
    fn ended(mut self) -> (Option<i32>, String) {
        let mut status = None;
        eventually(s(240), "the demo has ended", || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        (status.unwrap().code(), self.told())
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        let _ = (self.child.kill(), self.child.wait());
    }
}

#[test]
fn the_demo_kills_the_primary_under_load_and_its_verdict_is_clean() {
    let data = Dir::new("demo");
    let demo = Demo::start(launch(&data), &["--seconds", "12", "--kill-every", "3"]);
    let (status, told) = demo.ended();
    assert_eq!(status, Some(0), "{told}");
    for part in [
        "databases of its own",
        "/dashboard",
        " was killed",
        "has taken over on timeline 2",
    ] {
        assert!(told.contains(part), "{part} in {told}");
    }
    let (_, verdict) = told.split_once("Verdict after").expect(&told);
    for part in ["lost 0, doubled 0, wrong 0", "stale 0", "Clean: "] {
        assert!(verdict.contains(part), "{part} in {verdict}");
    }
    let written = number_after(verdict, "acknowledged");
    assert!(written > 50, "{verdict}");
    assert_eq!(number_after(verdict, "read back"), written, "{verdict}");
    assert!(number_after(verdict, "timeline") >= 2, "{verdict}");
    assert!(number_after(verdict, "reads with a token") > 0, "{verdict}");
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
    let demo = Demo::start(launch(&data), &[]);
    eventually(s(120), "the load has begun", || {
        demo.told().contains("end it: Ctrl-C")
    });
    let pid = Pid::from_raw(i32::try_from(demo.child.id()).unwrap());
    kill(pid, Signal::SIGINT).unwrap();
    let (status, told) = demo.ended();
    assert_eq!(status, Some(0), "{told}");
    assert!(told.contains("Clean: "), "{told}");
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
