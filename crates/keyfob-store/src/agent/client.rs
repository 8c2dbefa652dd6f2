//! Asking the agent. Whatever lies at its place, nobody is asked for a key, and nobody is given one, before it is found to be this user's; and
//! nobody waits for it much longer than a second.

use std::io::{self, Read, Write};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::wire::{Reply, Request};
use super::{must_be_ours_alone, socket_in};

/// For the whole conversation.
const PATIENCE: Duration = Duration::from_secs(1);

/// The answer of the first agent there is; else why there is none, as the middle of a sentence.
pub(super) fn ask(folders: &[PathBuf], request: &Request<'_>) -> Result<Reply, String> {
    let mut why = None;
    let until = Instant::now() + PATIENCE;
    for folder in folders {
        match ask_at(folder, request, until) {
            Ok(Reply::No) => why = Some("the agent does not hold its key".to_owned()),
            Ok(reply) => return Ok(reply),
            Err(None) => {}
            Err(Some(reason)) => why = Some(reason),
        }
    }
    Err(why.unwrap_or_else(|| "no agent runs that has its key".to_owned()))
}

/// `Err(None)` where nothing is there.
fn ask_at(folder: &Path, request: &Request<'_>, until: Instant) -> Result<Reply, Option<String>> {
    let socket = socket_in(folder);
    let Ok(found) = socket.symlink_metadata() else { return Err(None) };
    let ours = rustix::process::geteuid().as_raw();
    if must_be_ours_alone(folder).is_err() || !found.file_type().is_socket() || found.uid() != ours || found.mode() & 0o077 != 0 {
        return Err(Some(format!("{} is not a socket that is this user's alone", socket.display())));
    }
    let stream = match connect(&socket) {
        // Of an agent that was killed.
        Err(error) if matches!(error.kind(), io::ErrorKind::ConnectionRefused | io::ErrorKind::NotFound) => return Err(None),
        other => other.map_err(|error| Some(format!("the agent at {} cannot be reached: {error}", socket.display())))?,
    };
    if !is_ours(&stream) {
        return Err(Some(format!("another user listens at {}", socket.display())));
    }
    talk(&stream, request, until).map_err(|error| Some(format!("the agent at {} does not answer: {error}", socket.display())))
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

/// The folder, which is this user's alone, has to be enough.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn is_ours(_: &UnixStream) -> bool {
    true
}
