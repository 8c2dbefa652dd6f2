//! Where the program listens.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use keyfob::proto::Misuse;

use super::stream::Stream;
use crate::peer::Peer;

/// Whoever opens connections without end does not keep us from ending.
const LONGEST_QUEUE: usize = 1024;

/// A place to listen at.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Address {
    /// A port.
    Tcp(SocketAddr),
    /// A socket in the file system (`unix:/run/keyfob/web.sock`). Who may write to it may talk to us.
    Unix(PathBuf),
    /// The sockets that a service manager hands over (`systemd`): `LISTEN_FDS`, sd_listen_fds(3).
    Inherited,
}

impl Address {
    /// Where to ask, on this machine: `0.0.0.0` and `[::]` mean its loopback address.
    pub(crate) fn near(&self) -> Self {
        match *self {
            Self::Tcp(mut address) if address.ip().is_unspecified() => {
                address.set_ip(if address.is_ipv4() { IpAddr::V4(Ipv4Addr::LOCALHOST) } else { IpAddr::V6(Ipv6Addr::LOCALHOST) });
                Self::Tcp(address)
            }
            _ => self.clone(),
        }
    }
}

impl From<SocketAddr> for Address {
    fn from(address: SocketAddr) -> Self {
        Self::Tcp(address)
    }
}

impl FromStr for Address {
    type Err = Misuse;

    fn from_str(text: &str) -> Result<Self, Misuse> {
        if text == "systemd" {
            return Ok(Self::Inherited);
        }
        if let Some(path) = text.strip_prefix("unix:") {
            return match Path::new(path).is_absolute() {
                true => Ok(Self::Unix(PathBuf::from(path))),
                false => Err(Misuse::new("unix: and an absolute path, such as unix:/run/keyfob/web.sock", "a relative path, or none")),
            };
        }
        text.parse().map(Self::Tcp).map_err(|_| {
            let wanted = "an address to listen on: 127.0.0.1:5000, [::1]:5000, unix:/run/keyfob/web.sock, or systemd";
            Misuse::new(wanted, format!("\"{}\"", keyfob::proto::scrub::printable(text)))
        })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
            Self::Inherited => f.write_str("systemd"),
        }
    }
}

/// A socket that is listened at.
#[derive(Debug)]
pub(crate) enum Socket {
    Tcp(tokio::net::TcpListener),
    #[cfg(unix)]
    Unix {
        listener: tokio::net::UnixListener,
        _file: Option<Own>,
    },
}

/// A socket's file, taken away with the socket: the next start finds its place free. Not one that has taken its place meanwhile.
#[cfg(unix)]
#[derive(Debug)]
pub(crate) struct Own {
    path: PathBuf,
    inode: u64,
}

#[cfg(unix)]
impl Drop for Own {
    fn drop(&mut self) {
        if inode(&self.path) == Some(self.inode) {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

#[cfg(unix)]
fn inode(path: &Path) -> Option<u64> {
    std::os::unix::fs::MetadataExt::ino(&path.symlink_metadata().ok()?).into()
}

/// Begins to listen.
pub(crate) fn bind(address: &Address) -> io::Result<Vec<Socket>> {
    match address {
        Address::Tcp(address) => Ok(vec![tcp(std::net::TcpListener::bind(address)?)?]),
        #[cfg(unix)]
        Address::Unix(path) => Ok(vec![unix(path)?]),
        #[cfg(unix)]
        Address::Inherited => inherited(),
        #[cfg(not(unix))]
        _ => Err(io::Error::new(io::ErrorKind::Unsupported, "this system has no such sockets")),
    }
}

pub(crate) fn tcp(listener: std::net::TcpListener) -> io::Result<Socket> {
    listener.set_nonblocking(true)?;
    Ok(Socket::Tcp(tokio::net::TcpListener::from_std(listener)?))
}

/// A file that a program left behind, which has ended since, is in the way of nobody; one that answers belongs to somebody.
#[cfg(unix)]
fn unix(path: &Path) -> io::Result<Socket> {
    use std::os::unix::fs::FileTypeExt;
    use std::os::unix::net::{UnixListener, UnixStream};

    if path.symlink_metadata().is_ok_and(|found| found.file_type().is_socket()) {
        match UnixStream::connect(path) {
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => std::fs::remove_file(path)?,
            _ => return Err(io::Error::new(io::ErrorKind::AddrInUse, "another program listens there")),
        }
    }
    let listener = UnixListener::bind(path)?;
    // For the owner and the group: who is in it (the proxy) may connect (unix(7)).
    std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o660))?;
    let own = inode(path).map(|inode| Own { path: path.to_owned(), inode });
    listener.set_nonblocking(true)?;
    Ok(Socket::Unix { listener: tokio::net::UnixListener::from_std(listener)?, _file: own })
}

/// What the service manager holds open. It goes on holding it: a client that comes while we are started again waits in its queue.
#[cfg(unix)]
fn inherited() -> io::Result<Vec<Socket>> {
    let mut handed = listenfd::ListenFd::from_env();
    let mut sockets = Vec::new();
    for index in 0..handed.len() {
        if let Ok(Some(listener)) = handed.take_tcp_listener(index) {
            sockets.push(tcp(listener)?);
        } else if let Some(listener) = handed.take_unix_listener(index)? {
            listener.set_nonblocking(true)?;
            sockets.push(Socket::Unix { listener: tokio::net::UnixListener::from_std(listener)?, _file: None });
        }
    }
    match sockets.is_empty() {
        true => Err(io::Error::new(io::ErrorKind::NotFound, "no socket was handed over (LISTEN_FDS is for a program that systemd starts)")),
        false => Ok(sockets),
    }
}

impl Socket {
    /// Closes it, and gives the connections that wait in its queue. With the socket they would be reset, and with them requests that nobody may send
    /// twice. Where others hold the socket too (systemd, a second instance), what comes after that stays in it.
    pub(crate) fn close(self) -> io::Result<Vec<(Stream, Peer)>> {
        match self {
            Self::Tcp(listener) => {
                let listener = listener.into_std()?;
                let taken = queue(|| listener.accept()).filter_map(|(stream, address)| {
                    stream.set_nonblocking(true).ok()?;
                    // Without, it is answered too, perhaps a little later.
                    let _ = stream.set_nodelay(true);
                    Some((Stream::Tcp(tokio::net::TcpStream::from_std(stream).ok()?), Peer::from(address.ip())))
                });
                Ok(taken.collect())
            }
            #[cfg(unix)]
            Self::Unix { listener, _file } => {
                let listener = listener.into_std()?;
                let taken = queue(|| listener.accept()).filter_map(|(stream, _)| {
                    stream.set_nonblocking(true).ok()?;
                    Some((Stream::Unix(tokio::net::UnixStream::from_std(stream).ok()?), Peer::Socket))
                });
                Ok(taken.collect())
            }
        }
    }

