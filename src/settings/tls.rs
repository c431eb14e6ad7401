//! `[server.tls]`: the certificate with which HTTP is served.

use super::reader::Reader;
use std::path::PathBuf;

/// PEM files, which the server reads, and reads again when they change.
#[derive(Clone, Debug)]
pub struct TlsSettings {
    /// The chain: the server's certificate, then those between it and a root that clients trust.
    pub certificate: PathBuf,
    pub key: PathBuf,
}

/// None: HTTP in clear text.
pub(super) fn tls(r: &mut Reader) -> Option<TlsSettings> {
    let certificate = r.path("server.tls.certificate");
    let key = r.secret_path("server.tls.key");
    match (certificate, key) {
        (Some(certificate), Some(key)) => Some(TlsSettings { certificate, key }),
        (None, None) => None,
        (Some(_), None) => {
            r.problem("server.tls.key", "is needed beside server.tls.certificate");
            None
        }
        (None, Some(_)) => {
            r.problem("server.tls.certificate", "is needed beside server.tls.key");
            None
        }
    }
}
