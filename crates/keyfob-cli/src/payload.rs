//! What a request carries: bytes that are all there, or files and stdin that are read while they are sent. A large file is never in memory whole.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use keyfob::Body;
use tokio::sync::mpsc;

use crate::card::Card;
use crate::exit::Exit;
use crate::signal::{unless_stopped_reading, unless_stopped_reading_file};

/// The most that is read whole, where something has to be.
pub(crate) const LARGEST: u64 = 64 << 20;

/// What is no larger is read at once: it can be sent again after a refresh without a thought.
const SMALL: u64 = 1 << 20;

/// So much is read at once, and so many of these wait to be sent.
const PIECE: usize = 64 * 1024;
const AHEAD: usize = 4;

/// Pieces in the order in which they are sent.
#[derive(Clone, Debug, Default)]
pub(crate) struct Payload(Vec<Piece>);

#[derive(Clone)]
enum Piece {
    Bytes(Bytes),
    /// A file that is there, and was so long when it was looked at.
    File {
        name: String,
        length: u64,
    },
    /// stdin, or a pipe by a name: its beginning, and the rest, which can be read once.
    Once {
        begun: Bytes,
        rest: Arc<Mutex<Option<Box<dyn Read + Send>>>>,
    },
}

/// Without what is in it: it may be a secret.
impl fmt::Debug for Piece {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bytes(bytes) => write!(f, "Bytes({})", bytes.len()),
            Self::File { length, .. } => write!(f, "File({length})"),
            Self::Once { .. } => f.write_str("Once(…)"),
        }
    }
}

impl Payload {
    /// What is in a file, or comes from stdin (`-`). A small one is read; of a large one only that it can be is known.
    pub(crate) fn of_file(name: &str) -> Result<Self, Card> {
        let what = format!("cannot read {}", if name == "-" { "stdin" } else { name });
        let failed = |error: io::Error| Card::io(what.as_str(), &error, "check the name and who may read the file").exiting(Exit::Usage);
        if name == "-" {
            return unless_stopped_reading(|| Self::once(Box::new(io::stdin())))?.map_err(failed);
        }
        let owned = name.to_owned();
        unless_stopped_reading_file(Path::new(name), move |path| Self::at(path, owned))?.map_err(failed)
    }

    fn at(path: &Path, name: String) -> io::Result<Self> {
        let file = File::open(path)?;
        let about = file.metadata()?;
        if !about.is_file() || about.len() <= SMALL {
            return Self::once(Box::new(file));
        }
        Ok(Self(vec![Piece::File { name, length: about.len() }]))
    }

    fn once(mut reader: Box<dyn Read + Send>) -> io::Result<Self> {
        let mut begun = Vec::new();
        reader.by_ref().take(SMALL + 1).read_to_end(&mut begun)?;
        let ended = begun.len() as u64 <= SMALL;
        let begun = Bytes::from(begun);
        Ok(Self(vec![if ended { Piece::Bytes(begun) } else { Piece::Once { begun, rest: Arc::new(Mutex::new(Some(reader))) } }]))
    }

    /// More behind it.
    pub(crate) fn push(&mut self, more: Self) {
        self.0.extend(more.0);
    }

    /// A form is one line. The end of that line, which an editor or `echo` writes and curl's `-d` leaves away, is no part of its last value.
    pub(crate) fn without_line_end(self) -> Self {
        let Some(bytes) = self.bytes() else { return self };
        let line = bytes.strip_suffix(b"\n").map(|line| line.strip_suffix(b"\r").unwrap_or(line));
        let is_text = |line: &&[u8]| std::str::from_utf8(line).is_ok_and(|text| !text.contains(char::is_control));
        match line.filter(is_text) {
            Some(line) => Self::from(line.to_vec()),
            None => self,
        }
    }

    /// How long it is, where that is known before it is read.
    pub(crate) fn length(&self) -> Option<u64> {
        self.0.iter().map(Piece::length).sum()
    }

    /// Whether it can be sent again.
    pub(crate) fn is_repeatable(&self) -> bool {
        !self.0.iter().any(|piece| matches!(piece, Piece::Once { .. }))
    }

