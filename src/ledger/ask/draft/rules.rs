//! Rules of single fields, for bodies and search parameters alike.

pub const CALLBACK_TYPES: [&str; 4] = [
    "deposit",
    "withdrawal",
    "deposit-exchange",
    "withdrawal-exchange",
];

pub const ASSET_CODE: &str = "must be 1 to 12 of A-Z and 0-9, or native";

const MAX_ANCHOR_ID_BYTES: usize = 255;

pub fn is_asset_code(text: &str) -> bool {
    let upper = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit();
    text == "native" || (1..=12).contains(&text.len()) && text.bytes().all(upper)
}

pub fn is_callback_status(text: &str) -> bool {
    (1..=40).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')
}

/// Codes and details of every broken rule. Any Unicode white space at the ends is refused: it cannot be seen, so two ids that read the same
/// would be different ones.
pub fn anchor_transaction_id_errors(text: &str) -> Vec<(&'static str, &'static str)> {
    let mut errors = Vec::new();
    if text.is_empty() || text.len() > MAX_ANCHOR_ID_BYTES {
        errors.push(("length", "must be 1 to 255 bytes"));
    }
    if has_control_character(text) {
        errors.push(("control_character", "control characters are not allowed"));
    } else if text.trim() != text {
        errors.push(("format", "must not begin or end with white space"));
    }
    errors
}

/// U+0000-U+001F, DEL and U+0080-U+009F.
pub fn has_control_character(text: &str) -> bool {
    text.chars().any(char::is_control)
}
