//! What an anchor sends: Standard Webhooks 1.0.

use super::{Answer, App};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use serde_json::Value;
use sha2::Sha256;
use std::time::{SystemTime, UNIX_EPOCH};

/// Two sources, of which the first is rotating its secret.
pub const SOURCES: &str = r#"[
    { name = "anchor", owner = "default", secrets = ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcY"] },
    { name = "other", owner = "somebody-else", secrets = ["whsec_ZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZm"] },
]"#;

pub const SECRET: &str = "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
pub const SECOND_SECRET: &str = "AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcY";
pub const SECRET_OF_ANOTHER: &str = "ZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZm";

/// A callback before it is sent.
#[derive(Clone)]
pub struct Webhook {
    pub id: String,
    pub timestamp: String,
    pub signature: String,
    pub body: Vec<u8>,
}

pub fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(since.as_secs()).unwrap()
}

impl Webhook {
    /// Signed now.
    pub fn new(id: &str, body: &Value) -> Webhook {
        Webhook::at(id, now(), body)
    }

    pub fn at(id: &str, timestamp: i64, body: &Value) -> Webhook {
        Webhook::signed(
            id,
            &timestamp.to_string(),
            body.to_string().as_bytes(),
            SECRET,
        )
    }

    pub fn signed(id: &str, timestamp: &str, body: &[u8], secret: &str) -> Webhook {
        let key = STANDARD.decode(secret).unwrap();
        let mut mac = Hmac::<Sha256>::new_from_slice(&key).unwrap();
        mac.update(format!("{id}.{timestamp}.").as_bytes());
        mac.update(body);
        let signature = STANDARD.encode(mac.finalize().into_bytes());
        Webhook {
            id: id.to_owned(),
            timestamp: timestamp.to_owned(),
            signature: format!("v1,{signature}"),
            body: body.to_vec(),
        }
    }

    #[track_caller]
    pub fn send(&self, app: &App) -> Answer {
        self.send_to(app, "/callback")
    }

    #[track_caller]
    pub fn send_to(&self, app: &App, path: &str) -> Answer {
        app.post_bytes(path, &self.headers(), &self.body)
    }

    pub fn headers(&self) -> [(&str, &str); 3] {
        [
            ("webhook-id", &self.id),
            ("webhook-timestamp", &self.timestamp),
            ("webhook-signature", &self.signature),
        ]
    }
}
