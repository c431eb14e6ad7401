//! Who may ask the service, for what, and how often. Knows nothing of HTTP or of settings.

mod key;
mod limits;
mod sources;

pub use key::{KeyDigest, make};
pub use limits::{Limiter, Limits, Quota, QuotaLeft};
pub use sources::{FEWEST_BYTES, Secret, Signed, Source, Sources, signatures};

use std::sync::Arc;
use subtle::{ConditionallySelectable, ConstantTimeEq};

/// What a client may do. No scope includes another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    Read,
    Write,
    /// To see the state of the service, and to choose the owner whose transactions a request is about.
    Admin,
}

impl Scope {
    pub const ALL: [Scope; 3] = [Scope::Read, Scope::Write, Scope::Admin];

    /// As it stands in the settings and in the OpenAPI document.
    pub fn name(self) -> &'static str {
        match self {
            Scope::Read => "read",
            Scope::Write => "write",
            Scope::Admin => "admin",
        }
    }
}

/// Somebody who has keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Client {
    pub name: String,
    /// The owner whose transactions it reads and makes.
    pub owner: String,
    pub keys: Vec<KeyDigest>,
    pub scopes: Vec<Scope>,
}

impl Client {
    pub fn may(&self, scope: Scope) -> bool {
        self.scopes.contains(&scope)
    }

    /// What everybody is, if no clients are configured.
    fn anonymous() -> Client {
        Client {
            name: "anonymous".into(),
            owner: "default".into(),
            keys: Vec::new(),
            scopes: Scope::ALL.to_vec(),
        }
    }
}

/// Whether a client, an owner, a node or a region may have this name. Names go into logs and headers as they are.
pub fn is_name(text: &str) -> bool {
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
    (1..=64).contains(&text.len()) && text.bytes().all(is_plain)
}

/// All clients, found by their keys.
#[derive(Debug)]
pub struct Clients {
    keys: Vec<(KeyDigest, Arc<Client>)>,
    everybody: Option<Arc<Client>>,
}

impl Clients {
    pub fn new(clients: Vec<Client>) -> Clients {
        let everybody = clients.is_empty().then(|| Arc::new(Client::anonymous()));
        let clients = clients.into_iter().map(Arc::new);
        let keys = clients.flat_map(|client| {
            let keys = client.keys.clone();
            keys.into_iter().map(move |key| (key, client.clone()))
        });
        Clients {
            keys: keys.collect(),
            everybody,
        }
    }

    /// The client that everybody is, if no clients are configured.
    pub fn everybody(&self) -> Option<&Arc<Client>> {
        self.everybody.as_ref()
    }

    /// The client that has this key. It is compared with all keys, and each time to the end, so that the time does not tell whether it is
    /// one, or which.
    pub fn find(&self, key: &str) -> Option<(&KeyDigest, &Arc<Client>)> {
        let sent = KeyDigest::of(key);
        let mut found = u64::MAX;
        for (place, (known, _)) in (0u64..).zip(&self.keys) {
            found.conditional_assign(&place, known.ct_eq(&sent));
        }
        let (key, client) = self.keys.get(usize::try_from(found).ok()?)?;
        Some((key, client))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(name: &str, keys: &[&str]) -> Client {
        Client {
            name: name.into(),
            owner: name.into(),
            keys: keys.iter().map(|key| KeyDigest::of(key)).collect(),
            scopes: vec![Scope::Read],
        }
    }

    #[test]
    fn a_key_finds_its_client_and_no_other_text_does() {
        let clients = Clients::new(vec![
            client("a", &["syn_1"]),
            client("b", &["syn_2", "syn_3"]),
        ]);
        for (key, name) in [("syn_1", "a"), ("syn_2", "b"), ("syn_3", "b")] {
            let (digest, client) = clients.find(key).unwrap();
            assert_eq!((client.name.as_str(), *digest), (name, KeyDigest::of(key)));
        }
        for text in ["", "syn_", "syn_4", "SYN_1", "syn_1 ", "syn_11"] {
            assert!(clients.find(text).is_none(), "{text}");
        }
        assert!(clients.everybody().is_none());
    }

    #[test]
    fn without_clients_everybody_may_do_everything_and_no_key_is_known() {
        let clients = Clients::new(Vec::new());
        let everybody = clients.everybody().unwrap();
        assert!(Scope::ALL.iter().all(|scope| everybody.may(*scope)));
        assert_eq!(everybody.owner, "default");
        assert!(clients.find("").is_none());
    }
}
