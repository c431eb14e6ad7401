//! A client that follows docs/clients: it repeats the identical request until the answer is final.

use super::checker::contents;
use super::stage::{Stage, count};
use rand::Rng;
use serde_json::Value;
use std::time::{Duration, Instant};
use ureq::Agent;

/// Longer than the default write deadline, so that the service answers first.
const ANSWER_PATIENCE: Duration = Duration::from_secs(30);
/// A request that is still without a final answer after this time has failed.
const PATIENCE: Duration = Duration::from_secs(60);
const FIRST_BACKOFF: Duration = Duration::from_millis(50);
const LONGEST_BACKOFF: Duration = Duration::from_secs(2);

pub struct Client<'s> {
    pub stage: &'s Stage<'s>,
    agent: Agent,
}

pub struct Request {
    path: String,
    header: Option<(&'static str, String)>,
    /// The body of a create, whose header is its key.
    body: Option<String>,
}

impl Request {
    /// Always the same request for the same number.
    pub fn create(stage: &Stage, number: u64) -> Request {
        Request {
            path: "/transactions".to_owned(),
            header: Some(("Idempotency-Key", stage.key(number))),
            body: Some(contents(&stage.run, number).to_string()),
        }
    }

    pub fn read(path: String) -> Request {
        Request {
            path,
            header: None,
            body: None,
        }
    }

    pub fn with_token(self, token: &str) -> Request {
        Request {
            header: Some(("X-Consistency-Token", token.to_owned())),
            ..self
        }
    }
}

pub struct Answer {
    pub status: u16,
    pub is_replay: bool,
    pub token: String,
    retry_after: Duration,
    pub body: String,
}

impl Answer {
    /// Null if the body is not JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }

    /// The status and the beginning of the body, which may be long.
    pub fn quoted(&self) -> String {
        let body: String = self.body.chars().take(300).collect();
        format!("{} {body}", self.status)
    }

    fn is_to_be_repeated(&self) -> bool {
        match self.status {
            429 | 503 => true,
            409 => self.json()["code"] == "idempotency_request_in_progress",
            _ => false,
        }
    }
}

impl<'s> Client<'s> {
    pub fn new(stage: &'s Stage<'s>) -> Client<'s> {
        Client {
            stage,
            agent: agent(ANSWER_PATIENCE),
        }
    }

    /// Repeats on a network error, 429, 503 and 409 `idempotency_request_in_progress`, with exponential backoff and full jitter. Err: the
    /// last error or answer.
    pub fn ask(&self, request: &Request) -> Result<Answer, String> {
        let (begun, mut longest) = (Instant::now(), FIRST_BACKOFF);
        loop {
            let answer = self.try_once(request);
            let (cause, wait) = match answer {
                Ok(answer) if answer.is_to_be_repeated() => (answer.quoted(), answer.retry_after),
                Ok(answer) => return Ok(answer),
                Err(error) => (error.to_string(), Duration::ZERO),
            };
            let backoff = rand::rng().random_range(Duration::ZERO..=longest);
            longest = (longest * 2).min(LONGEST_BACKOFF);
            if begun.elapsed() > PATIENCE || self.stage.stop.breaks_off_within(wait + backoff) {
                return Err(cause);
            }
            count(&self.stage.tally.repeated);
        }
    }

    /// Does not repeat: for what is asked again anyway.
    pub fn try_once(&self, request: &Request) -> Result<Answer, ureq::Error> {
        let url = format!("{}{}", self.stage.service, request.path);
        let header = request.header.as_ref();
        let mut answer = match &request.body {
            Some(body) => {
                let post = header
                    .into_iter()
                    .fold(self.agent.post(url), |post, it| post.header(it.0, &it.1));
                post.content_type("application/json").send(body)?
            }
            None => {
                let get = header
                    .into_iter()
                    .fold(self.agent.get(url), |get, it| get.header(it.0, &it.1));
                get.call()?
            }
        };
        let header = |name| answer.headers().get(name)?.to_str().ok().map(str::to_owned);
        let retry_after = header("Retry-After").and_then(|seconds| seconds.parse().ok());
        Ok(Answer {
            status: answer.status().as_u16(),
            is_replay: header("Idempotent-Replayed").is_some_and(|is| is == "true"),
            token: header("X-Consistency-Token").unwrap_or_default(),
            retry_after: Duration::from_secs(retry_after.unwrap_or(0)).min(PATIENCE),
            body: answer.body_mut().read_to_string()?,
        })
    }
}

pub fn agent(patience: Duration) -> Agent {
    Agent::config_builder()
        .timeout_global(Some(patience))
        .http_status_as_error(false)
        .proxy(None)
        .build()
        .into()
}
