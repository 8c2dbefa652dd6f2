//! A body that has to be here as a whole before it is looked at: a form, or what the JSON API is told.

use std::error::Error;

use axum::body::{Body, Bytes, to_bytes};
use http_body_util::LengthLimitError;

use crate::serve::Silent;

/// Why it is not here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lacking {
    /// It is longer than it may be.
    TooLarge,
    /// Nothing more of it came for too long.
    Silent,
    /// It broke off, or is no body by its frame.
    CutOff,
}

/// The whole of a body of up to so many bytes.
pub(crate) async fn whole(body: Body, most: usize) -> Result<Bytes, Lacking> {
    to_bytes(body, most).await.map_err(|error| Lacking::of(&error))
}

impl Lacking {
    fn of(error: &axum::Error) -> Self {
        if error.source().is_some_and(|source| source.is::<LengthLimitError>()) {
            return Self::TooLarge;
        }
        if Silent::is_why(error) { Self::Silent } else { Self::CutOff }
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use futures_util::stream;

    use super::*;

    /// Some of it, and then this.
    fn ends(error: impl Into<Box<dyn Error + Send + Sync>>) -> Body {
        let pieces: [Result<Bytes, Box<dyn Error + Send + Sync>>; 2] = [Ok(Bytes::from_static(b"123")), Err(error.into())];
        Body::from_stream(stream::iter(pieces))
    }

    #[tokio::test]
    async fn what_is_too_long_is_told_from_what_does_not_come_to_its_end() {
        assert_eq!(whole(Body::from("12345"), 5).await.as_deref(), Ok(&b"12345"[..]));
        assert_eq!(whole(Body::from("123456"), 5).await, Err(Lacking::TooLarge));
        assert_eq!(whole(ends(Silent), 5).await, Err(Lacking::Silent));
        // Whatever else it went through.
        assert_eq!(whole(Body::new(ends(Silent)), 5).await, Err(Lacking::Silent));
        assert_eq!(whole(ends(axum::Error::new(Silent)), 5).await, Err(Lacking::Silent));
        assert_eq!(whole(ends(io::Error::from(io::ErrorKind::UnexpectedEof)), 5).await, Err(Lacking::CutOff));
        assert_eq!(whole(ends(Silent), 2).await, Err(Lacking::TooLarge));
    }
}
