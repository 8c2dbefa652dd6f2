//! How the program is: alive, ready, and in figures. For a container's health check, from both ends; for load balancers; for Prometheus.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Extension;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, StatusCode};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::failure::Failure;
use crate::metrics;
use crate::operations::{Operations, Phase, Readiness};
use crate::problem::Problem;
use crate::serve::Address;
use crate::site::Site;

/// Whether it is alive.
pub(crate) const PATH: &str = "/healthz";

/// Whether it should be sent requests.
pub(crate) const READY: &str = "/readyz";

/// Its figures.
pub(crate) const METRICS: &str = "/metrics";

/// Longer than this is ill.
const PATIENCE: Duration = Duration::from_secs(3);

/// Whether a path is one that probes ask at, from inside, by whatever address they have.
pub(crate) fn is_for_probes(path: &str) -> bool {
    path == PATH || path == READY
}

pub(crate) async fn answer() -> &'static str {
    "ok\n"
}

/// Ready is what answers pages: the vault is there, and the end is not near.
pub(crate) async fn ready(State(site): State<Arc<Site>>, Extension(operations): Extension<Arc<Operations>>) -> Response {
    if operations.phase() != Phase::Serving {
        return (StatusCode::SERVICE_UNAVAILABLE, "leaving\n").into_response();
    }
    match vault_answers(&site, &operations.readiness).await {
        true => "ready\n".into_response(),
        false => (StatusCode::SERVICE_UNAVAILABLE, "the vault does not answer\n").into_response(),
    }
}

async fn vault_answers(site: &Site, readiness: &Readiness) -> bool {
    let mut last = readiness.0.lock().await;
    if let Some((at, answer)) = *last
        && at.elapsed() < Readiness::FRESH
    {
        return answer;
    }
    let question = async {
        site.keyfob.store().app("readyz").await?;
        // Where the last line could not be written, nothing is done for anybody until one can be: whoever sends requests elsewhere meanwhile sends none to find out.
        match &site.gate {
            Some(gate) => gate.book.open(site.keyfob.now()).await,
            None => Ok(()),
        }
    };
    let answer = match tokio::time::timeout(PATIENCE, question).await {
        Ok(Ok(())) => true,
        Ok(Err(error)) => {
            tracing::warn!(%error, "not ready: the vault does not answer");
            false
        }
        Err(_) => {
            tracing::warn!("not ready: the vault does not answer in time");
            false
        }
    };
    *last = Some((Instant::now(), answer));
    answer
}

/// The figures, at the address that browsers use: for whoever brings the token. Where there is none there is no such page, by address no
/// more than by token: behind a proxy on this machine everybody comes from this machine.
pub(crate) async fn figures(
    State(site): State<Arc<Site>>,
    Extension(operations): Extension<Arc<Operations>>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let token = operations.metrics_token.as_ref().ok_or_else(Failure::nowhere)?;
    let brought = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).and_then(|value| value.split_once(' '));
    match brought {
        Some((scheme, brought)) if scheme.eq_ignore_ascii_case("bearer") && token.same_as(brought.trim()) => {
            Ok(all_figures(State(site)).await)
        }
        _ => Err(Failure::nowhere()),
    }
}

/// The figures, where everybody who asks may have them.
pub(crate) async fn all_figures(State(site): State<Arc<Site>>) -> Response {
    ([(CONTENT_TYPE, metrics::CONTENT_TYPE)], metrics::write(&site)).into_response()
}

/// For another method: whoever asks here reads no pages.
pub(crate) async fn only_get() -> Problem {
    Problem::not_allowed("GET", "This address takes GET.")
}

/// Asks the program that listens at this address, on this machine; `0.0.0.0` and `[::]` mean its loopback address.
///
/// # Errors
/// If nothing answers in time, or the answer is not a 200.
pub async fn check(address: impl Into<Address>) -> io::Result<()> {
    let address = address.into().near();
    match tokio::time::timeout(PATIENCE, ask(&address)).await {
        Ok(answer) => answer,
        Err(_) => Err(io::Error::new(io::ErrorKind::TimedOut, format!("no answer from {address} within {} s", PATIENCE.as_secs()))),
    }
}

async fn ask(address: &Address) -> io::Result<()> {
    match address {
        Address::Tcp(socket) => talk(TcpStream::connect(socket).await?, address, &socket.to_string()).await,
        #[cfg(unix)]
        Address::Unix(path) => talk(tokio::net::UnixStream::connect(path).await?, address, "localhost").await,
        _ => Err(io::Error::new(io::ErrorKind::InvalidInput, "only the service manager knows where that is: name the address")),
    }
}

async fn talk(mut stream: impl AsyncRead + AsyncWrite + Unpin, address: &Address, host: &str) -> io::Result<()> {
    stream.write_all(format!("GET {PATH} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").as_bytes()).await?;
    let mut head = [0; 12];
    stream.read_exact(&mut head).await?;
    if head == *b"HTTP/1.1 200" {
        return Ok(());
    }
    Err(io::Error::new(io::ErrorKind::InvalidData, format!("expected a 200 from {address}, but found another answer")))
}
