//! Content codings (RFC 9110 §8.4.1): answers that come packed, although nobody asked for that, since some servers know no other way.
//!
//! gzip and deflate are undone, piece by piece. What is packed in another way, or twice, stays as it came, and its header goes on to say so.

use std::fmt;
use std::io::{self, Write};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use flate2::Decompress;
use flate2::write::{MultiGzDecoder, ZlibDecoder};
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH};
use http::{HeaderMap, Response, StatusCode};
use http_body::{Body as _, Frame};

use super::Body;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// The answer with its body as it was before it was packed, and without the headers that would be untrue then. What is not packed, or in a way that is not
/// undone here, stays as it is; so does a part of a packed body (RFC 9110 §14.4), in which nothing can be found.
pub fn unpacked(answer: Response<Body>) -> Response<Body> {
    let coding = Coding::of(answer.headers()).filter(|_| answer.status() != StatusCode::PARTIAL_CONTENT);
    // Where there is no body, the headers say how it would have come (RFC 9110 §8.6).
    let Some(coding) = coding.filter(|_| !answer.body().is_end_stream()) else { return answer };
    let (mut parts, body) = answer.into_parts();
    parts.headers.remove(CONTENT_ENCODING);
    parts.headers.remove(CONTENT_LENGTH);
    let unpacking = Unpacking { coding, begun: None };
    Response::from_parts(parts, body.undone(|inner| Unpacked { inner, packed: Bytes::new(), unpacking, ended: false }))
}

/// How the body is packed, in the server's words; none if it is not.
pub fn packing(headers: &HeaderMap) -> Option<String> {
    let codings: Vec<_> = codings(headers).map(String::from_utf8_lossy).collect();
    (!codings.is_empty()).then(|| codings.join(", "))
}

/// A whole body as it was before it was packed, where that is no longer than `most`; any other as it came: of many answers the status is all that is read, and in
/// the others nobody finds what they look for.
pub(crate) fn undone(headers: &mut HeaderMap, packed: Vec<u8>, most: usize) -> Vec<u8> {
    let Some(plain) = Coding::of(headers).and_then(|coding| whole(coding, packed.clone().into(), most)) else { return packed };
    headers.remove(CONTENT_ENCODING);
    headers.remove(CONTENT_LENGTH);
    plain
}

fn whole(coding: Coding, mut packed: Bytes, most: usize) -> Option<Vec<u8>> {
    let (mut unpacking, mut all) = (Unpacking { coding, begun: None }, Vec::new());
    while !packed.is_empty() && all.len() <= most {
        all.extend_from_slice(&unpacking.bite(&mut packed).ok()?);
    }
    all.extend_from_slice(&unpacking.end().ok()?);
    (all.len() <= most).then_some(all)
}

/// What the beginning of a body says, which may be packed: no more than `limit` bytes and a piece. As far as it can be read.
pub(crate) fn beginning(headers: &HeaderMap, mut bytes: Bytes, limit: usize) -> Bytes {
    let Some(coding) = Coding::of(headers) else { return bytes };
    let (mut unpacking, mut all) = (Unpacking { coding, begun: None }, Vec::new());
    while !bytes.is_empty()
        && all.len() <= limit
        && let Ok(piece) = unpacking.bite(&mut bytes)
    {
        all.extend_from_slice(&piece);
    }
    all.into()
}

/// A coding that is undone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Coding {
    Gzip,
    Deflate,
}

impl Coding {
    fn of(headers: &HeaderMap) -> Option<Self> {
        let mut codings = codings(headers);
        // Packed twice is what nobody does in earnest: a few bytes become terabytes by it.
        let (Some(coding), None) = (codings.next(), codings.next()) else { return None };
        match &coding.to_ascii_lowercase()[..] {
            b"gzip" | b"x-gzip" => Some(Self::Gzip),
            b"deflate" => Some(Self::Deflate),
            _ => None,
        }
    }
}

