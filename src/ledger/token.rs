//! Consistency tokens: each names a write, so any instance can check by the read itself whether a node has it.

use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use uuid::Uuid;

const FORMAT: u8 = 1;
/// Format, id and version; then the check.
const BODY_BYTES: usize = 1 + 16 + 4;
const CHECK_BYTES: usize = 6;
const MAX_TOKENS: usize = 8;

/// The write that brought a transaction to this version. `Display` gives the opaque text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Token {
    pub id: Uuid,
    pub version: i32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be 1 to 8 consistency tokens, separated by commas, exactly as they were received")]
pub struct InvalidToken;

impl Token {
    /// The value of `X-Consistency-Token`. Spaces around the commas are allowed, as in any list header: proxies
    /// that join header lines add them. Empty members are not.
    pub fn parse_list(header: &str) -> Result<Vec<Token>, InvalidToken> {
        if header.split(',').count() > MAX_TOKENS {
            return Err(InvalidToken);
        }
        let members = header
            .split(',')
            .map(|member| member.trim_matches([' ', '\t']));
        members.map(Token::from_str).collect()
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let mut bytes = vec![FORMAT];
        bytes.extend_from_slice(self.id.as_bytes());
        bytes.extend_from_slice(&self.version.to_be_bytes());
        bytes.extend_from_slice(&check(&bytes));
        f.write_str(&URL_SAFE_NO_PAD.encode(bytes))
    }
}

impl FromStr for Token {
    type Err = InvalidToken;

    fn from_str(text: &str) -> Result<Token, InvalidToken> {
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| InvalidToken)?;
        let (body, sent_check) = bytes.split_last_chunk().ok_or(InvalidToken)?;
        if *sent_check != check(body) {
            return Err(InvalidToken);
        }
        let body: &[u8; BODY_BYTES] = body.try_into().map_err(|_| InvalidToken)?;
        let [FORMAT, id @ .., v0, v1, v2, v3] = *body else {
            return Err(InvalidToken);
        };
        let version = i32::from_be_bytes([v0, v1, v2, v3]);
        if version < 1 {
            return Err(InvalidToken);
        }
        Ok(Token {
            id: Uuid::from_bytes(id),
            version,
        })
    }
}

/// Against damage, not forgery: a made-up token gets its maker a slower read or an error, and nothing else.
fn check(body: &[u8]) -> [u8; CHECK_BYTES] {
    let hash = Sha256::new()
        .chain_update(b"synapse token")
        .chain_update(body)
        .finalize();
    std::array::from_fn(|i| hash[i])
}
