//! Stellar addresses (SEP-23): accounts `G…`, contracts `C…` and multiplexed accounts `M…`.

use crc::{CRC_16_XMODEM, Crc};
use data_encoding::BASE32_NOPAD;

const CRC: Crc<u16> = Crc::<u16>::new(&CRC_16_XMODEM);

/// How strictly addresses are checked (setting `api.strkey_check`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum StrkeyCheck {
    /// All of SEP-23.
    #[default]
    Full,
    /// First letter, length and alphabet: for test data that was never a real key.
    Shape,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum StrkeyError {
    #[error(
        "must be a Stellar address: G or C and 56 characters, or M and 69 characters, of base 32"
    )]
    Format,
    #[error("the checksum does not match: the address was mistyped or cut")]
    Checksum,
}

impl StrkeyError {
    pub fn code(&self) -> &'static str {
        match self {
            StrkeyError::Format => "strkey_format",
            StrkeyError::Checksum => "strkey_checksum",
        }
    }
}

pub fn check(text: &str, check: StrkeyCheck) -> Result<(), StrkeyError> {
    let (length, version) = match text.bytes().next() {
        Some(b'G') => (56, 6 << 3),
        Some(b'C') => (56, 2 << 3),
        Some(b'M') => (69, 12 << 3),
        _ => return Err(StrkeyError::Format),
    };
    let in_alphabet = |b: u8| matches!(b, b'A'..=b'Z' | b'2'..=b'7');
    if text.len() != length || !text.bytes().all(in_alphabet) {
        return Err(StrkeyError::Format);
    }
    match check {
        StrkeyCheck::Shape => Ok(()),
        StrkeyCheck::Full => check_content(text, version),
    }
}

/// `BASE32_NOPAD` refuses non-zero trailing bits, so there is only one text for the same bytes.
fn check_content(text: &str, version: u8) -> Result<(), StrkeyError> {
    let bytes = BASE32_NOPAD
        .decode(text.as_bytes())
        .map_err(|_| StrkeyError::Format)?;
    if bytes.first() != Some(&version) {
        return Err(StrkeyError::Format);
    }
    match bytes.split_last_chunk::<2>() {
        Some((content, checksum)) if CRC.checksum(content).to_le_bytes() == *checksum => Ok(()),
        _ => Err(StrkeyError::Checksum),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const VALID: [&str; 4] = [
        "GA7QYNF7SOWQ3GLR2BGMZEHXAVIRZA4KVWLTJJFC7MGXUA74P7UJVSGZ",
        "MA7QYNF7SOWQ3GLR2BGMZEHXAVIRZA4KVWLTJJFC7MGXUA74P7UJUAAAAAAAAAAAACJUQ",
        "MA7QYNF7SOWQ3GLR2BGMZEHXAVIRZA4KVWLTJJFC7MGXUA74P7UJVAAAAAAAAAAAAAJLK",
        "CA7QYNF7SOWQ3GLR2BGMZEHXAVIRZA4KVWLTJJFC7MGXUA74P7UJUWDA",
    ];

    fn encode(version: u8, payload: &[u8]) -> String {
        let mut bytes = vec![version];
        bytes.extend_from_slice(payload);
        bytes.extend_from_slice(&CRC.checksum(&bytes).to_le_bytes());
        BASE32_NOPAD.encode(&bytes)
    }

    #[test]
    fn the_valid_vectors_of_sep_23_pass() {
        for text in VALID {
            assert_eq!(check(text, StrkeyCheck::Full), Ok(()), "{text}");
            assert_eq!(check(text, StrkeyCheck::Shape), Ok(()), "{text}");
        }
    }

    #[test]
    fn the_invalid_vectors_of_sep_23_fail_by_their_format() {
        for text in [
            "GAAAAAAAACGC6",
            "MA7QYNF7SOWQ3GLR2BGMZEHXAVIRZA4KVWLTJJFC7MGXUA74P7UJUAAAAAAAAAAAACJUR",
            "GA7QYNF7SOWQ3GLR2BGMZEHXAVIRZA4KVWLTJJFC7MGXUA74P7UJVSGZA",
            "GA7QYNF7SOWQ3GLR2BGMZEHXAVIRZA4KVWLTJJFC7MGXUA74P7UJUACUSI",
            "G47QYNF7SOWQ3GLR2BGMZEHXAVIRZA4KVWLTJJFC7MGXUA74P7UJVP2I",
            "MA7QYNF7SOWQ3GLR2BGMZEHXAVIRZA4KVWLTJJFC7MGXUA74P7UJVAAAAAAAAAAAAAJLKA",
            "MA7QYNF7SOWQ3GLR2BGMZEHXAVIRZA4KVWLTJJFC7MGXUA74P7UJVAAAAAAAAAAAAAAV75I",
            "M47QYNF7SOWQ3GLR2BGMZEHXAVIRZA4KVWLTJJFC7MGXUA74P7UJUAAAAAAAAAAAACJUQ",
            "MA7QYNF7SOWQ3GLR2BGMZEHXAVIRZA4KVWLTJJFC7MGXUA74P7UJUAAAAAAAAAAAACJUK===",
        ] {
            assert_eq!(
                check(text, StrkeyCheck::Full),
                Err(StrkeyError::Format),
                "{text}"
            );
        }
    }

    #[test]
    fn a_wrong_checksum_has_its_own_code() {
        let text = "MA7QYNF7SOWQ3GLR2BGMZEHXAVIRZA4KVWLTJJFC7MGXUA74P7UJUAAAAAAAAAAAACJUO";
        assert_eq!(check(text, StrkeyCheck::Full), Err(StrkeyError::Checksum));
        assert_eq!(check(text, StrkeyCheck::Shape), Ok(()));
    }

    #[test]
    fn nothing_is_trimmed_or_folded() {
        let padded = format!("{} ", &VALID[0][..55]);
        let longer = format!(" {}", VALID[0]);
        let lower = VALID[0].to_lowercase();
        let zero = VALID[0].replace('7', "0");
        for text in ["", "G", "é", &padded, &longer, &lower, &zero] {
            for how in [StrkeyCheck::Full, StrkeyCheck::Shape] {
                assert_eq!(check(text, how), Err(StrkeyError::Format), "{text:?}");
            }
        }
    }

    #[test]
    fn keys_of_other_kinds_are_not_accounts() {
        for base in [18, 19, 23, 15, 11, 1] {
            let text = encode(base << 3, &[7; 32]);
            assert_eq!(
                check(&text, StrkeyCheck::Full),
                Err(StrkeyError::Format),
                "{text}"
            );
        }
    }

    proptest! {
        #[test]
        fn every_encoded_key_passes(key in any::<[u8; 32]>(), id in any::<[u8; 8]>()) {
            prop_assert_eq!(check(&encode(6 << 3, &key), StrkeyCheck::Full), Ok(()));
            prop_assert_eq!(check(&encode(2 << 3, &key), StrkeyCheck::Full), Ok(()));
            let muxed = encode(12 << 3, &[key.as_slice(), &id].concat());
            prop_assert_eq!(check(&muxed, StrkeyCheck::Full), Ok(()));
        }

        #[test]
        fn one_wrong_character_is_always_found(at in 0usize..56, with in "[A-Z2-7]") {
            let mut text = VALID[0].to_owned();
            text.replace_range(at..=at, &with);
            prop_assert_eq!(check(&text, StrkeyCheck::Full).is_ok(), text == VALID[0]);
        }

        #[test]
        fn any_text_is_answered(text in any::<String>()) {
            let _ = check(&text, StrkeyCheck::Full);
        }
    }
}
