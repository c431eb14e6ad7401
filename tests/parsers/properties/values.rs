//! Values of single fields.

use data_encoding::{BASE64, HEXLOWER_PERMISSIVE};
use synapse_core::ledger::model::amount::{Amount, AmountBound};
use synapse_core::ledger::model::json;
use synapse_core::ledger::model::memo::Memo;
use synapse_core::ledger::model::metadata::{Metadata, canonical};
use synapse_core::ledger::model::strkey::{StrkeyCheck, check};

use super::text;

/// In ten-millionths. None: not of the grammar, or too large.
fn stroops(text: &str) -> Option<u128> {
    let (integer, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    let canonical = integer == "0" || !integer.starts_with('0');
    if !digits(integer)
        || !digits(fraction)
        || !canonical
        || integer.len() > 12
        || fraction.len() > 7
    {
        return None;
    }
    let stroops: u128 = format!("{integer}{fraction:0<7}").parse().unwrap();
    (stroops <= u128::from(u64::MAX >> 1)).then_some(stroops)
}

pub fn amount(data: &[u8]) {
    let Some(text) = text(data) else { return };
    let bound = AmountBound::parse(text).ok();
    assert_eq!(bound.is_some(), stroops(text).is_some());
    let amount = Amount::parse(text);
    let is_positive = stroops(text).is_some_and(|stroops| stroops > 0);
    assert_eq!(amount.is_ok(), is_positive);
    let Ok(amount) = amount else { return };
    assert_eq!(amount.to_string(), text);
    let canonical = Amount::parse(&amount.canonical()).unwrap();
    assert_eq!(canonical, amount);
    assert_eq!(canonical.canonical(), amount.canonical());
    assert_eq!(stroops(&amount.canonical()), stroops(text));
    assert_eq!(bound.unwrap().canonical(), amount.canonical());
}

/// The first byte chooses the type.
pub fn memo(data: &[u8]) {
    let Some((kind, Some(memo))) = data.split_first().map(|(kind, rest)| (kind, text(rest))) else {
        return;
    };
    let kind = ["text", "id", "hash", "return", ""][usize::from(*kind) % 5];
    let is_hash = match memo.len() {
        64 => HEXLOWER_PERMISSIVE.decode(memo.as_bytes()).is_ok(),
        44 => BASE64
            .decode(memo.as_bytes())
            .is_ok_and(|bytes| bytes.len() == 32),
        _ => false,
    };
    let is_id = match memo.as_bytes() {
        [b'0'] => true,
        [b'1'..=b'9', rest @ ..] if rest.len() < 20 => {
            rest.iter().all(u8::is_ascii_digit)
                && memo.parse::<u128>().unwrap() <= u128::from(u64::MAX)
        }
        _ => false,
    };
    let is_valid = match kind {
        "text" => memo.len() <= 28,
        "id" => is_id,
        "hash" => is_hash,
        _ => false,
    };
    match Memo::parse(Some(memo), Some(kind)) {
        Ok(parsed) => {
            let parsed = parsed.expect("both were given");
            assert!(is_valid);
            assert_eq!((parsed.value.as_str(), parsed.kind.as_str()), (memo, kind));
        }
        Err(error) => {
            assert!(!is_valid);
            assert!(["memo", "memo_type"].contains(&error.field()));
        }
    }
    assert!(Memo::parse(Some(memo), None).is_err() && Memo::parse(None, Some(kind)).is_err());
}

pub fn metadata(data: &[u8]) {
    let Ok(value) = json::parse(data) else { return };
    let one_form = canonical(&value);
    assert_eq!(canonical(&one_form), one_form);
    match Metadata::of(&value) {
        Ok(metadata) => {
            assert!(value.is_object() && Metadata::of(&one_form).is_ok());
            assert_eq!(metadata.canonical(), one_form);
            let written = metadata.text();
            assert!(written.len() <= 16 * 1024);
            let again = json::parse(written.as_bytes()).unwrap();
            assert_eq!(again, value, "as it was sent");
            assert_eq!(again.to_string(), written);
        }
        Err(errors) => {
            assert!((1..=3 + 20).contains(&errors.len()));
            for error in &errors {
                // A long key is cut in it.
                let pointer = error.pointer();
                let is_there = value.pointer(pointer).is_some();
                assert!(is_there || pointer.len() >= 128, "{error:?}");
                assert!(pointer.len() < 20_000, "{}", pointer.len());
            }
        }
    }
}

pub fn strkey(data: &[u8]) {
    let Some(text) = text(data) else { return };
    let full = check(text, StrkeyCheck::Full).is_ok();
    let shape = check(text, StrkeyCheck::Shape).is_ok();
    assert!(shape || !full);
    assert_eq!(full, is_strkey(text));
    if full {
        let damaged = |at: usize| {
            let other = if text.as_bytes()[at] == b'A' {
                "B"
            } else {
                "A"
            };
            [&text[..at], other, &text[at + 1..]].concat()
        };
        let passes = |at: &usize| check(&damaged(*at), StrkeyCheck::Full).is_ok();
        assert_eq!((0..text.len()).find(passes), None);
    }
}

/// SEP-23, bit by bit.
fn is_strkey(text: &str) -> bool {
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let Some(values) = text
        .chars()
        .map(|c| alphabet.find(c))
        .collect::<Option<Vec<_>>>()
    else {
        return false;
    };
    let bits: Vec<bool> = values
        .iter()
        .flat_map(|value| (0..5).rev().map(move |bit| value >> bit & 1 == 1))
        .collect();
    let (whole, rest) = bits.split_at(bits.len() / 8 * 8);
    let bytes: Vec<u8> = whole
        .chunks(8)
        .map(|bits| bits.iter().fold(0, |byte, bit| byte << 1 | u8::from(*bit)))
        .collect();
    let length = match bytes.first() {
        Some(48 | 16) => 1 + 32 + 2,
        Some(96) => 1 + 32 + 8 + 2,
        _ => return false,
    };
    if bytes.len() != length || rest.len() >= 5 || rest.contains(&true) {
        return false;
    }
    let (content, checksum) = bytes.split_at(length - 2);
    let crc = content.iter().fold(0u16, |crc, byte| {
        (0..8).fold(crc ^ u16::from(*byte) << 8, |crc, _| {
            let carry = crc & 0x8000 != 0;
            (crc << 1) ^ if carry { 0x1021 } else { 0 }
        })
    });
    crc.to_le_bytes() == checksum
}
