//! A certificate authority that nobody else trusts, and clients that vouch for themselves.

use rcgen::{BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose};

/// Signs certificates for the servers of a test.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: String,
}

/// What a server shows, and the key that goes with it; both as PEM.
pub struct ServerCertificate {
    /// The certificate.
    pub certificate: String,
    /// Its private key (PKCS #8).
    pub key: String,
}

/// What a client shows that vouches for itself (`self_signed_tls_client_auth`, RFC 8705 §2.2), and the key that goes with it.
pub struct ClientCertificate {
    /// The certificate as PEM.
    pub certificate: String,
    /// The same as DER.
    pub der: Vec<u8>,
    /// Its private key (PKCS #8), as PEM.
    pub key: String,
}

impl ClientCertificate {
    /// A new one, of this name.
    #[must_use]
    pub fn self_signed(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let key = KeyPair::generate().expect("a key");
        let certificate = params.self_signed(&key).expect("it signs itself");
        Self { certificate: certificate.pem(), der: certificate.der().to_vec(), key: key.serialize_pem() }
    }
}

impl Authority {
    /// A new one.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "each is another")]
    pub fn new() -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "an authority for one test");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let key = KeyPair::generate().expect("a key");
        let certificate = params.self_signed(&key).expect("it signs itself").pem();
        Self { issuer: Issuer::new(params, key), certificate }
    }

    /// Its own certificate as PEM: whoever trusts it trusts what it signs.
    #[must_use]
    pub fn certificate(&self) -> &str {
        &self.certificate
    }

    /// A certificate for a server with these names and addresses.
    #[must_use]
    pub fn server(&self, names: &[&str]) -> ServerCertificate {
        self.sign(names, |_| {})
    }

    /// The same, good until the end of the last century.
    #[must_use]
    pub fn expired_server(&self, names: &[&str]) -> ServerCertificate {
        self.sign(names, |params| {
            params.not_before = rcgen::date_time_ymd(1999, 1, 1);
            params.not_after = rcgen::date_time_ymd(1999, 12, 31);
        })
    }

    fn sign(&self, names: &[&str], change: impl FnOnce(&mut CertificateParams)) -> ServerCertificate {
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        let mut params = CertificateParams::new(names).expect("names of servers");
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        change(&mut params);
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.issuer).expect("it signs").pem();
        ServerCertificate { certificate, key: key.serialize_pem() }
    }
}
