//! Drives a headless Chromium through its ChromeDriver, by the WebDriver protocol of the W3C.
//!
//! The few commands that the tests need are JSON over HTTP, and an HTTP client is there already. A crate for them would bring a second
//! HTTP client and an asynchronous runtime around it.

use crate::support::eventually;
use crate::support::wait::s;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::Signal;
use reqwest::blocking::Client;
use serde_json::{Value, json};
use std::fmt::Display;
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;

/// Without the network that it would look for otherwise, and without a sandbox, which root cannot have.
const FLAGS: [&str; 10] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--force-color-profile=srgb",
    "--hide-scrollbars",
];
const DESKTOP: (u32, u32) = (1120, 1080);
const PHONE: (u32, u32) = (390, 844);

pub struct Browser {
    driver: Child,
    client: Client,
    session: String,
    _profile: TempDir,
}

impl Browser {
    pub fn start() -> Browser {
        let mut command = Command::new("chromedriver");
        command.arg("--port=0").stdout(Stdio::piped());
        // SAFETY: prctl is a system call alone.
        unsafe { command.pre_exec(|| Ok(set_pdeathsig(Signal::SIGKILL)?)) };
        let mut driver = command.spawn().expect("chromedriver is installed");
        let mut said = BufReader::new(driver.stdout.take().unwrap()).lines();
        let started = said.find_map(|line| {
            let line = line.unwrap();
            let port = line.split_once("successfully on port ")?.1;
            Some(port.trim_end_matches('.').to_owned())
        });
        let server = format!("http://127.0.0.1:{}", started.unwrap());
        // What it says later nobody reads, and it must not wait for that.
        std::thread::spawn(move || said.for_each(drop));
        let client = Client::builder().timeout(Duration::from_secs(60));
        let client = client.no_proxy().build().unwrap();
        let profile = TempDir::new().unwrap();
        let profile_flag = format!("--user-data-dir={}", profile.path().display());
        let flags: Vec<&str> = FLAGS.into_iter().chain([profile_flag.as_str()]).collect();
        let wanted = json!({"capabilities": {"alwaysMatch": {
            "browserName": "chrome",
            "goog:chromeOptions": {"args": flags},
            "goog:loggingPrefs": {"browser": "ALL"},
        }}});
        let made = post(&client, &format!("{server}/session"), &wanted);
        let id = made["sessionId"].as_str().unwrap();
        let browser = Browser {
            session: format!("{server}/session/{id}"),
            driver,
            client,
            _profile: profile,
        };
        browser.desktop();
        browser
    }

    fn command(&self, name: &str, parameters: &Value) -> Value {
        post(
            &self.client,
            &format!("{}/{name}", self.session),
            parameters,
        )
    }

    /// A command of the Chrome DevTools Protocol.
    pub fn devtools(&self, name: &str, parameters: Value) -> Value {
        self.command(
            "goog/cdp/execute",
            &json!({"cmd": name, "params": parameters}),
        )
    }

    pub fn open(&self, url: &str) {
        self.command("url", &json!({"url": url}));
    }

    /// What an expression of JavaScript is in the page, or what its promise comes to.
    #[track_caller]
    pub fn eval(&self, expression: &str) -> Value {
        let parameters =
            json!({"expression": expression, "awaitPromise": true, "returnByValue": true});
        let told = self.devtools("Runtime.evaluate", parameters);
        assert!(told["exceptionDetails"].is_null(), "{expression}: {told}");
        told["result"]["value"].clone()
    }

    /// The text of the first element that fits. Empty where there is none.
    #[track_caller]
    pub fn text(&self, selector: &str) -> String {
        let element = format!("document.querySelector({})", Value::from(selector));
        let text = self.eval(&format!("{element}?.textContent ?? ''"));
        text.as_str().unwrap().to_owned()
    }

    #[track_caller]
    pub fn until_text(&self, selector: &str, within: Duration, part: impl Display) {
        let part = part.to_string();
        let mut last = String::new();
        let what = format!("{part} in {selector}");
        let holds = crate::support::wait::holds_within(within, || {
            last = self.text(selector);
            last.contains(&part)
        });
        assert!(holds, "not within {within:?}: {what}: {last:?}");
    }

    /// As a person does it.
    #[track_caller]
    pub fn click(&self, selector: &str) {
        let element = self.element(selector);
        self.command(&format!("element/{element}/click"), &json!({}));
    }

    #[track_caller]
    pub fn type_into(&self, selector: &str, text: &str) {
        let element = self.element(selector);
        self.command(&format!("element/{element}/value"), &json!({"text": text}));
    }

    /// Without an element: to whatever has the focus.
    pub fn press(&self, key: char) {
        let key = key.to_string();
        let strokes = json!([{"type": "keyDown", "value": key}, {"type": "keyUp", "value": key}]);
        let actions = json!({"actions": [{"type": "key", "id": "keys", "actions": strokes}]});
        self.command("actions", &actions);
    }

    #[track_caller]
    fn element(&self, selector: &str) -> String {
        let found = self.command(
            "element",
            &json!({"using": "css selector", "value": selector}),
        );
        let mut ids = found.as_object().unwrap().values();
        ids.next_back().unwrap().as_str().unwrap().to_owned()
    }

    pub fn desktop(&self) {
        self.size(DESKTOP, 1);
    }

    pub fn phone(&self) {
        self.size(PHONE, 2);
    }

    fn size(&self, (width, height): (u32, u32), scale: u32) {
        let metrics = json!({"width": width, "height": height, "deviceScaleFactor": scale, "mobile": scale > 1});
        self.devtools("Emulation.setDeviceMetricsOverride", metrics);
    }

    pub fn prefer(&self, scheme: &str) {
        let features = json!([{"name": "prefers-color-scheme", "value": scheme}]);
        self.devtools("Emulation.setEmulatedMedia", json!({"features": features}));
    }

    pub fn without_scripts(&self) {
        self.devtools(
            "Emulation.setScriptExecutionDisabled",
            json!({"value": true}),
        );
    }

    /// The page as the browser has it, where scripts must not be asked.
    pub fn source(&self) -> String {
        let document = self.devtools("DOM.getDocument", json!({"depth": 0}));
        let node = json!({"nodeId": document["root"]["nodeId"]});
        let html = self.devtools("DOM.getOuterHTML", node);
        html["outerHTML"].as_str().unwrap().to_owned()
    }

    /// What is seen, as a PNG.
    pub fn picture(&self) -> Vec<u8> {
        let told = self.devtools("Page.captureScreenshot", json!({"format": "png"}));
        STANDARD.decode(told["data"].as_str().unwrap()).unwrap()
    }

    /// What the browser complained of: of the policy, for one.
    pub fn complaints(&self) -> Vec<String> {
        let log = self.command("se/log", &json!({"type": "browser"}));
        let entries = log.as_array().unwrap().iter();
        let message = |entry: &Value| entry["message"].as_str().unwrap().to_owned();
        entries.map(message).collect()
    }

    /// The page hears of changes as they happen.
    #[track_caller]
    pub fn until_live(&self) {
        eventually(s(10), "the page is live", || {
            self.text("#connection") == "live"
        });
    }
}

#[track_caller]
fn post(client: &Client, url: &str, body: &Value) -> Value {
    let answer = client.post(url).json(body).send().unwrap();
    let status = answer.status();
    let mut told: Value = answer.json().unwrap();
    assert!(status.is_success(), "{url} {body}: {told}");
    told["value"].take()
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Ends the browser too.
        drop(self.client.delete(&self.session).send());
        let _ = (self.driver.kill(), self.driver.wait());
    }
}
