//! `key`: makes a key, and prints the lines for the settings.

use crate::clients::{KeyDigest, is_name, make};

pub fn name(text: &str) -> Result<String, &'static str> {
    let expected = "a name is of letters, digits, '.', '_' and '-', 64 at most";
    is_name(text).then(|| text.to_owned()).ok_or(expected)
}

/// The key is stored nowhere: it is in this text alone, and the service knows its digest.
pub fn text(name: &str) -> String {
    let key = make();
    let digest = KeyDigest::of(&key);
    format!(
        r#"{key}

This is the key of {name}, shown this once and stored nowhere. Requests carry it as "Authorization: Bearer" and the key.
Add this to the settings and restart the service; a client may have several digests, so that an old key and a new one work side by side:

[[clients]]
name = "{name}"
key_sha256 = ["{digest}"]
scopes = ["read", "write"]
"#
    )
}
