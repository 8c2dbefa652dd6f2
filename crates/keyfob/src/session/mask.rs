//! An answer on its way to somebody who may use the account and not see its tokens: some providers echo them (Fitbit in its error messages, Telldus in
//! its base strings).
//!
//! A secret is written over with as many asterisks, so that an announced length stays true, and nothing is held back but the few bytes that may be the
//! beginning of one. What is compressed cannot be looked into; whoever needs certainty asks for `identity`.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use http_body::{Frame, SizeHint};
use keyfob_proto::{Secret, encode};

use crate::transport::Body;

/// Shorter ones are words: writing over every `abc` helps nobody.
const SHORTEST: usize = 8;

/// The secrets of an account, in the ways that a provider may spell them: what an answer must not show. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Mask(Arc<Vec<Secret>>);

impl Mask {
    pub(super) fn of<'a>(secrets: impl IntoIterator<Item = &'a Secret>) -> Self {
        Self::default().and(secrets)
    }

    /// With these, too.
    #[must_use]
    pub fn and<'a>(self, secrets: impl IntoIterator<Item = &'a Secret>) -> Self {
        let Self(mut spellings) = self;
        let before = spellings.len();
        let mut add = |text: String| {
            if text.len() >= SHORTEST && spellings.iter().all(|known| !known.same_as(&text)) {
                Arc::make_mut(&mut spellings).push(Secret::new(text));
            }
        };
        for secret in secrets {
            let text = secret.expose();
            add(text.to_owned());
            if text.bytes().any(|byte| !byte.is_ascii_alphanumeric()) {
                // In a query, in JSON as some write it, and in a base string (RFC 5849 §3.4.1).
                let encoded = encode::percent(text);
                add(text.replace('/', "\\/"));
                add(encode::percent(&encoded));
                add(encoded);
            }
        }
        // The longest first: one that contains another must not leave its tail behind.
        if spellings.len() > before {
            Arc::make_mut(&mut spellings).sort_by_key(|known| std::cmp::Reverse(known.expose().len()));
        }
        Self(spellings)
    }

    /// Whether a text, a header's value say, has one of them in it.
    pub fn is_in(&self, text: &[u8]) -> bool {
        self.0.iter().any(|secret| memchr::memmem::find(text, secret.expose().as_bytes()).is_some())
    }

    /// The body with asterisks in place of each of them. It streams as before, and is as long as before; its trailers are left out, which are headers
    /// that nobody looked at.
    pub fn over(self, body: Body) -> Body {
        Body::stream(Masked::new(body, self))
    }

    /// Writes over what is whole; says from where on the rest may be the beginning of one.
    fn write_over(&self, text: &mut [u8]) -> usize {
        for secret in self.0.iter() {
            let secret = secret.expose().as_bytes();
            let mut from = 0;
            while let Some(at) = memchr::memmem::find(&text[from..], secret) {
                text[from + at..from + at + secret.len()].fill(b'*');
                from += at + secret.len();
            }
        }
        let begins = |secret: &Secret| {
            let secret = secret.expose().as_bytes();
            let longest = text.len().min(secret.len() - 1);
            (1..=longest).rev().find(|&length| text.ends_with(&secret[..length])).unwrap_or(0)
        };
        text.len() - self.0.iter().map(begins).max().unwrap_or(0)
    }
}

struct Masked {
    inner: Body,
    mask: Mask,
    /// What may be the beginning of a secret.
    held: BytesMut,
    over: bool,
}

impl Masked {
    fn new(inner: Body, mask: Mask) -> Self {
        Self { inner, mask, held: BytesMut::new(), over: false }
    }

    /// What can go on of it.
    fn piece(&mut self, data: Bytes) -> Bytes {
        let mut text = std::mem::take(&mut self.held);
        text.extend_from_slice(&data);
        let sure = self.mask.write_over(&mut text);
        self.held = text.split_off(sure);
        text.freeze()
    }
}

impl http_body::Body for Masked {
    type Data = Bytes;
    type Error = Box<dyn std::error::Error + Send + Sync>;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        loop {
            if self.over {
                let rest = std::mem::take(&mut self.held);
                return Poll::Ready((!rest.is_empty()).then(|| Ok(Frame::data(rest.freeze()))));
            }
            match std::task::ready!(Pin::new(&mut self.inner).poll_frame(cx)) {
                Some(Ok(frame)) => {
                    let Ok(data) = frame.into_data() else { continue };
                    let piece = self.piece(data);
                    if !piece.is_empty() {
                        return Poll::Ready(Some(Ok(Frame::data(piece))));
                    }
                }
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => self.over = true,
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.held.is_empty() && self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let inner = self.inner.size_hint();
        let held = self.held.len() as u64;
        match inner.exact() {
            Some(exact) => SizeHint::with_exact(exact + held),
            None => SizeHint::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "0aBc/dEf+12345==";

    fn masked(pieces: &[&str]) -> String {
        let mut masked = Masked::new(Body::empty(), Mask::of([&Secret::new(TOKEN), &Secret::new("abc")]));
        let mut whole = Vec::new();
        for piece in pieces {
            whole.extend_from_slice(&masked.piece(Bytes::copy_from_slice(piece.as_bytes())));
        }
        whole.extend_from_slice(&masked.held);
        String::from_utf8(whole).expect("text")
    }

    #[test]
    fn a_secret_is_written_over_wherever_it_is_cut() {
        let text = format!("<{TOKEN}> and {TOKEN}{TOKEN}, abc");
        let expected = format!("<{0}> and {0}{0}, abc", "*".repeat(TOKEN.len()));
        for at in 0..=text.len() {
            let (head, tail) = text.split_at(at);
            assert_eq!(masked(&[head, tail]), expected, "cut at {at}");
        }
        let letters: Vec<String> = text.chars().map(String::from).collect();
        assert_eq!(masked(&letters.iter().map(String::as_str).collect::<Vec<_>>()), expected);
    }

    #[test]
    fn the_spellings_of_queries_and_json_are_known() {
        let encoded = encode::percent(TOKEN);
        for spelling in [encoded.clone(), encode::percent(&encoded), TOKEN.replace('/', "\\/")] {
            assert_eq!(masked(&[&spelling]), "*".repeat(spelling.len()));
        }
    }

    #[test]
    fn what_only_begins_like_a_secret_goes_on() {
        assert_eq!(masked(&["0aBc/dE", "nd"]), "0aBc/dEnd");
        assert_eq!(masked(&["0aBc/dEf+1234"]), "0aBc/dEf+1234");
    }
}
