//! The few requests that a pretend server sends of its own accord: a logout token, a ping. They go to this machine alone: whoever may register an app
//! here must not be able to make this program knock at other doors.

use std::net::IpAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use url::{Host, Url};

/// What is sent.
pub(crate) struct Post {
    pub(crate) url: String,
    pub(crate) content_type: &'static str,
    /// For `Authorization: Bearer`.
    pub(crate) bearer: Option<String>,
    pub(crate) body: String,
}

/// Longer than this nobody is waited for.
const PATIENCE: Duration = Duration::from_secs(10);

impl Post {
    /// Whether this is a place that requests are sent to.
    pub(crate) fn allows(url: &str) -> bool {
        Url::parse(url).is_ok_and(|url| {
            let here = match url.host() {
                Some(Host::Ipv4(ip)) => IpAddr::V4(ip).is_loopback(),
                Some(Host::Ipv6(ip)) => IpAddr::V6(ip).is_loopback(),
                Some(Host::Domain(name)) => name == "localhost",
                None => false,
            };
            here && url.scheme() == "http" && url.username().is_empty() && url.password().is_none() && url.fragment().is_none()
        })
    }

    /// Sends it when the current answer is on its way; whether it arrives is the receiver's affair.
    pub(crate) fn send(self) {
        if !Self::allows(&self.url) {
            return;
        }
        // Outside of a runtime there is nobody to send it.
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        runtime.spawn(async move {
            // Lets the answer to whoever caused this go first.
            tokio::time::sleep(Duration::from_millis(50)).await;
            let _ = tokio::time::timeout(PATIENCE, self.deliver()).await;
        });
    }

    async fn deliver(self) -> std::io::Result<()> {
        let refused = |_| std::io::Error::from(std::io::ErrorKind::InvalidInput);
        let url = Url::parse(&self.url).map_err(refused)?;
        let (host, port) = (url.host_str().unwrap_or_default(), url.port_or_known_default().unwrap_or(80));
        let target = url.query().map_or_else(|| url.path().to_owned(), |query| format!("{}?{query}", url.path()));
        let bearer = self.bearer.filter(|token| token.bytes().all(|byte| byte.is_ascii_graphic()));
        let authorization = bearer.map(|token| format!("Authorization: Bearer {token}\r\n")).unwrap_or_default();
        let request = format!(
            "POST {target} HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\nContent-Type: {}\r\nContent-Length: {}\r\n{authorization}\r\n{}",
            self.content_type,
            self.body.len(),
            self.body
        );
        let mut stream = TcpStream::connect((host.trim_matches(['[', ']']), port)).await?;
        stream.write_all(request.as_bytes()).await?;
        let mut answer = Vec::new();
        stream.take(64 * 1024).read_to_end(&mut answer).await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_go_to_this_machine_alone() {
        for good in ["http://127.0.0.1:1/x", "http://[::1]/x?y", "http://localhost:8080/"] {
            assert!(Post::allows(good), "{good}");
        }
        for bad in ["https://127.0.0.1/", "http://10.0.0.1/", "http://example.com/", "http://u@127.0.0.1/", "ftp://127.0.0.1/", "x", ""] {
            assert!(!Post::allows(bad), "{bad}");
        }
    }
}
