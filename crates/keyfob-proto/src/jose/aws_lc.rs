//! The usual back-end: AWS-LC through aws-lc-rs, which rustls has anyway.

use std::sync::Arc;

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPairComponents, PublicKeyComponents};
use aws_lc_rs::signature::{
    self as lc, EcdsaKeyPair, EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair as _, ParsedPublicKey, RsaKeyPair, RsaParameters,
    RsaSignatureEncoding, VerificationAlgorithm,
};

use super::algorithm::Algorithm;
use super::crypto::{Crypto, Sign, SignFailed, Verify};
use super::jwk::{Curve, PublicKey};
use super::private::{Form, PrivateKey};
use crate::error::Misuse;

/// AWS-LC. Signing with ECDSA draws its own randomness, as RFC 6979 leaves open.
///
/// ```
/// use keyfob_proto::jose::{Algorithm, AwsLc, Crypto as _};
///
/// let key = AwsLc.generate(Algorithm::ES256)?;
/// let signer = AwsLc.signer(Algorithm::ES256, &key)?;
/// let signature = signer.sign(b"text").expect("the key is here");
/// let public = signer.public_key().expect("it has a public half");
/// assert!(AwsLc.verifier(Algorithm::ES256, public)?.verify(b"text", &signature));
/// # Ok::<(), keyfob_proto::Misuse>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct AwsLc;

impl Crypto for AwsLc {
    fn verifier(&self, algorithm: Algorithm, key: &PublicKey) -> Result<Box<dyn Verify>, Misuse> {
        let parsed = match key {
            key if !key.fits(algorithm) => return Err(unfit(algorithm)),
            PublicKey::Rsa { modulus, exponent } => PublicKeyComponents { n: modulus, e: exponent }
                .to_parsed_public_key(rsa_checking(algorithm).ok_or_else(|| unfit(algorithm))?),
            PublicKey::Ec { curve, x, y } => ParsedPublicKey::new(ec_checking(*curve), point(x, y)),
            PublicKey::Ed25519(x) => ParsedPublicKey::new(&lc::ED25519, x),
        };
        let parsed = parsed.map_err(|_| {
            Misuse::new(format!("a public key for {algorithm}"), "one that is broken")
                .of("RFC 7518 §3.1")
                .with_hint("take the public key as its owner publishes it")
        })?;
        Ok(Box::new(Parsed(parsed)))
    }

    fn signer(&self, algorithm: Algorithm, key: &PrivateKey) -> Result<Arc<dyn Sign>, Misuse> {
        use Algorithm::*;
        let broken = |_| {
            Misuse::new(format!("a private key for {algorithm}"), "one of another kind, or a broken one")
                .of("RFC 7518 §3.1")
                .with_hint("give the private key whole, and the algorithm that it was made for")
        };
        let (pair, public) = match algorithm {
            RS256 | RS384 | RS512 | PS256 | PS384 | PS512 => {
                let pair = rsa_pair(&key.form).map_err(broken)?;
                let (modulus, exponent) = (pair.public_key().modulus(), pair.public_key().exponent());
                let public = PublicKey::Rsa {
                    modulus: modulus.big_endian_without_leading_zero().to_vec(),
                    exponent: exponent.big_endian_without_leading_zero().to_vec(),
                };
                (Pair::Rsa(pair, rsa_signing(algorithm).ok_or_else(|| unfit(algorithm))?), public)
            }
            ES256 | ES384 | ES512 => {
                let curve = match algorithm {
                    ES256 => Curve::P256,
                    ES384 => Curve::P384,
                    _ => Curve::P521,
                };
                let pair = ec_pair(curve, &key.form).map_err(broken)?;
                let numbers = pair.public_key().as_ref().get(1..).unwrap_or_default();
                let (x, y) = numbers.split_at_checked(curve.bytes()).ok_or_else(|| unfit(algorithm))?;
                let public = PublicKey::Ec { curve, x: x.to_vec(), y: y.to_vec() };
                (Pair::Ec(pair), public)
            }
            EdDSA | Ed25519 => {
                let pair = ed25519_pair(&key.form).map_err(broken)?;
                let public = pair.public_key().as_ref().try_into().map_err(|_| unfit(algorithm))?;
                (Pair::Ed25519(pair), PublicKey::Ed25519(public))
            }
            HS256 | HS384 | HS512 => return Err(unfit(algorithm)),
        };
        Ok(Arc::new(Signer { algorithm, pair, public, key_id: key.key_id.clone(), random: SystemRandom::new() }))
    }

