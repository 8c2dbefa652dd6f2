//! The door with TLS: it asks whoever comes for a certificate (RFC 8705). Whatever is shown is taken once its key has been proved; whether it counts
//! is the service's to say, for a certificate that nobody else vouches for is as good as registered (§2.2).

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use bytes::Bytes;
use rcgen::{BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use rustls::client::danger::HandshakeSignatureValid;
use rustls::client::verify_server_name;
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{ParsedCertificate, WebPkiClientVerifier};
use rustls::{DigitallySignedStruct, DistinguishedName, RootCertStore, ServerConfig, SignatureScheme};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// Who does not finish a handshake is not waited for any longer.
const PATIENCE: Duration = Duration::from_secs(10);

/// A certificate and its key, both as PEM: what a client shows.
#[derive(Clone)]
pub struct Certificate {
    /// The certificate.
    pub certificate: String,
    /// Its private key (PKCS #8).
    pub key: String,
}

/// Without the key.
impl std::fmt::Debug for Certificate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Certificate").field("certificate", &self.certificate).finish_non_exhaustive()
    }
}

/// Signs the certificates of one sandbox, and of nobody else.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pub(crate) certificate: String,
}

impl Authority {
    pub(crate) fn new() -> io::Result<Self> {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "the authority of one sandbox");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let key = KeyPair::generate().map_err(io::Error::other)?;
        let certificate = params.self_signed(&key).map_err(io::Error::other)?.pem();
        Ok(Self { issuer: Issuer::new(params, key), certificate })
    }

    /// For a client of this name (a DNS name).
    pub(crate) fn client(&self, name: &str) -> io::Result<Certificate> {
        self.sign(vec![name.to_owned()], ExtendedKeyUsagePurpose::ClientAuth)
    }

    /// For a server at this address of ours.
    pub(crate) fn server(&self, address: IpAddr) -> io::Result<Certificate> {
        let mut names = vec!["localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()];
        names.extend(Some(address.to_string()).filter(|name| !names.contains(name)));
        self.sign(names, ExtendedKeyUsagePurpose::ServerAuth)
    }

    fn sign(&self, names: Vec<String>, usage: ExtendedKeyUsagePurpose) -> io::Result<Certificate> {
        let mut params = CertificateParams::new(names).map_err(io::Error::other)?;
        params.extended_key_usages = vec![usage];
        let key = KeyPair::generate().map_err(io::Error::other)?;
        let certificate = params.signed_by(&key, &self.issuer).map_err(io::Error::other)?.pem();
        Ok(Certificate { certificate, key: key.serialize_pem() })
    }

    /// Whether this client's certificate is one of ours, good at that time, and of this name (RFC 8705 §2.1).
    pub(crate) fn vouches(&self, der: &[u8], name: &str, now: i64) -> bool {
        let judged = || {
            let certificate = CertificateDer::from(der);
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(self.roots().ok()?), provider()).build().ok()?;
            let now = UnixTime::since_unix_epoch(Duration::from_secs(u64::try_from(now).ok()?));
            verifier.verify_client_cert(&certificate, &[], now).ok()?;
            let name = ServerName::try_from(name).ok()?;
            verify_server_name(&ParsedCertificate::try_from(&certificate).ok()?, &name).ok()
        };
        judged().is_some()
    }

    pub(crate) fn roots(&self) -> io::Result<RootCertStore> {
        let mut roots = RootCertStore::empty();
        let certificate = CertificateDer::from_pem_slice(self.certificate.as_bytes()).map_err(io::Error::other)?;
        roots.add(certificate).map_err(io::Error::other)?;
        Ok(roots)
    }

    /// What a server at this address speaks TLS by. It asks for a certificate where `asks`.
    pub(crate) fn server_config(&self, address: IpAddr, asks: bool) -> io::Result<ServerConfig> {
        let own = self.server(address)?;
        let chain = vec![CertificateDer::from_pem_slice(own.certificate.as_bytes()).map_err(io::Error::other)?];
        let key = PrivateKeyDer::from_pem_slice(own.key.as_bytes()).map_err(io::Error::other)?;
        let versions = ServerConfig::builder_with_provider(provider()).with_safe_default_protocol_versions().map_err(io::Error::other)?;
        let clients = if asks {
            versions.with_client_cert_verifier(Arc::new(Whoever(provider().signature_verification_algorithms)))
        } else {
            versions.with_no_client_auth()
        };
        clients.with_single_cert(chain, key).map_err(io::Error::other)
    }
}

pub(crate) fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

/// Asks for a certificate, and takes every one whose key its client holds.
#[derive(Debug)]
struct Whoever(WebPkiSupportedAlgorithms);

impl ClientCertVerifier for Whoever {
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signature, &self.0)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.0)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_schemes()
    }
}

/// Connections whose handshake is done. Each is made in a task of its own: who is slow keeps nobody else waiting.
pub(crate) struct Door {
    address: SocketAddr,
    made: mpsc::Receiver<(TlsStream<TcpStream>, SocketAddr)>,
    task: JoinHandle<()>,
}

impl Door {
    pub(crate) fn open(listener: TcpListener, config: ServerConfig) -> io::Result<Self> {
        let address = listener.local_addr()?;
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let (done, made) = mpsc::channel(16);
        let task = tokio::spawn(async move {
            loop {
                let Ok((stream, peer)) = listener.accept().await else {
                    // Out of file descriptors, say: others may close some.
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                };
                let (acceptor, done) = (acceptor.clone(), done.clone());
                tokio::spawn(async move {
                    if let Ok(Ok(stream)) = tokio::time::timeout(PATIENCE, acceptor.accept(stream)).await {
                        let _ = done.send((stream, peer)).await;
                    }
                });
            }
        });
        Ok(Self { address, made, task })
    }
}

impl Listener for Door {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        match self.made.recv().await {
            Some(made) => made,
            // The task that makes them runs as long as this.
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.address)
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// What a client showed: its certificate as DER, if any.
#[derive(Clone)]
pub(crate) struct Shown(pub(crate) Option<Bytes>);

impl Connected<IncomingStream<'_, Door>> for Shown {
    fn connect_info(stream: IncomingStream<'_, Door>) -> Self {
        let chain = stream.io().get_ref().1.peer_certificates();
        Self(chain.and_then(|chain| chain.first()).map(|certificate| Bytes::copy_from_slice(certificate)))
    }
}
