//! The idempotency key.

const MAX_KEY_BYTES: usize = 255;

/// The value of `Idempotency-Key`, without its quotes: `^[A-Za-z0-9._:\-]{1,255}$`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct IdempotencyKey(String);

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be 1 to 255 of A-Z, a-z, 0-9 and . _ : -, with or without double quotes around")]
pub struct InvalidIdempotencyKey;

impl IdempotencyKey {
    pub fn parse(text: &str) -> Result<IdempotencyKey, InvalidIdempotencyKey> {
        let quoted = text
            .strip_prefix('"')
            .and_then(|rest| rest.strip_suffix('"'));
        let key = quoted.unwrap_or(text);
        let in_alphabet = |b: u8| b.is_ascii_alphanumeric() || b"._:-".contains(&b);
        if !(1..=MAX_KEY_BYTES).contains(&key.len()) || !key.bytes().all(in_alphabet) {
            return Err(InvalidIdempotencyKey);
        }
        Ok(IdempotencyKey(key.to_owned()))
    }

    /// The handle of a callback, made of the webhook's id. A slash cannot occur in a client's key, so the two never collide.
    pub fn of_callback(webhook_id: &str) -> IdempotencyKey {
        IdempotencyKey(format!("callback/{webhook_id}"))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_key_is_the_same_quoted_and_bare() {
        let bare = IdempotencyKey::parse("8e03978e-40d5-43e8:a_b.C");
        assert_eq!(bare, IdempotencyKey::parse("\"8e03978e-40d5-43e8:a_b.C\""));
        assert_eq!(bare.expect("valid").as_str(), "8e03978e-40d5-43e8:a_b.C");
        assert!(IdempotencyKey::parse(&"k".repeat(255)).is_ok());
    }

    #[test]
    fn a_key_outside_the_grammar_is_refused() {
        let long = "k".repeat(256);
        for text in [
            "",
            "\"\"",
            "\"",
            "\"a",
            "a\"",
            "\"\"a\"\"",
            " a",
            "a ",
            "a b",
            "a,b",
            "a/b",
            "é",
            "a\0",
            &long,
        ] {
            assert_eq!(
                IdempotencyKey::parse(text),
                Err(InvalidIdempotencyKey),
                "{text:?}"
            );
        }
    }

    proptest! {
        #[test]
        fn every_key_of_the_grammar_is_accepted(key in r"[A-Za-z0-9._:\-]{1,255}") {
            prop_assert_eq!(IdempotencyKey::parse(&key), Ok(IdempotencyKey(key)));
        }
    }
}
