//! Values of headers.

use synapse_core::ledger::ask::change::Expected;
use synapse_core::ledger::ask::key::IdempotencyKey;
use synapse_core::ledger::ask::token::Token;
use synapse_core::ledger::model::write::Write;
use uuid::Uuid;

use super::{damaged, text};

pub fn key(data: &[u8]) {
    let Some(text) = text(data) else { return };
    let bare = match text.as_bytes() {
        [b'"', .., b'"'] => &text[1..text.len() - 1],
        _ => text,
    };
    let in_alphabet = |c: char| c.is_ascii_alphanumeric() || ['.', '_', ':', '-'].contains(&c);
    let is_valid = (1..=255).contains(&bare.len()) && bare.chars().all(in_alphabet);
    match IdempotencyKey::parse(text) {
        Ok(key) => {
            assert!(is_valid);
            assert_eq!(key.as_str(), bare);
            let both = [bare.to_owned(), format!("\"{bare}\"")];
            assert!(
                both.iter()
                    .all(|text| IdempotencyKey::parse(text) == Ok(key.clone()))
            );
        }
        Err(_) => assert!(!is_valid),
    }
}

pub fn if_match(data: &[u8]) {
    let Some(text) = text(data) else { return };
    match Expected::parse(text) {
        Ok(Expected::Any) => assert_eq!(text, "*"),
        Ok(Expected::Exactly(etag)) => {
            assert_eq!(format!("\"{etag}\""), text);
            assert!(etag.version >= 1 && etag.identity.chars().count() == 6);
        }
        Ok(Expected::Nothing) => {
            let inside = &text[1..text.len() - 1];
            assert!(text.starts_with('"') && text.ends_with('"') && !inside.contains(['"', ' ']));
        }
        Err(_) => assert_ne!(text, "*"),
    }
}

/// Also: the first 36 bytes make a token, and the two after them damage it.
pub fn tokens(data: &[u8]) {
    if let Some(list) = text(data).and_then(|text| Token::parse_list(text).ok()) {
        assert!((1..=8).contains(&list.len()));
        let written: Vec<String> = list.iter().map(Token::to_string).collect();
        assert_eq!(Token::parse_list(&written.join(",")).as_ref(), Ok(&list));
        assert_eq!(Token::parse_list(&written.join(" ,\t")), Ok(list));
    }
    let Some((body, [at, with, ..])) = data.split_first_chunk::<36>() else {
        return;
    };
    let token = Token {
        transaction_id: Uuid::from_slice(&body[..16]).unwrap(),
        write: Write {
            version: i32::from_be_bytes(body[16..20].try_into().unwrap()),
            id: Uuid::from_slice(&body[20..]).unwrap(),
        },
    };
    let written = token.to_string();
    let parsed = Token::parse_list(&written).ok();
    assert_eq!(
        parsed,
        Some(vec![token]).filter(|_| token.write.version >= 1)
    );
    if let Some(damaged) = damaged(&written, *at, *with) {
        assert!(damaged.parse::<Token>().is_err());
    }
}

/// Each signature that is read is one that was sent, in the order in which they were sent.
pub fn signatures(data: &[u8]) {
    let Some(header) = text(data) else { return };
    let read = synapse_core::parsers::signatures(header);
    assert!(read.len() <= 16);
    let mut sent = header
        .split(' ')
        .filter_map(|part| part.strip_prefix("v1,"));
    for signature in read {
        let written = data_encoding::BASE64_NOPAD.encode(&signature);
        let is_it = |text: &str| text.trim_end_matches('=') == written;
        assert!(sent.any(is_it), "{written}");
    }
}
