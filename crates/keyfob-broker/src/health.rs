//! Whether the program answers: for a container's health check, from both ends.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Where it is asked.
pub(crate) const PATH: &str = "/healthz";

/// Longer than this is ill.
const PATIENCE: Duration = Duration::from_secs(3);

pub(crate) async fn answer() -> &'static str {
    "ok\n"
}

/// Asks the program that listens at this address, on this machine; `0.0.0.0` and `[::]` mean its loopback address.
///
/// # Errors
/// If nothing answers in time, or the answer is not a 200.
pub async fn check(address: SocketAddr) -> io::Result<()> {
    let mut address = address;
    if address.ip().is_unspecified() {
        address.set_ip(if address.is_ipv4() { IpAddr::V4(Ipv4Addr::LOCALHOST) } else { IpAddr::V6(Ipv6Addr::LOCALHOST) });
    }
    match tokio::time::timeout(PATIENCE, ask(address)).await {
        Ok(answer) => answer,
        Err(_) => Err(io::Error::new(io::ErrorKind::TimedOut, format!("no answer from {address} within {} s", PATIENCE.as_secs()))),
    }
}

async fn ask(address: SocketAddr) -> io::Result<()> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(format!("GET {PATH} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").as_bytes()).await?;
    let mut head = [0; 12];
    stream.read_exact(&mut head).await?;
    if head == *b"HTTP/1.1 200" {
        return Ok(());
    }
    Err(io::Error::new(io::ErrorKind::InvalidData, format!("expected a 200 from {address}, but found another answer")))
}
