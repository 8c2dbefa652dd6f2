//! Asking agents. Whatever lies at the place of one, nobody is asked for a key, and nobody is given one, before it is found to be this user's; and
//! nobody waits for it much longer than a second.

use std::io::{self, Read, Write};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use super::wire::{Reply, Request};
use super::{Silent, must_be_ours_alone, socket_in};

/// For the whole conversation with one: another that hangs takes nobody's second.
const PATIENCE: Duration = Duration::from_secs(1);

/// Between two tries with one that hangs up.
const A_LOOK: Duration = Duration::from_millis(20);

/// What the agent in that folder answers; nothing where none is there.
pub(super) fn ask(folder: &Path, request: &Request<'_>) -> Result<Option<Reply>, Silent> {
    let socket = socket_in(folder);
    let until = Instant::now() + PATIENCE;
    loop {
        let Ok(found) = socket.symlink_metadata() else { return Ok(None) };
        let ours = rustix::process::geteuid().as_raw();
        if must_be_ours_alone(folder).is_err() || !found.file_type().is_socket() || found.uid() != ours || found.mode() & 0o077 != 0 {
            return Err(Silent(format!("{} is not a socket that is this user's alone", socket.display())));
        }
        let stream = match connect(&socket) {
            // Of an agent that was killed.
            Err(error) if matches!(error.kind(), io::ErrorKind::ConnectionRefused | io::ErrorKind::NotFound) => return Ok(None),
            other => other.map_err(|error| Silent(format!("the agent at {} cannot be reached: {error}", socket.display())))?,
        };
        if !is_ours(&stream) {
            return Err(Silent(format!("another user listens at {}", socket.display())));
        }
        match talk(&stream, request, until) {
            Ok(reply) => return Ok(Some(reply)),
            // It ends at this moment, or has too many to serve: a look later it is gone, or has the time.
            Err(error) if is_hung_up(&error) && Instant::now() + A_LOOK < until => std::thread::sleep(A_LOOK),
            Err(error) => return Err(Silent(format!("the agent at {}{} {}", socket.display(), process_of(&stream), said(&error)))),
        }
    }
}

fn is_hung_up(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe)
}

fn said(error: &io::Error) -> String {
    match error.kind() {
        // What a socket's time ends with has another name on every system.
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => "does not answer within a second".to_owned(),
        _ => format!("does not answer: {error}"),
    }
}

fn talk(stream: &UnixStream, request: &Request<'_>, until: Instant) -> io::Result<Reply> {
    stream.set_nonblocking(false)?;
    stream.set_write_timeout(Some(left(until)?))?;
    { stream }.write_all(&request.bytes())?;
    request.answered(Impatient { stream, until })
}

/// Reads until a moment, however slowly the bytes drop in.
struct Impatient<'a> {
    stream: &'a UnixStream,
    until: Instant,
}

impl Read for Impatient<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.stream.set_read_timeout(Some(left(self.until)?))?;
        self.stream.read(into)
    }
}

fn left(until: Instant) -> io::Result<Duration> {
    // Zero would mean for ever.
    Some(until.saturating_duration_since(Instant::now())).filter(|left| !left.is_zero()).ok_or_else(|| io::ErrorKind::TimedOut.into())
}

/// A blocking connect would wait for ever while an agent that was stopped has a full queue.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn connect(socket: &Path) -> io::Result<UnixStream> {
    use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with};

    let address = SocketAddrUnix::new(socket)?;
    let stream = socket_with(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK, None)?;
    connect(&stream, &address)?;
    Ok(stream.into())
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn connect(socket: &Path) -> io::Result<UnixStream> {
    UnixStream::connect(socket)
}

/// Who listens is who made the socket, and the kernel says who that was: a file can change hands, a process cannot.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn is_ours(stream: &UnixStream) -> bool {
    rustix::net::sockopt::socket_peercred(stream).is_ok_and(|peer| peer.uid == rustix::process::geteuid())
}

/// Which process it is that listens, to be let go on or ended by a person.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn process_of(stream: &UnixStream) -> String {
    rustix::net::sockopt::socket_peercred(stream).map_or_else(|_| String::new(), |peer| format!(" (process {})", peer.pid.as_raw_nonzero()))
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn process_of(_: &UnixStream) -> String {
    String::new()
}

/// The folder, which is this user's alone, has to be enough.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn is_ours(_: &UnixStream) -> bool {
    true
}
