//! An ordinary HTTP client, and answers that are easy to look into.

use super::document::DOCUMENT;
use reqwest::blocking::Client;
use reqwest::header::{CONTENT_TYPE, HeaderMap};
use reqwest::{Certificate, Method};
use serde_json::Value;
use std::sync::LazyLock;
use std::time::Duration;

pub type Headers<'a> = &'a [(&'a str, &'a str)];

static CLIENT: LazyLock<Client> = LazyLock::new(new_client);

/// With connections of its own.
pub fn new_client() -> Client {
    // Fails where it was done before.
    drop(rustls::crypto::ring::default_provider().install_default());
    let ca = Certificate::from_pem(include_bytes!("../tls/ca.pem")).unwrap();
    Client::builder()
        .add_root_certificate(ca)
        .tls_info(true)
        .timeout(Duration::from_secs(30))
        // A connection that the service may be about to close is not used.
        .pool_idle_timeout(Duration::from_secs(30))
        .build()
        .unwrap()
}

#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub text: String,
}

/// The answer is held against the OpenAPI document.
#[track_caller]
pub fn send(
    method: Method,
    url: &str,
    headers: Headers,
    body: Option<Vec<u8>>,
) -> reqwest::Result<Answer> {
    let mut request = CLIENT.request(method.clone(), url);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    if let Some(body) = &body {
        if !headers
            .iter()
            .any(|(name, _)| name.eq_ignore_ascii_case("content-type"))
        {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        request = request.body(body.clone());
    }
    let response = request.send()?;
    let (status, headers_of) = (response.status().as_u16(), response.headers().clone());
    let media_type = headers_of.get(CONTENT_TYPE);
    // A stream of events has no end: [`super::Download`] reads it.
    let is_endless = media_type.is_some_and(|media_type| media_type == "text/event-stream");
    let answer = Answer {
        status,
        text: if is_endless {
            String::new()
        } else {
            response.text()?
        },
        headers: headers_of,
    };
    DOCUMENT.check(&method, url, headers, body.as_deref(), &answer);
    Ok(answer)
}

impl Answer {
    #[track_caller]
    pub fn expect(self, status: u16) -> Answer {
        assert_eq!(self.status, status, "{} {:#?}", self.text, self.headers);
        self
    }

    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// Empty where there is none.
    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    #[track_caller]
    pub fn id(&self) -> String {
        self.text_at("/id")
    }

    #[track_caller]
    pub fn text_at(&self, pointer: &str) -> String {
        let json = self.json();
        json.pointer(pointer)
            .and_then(Value::as_str)
            .unwrap_or_else(|| panic!("no text at {pointer} of {json}"))
            .to_owned()
    }

    /// Names the version and the write that made it: `"1-5f2c9a"`.
    #[track_caller]
    pub fn etag(&self) -> String {
        let etag = self.header("ETag");
        assert!(is_etag(etag), "{etag} of {self:?}");
        etag.to_owned()
    }

    pub fn token(&self) -> &str {
        self.header("X-Consistency-Token")
    }

    pub fn is_replicated(&self) -> bool {
        self.header("X-Durability").starts_with("replicated")
    }

    /// Where a write is, as far as it says so: `replicated; regions="eu,us"`.
    pub fn durable_in(&self) -> Vec<String> {
        let said = self.header("X-Durability").split_once("regions=\"");
        let names = said.map_or("", |(_, names)| names.trim_end_matches('"'));
        let names = names.split(',').filter(|name| !name.is_empty());
        names.map(str::to_owned).collect()
    }

    /// Empty where it does not say.
    pub fn served_in(&self) -> &str {
        self.header("X-Served-By-Region")
    }

    pub fn served_by(&self) -> &str {
        self.header("X-Served-By")
    }

    /// A problem of this status and code, complete and well formed.
    #[track_caller]
    pub fn problem(self, status: u16, code: &str) -> Answer {
        let answer = self.expect(status);
        assert_eq!(
            answer.header("Content-Type"),
            "application/problem+json",
            "{}",
            answer.text
        );
        let problem = answer.json();
        assert_eq!(problem["code"], code, "{problem}");
        assert_eq!(problem["status"], status);
        assert_eq!(
            problem["type"],
            format!("/problems/{}", code.replace('_', "-"))
        );
        assert_eq!(problem["request_id"], answer.header("X-Request-Id"));
        for (member, is_right) in [
            ("title", Value::is_string as fn(&Value) -> bool),
            ("detail", Value::is_string),
        ] {
            assert!(is_right(&problem[member]), "{member} of {problem}");
        }
        assert!(
            problem["instance"]
                .as_str()
                .is_some_and(|path| path.starts_with('/')),
            "{problem}"
        );
        assert!(problem["retryable"].is_boolean(), "{problem}");
        if status == 503 {
            assert!(
                answer.headers.contains_key("Retry-After") && problem["retryable"] == true,
                "{answer:?}"
            );
            assert!(
                problem["outcome"] == "not_applied" || problem["outcome"] == "unknown",
                "{problem}"
            );
        }
        answer
    }

    /// Pointer and code of each violation.
    #[track_caller]
    pub fn violations(&self) -> Vec<(String, String)> {
        let json = self.json();
        let errors = json["errors"]
            .as_array()
            .unwrap_or_else(|| panic!("no errors in {json}"));
        let text = |error: &Value, key: &str| error[key].as_str().unwrap().to_owned();
        assert!(
            errors.iter().all(|error| error["detail"].is_string()),
            "{json}"
        );
        errors
            .iter()
            .map(|error| (text(error, "pointer"), text(error, "code")))
            .collect()
    }
}

/// A number and six characters of what made it, in quotes.
fn is_etag(text: &str) -> bool {
    let tag = text
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'));
    let parts = tag.and_then(|tag| tag.split_once('-'));
    parts.is_some_and(|(version, write)| {
        version.parse::<u32>().is_ok()
            && write.len() == 6
            && write.bytes().all(|b| b.is_ascii_alphanumeric())
    })
}
