//! Cursors: where a page of a list ended. They are opaque to clients, and only good for the same list.

use chrono::{DateTime, Datelike, Utc};
use uuid::Uuid;

use super::sealed::{self, Purpose};

const TIME_BYTES: usize = 8;
const ID_BYTES: usize = 16;

/// The last row that a page of a search looked at. Times have whole microseconds, as in PostgreSQL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    pub created_at: DateTime<Utc>,
    pub id: Uuid,
}

/// The cursor is damaged, cut, or made for other filters, another order or another owner; these cases are not told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the cursor is damaged, or belongs to another list, other filters or another order")]
pub struct InvalidCursor;

impl Cursor {
    pub fn encode(&self, bound_to: &[u8]) -> String {
        let mut body = Vec::with_capacity(TIME_BYTES + ID_BYTES);
        body.extend_from_slice(&self.created_at.timestamp_micros().to_be_bytes());
        body.extend_from_slice(self.id.as_bytes());
        sealed::seal(search(bound_to), &body)
    }

    pub fn decode(text: &str, bound_to: &[u8]) -> Result<Cursor, InvalidCursor> {
        let body: [u8; TIME_BYTES + ID_BYTES] =
            sealed::open(search(bound_to), text).ok_or(InvalidCursor)?;
        let (time, id) = body
            .split_first_chunk::<TIME_BYTES>()
            .ok_or(InvalidCursor)?;
        let created_at = DateTime::from_timestamp_micros(i64::from_be_bytes(*time))
            .filter(|t| (1..=9999).contains(&t.year()));
        Ok(Cursor {
            created_at: created_at.ok_or(InvalidCursor)?,
            id: Uuid::from_slice(id).map_err(|_| InvalidCursor)?,
        })
    }
}

fn search(bound_to: &[u8]) -> Purpose<'_> {
    Purpose {
        name: "search cursor",
        bound_to,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BINDING: &[u8] = b"filters!";

    #[test]
    fn a_well_formed_cursor_outside_our_years_is_invalid() {
        for micros in [
            i64::MIN,
            i64::MAX,
            -62_135_596_800_000_001,
            253_402_300_800_000_000,
        ] {
            let mut body = micros.to_be_bytes().to_vec();
            body.extend_from_slice(&[0; 16]);
            let text = sealed::seal(search(BINDING), &body);
            assert_eq!(Cursor::decode(&text, BINDING), Err(InvalidCursor));
        }
    }

    proptest! {
        #[test]
        fn a_cursor_comes_back_only_under_its_own_binding(
            micros in -62_135_596_800_000_000i64..253_402_300_800_000_000,
            id: u128,
            other: [u8; 8],
        ) {
            let created_at = DateTime::from_timestamp_micros(micros).expect("in range");
            let cursor = Cursor { created_at, id: Uuid::from_u128(id) };
            let text = cursor.encode(BINDING);
            prop_assert_eq!(Cursor::decode(&text, BINDING), Ok(cursor));
            prop_assert_eq!(Cursor::decode(&text, &other).is_ok(), other == BINDING);
        }
    }
}