    fn generate(&self, algorithm: Algorithm) -> Result<PrivateKey, Misuse> {
        use Algorithm::*;
        let failed = |_| {
            Misuse::new(format!("a new key for {algorithm}"), "none: AWS-LC made none")
                .with_hint("try again; if it stays, this machine's library or its source of randomness is broken")
        };
        let curve = |curve| EcdsaKeyPair::generate(ec_signing(curve)).and_then(|pair| pair.to_pkcs8v1());
        let pkcs8 = match algorithm {
            ES256 => curve(Curve::P256).map_err(failed)?.as_ref().to_vec(),
            ES384 => curve(Curve::P384).map_err(failed)?.as_ref().to_vec(),
            ES512 => curve(Curve::P521).map_err(failed)?.as_ref().to_vec(),
            EdDSA | Ed25519 => Ed25519KeyPair::generate().and_then(|pair| pair.to_pkcs8v1()).map_err(failed)?.as_ref().to_vec(),
            RS256 | RS384 | RS512 | PS256 | PS384 | PS512 => {
                let pair = RsaKeyPair::generate(aws_lc_rs::rsa::KeySize::Rsa2048).map_err(failed)?;
                pair.as_der().map_err(failed)?.as_ref().to_vec()
            }
            HS256 | HS384 | HS512 => return Err(unfit(algorithm)),
        };
        let key = PrivateKey::from_pkcs8(&pkcs8);
        let mut pkcs8 = pkcs8;
        zeroize::Zeroize::zeroize(&mut pkcs8);
        Ok(key)
    }
}

struct Parsed(ParsedPublicKey);

impl Verify for Parsed {
    fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        self.0.verify_sig(message, signature).is_ok()
    }
}

struct Signer {
    algorithm: Algorithm,
    pair: Pair,
    public: PublicKey,
    key_id: Option<String>,
    random: SystemRandom,
}

