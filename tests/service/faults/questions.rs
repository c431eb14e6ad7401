//! What readers ask: each is one URL.

use super::board::Acknowledged;
use super::clients::Client;
use super::history::View;
use rand::Rng;
use rand::seq::IndexedRandom;

/// What is asked for, and in which way.
pub struct Question {
    pub view: View,
    pub path: String,
    /// Empty: about none in particular.
    pub id: String,
}

impl Question {
    pub fn one(id: &str) -> Question {
        Question::about(id, View::One, format!("/transactions/{id}"))
    }

    pub fn history(id: &str) -> Question {
        let path = format!("/transactions/{id}/events?limit=100");
        Question::about(id, View::History, path)
    }

    pub fn key(id: &str, key: &str) -> Question {
        let path = format!("/transactions?limit=100&idempotency_key={key}");
        Question::about(id, View::Key(key.to_owned()), path)
    }

    fn search(id: &str, filter: &str) -> Question {
        let path = format!("/transactions?{filter}");
        Question::about(id, View::Search, path)
    }

    /// Those of this load alone.
    pub fn status(client: &Client) -> Question {
        let mut rng = rand::rng();
        let statuses = ["pending", "processing", "completed", "failed"];
        let status = statuses.choose(&mut rng).copied().unwrap();
        let order = ["asc", "desc"].choose(&mut rng).copied().unwrap();
        let asset = client.board.asset();
        let path =
            format!("/transactions?status={status}&asset_code={asset}&order={order}&limit=20");
        Question::about("", View::Status(status), path)
    }

    fn about(id: &str, view: View, path: String) -> Question {
        let id = id.to_owned();
        Question { view, path, id }
    }

    /// In any of the ways in which it must be found.
    pub fn any_about(written: &Acknowledged) -> Question {
        let id = &written.id;
        match rand::rng().random_range(0..8) {
            0..3 => Question::one(id),
            3..5 => Question::history(id),
            5 => {
                let account = written.text("stellar_account").unwrap_or_default();
                Question::search(id, &format!("stellar_account={account}"))
            }
            _ => match (written.key(), written.text("anchor_transaction_id")) {
                (Some(key), _) => Question::key(id, key),
                (None, Some(anchor)) => {
                    Question::search(id, &format!("anchor_transaction_id={anchor}"))
                }
                (None, None) => Question::one(id),
            },
        }
    }
}
