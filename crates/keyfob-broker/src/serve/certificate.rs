//! Whether browsers will take our certificate, by its time and its name. Whether they know who signed it is theirs to say.

use std::time::Duration;

use keyfob::proto::Timestamp;
use keyfob_providers::Rfc3339;
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, Error, RootCertStore};

/// Why they will not, each as what is said of it.
pub(super) fn faults(certificate: &CertificateDer<'_>, host: &str, now: Timestamp) -> Vec<String> {
    let Ok(parsed) = ParsedCertificate::try_from(certificate) else { return Vec::new() };
    [of_time(&parsed, now), of_name(&parsed, host)].into_iter().flatten().collect()
}

/// The time is judged before anybody is asked who signed it: that nobody is trusted here changes nothing.
fn of_time(certificate: &ParsedCertificate<'_>, now: Timestamp) -> Option<String> {
    let now = UnixTime::since_unix_epoch(Duration::from_secs(u64::try_from(now.as_unix()).ok()?));
    let algorithms = rustls::crypto::aws_lc_rs::default_provider().signature_verification_algorithms.all;
    let shown = |moment: UnixTime| i64::try_from(moment.as_secs()).map(|seconds| Rfc3339(seconds).to_string()).unwrap_or_default();
    match verify_server_cert_signed_by_trust_anchor(certificate, &RootCertStore::empty(), &[], now, algorithms) {
        Err(Error::InvalidCertificate(CertificateError::ExpiredContext { not_after, .. })) => {
            Some(format!("was good until {}, and browsers refuse it: renew it", shown(not_after)))
        }
        Err(Error::InvalidCertificate(CertificateError::NotValidYetContext { not_before, .. })) => {
            Some(format!("is good from {} on, and browsers refuse it until then; or the clock of this machine is wrong", shown(not_before)))
        }
        _ => None,
    }
}

fn of_name(certificate: &ParsedCertificate<'_>, host: &str) -> Option<String> {
    let name = ServerName::try_from(host.trim_matches(['[', ']'])).ok()?;
    let wrong = verify_server_name(certificate, &name).is_err();
    wrong.then(|| format!("is not for {host}, where browsers are sent: they refuse it"))
}

#[cfg(test)]
mod tests {
    use keyfob_testbed::Authority;
    use rustls::pki_types::pem::PemObject;

    use super::*;

    /// 2026-01-01.
    const NOW: Timestamp = Timestamp::from_unix(1_767_225_600);

    fn said(pem: &str, host: &str, now: Timestamp) -> String {
        faults(&CertificateDer::from_pem_slice(pem.as_bytes()).expect("a certificate"), host, now).join("; ")
    }

    #[test]
    fn a_certificate_is_told_that_is_for_another_time_or_name() {
        let authority = Authority::new();
        let good = authority.server(&["home.example", "*.inner.example", "127.0.0.1", "::1"]).certificate;
        for host in ["home.example", "HOME.example", "a.inner.example", "127.0.0.1", "[::1]"] {
            assert_eq!(said(&good, host, NOW), "", "{host}");
        }
        for host in ["example", "www.home.example", "a.b.inner.example", "127.0.0.2", "[::2]"] {
            assert_eq!(said(&good, host, NOW), format!("is not for {host}, where browsers are sent: they refuse it"));
        }
        let ended = authority.expired_server(&["home.example"]).certificate;
        assert_eq!(said(&ended, "home.example", NOW), "was good until 1999-12-31T00:00:00Z, and browsers refuse it: renew it");
        let both = said(&ended, "other.example", NOW);
        assert!(both.contains("was good until") && both.contains("is not for other.example"), "{both}");
        // Of a clock that has not been set.
        let early = said(&ended, "home.example", Timestamp::from_unix(0));
        assert!(early.starts_with("is good from 1999-01-01T00:00:00Z on") && early.contains("clock"), "{early}");
        // Signed by itself, as many are at home: that is between them and their browsers.
        let own = rcgen::generate_simple_self_signed(["home.example".to_owned()]).expect("a certificate").cert.pem();
        assert_eq!(said(&own, "home.example", NOW), "");
    }
}