enum Pair {
    Rsa(RsaKeyPair, &'static RsaSignatureEncoding),
    Ec(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

impl Sign for Signer {
    fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    fn public_key(&self) -> Option<&PublicKey> {
        Some(&self.public)
    }

    fn key_id(&self) -> Option<&str> {
        self.key_id.as_deref()
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SignFailed> {
        match &self.pair {
            Pair::Rsa(pair, encoding) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(*encoding, &self.random, message, &mut signature).map_err(SignFailed::new)?;
                Ok(signature)
            }
            Pair::Ec(pair) => Ok(pair.sign(&self.random, message).map_err(SignFailed::new)?.as_ref().to_vec()),
            Pair::Ed25519(pair) => Ok(pair.sign(message).as_ref().to_vec()),
        }
    }
}

fn unfit(algorithm: Algorithm) -> Misuse {
    Misuse::new(format!("a key for {algorithm}"), "a key of another kind")
        .of("RFC 7518 §3.1")
        .with_hint("choose the algorithm by the key: RS or PS for RSA, ES for a curve, EdDSA for Ed25519")
}

/// The uncompressed form of SEC 1 §2.3.3; the back-end refuses a point that is not on the curve.
fn point(x: &[u8], y: &[u8]) -> Vec<u8> {
    [&[4], x, y].concat()
}

fn rsa_pair(form: &Form) -> Result<RsaKeyPair, aws_lc_rs::error::KeyRejected> {
    match form {
        Form::Pkcs8(der) => RsaKeyPair::from_pkcs8(der),
        Form::Pkcs1(der) => RsaKeyPair::from_der(der),
        Form::Jwk(PublicKey::Rsa { modulus, exponent }, private) => match private.as_slice() {
            [d, p, q, dp, dq, qi] => RsaKeyPair::from_components(&KeyPairComponents {
                public_key: PublicKeyComponents { n: modulus.as_slice(), e: exponent.as_slice() },
                d: d.as_slice(),
                p: p.as_slice(),
                q: q.as_slice(),
                dP: dp.as_slice(),
                dQ: dq.as_slice(),
                qInv: qi.as_slice(),
            }),
            _ => RsaKeyPair::from_der(&[]),
        },
        Form::Sec1(_) | Form::Jwk(..) => RsaKeyPair::from_der(&[]),
    }
}

fn ec_pair(curve: Curve, form: &Form) -> Result<EcdsaKeyPair, aws_lc_rs::error::KeyRejected> {
    let algorithm = ec_signing(curve);
    match form {
        Form::Pkcs8(der) => EcdsaKeyPair::from_pkcs8(algorithm, der),
        Form::Sec1(der) => EcdsaKeyPair::from_private_key_der(algorithm, der),
        Form::Jwk(PublicKey::Ec { curve: theirs, x, y }, private) if *theirs == curve => {
            EcdsaKeyPair::from_private_key_and_public_key(algorithm, private.first().map_or(&[], |d| d.as_slice()), &point(x, y))
        }
        Form::Pkcs1(_) | Form::Jwk(..) => EcdsaKeyPair::from_pkcs8(algorithm, &[]),
    }
}

fn ed25519_pair(form: &Form) -> Result<Ed25519KeyPair, aws_lc_rs::error::KeyRejected> {
    match form {
        // OpenSSL and most others write PKCS #8 without the public half, which is version 1.
        Form::Pkcs8(der) => Ed25519KeyPair::from_pkcs8_maybe_unchecked(der),
        Form::Jwk(PublicKey::Ed25519(x), private) => {
            Ed25519KeyPair::from_seed_and_public_key(private.first().map_or(&[], |d| d.as_slice()), x)
        }
        Form::Pkcs1(_) | Form::Sec1(_) | Form::Jwk(..) => Ed25519KeyPair::from_pkcs8(&[]),
    }
}

fn rsa_checking(algorithm: Algorithm) -> Option<&'static RsaParameters> {
    Some(match algorithm {
        Algorithm::RS256 => &lc::RSA_PKCS1_2048_8192_SHA256,
        Algorithm::RS384 => &lc::RSA_PKCS1_2048_8192_SHA384,
        Algorithm::RS512 => &lc::RSA_PKCS1_2048_8192_SHA512,
        Algorithm::PS256 => &lc::RSA_PSS_2048_8192_SHA256,
        Algorithm::PS384 => &lc::RSA_PSS_2048_8192_SHA384,
        Algorithm::PS512 => &lc::RSA_PSS_2048_8192_SHA512,
        _ => return None,
    })
}

fn rsa_signing(algorithm: Algorithm) -> Option<&'static RsaSignatureEncoding> {
    Some(match algorithm {
        Algorithm::RS256 => &lc::RSA_PKCS1_SHA256,
        Algorithm::RS384 => &lc::RSA_PKCS1_SHA384,
        Algorithm::RS512 => &lc::RSA_PKCS1_SHA512,
        Algorithm::PS256 => &lc::RSA_PSS_SHA256,
        Algorithm::PS384 => &lc::RSA_PSS_SHA384,
        Algorithm::PS512 => &lc::RSA_PSS_SHA512,
        _ => return None,
    })
}

fn ec_checking(curve: Curve) -> &'static dyn VerificationAlgorithm {
    match curve {
        Curve::P256 => &lc::ECDSA_P256_SHA256_FIXED,
        Curve::P384 => &lc::ECDSA_P384_SHA384_FIXED,
        Curve::P521 => &lc::ECDSA_P521_SHA512_FIXED,
    }
}

fn ec_signing(curve: Curve) -> &'static EcdsaSigningAlgorithm {
    match curve {
        Curve::P256 => &lc::ECDSA_P256_SHA256_FIXED_SIGNING,
        Curve::P384 => &lc::ECDSA_P384_SHA384_FIXED_SIGNING,
        Curve::P521 => &lc::ECDSA_P521_SHA512_FIXED_SIGNING,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Elliptic keys of one curve would be taken for another's algorithm (RFC 7518 §3.4).
    #[test]
    fn a_public_key_checks_the_algorithm_of_its_curve_and_no_other() {
        for own in [Algorithm::ES256, Algorithm::ES384, Algorithm::ES512, Algorithm::EdDSA] {
            let signer = AwsLc.signer(own, &AwsLc.generate(own).expect("a key")).expect("a signer");
            let public = signer.public_key().expect("a public half");
            for &algorithm in Algorithm::ALL {
                let fits = algorithm == own || (own, algorithm) == (Algorithm::EdDSA, Algorithm::Ed25519);
                assert_eq!(AwsLc.verifier(algorithm, public).is_ok(), fits, "{own} {algorithm}");
            }
        }
    }
}
