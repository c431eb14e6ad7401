//! Clients that have keys.

use sha2::{Digest, Sha256};

/// A client as the settings name it.
#[derive(Clone, Copy)]
pub struct Client {
    pub name: &'static str,
    pub owner: &'static str,
    pub key: &'static str,
    pub scopes: &'static [&'static str],
}

/// Whose app is `shared().app`.
pub const TENANT: Client = Client {
    name: "tests",
    owner: "tenant",
    key: "syn_TheKeyOfTheTests000000000000000000000000000000000",
    scopes: &["read", "write", "admin"],
};

impl Client {
    /// That owns what it makes.
    pub const fn of(
        name: &'static str,
        key: &'static str,
        scopes: &'static [&'static str],
    ) -> Client {
        Client {
            name,
            owner: name,
            key,
            scopes,
        }
    }

    pub fn bearer(&self) -> String {
        format!("Bearer {}", self.key)
    }

    pub fn toml(&self) -> String {
        self.toml_with_keys(&[self.key])
    }

    pub fn toml_with_keys(&self, keys: &[&str]) -> String {
        let digests: Vec<String> = keys.iter().map(|key| sha256(key)).collect();
        let (name, owner, scopes) = (self.name, self.owner, self.scopes);
        format!(
            "{{ name = \"{name}\", owner = \"{owner}\", key_sha256 = {digests:?}, scopes = {scopes:?} }}"
        )
    }
}

pub fn sha256(key: &str) -> String {
    data_encoding::HEXLOWER.encode(&Sha256::digest(key))
}
