//! An answer on its way to somebody who may use the account and not see its tokens: some providers echo them (Fitbit in its error messages, Telldus in
//! its base strings).
//!
//! A secret is written over with as many asterisks, so that an announced length stays true, and nothing is held back but the few bytes that may be the
//! beginning of one. What is compressed cannot be looked into; whoever needs certainty asks for `identity`.

use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use keyfob_proto::Secret;
use keyfob_proto::mask::{Cover, Masker, Spellings};

use crate::transport::Body;

/// The secrets of an account, in the ways that a provider may spell them: what an answer must not show. Cheap to clone, and made once for the tokens of an
/// account: every call asks for it.
#[derive(Clone, Debug, Default)]
pub struct Mask(Arc<Known>);

#[derive(Debug, Default)]
struct Known {
    spellings: Spellings,
    /// The same with what was added last: for one account that is the same for each call.
    with: OnceLock<(Vec<Secret>, Spellings)>,
}

impl Mask {
    pub(super) fn of<'a>(secrets: impl IntoIterator<Item = &'a Secret>) -> Self {
        Self::knowing(Spellings::of(secrets))
    }

    fn knowing(spellings: Spellings) -> Self {
        Self(Arc::new(Known { spellings, with: OnceLock::new() }))
    }

    /// With these, too.
    #[must_use]
    pub fn and<'a>(self, secrets: impl IntoIterator<Item = &'a Secret>) -> Self {
        let Known { spellings, with } = &*self.0;
        let more: Vec<&Secret> = secrets.into_iter().filter(|secret| !spellings.know(secret)).collect();
        if more.is_empty() {
            return self;
        }
        let (known, both) = with.get_or_init(|| (more.iter().copied().cloned().collect(), spellings.and(more.iter().copied())));
        let are_known = known.len() == more.len() && known.iter().zip(&more).all(|(known, secret)| known.same_as(secret.expose()));
        Self::knowing(if are_known { both.clone() } else { spellings.and(more) })
    }

    /// Whether a text, a header's value say, has one of them in it.
    pub fn is_in(&self, text: &[u8]) -> bool {
        self.0.spellings.is_in(text)
    }

    /// The body with asterisks in place of each of them. It streams as before, and is as long as before; its trailers are left out, which are headers
    /// that nobody looked at.
    pub fn over(self, body: Body) -> Body {
        Body::stream(Masked::new(body, &self))
    }
}

struct Masked {
    inner: Body,
    masker: Masker,
    over: bool,
}

impl Masked {
    fn new(inner: Body, mask: &Mask) -> Self {
        Self { inner, masker: Masker::new(mask.0.spellings.clone(), Cover::Stars), over: false }
    }

    /// What can go on of it; most of the time it is itself.
    fn piece(&mut self, data: Bytes) -> Bytes {
        if self.masker.lets_pass(&data) { data } else { self.masker.push(&data).into() }
    }
}

impl http_body::Body for Masked {
    type Data = Bytes;
    type Error = Box<dyn std::error::Error + Send + Sync>;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        loop {
            if self.over {
                let rest = self.masker.end();
                return Poll::Ready((!rest.is_empty()).then(|| Ok(Frame::data(rest.into()))));
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
        self.masker.held() == 0 && self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let inner = self.inner.size_hint();
        let held = self.masker.held() as u64;
        match inner.exact() {
            Some(exact) => SizeHint::with_exact(exact + held),
            None => SizeHint::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use keyfob_proto::encode;

    use super::*;

    const TOKEN: &str = "0aBc/dEf+12345==";

    fn masked(pieces: &[&str]) -> String {
        let mut masked = Masked::new(Body::empty(), &Mask::of([&Secret::new(TOKEN), &Secret::new("abc")]));
        let mut whole = Vec::new();
        for piece in pieces {
            whole.extend_from_slice(&masked.piece(Bytes::copy_from_slice(piece.as_bytes())));
        }
        whole.extend_from_slice(&masked.masker.end());
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
    fn l7_other_spellings_and_credentials_are_written_over() {
        for spelling in ["0aBc%2fdEf%2b12345%3d%3d", r"0aBc/dEf\u002B12345==", &encode::base64(TOKEN.as_bytes())] {
            assert_eq!(masked(&[spelling]), "*".repeat(spelling.len()), "{spelling}");
        }
    }

    #[test]
    fn what_is_added_for_each_call_is_spelled_once() {
        let (mask, key) = (Mask::of([&Secret::new(TOKEN)]), Secret::new("the-app-s-own-key"));
        let both = mask.clone().and([&key]);
        assert!(both.is_in(b"the-app-s-own-key") && both.is_in(TOKEN.as_bytes()) && !mask.is_in(b"the-app-s-own-key"));
        let (_, kept) = mask.0.with.get().expect("it is kept");
        assert!(kept.is_in(b"the-app-s-own-key"));
        let another = mask.clone().and([&Secret::new("another-one")]);
        assert!(another.is_in(b"another-one") && !another.is_in(b"the-app-s-own-key"));
    }

    #[test]
    fn what_only_begins_like_a_secret_goes_on() {
        assert_eq!(masked(&["0aBc/dE", "nd"]), "0aBc/dEnd");
        assert_eq!(masked(&["0aBc/dEf+1234"]), "0aBc/dEf+1234");
    }
}