    /// All of it, if it is small or there already.
    pub(crate) fn bytes(&self) -> Option<Bytes> {
        match &self.0[..] {
            [] => Some(Bytes::new()),
            [Piece::Bytes(bytes)] => Some(bytes.clone()),
            pieces => {
                let bytes = |piece: &Piece| if let Piece::Bytes(bytes) = piece { Some(bytes.to_vec()) } else { None };
                pieces.iter().map(bytes).collect::<Option<Vec<_>>>().map(|all| all.concat().into())
            }
        }
    }

    /// All of it, read for whoever has to see every byte; `why` they do.
    pub(crate) fn whole(&self, why: &str) -> Result<Bytes, Card> {
        let payload = self.clone();
        let gather = move || {
            let mut all = Vec::new();
            let read = payload.read(|piece| {
                all.extend_from_slice(&piece);
                all.len() as u64 <= LARGEST
            });
            read.map(|()| all)
        };
        let read = if self.is_repeatable() { gather() } else { unless_stopped_reading(gather)? };
        let all = read.map_err(|error| Card::io("cannot read what is to be sent", &error, "run it again").exiting(Exit::Usage))?;
        if all.len() as u64 > LARGEST {
            return Err(Card::usage("cannot read what is to be sent whole", "it is larger than 64 MiB", why));
        }
        Ok(all.into())
    }

    /// As the body of a request: read by a thread of its own, since a pipe or a disk may take its time, and no further ahead than there is room.
    pub(crate) fn body(&self) -> Body {
        if let Some(bytes) = self.bytes() {
            return Body::from(bytes.to_vec());
        }
        let (sender, pieces) = mpsc::channel(AHEAD);
        let (payload, length, least) = (self.clone(), self.length(), self.0.iter().map(Piece::least).sum());
        std::thread::spawn(move || {
            let read = payload.read(|piece| sender.blocking_send(Ok(piece)).is_ok());
            if let Err(error) = read {
                let _ = sender.blocking_send(Err(error));
            }
        });
        Body::stream(Streamed { pieces, length, least, sent: 0 })
    }

    /// Hands on piece after piece, until somebody has enough.
    fn read(&self, mut take: impl FnMut(Bytes) -> bool) -> io::Result<()> {
        for piece in &self.0 {
            let goes_on = match piece {
                Piece::Bytes(bytes) => take(bytes.clone()),
                Piece::File { name, length } => {
                    let mut left = *length;
                    let goes_on = pour(&mut File::open(name)?.take(*length), |piece| {
                        left -= piece.len() as u64;
                        take(piece)
                    })?;
                    // Its length was promised to the server.
                    if goes_on && left > 0 {
                        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, format!("{name} became shorter while it was sent")));
                    }
                    goes_on
                }
                Piece::Once { begun, rest } => {
                    let rest = rest.lock().unwrap_or_else(PoisonError::into_inner).take();
                    let mut rest = rest.ok_or_else(|| io::Error::other("what came from stdin was read already"))?;
                    take(begun.clone()) && pour(&mut rest, &mut take)?
                }
            };
            if !goes_on {
                break;
            }
        }
        Ok(())
    }
}

impl Piece {
    fn length(&self) -> Option<u64> {
        match self {
            Self::Bytes(bytes) => Some(bytes.len() as u64),
            Self::File { length, .. } => Some(*length),
            Self::Once { .. } => None,
        }
    }

    fn least(&self) -> u64 {
        if let Self::Once { begun, .. } = self { begun.len() as u64 } else { self.length().unwrap_or_default() }
    }
}

impl From<Vec<u8>> for Payload {
    fn from(bytes: Vec<u8>) -> Self {
        Self(vec![Piece::Bytes(bytes.into())])
    }
}

