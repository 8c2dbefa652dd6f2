//! The same request again: everything of a signature that does not change, done once.

use std::fmt;

use super::sign::{Buffer, Call, Once, Signer, write_header};
use super::signature::Key;
use crate::arena::Arena;
use crate::error::Misuse;
use crate::time::Timestamp;

/// A request that is sent again and again, with only nonce and timestamp new (a sensor that is asked every minute). The base string up to the nonce
/// is hashed already.
///
/// ```
/// # use keyfob_proto::{App, Endpoint, Flow, Settings, Timestamp, oauth1};
/// # let at = |path: &str| Endpoint::parse(&format!("https://api.example{path}"));
/// # let flow = oauth1::Settings::new(at("/initiate")?, at("/authorize")?, at("/token")?);
/// # let provider = Settings::new("example", Flow::OAuth1(flow), at("/")?);
/// use keyfob_proto::oauth1::{Buffer, Call, Client, Once};
///
/// let signer = Client::new(&provider, App::confidential("key", "consumer-secret"))?.signer(None)?;
/// let call = Call::new("GET", "https://api.example/sensor?id=7");
/// let repeated = signer.repeat(&call)?;
///
/// let (mut one, mut other) = (Buffer::new(), Buffer::new());
/// let once = Once { nonce: "chapoH", timestamp: Timestamp::from_unix(137131202), entropy: &|_: &mut [u8]| {} };
/// assert_eq!(repeated.authorization(&once, &mut one)?, signer.authorization(&call, &once, &mut other)?);
/// # Ok::<(), keyfob_proto::Error>(())
/// ```
#[derive(Clone)]
pub struct Repeat {
    /// The key, which has seen the beginning of the base string where that can be.
    key: Key,
    /// The beginning, where the key has not seen it.
    beginning: Vec<u8>,
    /// What is between nonce and timestamp, and what is behind.
    middle: Arena,
    end: Arena,
    head: Arena,
    body_hash: Vec<u8>,
}

impl Signer {
    /// Prepares a request that is sent again and again.
    ///
    /// # Errors
    ///
    /// As for [`authorization`](Self::authorization).
    pub fn repeat(&self, call: &Call<'_>) -> Result<Repeat, Misuse> {
        let mut buffer = Buffer::new();
        let once = Once { nonce: "-", timestamp: Timestamp::from_unix(0), entropy: &|_: &mut [u8]| {} };
        let third = self.normalise_call(call, &once, &mut buffer)?;
        let base = buffer.base.bytes();
        // Each name is there once, and a `&` in a value is `%2526`. The consumer key comes first, and the timestamp last, of the three.
        let value = |from: usize, name: &[u8]| {
            let at = base[from..].windows(name.len()).position(|window| window == name).expect("it was put there");
            from + at + name.len()
        };
        let nonce = value(third, b"%26oauth_nonce%3D");
        let timestamp = value(nonce, b"%26oauth_timestamp%3D");
        let beginning = &base[..nonce];
        let (key, beginning) = match self.key.after(beginning) {
            Some(key) => (key, Vec::new()),
            None => (self.key.clone(), beginning.to_vec()),
        };
        let (mut middle, mut end) = (Arena::default(), Arena::default());
        middle.piece(&buffer.base, nonce + 1..timestamp);
        end.piece(&buffer.base, timestamp + 1..base.len());
        let body_hash = buffer.body_hash().unwrap_or_default().as_bytes().to_vec();
        Ok(Repeat { key, beginning, middle, end, head: self.head.clone(), body_hash })
    }
}

impl Repeat {
    /// The value of the `Authorization` header (RFC 5849 §3.5.1), in the caller's buffer.
    ///
    /// # Errors
    ///
    /// `Misuse` if an RSA key cannot sign.
    pub fn authorization<'b>(&self, once: &Once<'_>, buffer: &'b mut Buffer) -> Result<&'b str, Misuse> {
        let Buffer { timestamp, base, out, .. } = buffer;
        timestamp.clear();
        timestamp.number(once.timestamp.as_unix());
        base.clear();
        base.twice(once.nonce.as_bytes());
        base.all(&self.middle);
        base.all(timestamp);
        base.all(&self.end);
        write_header(out, &self.head, timestamp, once, &[], &self.body_hash);
        self.key.sign_into(&[&self.beginning, base.bytes()], once.entropy, out)?;
        out.plain(b"\"");
        Ok(out.text())
    }
}

impl fmt::Debug for Repeat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Repeat(…)")
    }
}