/// Those that change something.
fn codings(headers: &HeaderMap) -> impl Iterator<Item = &[u8]> {
    let all = headers.get_all(CONTENT_ENCODING).into_iter().flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
    all.map(<[u8]>::trim_ascii).filter(|coding| !coding.is_empty() && !coding.eq_ignore_ascii_case(b"identity"))
}

/// A body on its way out of its packing.
struct Unpacked {
    inner: Body,
    packed: Bytes,
    unpacking: Unpacking,
    ended: bool,
}

impl http_body::Body for Unpacked {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = &mut *self;
        while !this.ended {
            let piece = if !this.packed.is_empty() {
                this.unpacking.bite(&mut this.packed)
            } else {
                match ready!(Pin::new(&mut this.inner).poll_frame(cx)) {
                    Some(Ok(frame)) => {
                        // Its trailers are of what was packed.
                        this.packed = frame.into_data().unwrap_or_default();
                        continue;
                    }
                    Some(Err(error)) => {
                        this.ended = true;
                        return Poll::Ready(Some(Err(error)));
                    }
                    None => {
                        this.ended = true;
                        this.unpacking.end()
                    }
                }
            };
            match piece {
                Ok(piece) if piece.is_empty() => {}
                Ok(piece) => return Poll::Ready(Some(Ok(Frame::data(piece)))),
                Err(error) => {
                    this.ended = true;
                    return Poll::Ready(Some(Err(error.into())));
                }
            }
        }
        Poll::Ready(None)
    }
}

/// How far it is. Made with the first byte: an empty body is nothing packed.
struct Unpacking {
    coding: Coding,
    begun: Option<Decoder>,
}

enum Decoder {
    /// What says that it is packed, and is not: a proxy has unpacked it, and left the header.
    Plain(Vec<u8>),
    Gzip(Box<MultiGzDecoder<Vec<u8>>>),
    Deflate(Box<ZlibDecoder<Vec<u8>>>),
}

impl Unpacking {
    /// Takes a bite of what is packed, and gives what was in it: some 64 KiB at most, so that whoever counts can stop before a bomb has gone off.
    fn bite(&mut self, packed: &mut Bytes) -> Result<Bytes, Mispacked> {
        let coding = self.coding;
        let found = |found| move |_: io::Error| Mispacked { coding, found };
        let decoder = self.begun.get_or_insert_with(|| Decoder::of(coding, packed.first().copied().unwrap_or_default()));
        let taken = decoder.write(packed).map_err(found("other bytes"))?;
        if taken == 0 {
            return Err(Mispacked { coding, found: "more behind its end" });
        }
        packed.advance(taken);
        // What lives does not wait for its next piece.
        if packed.is_empty() {
            decoder.flush().map_err(found("other bytes"))?;
        }
        Ok(decoder.taken())
    }

    /// What is left, if that is all of it.
    fn end(&mut self) -> Result<Bytes, Mispacked> {
        let coding = self.coding;
        let Some(decoder) = &mut self.begun else { return Ok(Bytes::new()) };
        decoder.finish().map_err(|error| {
            let is_cut = error.kind() == io::ErrorKind::UnexpectedEof;
            Mispacked { coding, found: if is_cut { "an end in its middle" } else { "no checksum that fits" } }
        })?;
        Ok(decoder.taken())
    }
}

impl Decoder {
    fn of(coding: Coding, first: u8) -> Self {
        match coding {
            // RFC 1952 §2.3.1.
            Coding::Gzip if first != 0x1f => Self::Plain(Vec::new()),
            Coding::Gzip => Self::Gzip(Box::new(MultiGzDecoder::new(Vec::new()))),
            Coding::Deflate => {
                // RFC 9110 §8.4.1.2: it is zlib's format, and some send what is inside that alone. zlib's begins with an 8 (RFC 1950 §2.2).
                let inner = Decompress::new(first & 0x0f == 8);
                Self::Deflate(Box::new(ZlibDecoder::new_with_decompress(Vec::new(), inner)))
            }
        }
    }

