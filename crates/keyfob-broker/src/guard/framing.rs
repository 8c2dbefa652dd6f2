//! L11: a request that two servers could take apart differently reaches nobody (request smuggling, RFC 9112 §11.2).
//!
//! The server behind this is lenient as RFC 9112 allows: it takes a bare line feed for the end of a line (§2.2), and where there are both a length and
//! chunks it goes by the chunks (§6.3). Whatever stands in front of us may decide otherwise, and then the end of one person's request is the
//! beginning of another's. So the bytes are watched on their way in: lines end in CRLF, are not folded, and there is one length or one `chunked`. What is
//! not so is written over with a zero byte, which no request may have: the server behind answers 400 and closes.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use memchr::memchr;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A longer line is nobody's. (The server behind has its own, smaller limit for the whole head.)
const LONGEST_LINE: usize = 64 * 1024;

/// A connection whose requests can be read in one way alone.
#[derive(Debug)]
pub(crate) struct Strict<S> {
    stream: S,
    framing: Framing,
}

impl<S> Strict<S> {
    pub(crate) fn new(stream: S) -> Self {
        Self { stream, framing: Framing::default() }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Strict<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buffer))?;
        self.framing.watch(&mut buffer.filled_mut()[before..]);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Strict<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[io::IoSlice<'_>]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

/// Where in the stream of requests the next byte is.
#[derive(Debug, Default)]
struct Framing {
    place: Place,
    /// The beginning of a line whose end has not come.
    line: Vec<u8>,
    length: Option<u64>,
    chunked: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Place {
    /// In front of a request line.
    #[default]
    Between,
    Head,
    /// So many bytes of a body.
    Body(u64),
    ChunkSize,
    Chunk(u64),
    AfterChunk,
    Trailers,
    /// Something was wrong, and nothing counts any more.
    Broken,
}

impl Framing {
    fn watch(&mut self, mut bytes: &mut [u8]) {
        while !bytes.is_empty() {
            let taken = match self.place {
                Place::Broken => {
                    bytes.fill(0);
                    return;
                }
                Place::Body(left) => {
                    let (taken, left) = part(left, bytes.len());
                    self.place = if left == 0 { Place::Between } else { Place::Body(left) };
                    taken
                }
                Place::Chunk(left) => {
                    let (taken, left) = part(left, bytes.len());
                    self.place = if left == 0 { Place::AfterChunk } else { Place::Chunk(left) };
                    taken
                }
                _ => match memchr(b'\n', bytes) {
                    None => {
                        self.line.extend_from_slice(bytes);
                        if self.line.len() > LONGEST_LINE {
                            self.break_at(bytes, 0);
                        }
                        return;
                    }
                    Some(end) => {
                        if !self.ends_well(&bytes[..end]) {
                            self.break_at(bytes, end);
                            return;
                        }
                        end + 1
                    }
                },
            };
            bytes = &mut bytes[taken..];
        }
    }

    fn break_at(&mut self, bytes: &mut [u8], at: usize) {
        tracing::debug!("a request that can be read in two ways was refused");
        self.place = Place::Broken;
        bytes[at..].fill(0);
    }

    /// The rest of a line, without its line feed: whether the line is as it should be.
    fn ends_well(&mut self, rest: &[u8]) -> bool {
        if self.line.is_empty() {
            return self.take_line(rest);
        }
        let mut line = std::mem::take(&mut self.line);
        line.extend_from_slice(rest);
        self.take_line(&line)
    }

    fn take_line(&mut self, line: &[u8]) -> bool {
        let Some(line) = line.strip_suffix(b"\r") else { return false };
        match self.place {
            // RFC 9112 §2.2: an empty line in front of a request is passed over.
            Place::Between if line.is_empty() => {}
            Place::Between => {
                (self.place, self.length, self.chunked) = (Place::Head, None, false);
            }
            Place::Head if line.is_empty() => match (self.length, self.chunked) {
                (Some(_), true) => return false,
                (_, true) => self.place = Place::ChunkSize,
                (None | Some(0), false) => self.place = Place::Between,
                (Some(length), false) => self.place = Place::Body(length),
            },
            Place::Head => return self.take_field(line),
            Place::ChunkSize => match chunk_size(line) {
                Some(0) => self.place = Place::Trailers,
                Some(size) => self.place = Place::Chunk(size),
                None => return false,
            },
            Place::AfterChunk => {
                self.place = Place::ChunkSize;
                return line.is_empty();
            }
            Place::Trailers if line.is_empty() => self.place = Place::Between,
            Place::Trailers => return !is_folded(line),
            Place::Body(_) | Place::Chunk(_) | Place::Broken => return false,
        }
        true
    }

    fn take_field(&mut self, line: &[u8]) -> bool {
        if is_folded(line) {
            return false;
        }
        let Some(colon) = memchr(b':', line) else { return false };
        let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
        if name.is_empty() || name.last().is_some_and(u8::is_ascii_whitespace) {
            return false;
        }
        if name.eq_ignore_ascii_case(b"content-length") {
            let is_second = self.length.is_some();
            self.length = number(value, 10);
            return !is_second && self.length.is_some();
        }
        if name.eq_ignore_ascii_case(b"transfer-encoding") {
            let is_second = self.chunked;
            self.chunked = value.eq_ignore_ascii_case(b"chunked");
            return !is_second && self.chunked;
        }
        true
    }
}

/// How many of so many bytes belong to what is left, and what is left then.
fn part(left: u64, there: usize) -> (usize, u64) {
    let taken = usize::try_from(left).map_or(there, |left| left.min(there));
    (taken, left - taken as u64)
}

fn is_folded(line: &[u8]) -> bool {
    line.first().is_some_and(|byte| matches!(byte, b' ' | b'\t'))
}

/// RFC 9112 §7.1: hexadecimal digits, and extensions that mean nothing to us.
fn chunk_size(line: &[u8]) -> Option<u64> {
    let size = line.split(|byte| *byte == b';').next()?;
    number(size.trim_ascii_end(), 16)
}

/// Digits alone: no sign, no space, no list.
fn number(digits: &[u8], radix: u32) -> Option<u64> {
    let is_number = !digits.is_empty() && digits.iter().all(|byte| char::from(*byte).is_digit(radix));
    is_number.then(|| u64::from_str_radix(std::str::from_utf8(digits).ok()?, radix).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is left of it, in pieces of this size.
    fn watched(text: &str, size: usize) -> (String, Place) {
        let mut framing = Framing::default();
        let mut bytes = text.as_bytes().to_vec();
        bytes.chunks_mut(size).for_each(|piece| framing.watch(piece));
        (String::from_utf8(bytes).expect("text"), framing.place)
    }

    #[test]
    fn l11_good_requests_pass_unchanged_however_they_are_cut() {
        let all = "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\nPOST /x HTTP/1.1\r\nContent-Length: 5\r\n\r\na\nb\n\nPOST /y HTTP/1.1\r\nTRANSFER-encoding:  Chunked \r\n\r\n\
                   5;x=y\r\na\nb\n\n\r\nA \r\n0123456789\r\n0\r\nTrailer: x\r\n\r\nHEAD / HTTP/1.1\r\nContent-Length: 0\r\n\r\n";
        for size in 1..all.len() {
            assert_eq!(watched(all, size), (all.to_owned(), Place::Between), "pieces of {size}");
        }
    }

    #[test]
    fn l11_what_is_wrong_is_written_over_with_all_that_follows() {
        let start = "POST / HTTP/1.1\r\n";
        for wrong in [
            "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
            "Transfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n",
            "Content-Length: 1\r\nContent-Length: 1\r\n",
            "Content-Length: 1, 1\r\n",
            "Content-Length: +1\r\n",
            "Content-Length:\r\n",
            "Content-Length: 99999999999999999999\r\n",
            "Content-Length : 1\r\n",
            "Transfer-Encoding: chunked, identity\r\n",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
            "X: y\n",
            "X: y\r\n\n",
            "X: y\r\n z\r\n",
            "nonsense\r\n",
            ": x\r\n",
            "Transfer-Encoding: chunked\r\n\r\n1\n",
            "Transfer-Encoding: chunked\r\n\r\n1\r\nab\r\n",
            "Transfer-Encoding: chunked\r\n\r\n-1\r\n",
            "Transfer-Encoding: chunked\r\n\r\n\r\n",
            "Transfer-Encoding: chunked\r\n\r\n0\r\n folded\r\n",
        ] {
            let text = format!("{start}{wrong}GET /smuggled HTTP/1.1\r\n\r\n");
            for size in [1, 7, text.len()] {
                let (left, place) = watched(&text, size);
                assert_eq!(place, Place::Broken, "{wrong:?}");
                assert!(!left.contains("smuggled") && left.ends_with('\0'), "{wrong:?}: {left:?}");
            }
        }
        assert_eq!(watched(&"x".repeat(LONGEST_LINE + 1), 1000).1, Place::Broken);
    }
}
