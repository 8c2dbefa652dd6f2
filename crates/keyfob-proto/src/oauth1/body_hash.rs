//! The body's hash as a parameter (`oauth_body_hash`): the OAuth Request Body Hash extension, draft 4. With it, bodies that are no form are
//! signed too.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha512};

use super::settings::Hash;
use crate::encode;

/// The parameter's name.
pub(crate) const NAME: &str = "oauth_body_hash";

/// The value of `oauth_body_hash`: the body's hash, by the hash of the signature method (§3.2), in base64. Nothing at all has a hash as well.
///
/// ```
/// use keyfob_proto::oauth1::{Hash, body_hash};
///
/// // §4.1, the example of the draft.
/// assert_eq!(body_hash(Hash::Sha1, b"Hello World!"), "Lve95gjOVATpfV8EL5X4nxwjKHE=");
/// ```
pub fn body_hash(hash: Hash, body: &[u8]) -> String {
    let mut out = Vec::new();
    write(hash, body, &mut out);
    encode::ascii(out)
}

/// The same, in place of what was in `out`.
pub(crate) fn write(hash: Hash, body: &[u8], out: &mut Vec<u8>) {
    fn digest<D: Digest>(body: &[u8], out: &mut Vec<u8>) {
        let digest = D::digest(body);
        out.resize(digest.len().div_ceil(3) * 4, 0);
        STANDARD.encode_slice(digest, out).expect("four characters for three bytes");
    }
    match hash {
        Hash::Sha1 => digest::<Sha1>(body, out),
        Hash::Sha256 => digest::<Sha256>(body, out),
        Hash::Sha512 => digest::<Sha512>(body, out),
    }
}
