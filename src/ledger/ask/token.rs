//! Consistency tokens. Each names a write, so that any instance can check, in the read itself, whether a node has that write.

use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

use super::sealed::{self, Purpose};
use crate::ledger::model::write::Write;

const PURPOSE: Purpose = Purpose {
    name: "token",
    bound_to: &[],
};
/// Transaction id, version, write id.
const BODY_BYTES: usize = 16 + 4 + 16;
const MAX_TOKENS: usize = 8;

/// A write, by the transaction and the version that it made. `Display` gives the opaque text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Token {
    pub transaction_id: Uuid,
    pub write: Write,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be 1 to 8 consistency tokens, separated by commas, exactly as they were received")]
pub struct InvalidToken;

impl Token {
    /// The value of `X-Consistency-Token`. Spaces around the commas are allowed, as in any list header, since proxies that join header
    /// lines add them. Empty members are refused.
    pub fn parse_list(header: &str) -> Result<Vec<Token>, InvalidToken> {
        if header.split(',').nth(MAX_TOKENS).is_some() {
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
        let mut body = Vec::with_capacity(BODY_BYTES);
        body.extend_from_slice(self.transaction_id.as_bytes());
        body.extend_from_slice(&self.write.version.to_be_bytes());
        body.extend_from_slice(self.write.id.as_bytes());
        f.write_str(&sealed::seal(PURPOSE, &body))
    }
}

impl FromStr for Token {
    type Err = InvalidToken;

    fn from_str(text: &str) -> Result<Token, InvalidToken> {
        let body: [u8; BODY_BYTES] = sealed::open(PURPOSE, text).ok_or(InvalidToken)?;
        let mut rest = &body[..];
        let transaction_id = Uuid::from_bytes(take(&mut rest)?);
        let version = i32::from_be_bytes(take(&mut rest)?);
        let id = Uuid::from_bytes(take(&mut rest)?);
        if version < 1 {
            return Err(InvalidToken);
        }
        Ok(Token {
            transaction_id,
            write: Write { version, id },
        })
    }
}

fn take<const LENGTH: usize>(rest: &mut &[u8]) -> Result<[u8; LENGTH], InvalidToken> {
    let (taken, left) = rest.split_first_chunk().ok_or(InvalidToken)?;
    *rest = left;
    Ok(*taken)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn token(version: i32) -> Token {
        Token {
            transaction_id: Uuid::from_u128(0x0199_f6a2_7c1e_7d3a_9b6f_3f0c_5a1e_2b44),
            write: Write {
                version,
                id: Uuid::from_u128(7),
            },
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
        fn a_token_comes_back(transaction: u128, write: u128, version in 1..=i32::MAX) {
            let write = Write { version, id: Uuid::from_u128(write) };
            let token = Token { transaction_id: Uuid::from_u128(transaction), write };
            prop_assert_eq!(token.to_string().parse(), Ok(token));
        }

        #[test]
        fn any_header_is_answered(text: String) {
            let _ = Token::parse_list(&text);
        }
    }
}
