//! Memos of Stellar payments. The value is stored as it was sent, never rewritten.

use std::str::FromStr;

use data_encoding::{BASE64, HEXLOWER_PERMISSIVE};

const MAX_TEXT_BYTES: usize = 28;
const HASH_BYTES: usize = 32;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MemoType {
    Text,
    Id,
    Hash,
}

/// A value and its type, which can only occur together. Made by [`Memo::parse`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Memo {
    pub kind: MemoType,
    pub value: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MemoError {
    #[error("memo and memo_type go together: memo is missing")]
    MemoMissing,
    #[error("memo and memo_type go together: memo_type is missing")]
    TypeMissing,
    #[error("must be one of text, id, hash")]
    UnknownType,
    #[error("a text memo has at most 28 bytes of UTF-8")]
    TextTooLong,
    #[error("an id memo is a decimal number from 0 to 18446744073709551615 without leading zeros")]
    IdRange,
    #[error(
        "a hash memo is 32 bytes as 64 hexadecimal digits or as 44 characters of padded base64"
    )]
    HashFormat,
}

impl MemoError {
    pub fn code(&self) -> &'static str {
        match self {
            MemoError::MemoMissing | MemoError::TypeMissing => "memo_pair",
            MemoError::UnknownType => "enum",
            MemoError::TextTooLong => "memo_text_too_long",
            MemoError::IdRange => "memo_id_range",
            MemoError::HashFormat => "memo_hash_format",
        }
    }

    /// The field that the client has to change: of an incomplete pair, the missing one.
    pub fn field(&self) -> &'static str {
        match self {
            MemoError::TypeMissing | MemoError::UnknownType => "memo_type",
            _ => "memo",
        }
    }
}

impl MemoType {
    pub fn as_str(self) -> &'static str {
        match self {
            MemoType::Text => "text",
            MemoType::Id => "id",
            MemoType::Hash => "hash",
        }
    }
}

impl FromStr for MemoType {
    type Err = MemoError;

    fn from_str(text: &str) -> Result<MemoType, MemoError> {
        match text {
            "text" => Ok(MemoType::Text),
            "id" => Ok(MemoType::Id),
            "hash" => Ok(MemoType::Hash),
            _ => Err(MemoError::UnknownType),
        }
    }
}

impl Memo {
    /// Neither: no memo. Only one of them: an error.
    pub fn parse(memo: Option<&str>, memo_type: Option<&str>) -> Result<Option<Memo>, MemoError> {
        let (value, kind) = match (memo, memo_type) {
            (None, None) => return Ok(None),
            (None, Some(_)) => return Err(MemoError::MemoMissing),
            (Some(_), None) => return Err(MemoError::TypeMissing),
            (Some(value), Some(kind)) => (value, kind.parse()?),
        };
        match kind {
            MemoType::Text if value.len() > MAX_TEXT_BYTES => Err(MemoError::TextTooLong),
            MemoType::Id if !is_id(value) => Err(MemoError::IdRange),
            MemoType::Hash if !is_hash(value) => Err(MemoError::HashFormat),
            _ => Ok(Some(Memo {
                kind,
                value: value.to_owned(),
            })),
        }
    }
}

/// `u64::from_str` also takes a plus sign and leading zeros: only the text that prints the same is an id.
fn is_id(text: &str) -> bool {
    text.parse::<u64>().is_ok_and(|id| id.to_string() == text)
}

fn is_hash(text: &str) -> bool {
    let decoded = match text.len() {
        64 => HEXLOWER_PERMISSIVE.decode(text.as_bytes()),
        44 => BASE64.decode(text.as_bytes()),
        _ => return false,
    };
    decoded.is_ok_and(|bytes| bytes.len() == HASH_BYTES)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn error(kind: &str, memo: &str) -> Option<MemoError> {
        Memo::parse(Some(memo), Some(kind)).err()
    }

    #[test]
    fn a_memo_and_its_type_come_together_or_not_at_all() {
        assert_eq!(Memo::parse(None, None), Ok(None));
        let lonely_type = Memo::parse(None, Some("text")).expect_err("pair");
        assert_eq!(
            (lonely_type.code(), lonely_type.field()),
            ("memo_pair", "memo")
        );
        let lonely_memo = Memo::parse(Some("x"), None).expect_err("pair");
        assert_eq!(
            (lonely_memo.code(), lonely_memo.field()),
            ("memo_pair", "memo_type")
        );
    }

    #[test]
    fn an_unknown_type_is_an_enum_error() {
        for kind in ["", "TEXT", "return", "memo_text"] {
            let error = error(kind, "x").expect(kind);
            assert_eq!((error.code(), error.field()), ("enum", "memo_type"));
        }
    }

    #[test]
    fn a_text_is_measured_in_bytes() {
        assert_eq!(error("text", ""), None);
        assert_eq!(error("text", &"x".repeat(28)), None);
        assert_eq!(error("text", &"é".repeat(14)), None);
        for memo in ["x".repeat(29), "é".repeat(15)] {
            assert_eq!(error("text", &memo), Some(MemoError::TextTooLong));
        }
    }

    #[test]
    fn an_id_is_a_canonical_u64() {
        for memo in ["0", "1", "18446744073709551615"] {
            assert_eq!(error("id", memo), None, "{memo:?}");
        }
        for memo in [
            "",
            "00",
            "01",
            "+1",
            "-1",
            " 1",
            "1.0",
            "18446744073709551616",
        ] {
            assert_eq!(error("id", memo), Some(MemoError::IdRange), "{memo:?}");
        }
    }

    #[test]
    fn a_hash_is_32_bytes_of_hex_or_base64() {
        let hex = "0123456789abcdefABCDEF0123456789".repeat(2);
        let base64 = BASE64.encode(&[0xfb; 32]);
        assert_eq!(error("hash", &hex), None);
        assert_eq!(error("hash", &base64), None);
        let trailing_bits = base64.replace("/s=", "/t=");
        let url_safe = base64.replace('+', "-");
        for memo in [
            "",
            "abc",
            &hex[1..],
            &hex.replace('0', "g"),
            &base64[..43],
            &url_safe,
            &trailing_bits,
        ] {
            assert_eq!(error("hash", memo), Some(MemoError::HashFormat), "{memo:?}");
        }
    }

    proptest! {
        #[test]
        fn an_accepted_memo_is_kept_as_sent(memo in ".{0,70}", kind in "text|id|hash") {
            if let Ok(Some(parsed)) = Memo::parse(Some(&memo), Some(&kind)) {
                prop_assert_eq!(parsed.value, memo);
                prop_assert_eq!(parsed.kind.as_str(), kind);
            }
        }
    }
}
