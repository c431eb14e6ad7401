//! Opaque texts that clients keep for the service: tokens and cursors.
//!
//! A sealed text is the URL-safe base64 of a format byte, a body, and a check over both. The check finds damage and use in the wrong place.
//! It is no protection against forgery, and contains no secret: whoever makes up a token or a cursor gets nothing that an ordinary request
//! would not give.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

/// To be raised when the layout of a body changes: old texts are then invalid instead of being misread.
const FORMAT: u8 = 1;
const CHECK_BYTES: usize = 6;

/// What a text is for. It cannot be opened for another purpose, or with another binding.
#[derive(Clone, Copy)]
pub(super) struct Purpose<'a> {
    pub name: &'static str,
    /// Not contained in the text: whoever opens it must know this too (for a cursor: the filters).
    pub bound_to: &'a [u8],
}

pub(super) fn seal(purpose: Purpose, body: &[u8]) -> String {
    let mut bytes = vec![FORMAT];
    bytes.extend_from_slice(body);
    bytes.extend_from_slice(&check(purpose, &bytes));
    URL_SAFE_NO_PAD.encode(bytes)
}

/// None: damaged, cut, of another length, or for another purpose; these cases are not told apart.
pub(super) fn open<const LENGTH: usize>(purpose: Purpose, text: &str) -> Option<[u8; LENGTH]> {
    let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
    let (sealed, sent_check) = bytes.split_last_chunk()?;
    if *sent_check != check(purpose, sealed) {
        return None;
    }
    match sealed {
        [FORMAT, body @ ..] => body.try_into().ok(),
        _ => None,
    }
}

/// The length of the binding is hashed too, so that no other division into binding and body gives the same check.
fn check(purpose: Purpose, sealed: &[u8]) -> [u8; CHECK_BYTES] {
    let hash = Sha256::new()
        .chain_update(purpose.name)
        .chain_update([0])
        .chain_update(purpose.bound_to.len().to_be_bytes())
        .chain_update(purpose.bound_to)
        .chain_update(sealed)
        .finalize();
    std::array::from_fn(|i| hash[i])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PURPOSE: Purpose = Purpose {
        name: "test",
        bound_to: b"filters",
    };

    fn of(name: &'static str, bound_to: &'static [u8]) -> Purpose<'static> {
        Purpose { name, bound_to }
    }

    #[test]
    fn what_was_not_sealed_does_not_open() {
        let good = seal(PURPOSE, &[7; 24]);
        let damaged = [
            String::new(),
            "x".to_owned(),
            "é".to_owned(),
            format!("{good}="),
            format!(" {good}"),
            format!("{good}AAAA"),
            "A".repeat(44),
            "A".repeat(100_000),
        ];
        for text in &damaged {
            assert_eq!(open::<24>(PURPOSE, text), None, "{text}");
        }
        assert_eq!(open::<23>(PURPOSE, &good), None, "of another length");
    }

    #[test]
    fn a_text_opens_only_for_its_purpose_and_binding() {
        let text = seal(PURPOSE, b"body");
        assert_eq!(open(PURPOSE, &text), Some(*b"body"));
        for other in [
            of("tes", b"tfilters"),
            of("test", b"filter"),
            of("other", b"filters"),
        ] {
            assert_eq!(open::<4>(other, &text), None);
        }
    }

    proptest! {
        #[test]
        fn every_changed_character_and_every_cut_is_noticed(body: [u8; 24], at in 0usize..42, with in "[A-Za-z0-9_-]") {
            let text = seal(PURPOSE, &body);
            prop_assert_eq!(open::<24>(PURPOSE, &text[..at.min(text.len() - 1)]), None);
            let mut changed = text.clone();
            changed.replace_range(at.min(text.len() - 1)..=at.min(text.len() - 1), &with);
            prop_assert_eq!(open::<24>(PURPOSE, &changed).is_some(), changed == text);
        }

        #[test]
        fn any_text_is_answered(text: String) {
            let _ = open::<24>(PURPOSE, &text);
        }
    }
}
