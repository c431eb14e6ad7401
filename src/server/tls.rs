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

/// A setting, and what is wrong with it.
type Wrong = (&'static str, String);

const CERTIFICATE: &str = "server.tls.certificate";
const KEY: &str = "server.tls.key";

/// Keeps the certificate up to date until it is dropped.
pub struct Reloading {
    _stop: Sender<()>,
}

impl Certificate {
    /// Err: everything that is wrong with the files.
    pub fn load(files: &TlsSettings) -> Result<Arc<Certificate>, Vec<Wrong>> {
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
            format!("{CERTIFICATE}: {file}: {error}")
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
    fn take(&self, pem: &Result<Pem, Vec<Wrong>>) {
        let taken = pem.as_ref().map_err(Vec::clone);
        match taken.and_then(|pem| certified(pem, &self.files)) {
            Ok(new) => {
                self.current.store(Arc::new(new));
                log::info!(certificate:% = self.files.certificate.display(); "the certificate was replaced");
            }
            Err(wrong) => {
                let lines = wrong.iter().map(|(key, what)| format!("{key}: {what}"));
                let reason = lines.collect::<Vec<_>>().join("; ");
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
    fn read(files: &TlsSettings) -> Result<Pem, Vec<Wrong>> {
        let certificate = read(CERTIFICATE, &files.certificate);
        let (certificate, key) = both(certificate, read(KEY, &files.key))?;
        Ok(Pem { certificate, key })
    }
}

fn read(setting: &'static str, path: &Path) -> Result<Vec<u8>, Wrong> {
    fs::read(path).map_err(|error| (setting, format!("cannot read {}: {error}", path.display())))
}

fn both<A, B>(a: Result<A, Wrong>, b: Result<B, Wrong>) -> Result<(A, B), Vec<Wrong>> {
    match (a, b) {
        (Ok(a), Ok(b)) => Ok((a, b)),
        (a, b) => Err(a.err().into_iter().chain(b.err()).collect()),
    }
}

fn certified(pem: &Pem, files: &TlsSettings) -> Result<CertifiedKey, Vec<Wrong>> {
    let (certificate, key) = (files.certificate.display(), files.key.display());
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem.certificate).collect();
    let chain = match chain {
        Ok(chain) if chain.is_empty() => Err(format!("{certificate} holds no certificate (PEM)")),
        chain => chain.map_err(|error| format!("{certificate}: {error}")),
    };
    // The error is not shown, since it may quote the key.
    let private = PrivateKeyDer::from_pem_slice(&pem.key)
        .map_err(|_| (KEY, format!("{key} holds no private key (PEM)")));
    let (chain, private) = both(chain.map_err(|what| (CERTIFICATE, what)), private)?;
    CertifiedKey::from_der(chain, private, &provider()).map_err(|error| match error {
        rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => {
            vec![(KEY, format!("{key} is not the key of {certificate}"))]
        }
        error => {
            let what = format!("{certificate} and {key} cannot be used: {error}");
            vec![("server.tls", what)]
        }
    })
}

/// The cryptography of the whole program: `ureq` uses it too.
fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}
