//! Who may send callbacks: Standard Webhooks 1.0, with shared secrets.

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use hmac::{Hmac, Mac};
use secrecy::{ExposeSecret, SecretSlice};
use sha2::Sha256;
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};

const PREFIX: &str = "whsec_";
const MAX_SECRET_BYTES: usize = 512;
/// The shortest secret that Standard Webhooks allows.
pub const FEWEST_BYTES: usize = 24;
/// At most so many signatures of a request are tried. A sender that rotates its secret sends two.
const MAX_SIGNATURES: usize = 16;

/// Padding is optional: some libraries leave it out.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Somebody who signs callbacks.
#[derive(Debug)]
pub struct Source {
    pub name: String,
    /// The owner whose transactions its callbacks are about.
    pub owner: String,
    /// Several while a new one replaces an old one.
    pub secrets: Vec<Secret>,
}

#[derive(Debug)]
pub struct Secret(SecretSlice<u8>);

impl Secret {
    /// Base64, with or without `whsec_` before it: libraries of Standard Webhooks write it, and accept both. Without it a short secret is
    /// refused, since many an ordinary word is base64 by chance.
    pub fn parse(text: &str) -> Option<Secret> {
        let (text, fewest) = match text.strip_prefix(PREFIX) {
            Some(text) => (text, 1),
            None => (text, FEWEST_BYTES),
        };
        let bytes = BASE64.decode(text).ok()?;
        let usable = (fewest..=MAX_SECRET_BYTES).contains(&bytes.len());
        usable.then(|| Secret(bytes.into()))
    }

    pub fn bytes(&self) -> usize {
        self.0.expose_secret().len()
    }

    pub fn is_same(&self, other: &Secret) -> bool {
        self.0.expose_secret() == other.0.expose_secret()
    }

    /// Never None: HMAC takes keys of every length.
    fn sign(&self, signed: &Signed) -> Option<[u8; 32]> {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.0.expose_secret()).ok()?;
        for part in [
            signed.id.as_bytes(),
            b".",
            signed.timestamp.as_bytes(),
            b".",
            signed.body,
        ] {
            mac.update(part);
        }
        Some(mac.finalize().into_bytes().into())
    }
}

/// What a signature covers, exactly as it was received.
#[derive(Clone, Copy, Debug)]
pub struct Signed<'s> {
    pub id: &'s str,
    pub timestamp: &'s str,
    pub body: &'s [u8],
}

#[derive(Debug, Default)]
pub struct Sources(Vec<Source>);

impl Sources {
    pub fn new(sources: Vec<Source>) -> Sources {
        Sources(sources)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The source with a secret that has made one of these signatures. All secrets and signatures are compared, and each to the end, so
    /// that the time does not tell whether one matched, or which.
    pub fn signer(&self, signed: Signed, signatures: &[[u8; 32]]) -> Option<&Source> {
        let mut found = u64::MAX;
        for (place, source) in (0u64..).zip(&self.0) {
            for right in source
                .secrets
                .iter()
                .filter_map(|secret| secret.sign(&signed))
            {
                let equals = |signature: &[u8; 32]| signature.ct_eq(&right);
                let one = |any: Choice, sent| any | equals(sent);
                let is_right = signatures.iter().fold(Choice::from(0), one);
                found.conditional_assign(&place, is_right);
            }
        }
        self.0.get(usize::try_from(found).ok()?)
    }
}

/// The signatures of version 1 in the value of `webhook-signature`: `v1,<base64> v1,<base64> …`. Other versions are skipped.
pub fn signatures(header: &str) -> Vec<[u8; 32]> {
    let of_version_1 = header
        .split(' ')
        .filter_map(|part| part.strip_prefix("v1,"));
    let decoded = of_version_1.filter_map(|text| BASE64.decode(text).ok()?.try_into().ok());
    decoded.take(MAX_SIGNATURES).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example in the tests of Standard Webhooks' own libraries.
    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const SIGNATURE: &str = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
    const SIGNED: Signed = Signed {
        id: "msg_p5jXN8AQM9LWM0D4loKWxJek",
        timestamp: "1614265330",
        body: br#"{"test": 2432232314}"#,
    };

    fn source(name: &str, secrets: &[&str]) -> Source {
        Source {
            name: name.into(),
            owner: name.into(),
            secrets: secrets.iter().filter_map(|s| Secret::parse(s)).collect(),
        }
    }

    const OTHER: &str = "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

    #[test]
    fn the_secret_that_verifies_says_who_signed() {
        let sources = Sources::new(vec![
            source("a", &[OTHER]),
            source("b", &["whsec_AQID", SECRET]),
        ]);
        let signer = |header: &str| {
            let found = sources.signer(SIGNED, &signatures(header));
            found.map(|source| source.name.as_str())
        };
        assert_eq!(signer(SIGNATURE), Some("b"));
        assert_eq!(signer(&format!("v1,AAAA v1a,xyz {SIGNATURE}")), Some("b"));
        assert_eq!(signer(SIGNATURE.trim_end_matches('=')), Some("b"));
        for wrong in [
            "",
            "v1,",
            "v1,AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
            &SIGNATURE.replace("v1,", "v2,"),
            &SIGNATURE.replace("v1,", ""),
            &SIGNATURE.replace("g0h", "h0h"),
        ] {
            assert_eq!(signer(wrong), None, "{wrong}");
        }
        let signatures = signatures(SIGNATURE);
        for changed in [
            Signed {
                id: "msg",
                ..SIGNED
            },
            Signed {
                timestamp: "1614265331",
                ..SIGNED
            },
            Signed {
                body: b"{}",
                ..SIGNED
            },
        ] {
            assert!(
                sources.signer(changed, &signatures).is_none(),
                "{changed:?}"
            );
        }
    }

    #[test]
    fn a_secret_is_never_printed_and_must_be_base64_with_its_prefix_or_without() {
        let secret = Secret::parse(SECRET).expect("valid");
        assert_eq!(secret.bytes(), 24);
        let shown = format!("{:?}", source("a", &[SECRET]));
        assert!(!shown.contains("MfKQ") && !shown.contains("49"), "{shown}");
        for text in ["", "whsec_", "MfKQ9r8GKYqrTwjU", "whsec_*", "WHSEC_AAAA"] {
            assert!(Secret::parse(text).is_none(), "{text}");
        }
        assert!(Secret::parse(&format!("whsec_{}", "A".repeat(800))).is_none());
        let without = Secret::parse("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        assert!(without.is_some_and(|without| without.is_same(&secret)));
    }
}
