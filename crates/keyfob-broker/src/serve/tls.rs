//! Certificate and key, read from files, and read again when they were renewed.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::SystemTime;

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

use super::certificate;
use crate::site::Site;

/// A certificate with its key, as a server shows it.
pub struct Tls {
    certificate: PathBuf,
    key: PathBuf,
    current: RwLock<Current>,
}

struct Current {
    config: Arc<ServerConfig>,
    /// The server's own.
    certificate: CertificateDer<'static>,
    stamp: Stamp,
}

/// What tells a renewed file from the old one.
type Stamp = [Option<(SystemTime, u64)>; 2];

/// Why TLS cannot be spoken.
#[derive(Debug)]
#[non_exhaustive]
pub struct TlsError {
    /// The file that is meant.
    pub file: PathBuf,
    problem: String,
}

impl Tls {
    /// Reads a certificate chain, the server's own first, and its key: PEM files (PKCS #8, SEC 1 or PKCS #1).
    ///
    /// # Errors
    /// If a file cannot be read, holds something else, or the two do not belong together.
    pub fn load(certificate: &Path, key: &Path) -> Result<Self, TlsError> {
        let stamp = stamp(certificate, key);
        let current = RwLock::new(read(certificate, key, stamp)?);
        Ok(Self { certificate: certificate.to_owned(), key: key.to_owned(), current })
    }

    /// Reads the files again if they have changed; whether they had. What is wrong with the new ones leaves the old ones in use.
    ///
    /// # Errors
    /// Those of [`load`](Self::load).
    pub fn reload(&self) -> Result<bool, TlsError> {
        let stamp = stamp(&self.certificate, &self.key);
        if self.current.read().unwrap_or_else(PoisonError::into_inner).stamp == stamp {
            return Ok(false);
        }
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = read(&self.certificate, &self.key, stamp)?;
        Ok(true)
    }

    /// What the person who starts it, or has renewed it, should know: it will be refused where the site is.
    #[must_use]
    pub fn notes(&self, site: &Site) -> Vec<String> {
        let certificate = self.current.read().unwrap_or_else(PoisonError::into_inner).certificate.clone();
        let faults = certificate::faults(&certificate, site.origin.host(), site.keyfob.now());
        let told = faults.into_iter().map(|fault| format!("the certificate {} {fault}", self.certificate.display()));
        told.chain(self.open_key()).collect()
    }

    fn open_key(&self) -> Option<String> {
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;

            let open = std::fs::metadata(&self.key).is_ok_and(|file| file.permissions().mode() & 0o007 != 0);
            if open {
                return Some(format!("every user of this machine can read the key {}: chmod 640", self.key.display()));
            }
        }
        None
    }

    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(self.current.read().unwrap_or_else(PoisonError::into_inner).config.clone())
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").field("certificate", &self.certificate).field("key", &self.key).finish_non_exhaustive()
    }
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.file.display(), self.problem)
    }
}

impl std::error::Error for TlsError {}

fn read(certificate: &Path, key: &Path, stamp: Stamp) -> Result<Current, TlsError> {
    let wrong = |file: &Path, problem: String| TlsError { file: file.to_owned(), problem };
    for file in [certificate, key] {
        // Of what is no file nothing may ever come, and whoever waits for it serves nobody.
        if std::fs::metadata(file).is_ok_and(|found| !found.is_file()) {
            let problem = "expected a file, which is read again when it is renewed; found a FIFO, a folder or a device".to_owned();
            return Err(wrong(file, problem));
        }
    }
    let chain: Result<Vec<_>, _> = CertificateDer::pem_file_iter(certificate).and_then(Iterator::collect);
    let chain = chain.map_err(|error| wrong(certificate, format!("expected a certificate in PEM form ({error})")))?;
    let Some(own) = chain.first().cloned() else {
        return Err(wrong(certificate, "expected a certificate in PEM form, found none".to_owned()));
    };
    // The error names the kind of what was found, never the bytes.
    let secret = PrivateKeyDer::from_pem_file(key).map_err(|error| wrong(key, format!("expected a private key in PEM form ({error})")))?;
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("the provider speaks both versions")
        .with_no_client_auth()
        .with_single_cert(chain, secret);
    let mut config = config.map_err(|error| wrong(key, format!("it and the certificate cannot be used together ({error})")))?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Current { config: Arc::new(config), certificate: own, stamp })
}

