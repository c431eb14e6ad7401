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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn token(version: i32) -> Token {
        Token {
            id: Uuid::from_u128(0x0199_f6a2_7c1e_7d3a_9b6f_3f0c_5a1e_2b44),
            version,
        }
    }

    fn list(tokens: &[Token], between: &str) -> String {
        let texts: Vec<String> = tokens.iter().map(Token::to_string).collect();
        texts.join(between)
    }

    #[test]
    fn up_to_eight_tokens_come_in_a_list() {
        let eight: Vec<Token> = (1..=8).map(token).collect();
        for between in [",", ", ", " ,\t"] {
            assert_eq!(Token::parse_list(&list(&eight, between)), Ok(eight.clone()));
        }
        let nine: Vec<Token> = (1..=9).map(token).collect();
        assert_eq!(Token::parse_list(&list(&nine, ",")), Err(InvalidToken));
    }

    #[test]
    fn a_list_with_anything_else_in_it_is_invalid() {
        let good = token(1).to_string();
        for header in [
            "",
            ",",
            &format!("{good},"),
            &format!(",{good}"),
            &format!("{good},,{good}"),
            &format!("{good};{good}"),
            &format!("{good} {good}"),
            &format!("\"{good}\""),
            &format!("{good},x"),
            &",".repeat(100_000),
        ] {
            assert_eq!(Token::parse_list(header), Err(InvalidToken), "{header}");
        }
    }

    #[test]
    fn versions_begin_at_one() {
        for version in [0, -1, i32::MIN] {
            assert_eq!(
                token(version).to_string().parse::<Token>(),
                Err(InvalidToken)
            );
        }
    }

    proptest! {
        #[test]
        fn a_token_comes_back(id: u128, version in 1..=i32::MAX) {
            let token = Token { id: Uuid::from_u128(id), version };
            prop_assert_eq!(token.to_string().parse(), Ok(token));
        }

        #[test]
        fn every_changed_character_and_every_cut_is_noticed(at in 0usize..36, with in "[A-Za-z0-9_-]") {
            let text = token(3).to_string();
            prop_assert_eq!(text[..at].parse::<Token>(), Err(InvalidToken));
            let mut changed = text.clone();
            changed.replace_range(at..=at, &with);
            prop_assert_eq!(changed.parse::<Token>().is_ok(), changed == text);
        }

        #[test]
        fn any_header_is_answered(text: String) {
            let _ = Token::parse_list(&text);
        }
    }
}
