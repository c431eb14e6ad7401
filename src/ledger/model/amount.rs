//! Amounts: exact decimals in the range of Stellar amounts. They keep the number of decimals that they were sent with.

use std::fmt;

use rust_decimal::Decimal;

const MAX_DECIMALS: usize = 7;
const MAX_INTEGER_DIGITS: usize = 12;
/// 922337203685.4775807: `i64::MAX` stroops (ten-millionths).
const MAX: Decimal = Decimal::from_parts(0xffff_ffff, 0x7fff_ffff, 0, false, 7);

/// An amount of a transaction: above zero, at most `MAX`. `Display` gives the digits as they were sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Amount(Decimal);

/// A bound of a search (`min_amount`, `max_amount`): like [`Amount`], but zero is allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct AmountBound(Decimal);

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AmountError {
    #[error("must be a plain decimal number such as \"100.50\"")]
    Format,
    #[error("must be greater than zero")]
    NotPositive,
    #[error("must be at most 922337203685.4775807")]
    TooLarge,
    #[error("at most 7 decimals")]
    Precision,
}

impl AmountError {
    pub fn code(&self) -> &'static str {
        match self {
            AmountError::Format => "amount_format",
            AmountError::NotPositive => "amount_not_positive",
            AmountError::TooLarge => "amount_too_large",
            AmountError::Precision => "amount_precision",
        }
    }
}

impl Amount {
    pub fn parse(text: &str) -> Result<Amount, AmountError> {
        let decimal = read(text)?;
        if decimal.is_zero() {
            return Err(AmountError::NotPositive);
        }
        Ok(Amount(decimal))
    }

    pub fn as_decimal(&self) -> Decimal {
        self.0
    }

    /// The same text for equal values ("100.5" for 100.50): for fingerprints, never for storage or answers.
    pub fn canonical(&self) -> String {
        self.0.normalize().to_string()
    }
}

impl AmountBound {
    pub fn parse(text: &str) -> Result<AmountBound, AmountError> {
        read(text).map(AmountBound)
    }

    pub fn as_decimal(&self) -> Decimal {
        self.0
    }

    pub fn canonical(&self) -> String {
        self.0.normalize().to_string()
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A grammar of our own, because `Decimal::from_str` takes exponents and underscores, and rounds. The digits are counted before `Decimal`
/// sees them; a number of the right form but out of range gets an error that says so.
fn read(text: &str) -> Result<Decimal, AmountError> {
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let (integer, fraction) = match unsigned.split_once('.') {
        Some((integer, fraction)) if is_digits(fraction) => (integer, fraction),
        Some(_) => return Err(AmountError::Format),
        None => (unsigned, ""),
    };
    if !is_digits(integer) || (integer.len() > 1 && integer.starts_with('0')) {
        return Err(AmountError::Format);
    }
    if unsigned.len() != text.len() {
        return Err(AmountError::NotPositive);
    }
    if fraction.len() > MAX_DECIMALS {
        return Err(AmountError::Precision);
    }
    if integer.len() > MAX_INTEGER_DIGITS {
        return Err(AmountError::TooLarge);
    }
    let decimal = Decimal::from_str_exact(text).map_err(|_| AmountError::Format)?;
    if decimal > MAX {
        return Err(AmountError::TooLarge);
    }
    Ok(decimal)
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn code(text: &str) -> &'static str {
        Amount::parse(text).expect_err(text).code()
    }

    #[test]
    fn an_amount_keeps_the_scale_it_was_sent_with() {
        for text in [
            "1",
            "100.5",
            "100.50",
            "0.0000001",
            "0.1000000",
            "922337203685.4775807",
        ] {
            assert_eq!(Amount::parse(text).expect(text).to_string(), text);
        }
    }

    #[test]
    fn equal_values_have_one_canonical_text() {
        for text in ["100.5", "100.50", "100.5000000"] {
            assert_eq!(Amount::parse(text).expect(text).canonical(), "100.5");
        }
        assert_eq!(Amount::parse("100").expect("100").canonical(), "100");
        assert_eq!(Amount::parse("100.0").expect("100.0").canonical(), "100");
    }

    #[test]
    fn what_is_no_plain_decimal_has_a_format_error() {
        for text in [
            "", " ", "1 ", " 1", "+1", ".5", "5.", "1.", "1..2", "1.2.3", "01", "00", "00.1",
            "1e5", "1_000", "1,5", "0x10", "NaN", "Infinity", "--1", "-", "-01", "١", "1\0",
            "1.5\n",
        ] {
            assert_eq!(code(text), "amount_format", "{text:?}");
        }
    }

    #[test]
    fn zero_and_negative_amounts_are_not_positive() {
        for text in ["0", "0.0", "0.0000000", "-1", "-0", "-100.50"] {
            assert_eq!(code(text), "amount_not_positive", "{text:?}");
        }
    }

    #[test]
    fn the_largest_amount_is_exact() {
        for text in [
            "922337203685.4775808",
            "999999999999",
            "1000000000000",
            &"9".repeat(60_000),
        ] {
            assert_eq!(code(text), "amount_too_large");
        }
    }

    #[test]
    fn an_eighth_decimal_is_an_error_even_when_it_is_zero() {
        for text in [
            "1.12345678",
            "1.00000000",
            "0.00000001",
            &format!("1.{}", "1".repeat(60_000)),
        ] {
            assert_eq!(code(text), "amount_precision");
        }
    }

    #[test]
    fn a_bound_may_be_zero_but_not_negative() {
        assert_eq!(
            AmountBound::parse("0.00").map(|b| b.canonical()),
            Ok("0".to_owned())
        );
        assert_eq!(AmountBound::parse("-1"), Err(AmountError::NotPositive));
    }

    proptest! {
        #[test]
        fn every_stroop_count_round_trips(stroops in 1..=i64::MAX) {
            let text = format!("{}.{:07}", stroops / 10_000_000, stroops % 10_000_000);
            let amount = Amount::parse(&text).expect("in range");
            prop_assert_eq!(amount.to_string(), text);
            prop_assert_eq!(amount.as_decimal().mantissa(), i128::from(stroops));
            let again = Amount::parse(&amount.canonical()).expect("canonical");
            prop_assert_eq!(again, amount);
        }

        #[test]
        fn every_accepted_text_comes_back_byte_for_byte(text in r"-?[0-9]{0,14}\.?[0-9]{0,9}") {
            if let Ok(amount) = Amount::parse(&text) {
                prop_assert_eq!(amount.to_string(), text);
            }
        }

        #[test]
        fn any_text_gives_an_amount_or_an_error(text in any::<String>()) {
            let _ = Amount::parse(&text);
        }
    }
}