fn stamp(certificate: &Path, key: &Path) -> Stamp {
    [certificate, key].map(|path| {
        let file = std::fs::metadata(path).ok()?;
        Some((file.modified().ok()?, file.len()))
    })
}

#[cfg(test)]
mod tests {
    use rcgen::generate_simple_self_signed;

    use super::*;

    fn write(folder: &Path, name: &str) -> (String, String) {
        let made = generate_simple_self_signed([name.to_owned()]).expect("a certificate");
        let (certificate, key) = (made.cert.pem(), made.signing_key.serialize_pem());
        std::fs::write(folder.join("cert.pem"), &certificate).expect("written");
        std::fs::write(folder.join("key.pem"), &key).expect("written");
        (certificate, key)
    }

    #[test]
    fn a_renewed_certificate_is_taken_and_a_broken_one_is_not() {
        let folder = tempfile::tempdir().expect("a folder");
        let (certificate, key) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
        let (first, _) = write(folder.path(), "home.example");
        let tls = Tls::load(&certificate, &key).expect("a pair");
        assert!(!tls.reload().expect("nothing new"));
        let before = tls.acceptor().config().clone();
        write(folder.path(), "another-name.example");
        assert!(tls.reload().expect("a pair"));
        assert!(!Arc::ptr_eq(&before, tls.acceptor().config()));
        // Half renewed: the old pair stays.
        let now = tls.acceptor().config().clone();
        std::fs::write(&certificate, format!("{first}\n")).expect("written");
        let error = tls.reload().expect_err("they do not belong together");
        assert!(error.to_string().contains("key.pem"), "{error}");
        assert!(Arc::ptr_eq(&now, tls.acceptor().config()));
    }

    /// Whoever opens a FIFO waits for somebody at its other end.
    #[cfg(unix)]
    #[test]
    fn what_is_no_file_is_refused_and_not_waited_for() {
        let folder = tempfile::tempdir().expect("a folder");
        let (certificate, key) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
        for which in [&certificate, &key] {
            write(folder.path(), "home.example");
            let tls = Arc::new(Tls::load(&certificate, &key).expect("a pair"));
            let before = tls.acceptor().config().clone();
            std::fs::remove_file(which).expect("removed");
            assert!(std::process::Command::new("mkfifo").arg(which).status().expect("mkfifo").success());
            let (tell, told) = std::sync::mpsc::channel();
            let (again, pair) = (tls.clone(), (certificate.clone(), key.clone()));
            std::thread::spawn(move || drop(tell.send((again.reload().map(drop), Tls::load(&pair.0, &pair.1).map(drop)))));
            let (reloaded, loaded) = told.recv_timeout(std::time::Duration::from_secs(60)).expect("nobody waits for it");
            for error in [reloaded.expect_err("a FIFO"), loaded.expect_err("a FIFO")] {
                assert!(error.file == *which && error.to_string().contains("expected a file, which is read again"), "{error}");
            }
            assert!(Arc::ptr_eq(&before, tls.acceptor().config()), "the old pair stays in use");
            std::fs::remove_file(which).expect("removed");
        }
    }

    #[test]
    fn what_is_wrong_is_named_and_no_key_is_shown() {
        let folder = tempfile::tempdir().expect("a folder");
        let (certificate, key) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
        let (_, secret) = write(folder.path(), "home.example");
        assert!(Tls::load(&folder.path().join("none.pem"), &key).expect_err("no file").to_string().contains("none.pem"));
        let swapped = Tls::load(&key, &certificate).expect_err("swapped").to_string();
        assert!(swapped.contains("key.pem: expected a certificate"), "{swapped}");
        let body: &str = secret.lines().nth(1).expect("a line");
        std::fs::write(&key, format!("-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----\n")).expect("written");
        let broken = format!("{0} {0:?}", Tls::load(&certificate, &key).expect_err("half a key"));
        assert!(!broken.contains(body), "{broken}");
    }
}