/// Reads to the end, or until somebody has enough.
fn pour(reader: &mut impl Read, mut take: impl FnMut(Bytes) -> bool) -> io::Result<bool> {
    loop {
        let mut piece = vec![0; PIECE];
        match reader.read(&mut piece) {
            Ok(0) => return Ok(true),
            Ok(count) => {
                piece.truncate(count);
                if !take(piece.into()) {
                    return Ok(false);
                }
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// What the thread reads.
struct Streamed {
    pieces: mpsc::Receiver<io::Result<Bytes>>,
    length: Option<u64>,
    least: u64,
    sent: u64,
}

impl http_body::Body for Streamed {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let piece = ready!(self.pieces.poll_recv(cx));
        if let Some(Ok(bytes)) = &piece {
            self.sent += bytes.len() as u64;
        }
        Poll::Ready(piece.map(|piece| piece.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        self.length == Some(self.sent)
    }

    fn size_hint(&self) -> SizeHint {
        match self.length {
            Some(length) => SizeHint::with_exact(length.saturating_sub(self.sent)),
            None => {
                let mut hint = SizeHint::new();
                hint.set_lower(self.least.saturating_sub(self.sent));
                hint
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(folder: &tempfile::TempDir, name: &str, length: usize) -> String {
        let path = folder.path().join(name).display().to_string();
        std::fs::write(&path, "x".repeat(length)).expect("a file");
        path
    }

    #[tokio::test]
    async fn pieces_come_in_their_order_and_their_length_is_known() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut payload = Payload::from(b"before".to_vec());
        payload.push(Payload::of_file(&file(&folder, "large", 3 << 20)).expect("a file"));
        payload.push(Payload::from(b"behind".to_vec()));
        assert!(payload.bytes().is_none() && payload.is_repeatable());
        for _ in 0..2 {
            let body = payload.body();
            assert_eq!(http_body::Body::size_hint(&body).exact(), Some((3 << 20) + 12));
            let all = body.bytes(usize::MAX).await.expect("all of it");
            assert!(all.len() == (3 << 20) + 12 && all.starts_with(b"beforex") && all.ends_with(b"xbehind"));
        }
        assert_eq!(payload.whole("").expect("it is small enough").len(), (3 << 20) + 12);
        assert_eq!(Payload::of_file(&file(&folder, "small", 9)).expect("a file").bytes().as_deref(), Some(&b"xxxxxxxxx"[..]));
    }

    #[test]
    fn the_end_of_a_line_is_no_part_of_a_form() {
        let sent = |text: &str| Payload::from(text.as_bytes().to_vec()).without_line_end().bytes().expect("there").to_vec();
        for (text, form) in [
            ("a=1&b=2\n", "a=1&b=2"),
            ("a=1\r\n", "a=1"),
            ("a=1", "a=1"),
            ("a=1\n\n", "a=1\n\n"),
            ("a\nb\n", "a\nb\n"),
            ("\n", ""),
            ("\x01\n", "\x01\n"),
        ] {
            assert_eq!(sent(text), form.as_bytes(), "{text:?}");
        }
    }

    #[tokio::test]
    async fn what_can_be_read_once_is_not_sent_half_the_second_time() {
        let payload = Payload::once(Box::new(io::Cursor::new(vec![7; 2 << 20]))).expect("it is read");
        assert!(!payload.is_repeatable());
        assert_eq!(http_body::Body::size_hint(&payload.body()).exact(), None);
        let payload = Payload::once(Box::new(io::Cursor::new(vec![7; 2 << 20]))).expect("it is read");
        assert_eq!(payload.body().bytes(usize::MAX).await.expect("all of it").len(), 2 << 20);
        assert!(payload.body().bytes(usize::MAX).await.is_err());
    }

    #[tokio::test]
    async fn a_file_that_becomes_shorter_is_an_error_and_one_that_grows_is_sent_as_it_was() {
        let folder = tempfile::tempdir().expect("a folder");
        let name = file(&folder, "large", 2 << 20);
        let payload = Payload::of_file(&name).expect("a file");
        std::fs::write(&name, "x".repeat(3 << 20)).expect("it grows");
        assert_eq!(payload.body().bytes(usize::MAX).await.expect("as it was").len(), 2 << 20);
        std::fs::write(&name, "x").expect("it shrinks");
        assert!(payload.body().bytes(usize::MAX).await.is_err());
    }

    #[test]
    fn what_has_to_be_whole_has_a_limit() {
        let folder = tempfile::tempdir().expect("a folder");
        let name = file(&folder, "sparse", 0);
        File::options().write(true).open(&name).and_then(|file| file.set_len(LARGEST + 1)).expect("a length");
        assert!(Payload::of_file(&name).expect("a file").whole("because").is_err_and(|card| card.next() == "because"));
    }
}
