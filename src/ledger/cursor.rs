//! The position of a page in a search: opaque to clients, and good for the same filters and order alone.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Datelike, Utc};
use sha2::{Digest, Sha256};
use uuid::Uuid;

const FORMAT: u8 = 1;
/// Format, micros and id; then the check.
const BODY_BYTES: usize = 1 + 8 + 16;
const CHECK_BYTES: usize = 8;

/// The last row of a page. Times are held to the microsecond, as PostgreSQL holds them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    pub created_at: DateTime<Utc>,
    pub id: Uuid,
}

/// Damaged, cut, or made for other filters or another order: they are not told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the cursor is damaged, or belongs to other filters or another order")]
pub struct InvalidCursor;

impl Cursor {
    pub fn encode(&self, binding: &[u8; 8]) -> String {
        let mut bytes = vec![FORMAT];
        bytes.extend_from_slice(&self.created_at.timestamp_micros().to_be_bytes());
        bytes.extend_from_slice(self.id.as_bytes());
        bytes.extend_from_slice(&check(&bytes, binding));
        URL_SAFE_NO_PAD.encode(bytes)
    }

    pub fn decode(text: &str, binding: &[u8; 8]) -> Result<Cursor, InvalidCursor> {
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| InvalidCursor)?;
        let (body, sent_check) = bytes.split_last_chunk().ok_or(InvalidCursor)?;
        if *sent_check != check(body, binding) {
            return Err(InvalidCursor);
        }
        let body: &[u8; BODY_BYTES] = body.try_into().map_err(|_| InvalidCursor)?;
        let [FORMAT, t0, t1, t2, t3, t4, t5, t6, t7, id @ ..] = *body else {
            return Err(InvalidCursor);
        };
        let micros = i64::from_be_bytes([t0, t1, t2, t3, t4, t5, t6, t7]);
        let created_at =
            DateTime::from_timestamp_micros(micros).filter(|t| (1..=9999).contains(&t.year()));
        Ok(Cursor {
            created_at: created_at.ok_or(InvalidCursor)?,
            id: Uuid::from_bytes(id),
        })
    }
}

/// The binding is hashed in, so it needs no room of its own. There is no secret: a cursor opens nothing that
/// the search itself does not, so forging one gains nothing.
fn check(body: &[u8], binding: &[u8; 8]) -> [u8; CHECK_BYTES] {
    let hash = Sha256::new()
        .chain_update(b"synapse cursor")
        .chain_update(binding)
        .chain_update(body)
        .finalize();
    std::array::from_fn(|i| hash[i])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BINDING: [u8; 8] = *b"filters!";

    fn cursor(micros: i64, id: u128) -> Cursor {
        let created_at = DateTime::from_timestamp_micros(micros).expect("in range");
        Cursor {
            created_at,
            id: Uuid::from_u128(id),
        }
    }

    #[test]
    fn what_is_no_cursor_is_invalid() {
        let good = cursor(1_700_000_000_123_456, 7).encode(&BINDING);
        let damaged = [
            "".to_owned(),
            "x".to_owned(),
            "é".to_owned(),
            format!("{good}="),
            format!(" {good}"),
            format!("{good}AAAA"),
            "A".repeat(44),
            "A".repeat(100_000),
        ];
        for text in &damaged {
            assert_eq!(Cursor::decode(text, &BINDING), Err(InvalidCursor), "{text}");
        }
    }

    #[test]
    fn a_well_formed_cursor_outside_our_years_is_invalid() {
        for micros in [
            i64::MIN,
            i64::MAX,
            -62_135_596_800_000_001,
            253_402_300_800_000_000,
        ] {
            let mut bytes = vec![FORMAT];
            bytes.extend_from_slice(&micros.to_be_bytes());
            bytes.extend_from_slice(&[0; 16]);
            bytes.extend_from_slice(&check(&bytes, &BINDING));
            let text = URL_SAFE_NO_PAD.encode(bytes);
            assert_eq!(Cursor::decode(&text, &BINDING), Err(InvalidCursor));
        }
    }

    proptest! {
        #[test]
        fn a_cursor_comes_back_only_under_its_own_binding(
            micros in -62_135_596_800_000_000i64..253_402_300_800_000_000,
            id: u128,
            other: [u8; 8],
        ) {
            let cursor = cursor(micros, id);
            let text = cursor.encode(&BINDING);
            prop_assert_eq!(Cursor::decode(&text, &BINDING), Ok(cursor));
            prop_assert_eq!(Cursor::decode(&text, &other).is_ok(), other == BINDING);
        }

        #[test]
        fn every_changed_character_and_every_cut_is_noticed(id: u128, at in 0usize..44, with in "[A-Za-z0-9_-]") {
            let text = cursor(1_700_000_000_123_456, id).encode(&BINDING);
            prop_assert_eq!(Cursor::decode(&text[..at], &BINDING), Err(InvalidCursor));
            let mut changed = text.clone();
            changed.replace_range(at..=at, &with);
            prop_assert_eq!(Cursor::decode(&changed, &BINDING).is_ok(), changed == text);
        }

        #[test]
        fn any_text_is_answered(text: String) {
            let _ = Cursor::decode(&text, &BINDING);
        }
    }
}