    fn write(&mut self, packed: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(plain) => plain.write(packed),
            Self::Gzip(decoder) => decoder.write(packed),
            Self::Deflate(decoder) => decoder.write(packed),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(_) => Ok(()),
            Self::Gzip(decoder) => decoder.flush(),
            Self::Deflate(decoder) => decoder.flush(),
        }
    }

    fn finish(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(_) => Ok(()),
            Self::Gzip(decoder) => decoder.try_finish(),
            Self::Deflate(decoder) => decoder.try_finish(),
        }
    }

    fn taken(&mut self) -> Bytes {
        let all = match self {
            Self::Plain(plain) => plain,
            Self::Gzip(decoder) => decoder.get_mut(),
            Self::Deflate(decoder) => decoder.get_mut(),
        };
        std::mem::take(all).into()
    }
}

/// A body that is not what its header says.
#[derive(Debug)]
struct Mispacked {
    coding: Coding,
    found: &'static str,
}

impl fmt::Display for Mispacked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let coding = match self.coding {
            Coding::Gzip => "gzip",
            Coding::Deflate => "deflate",
        };
        write!(f, "expected {coding}, as its Content-Encoding says (RFC 9110 §8.4), but found {}", self.found)
    }
}

impl std::error::Error for Mispacked {}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::error::Error as _;

    use flate2::Compression;
    use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
    use http::HeaderValue;
    use keyfob_proto::TransportKind;

    use super::*;

    const TEXT: &[u8] = br#"{"items":[{"display_name":"Ann"},{"display_name":"Ann"},{"display_name":"Bob"}]}"#;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(bytes).and_then(|()| encoder.finish()).expect("memory")
    }

    fn zlib(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(bytes).and_then(|()| encoder.finish()).expect("memory")
    }

    fn raw(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(bytes).and_then(|()| encoder.finish()).expect("memory")
    }

    /// A body that comes like this.
    struct Pieces(VecDeque<Bytes>);

    impl http_body::Body for Pieces {
        type Data = Bytes;
        type Error = BoxError;

        fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
            Poll::Ready(self.0.pop_front().map(|piece| Ok(Frame::data(piece))))
        }
    }

    fn packed(coding: &'static str, bytes: &[u8], size: usize) -> Response<Body> {
        let pieces = bytes.chunks(size).map(Bytes::copy_from_slice).collect();
        let mut answer = Response::new(Body::stream(Pieces(pieces)));
        answer.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static(coding));
        answer
    }

    /// What comes of it, or why nothing does.
    async fn read(coding: &'static str, bytes: &[u8], size: usize) -> Result<Vec<u8>, String> {
        let error = match unpacked(packed(coding, bytes, size)).into_body().bytes(1 << 20).await {
            Ok(bytes) => return Ok(bytes),
            Err(error) => error,
        };
        assert_eq!(error.kind, TransportKind::Broken);
        Err(error.source().expect("a cause").to_string())
    }

    #[tokio::test]
    async fn what_is_packed_comes_out_however_it_arrives() {
        let two = [gzip(&TEXT[..20]), gzip(&TEXT[20..])].concat();
        for (coding, bytes) in [
            ("gzip", gzip(TEXT)),
            ("X-GZip", gzip(TEXT)),
            ("identity, gzip,", gzip(TEXT)),
            ("gzip", two),
            ("deflate", zlib(TEXT)),
            ("deflate", raw(TEXT)),
            ("identity", TEXT.to_vec()),
        ] {
            for size in [1, 7, 1 << 20] {
                assert_eq!(read(coding, &bytes, size).await.as_deref(), Ok(TEXT), "{coding}, {size}");
            }
        }
        for coding in ["gzip", "deflate"] {
            assert_eq!(read(coding, b"", 1).await.as_deref(), Ok(&b""[..]), "{coding}");
        }
    }

    #[tokio::test]
    async fn what_is_not_what_it_says_is_told_and_never_taken_for_all_of_it() {
        let says = |coding, found| format!("expected {coding}, as its Content-Encoding says (RFC 9110 §8.4), but found {found}");
        for (coding, bytes) in [("gzip", gzip(TEXT)), ("deflate", zlib(TEXT)), ("deflate", raw(TEXT))] {
            for (length, size) in (1..bytes.len()).flat_map(|length| [(length, 1), (length, length)]) {
                let error = read(coding, &bytes[..length], size).await.expect_err("it was cut off");
                assert!(error.ends_with("an end in its middle") || error.ends_with("no checksum that fits"), "{coding}, {length}: {error}");
            }
            let behind = read(coding, &[&bytes[..], b"more than that"].concat(), 1 << 20).await.expect_err("there is more");
            assert!(behind.ends_with("more behind its end") || behind.ends_with("other bytes"), "{coding}: {behind}");
        }
        assert_eq!(read("deflate", TEXT, 9).await, Err(says("deflate", "other bytes")));
        // Unpacked on its way, by somebody who left the header.
        assert_eq!(read("gzip", TEXT, 9).await.as_deref(), Ok(TEXT));
        let mut other = gzip(TEXT);
        let at = other.len() - 6;
        other[at] ^= 1;
        assert_eq!(read("gzip", &other, 9).await, Err(says("gzip", "no checksum that fits")));
    }

    /// It is counted as it comes out, whatever length was announced.
    #[tokio::test]
    async fn a_bomb_does_not_go_off() {
        for (coding, bytes) in [("gzip", gzip(&vec![0; 4 << 20])), ("deflate", zlib(&vec![0; 4 << 20]))] {
            assert!(bytes.len() < 5_000);
            let mut answer = packed(coding, &bytes, 1 << 20);
            answer.headers_mut().insert(CONTENT_LENGTH, bytes.len().into());
            let mut body = unpacked(answer).into_body();
            let (mut all, mut largest) = (0, 0);
            while let Some(piece) = body.chunk().await.expect("a piece") {
                (all, largest) = (all + piece.len(), largest.max(piece.len()));
            }
            assert!(all == 4 << 20 && largest <= 64 << 10, "{all} in pieces of {largest}");
            let error = unpacked(packed(coding, &bytes, 1 << 20)).into_body().bytes(1 << 20).await.expect_err("it is broken");
            assert_eq!(error.kind, TransportKind::TooLarge);
        }
    }

    #[tokio::test]
    async fn what_is_not_undone_stays_as_it_came_and_says_so() {
        let twice = gzip(&gzip(TEXT));
        for (coding, bytes) in [("br", TEXT), ("gzip, gzip", &twice), ("gzip, br", TEXT), ("utf-8", TEXT)] {
            let answer = unpacked(packed(coding, bytes, 9));
            assert_eq!(packing(answer.headers()).as_deref(), Some(coding));
            assert_eq!(answer.into_body().bytes(1 << 20).await.expect("all of it"), bytes, "{coding}");
        }
        let mut part = packed("gzip", &gzip(TEXT)[..9], 9);
        *part.status_mut() = StatusCode::PARTIAL_CONTENT;
        assert_eq!(unpacked(part).into_body().bytes(9).await.expect("it").len(), 9);
        let mut head = Response::new(Body::empty());
        for (name, value) in [(CONTENT_ENCODING, "gzip"), (CONTENT_LENGTH, "99")] {
            head.headers_mut().insert(name, HeaderValue::from_static(value));
        }
        assert_eq!(unpacked(head).headers().len(), 2, "an answer to HEAD");
        assert_eq!(unpacked(packed("gzip", &gzip(TEXT), 9)).headers().len(), 0);
    }

    #[test]
    fn a_beginning_is_read_as_far_as_it_goes() {
        let headers = packed("gzip", b"", 1).headers().clone();
        let all = gzip(TEXT);
        assert_eq!(beginning(&headers, all.clone().into(), 1 << 10), TEXT);
        assert!(beginning(&headers, all[..all.len() - 12].to_vec().into(), 1 << 10).starts_with(&TEXT[..20]));
        assert_eq!(beginning(&headers, TEXT.into(), 1 << 10), TEXT, "it was unpacked on its way");
        assert_eq!(beginning(&HeaderMap::new(), TEXT.into(), 1), TEXT);
        assert!(beginning(&headers, gzip(&vec![0; 4 << 20]).into(), 1 << 10).len() <= 65 << 10);
    }
}
