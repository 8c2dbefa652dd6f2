//! TLS: whom we trust, and what we show.

use std::fmt;
use std::io;
use std::sync::Arc;

use hyper_rustls::ConfigBuilderExt as _;
use keyfob_proto::Secret;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, ConfigBuilder, RootCertStore, WantsVerifier};

/// What a transport trusts and shows.
#[derive(Clone, Default)]
pub(super) struct Tls {
    /// Whose certificates count; `None`: the system's store says.
    pub(super) authorities: Option<String>,
    /// Our own certificate and its key, both PEM, for servers that ask.
    pub(super) shown: Option<(String, Secret)>,
}

impl Tls {
    /// Trusts no server at all.
    pub(super) fn trusting_nobody() -> io::Result<ClientConfig> {
        Ok(versions()?.with_root_certificates(RootCertStore::empty()).with_no_client_auth())
    }

    /// Whether there is anything in it that somebody gave, and that may be wrong.
    pub(super) fn is_given(&self) -> bool {
        self.authorities.is_some() || self.shown.is_some()
    }

    /// The same for rustls. Nothing turns checks off (C2).
    pub(super) fn config(&self) -> io::Result<ClientConfig> {
        let versions = versions()?;
        let trusting = match &self.authorities {
            None => versions.with_native_roots()?,
            Some(pem) => versions.with_root_certificates(roots(pem)?),
        };
        match &self.shown {
            None => Ok(trusting.with_no_client_auth()),
            Some((chain, key)) => {
                let chain = certificates(chain, "the certificate to show")?;
                // Whatever is wrong with it, the message must not hold any of it.
                let key = PrivateKeyDer::from_pem_slice(key.expose().as_bytes())
                    .map_err(|_| wrong("the key of the certificate to show: expected a private key in PEM, but found other text"))?;
                let unfit = |error: rustls::Error| wrong(format!("the certificate to show, and its key: {error}"));
                trusting.with_client_auth_cert(chain, key).map_err(unfit)
            }
        }
    }
}

/// Without any of it: files with a certificate often hold its key as well.
impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").finish_non_exhaustive()
    }
}

/// TLS 1.2 at least (C2).
fn versions() -> io::Result<ConfigBuilder<ClientConfig, WantsVerifier>> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().map_err(io::Error::other)
}

fn roots(pem: &str) -> io::Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(pem, "the authorities to trust")? {
        roots.add(certificate).map_err(|error| wrong(format!("the authorities to trust: {error}")))?;
    }
    Ok(roots)
}

/// All of them, and at least one.
fn certificates(pem: &str, what: &str) -> io::Result<Vec<CertificateDer<'static>>> {
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
    match read {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        _ => Err(wrong(format!("{what}: expected certificates in PEM, but found none, or broken ones"))),
    }
}

fn wrong(what: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, what.into())
}
