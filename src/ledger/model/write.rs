//! Which write made a version of a transaction.
//!
//! A version number alone does not name a write. For example, a client changes a transaction to version 2, and the primary dies before a
//! standby has that write; the next primary still has version 1, and somebody else makes *another* version 2. Whoever holds the ETag of the
//! first one must not be told that it still matches. So ETags and consistency tokens carry the number and the identity of the write.

use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

/// Version 1 is the create, and its identity is the transaction's id; a later version has the id of the change that made it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Write {
    pub version: i32,
    pub id: Uuid,
}

impl Write {
    pub fn etag(&self) -> ETag {
        ETag {
            version: self.version,
            identity: identity(self.id),
        }
    }
}

/// The last six hexadecimal digits: the ids are UUIDv7, which end in random digits. change.sql does the same with `right(…, 6)`.
fn identity(id: Uuid) -> String {
    let text = id.simple().to_string();
    text[text.len() - 6..].to_owned()
}

/// A write in a text that is short enough for an entity tag (RFC 9110, section 8.8.3): `2-5f2c9a`. `Display` leaves the quotes out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ETag {
    pub version: i32,
    pub identity: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is no entity tag of this service")]
pub struct UnknownETag;

impl fmt::Display for ETag {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{}-{}", self.version, self.identity)
    }
}

impl FromStr for ETag {
    type Err = UnknownETag;

    fn from_str(text: &str) -> Result<ETag, UnknownETag> {
        let (version, identity) = text.split_once('-').ok_or(UnknownETag)?;
        let etag = ETag {
            version: version.parse().map_err(|_| UnknownETag)?,
            identity: identity.to_owned(),
        };
        let well_formed = etag.version >= 1 && identity.len() == 6 && etag.to_string() == text;
        if well_formed {
            Ok(etag)
        } else {
            Err(UnknownETag)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_etag_is_the_version_and_the_end_of_the_id() {
        let id = "0199f6a2-7c1e-7d3a-9b6f-3f0c5a1e2b44"
            .parse()
            .expect("a UUID");
        let write = Write { version: 12, id };
        assert_eq!(write.etag().to_string(), "12-1e2b44");
        assert_eq!("12-1e2b44".parse(), Ok(write.etag()));
    }

    #[test]
    fn what_this_service_never_wrote_is_unknown() {
        for text in [
            "",
            "1",
            "1-",
            "-1e2b44",
            "0-1e2b44",
            "-1-1e2b44",
            "01-1e2b44",
            "+1-1e2b44",
            "1-1e2b4",
            "x-1e2b44",
            "99999999999-1e2b44",
        ] {
            assert_eq!(text.parse::<ETag>(), Err(UnknownETag), "{text}");
        }
    }
}
