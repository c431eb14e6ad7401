//! TLS: the certificate and its key, which are read again when their files change.

use crate::settings::TlsSettings;
use arc_swap::ArcSwap;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{InconsistentKeys, ServerConfig};
use std::ops::RangeInclusive;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::time::{Duration, SystemTime};
use std::{fmt, fs, io, thread};
use x509_cert::der::Decode;

/// Between two checks of the files. Each check reads them, since a replaced file may have the time and size of the old one, or be reached
/// by a link; and notifications by the system (inotify) do not work everywhere.
const PERIOD: Duration = Duration::from_secs(1);

/// The certificate that new connections are served with. Open connections keep the one that they began with.
#[derive(Debug)]
pub struct Certificate {
    files: TlsSettings,
    /// The contents of the files at the start.
    loaded: Pem,
    current: ArcSwap<CertifiedKey>,
}

/// Keeps the certificate up to date until it is dropped.
pub struct Reloading {
    _stop: Sender<()>,
}

impl Certificate {
    /// Err: names the setting that is wrong.
    pub fn load(files: &TlsSettings) -> Result<Arc<Certificate>, String> {
        let loaded = Pem::read(files)?;
        let current = certified(&loaded, files)?;
        Ok(Arc::new(Certificate {
            files: files.clone(),
            loaded,
            current: ArcSwap::from_pointee(current),
        }))
    }

    /// From when to when the first certificate of the chain, the server's own, is valid.
    pub fn validity(&self) -> Result<RangeInclusive<SystemTime>, String> {
        let certified = self.current.load();
        let der = certified.cert.first().map_or(&[][..], |der| der);
        let parsed = x509_cert::Certificate::from_der(der).map_err(|error| {
            let file = self.files.certificate.display();
            format!("server.tls.certificate: {file}: {error}")
        })?;
        let validity = parsed.tbs_certificate().validity();
        let time = |since_1970: Duration| SystemTime::UNIX_EPOCH + since_1970;
        let from = time(validity.not_before.to_unix_duration());
        Ok(from..=time(validity.not_after.to_unix_duration()))
    }

    /// TLS 1.2 and 1.3. ALPN, which actix adds, decides between HTTP/1.1 and HTTP/2.
    pub fn config(self: &Arc<Self>) -> Result<ServerConfig, rustls::Error> {
        let config = ServerConfig::builder_with_provider(provider());
        Ok(config
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_cert_resolver(self.clone()))
    }

    pub fn keep_up_to_date(self: &Arc<Self>) -> io::Result<Reloading> {
        let (stop, stopped) = mpsc::channel::<()>();
        let certificate = self.clone();
        let look = move || {
            let mut last = Ok(certificate.loaded.clone());
            while stopped.recv_timeout(PERIOD) == Err(RecvTimeoutError::Timeout) {
                let now = Pem::read(&certificate.files);
                if now != last {
                    certificate.take(&now);
                    last = now;
                }
            }
        };
        thread::Builder::new()
            .name("certificate".into())
            .spawn(look)?;
        Ok(Reloading { _stop: stop })
    }

    /// Uses the new files if they are valid. They are replaced one after the other, so for a moment they may not belong together, and the
    /// old pair stays in use.
    fn take(&self, pem: &Result<Pem, String>) {
        let taken = pem.as_ref().map_err(String::clone);
        match taken.and_then(|pem| certified(pem, &self.files)) {
            Ok(new) => {
                self.current.store(Arc::new(new));
                log::info!(certificate:% = self.files.certificate.display(); "the certificate was replaced");
            }
            Err(reason) => {
                log::warn!(reason; "the certificate's files have changed and cannot be used: the one before is served on");
            }
        }
    }
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _: ClientHello) -> Option<Arc<CertifiedKey>> {
        Some(self.current.load_full())
    }
}

/// The contents of the files.
#[derive(Clone, PartialEq)]
struct Pem {
    certificate: Vec<u8>,
    key: Vec<u8>,
}

/// The key is not shown.
impl fmt::Debug for Pem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pem(…)")
    }
}

impl Pem {
    fn read(files: &TlsSettings) -> Result<Pem, String> {
        Ok(Pem {
            certificate: read("server.tls.certificate", &files.certificate)?,
            key: read("server.tls.key", &files.key)?,
        })
    }
}

fn read(setting: &str, path: &Path) -> Result<Vec<u8>, String> {
    fs::read(path).map_err(|error| format!("{setting}: cannot read {}: {error}", path.display()))
}

fn certified(pem: &Pem, files: &TlsSettings) -> Result<CertifiedKey, String> {
    let (certificate, key) = (files.certificate.display(), files.key.display());
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem.certificate).collect();
    let chain = chain.map_err(|error| format!("server.tls.certificate: {certificate}: {error}"))?;
    if chain.is_empty() {
        return Err(format!(
            "server.tls.certificate: {certificate} holds no certificate (PEM)"
        ));
    }
    // The error is not shown, since it may quote the key.
    let private = PrivateKeyDer::from_pem_slice(&pem.key)
        .map_err(|_| format!("server.tls.key: {key} holds no private key (PEM)"))?;
    CertifiedKey::from_der(chain, private, &provider()).map_err(|error| match error {
        rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => {
            format!("server.tls.key: {key} is not the key of {certificate}")
        }
        error => format!("server.tls: {certificate} and {key} cannot be used: {error}"),
    })
}

/// The cryptography of the whole program: `ureq` uses it too.
fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}
