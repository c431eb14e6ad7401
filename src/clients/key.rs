//! Keys: `syn_`, 43 random characters of base 62 (256 bits), and their CRC-32 in 6 more, so that whoever finds such a text, in a repository
//! or a paste, can tell without asking the service that it is a key. The service itself compares digests alone.

use crc::{CRC_32_ISO_HDLC, Crc};
use rand::Rng;
use sha2::{Digest, Sha256};
use std::fmt;
use subtle::{Choice, ConstantTimeEq};

const PREFIX: &str = "syn_";
const SECRET_LENGTH: usize = 43;
const CHECKSUM_LENGTH: usize = 6;
const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// A new key.
pub fn make() -> String {
    let mut rng = rand::rng();
    let secret: String = (0..SECRET_LENGTH)
        .map(|_| digit(rng.random_range(0..62)))
        .collect();
    let checksum = checksum(&secret);
    format!("{PREFIX}{secret}{checksum}")
}

fn checksum(secret: &str) -> String {
    let mut rest = Crc::<u32>::new(&CRC_32_ISO_HDLC).checksum(secret.as_bytes());
    let mut digits = [' '; CHECKSUM_LENGTH];
    for place in digits.iter_mut().rev() {
        *place = digit(rest % 62);
        rest /= 62;
    }
    digits.iter().collect()
}

fn digit(value: u32) -> char {
    ALPHABET[value as usize % 62].into()
}

/// The SHA-256 of a key: what the settings hold in its place.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyDigest([u8; 32]);

impl KeyDigest {
    pub fn of(key: &str) -> KeyDigest {
        KeyDigest(Sha256::digest(key).into())
    }

    /// 64 hexadecimal digits.
    pub fn parse(hex: &str) -> Option<KeyDigest> {
        let bytes = data_encoding::HEXLOWER_PERMISSIVE.decode(hex.as_bytes());
        Some(KeyDigest(bytes.ok()?.try_into().ok()?))
    }

    /// 8 hexadecimal digits: enough to tell which of a client's keys it was, and too few to be of use to anybody else.
    pub fn short(&self) -> String {
        data_encoding::HEXLOWER.encode(&self.0[..4])
    }
}

impl ConstantTimeEq for KeyDigest {
    fn ct_eq(&self, other: &KeyDigest) -> Choice {
        self.0.ct_eq(&other.0)
    }
}

/// 64 hexadecimal digits, as in the settings.
impl fmt::Display for KeyDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&data_encoding::HEXLOWER.encode(&self.0))
    }
}

impl fmt::Debug for KeyDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyDigest({}…)", self.short())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn keys_have_the_documented_form_and_never_repeat() {
        let keys: HashSet<String> = (0..1000).map(|_| make()).collect();
        assert_eq!(keys.len(), 1000);
        for key in keys {
            let rest = key.strip_prefix("syn_").unwrap();
            assert!(rest.len() == 49 && rest.bytes().all(|b| b.is_ascii_alphanumeric()));
            assert_eq!(rest[43..], checksum(&rest[..43]));
        }
    }

    /// `python3 -c "import zlib; print(zlib.crc32(b'0'*43))"`, in base 62.
    #[test]
    fn the_checksum_is_the_crc_32_of_the_43_characters() {
        assert_eq!(checksum(&"0".repeat(43)), CHECKSUM_OF_ZEROS);
    }

    const CHECKSUM_OF_ZEROS: &str = "2CZclj";

    #[test]
    fn a_digest_is_read_as_it_is_written_and_nothing_else_is() {
        let digest = KeyDigest::of("syn_x");
        assert_eq!(KeyDigest::parse(&digest.to_string()), Some(digest));
        assert_eq!(
            KeyDigest::parse(&digest.to_string().to_uppercase()),
            Some(digest)
        );
        for text in ["", "00", &"0".repeat(63), &"0".repeat(65), &"g".repeat(64)] {
            assert_eq!(KeyDigest::parse(text), None, "{text}");
        }
    }
}