    /// For the log and for notes.
    pub(crate) fn shown(&self) -> String {
        match self {
            Self::Tcp(listener) => listener.local_addr().map_or_else(|_| "a port".to_owned(), |address| address.to_string()),
            #[cfg(unix)]
            Self::Unix { listener, .. } => {
                let address = listener.local_addr().ok();
                let path = address.as_ref().and_then(|address| address.as_pathname());
                path.map_or_else(|| "a socket".to_owned(), |path| format!("unix:{}", path.display()))
            }
        }
    }
}

/// Whoever waits, to the end of the queue. Who has gone meanwhile (accept(2): ECONNABORTED) is not the end, and neither is a moment without descriptors.
fn queue<T>(accept: impl FnMut() -> io::Result<T>) -> impl Iterator<Item = T> {
    let is_there = |accepted: &io::Result<T>| !matches!(accepted, Err(error) if error.kind() == io::ErrorKind::WouldBlock);
    std::iter::repeat_with(accept).take(LONGEST_QUEUE).take_while(is_there).filter_map(Result::ok)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_gone_from_the_queue_is_not_its_end() {
        let error = |kind: io::ErrorKind| Err(io::Error::from(kind));
        let gone = || error(io::ErrorKind::ConnectionAborted);
        let mut answers = [Ok(1), gone(), Ok(2), error(io::ErrorKind::WouldBlock), Ok(3)].into_iter();
        assert_eq!(queue(|| answers.next().expect("it stopped before")).collect::<Vec<_>>(), [1, 2]);
        // Nobody keeps us there.
        assert_eq!(queue(|| Ok(())).count(), LONGEST_QUEUE);
        assert_eq!(queue(|| -> io::Result<()> { gone().map(|_: i32| ()) }).count(), 0);
    }

    #[test]
    fn addresses_are_read_and_written() {
        for text in ["127.0.0.1:5000", "[::1]:5000", "unix:/run/keyfob/web.sock", "systemd"] {
            assert_eq!(text.parse::<Address>().expect(text).to_string(), text);
        }
        for wrong in ["", "5000", "localhost:5000", "unix:", "unix:web.sock", "/run/web.sock", "127.0.0.1"] {
            assert!(wrong.parse::<Address>().is_err(), "{wrong}");
        }
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn a_socket_that_nobody_listens_at_is_replaced_and_one_in_use_is_not() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("web.sock");
        drop(std::os::unix::net::UnixListener::bind(&path).expect("a socket"));
        assert!(path.exists(), "left behind");
        let held = bind(&Address::Unix(path.clone())).expect("its place is taken");
        assert!(bind(&Address::Unix(path.clone())).is_err(), "somebody listens there");
        drop(held);
        assert!(!path.exists(), "taken away");
        std::fs::write(&path, "a file").expect("written");
        assert!(bind(&Address::Unix(path.clone())).is_err(), "no file of somebody else's is touched");
        assert!(path.exists());
    }

    /// They would be reset with the socket, after the request was sent.
    #[tokio::test]
    async fn who_waits_in_the_queue_when_it_is_closed_is_taken_in() {
        use std::io::Write;

        use tokio::io::AsyncReadExt;

        let socket = bind(&"127.0.0.1:0".parse().expect("an address")).expect("a port").pop().expect("a socket");
        let Socket::Tcp(listener) = &socket else { panic!("{socket:?}") };
        let address = listener.local_addr().expect("an address");
        let mut waiting = [(); 3].map(|()| std::net::TcpStream::connect(address).expect("the queue"));
        waiting.iter_mut().for_each(|client| client.write_all(b"POST").expect("sent"));
        let taken = socket.close().expect("closed");
        assert_eq!(taken.len(), 3);
        assert!(std::net::TcpStream::connect(address).is_err(), "and nobody comes after them");
        for (mut stream, _) in taken {
            let mut read = [0; 4];
            stream.read_exact(&mut read).await.expect("what was sent");
            assert_eq!(&read, b"POST");
        }
    }
}
