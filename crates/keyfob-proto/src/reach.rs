//! Where a URL that somebody else wrote may lead: the half of the SSRF rules that needs no network (F3).
//!
//! Metadata documents are full of URLs that we then send requests to. A server on the internet must not be able to have us talk to a machine that only
//! we can reach: our own (`127.0.0.1`), one in the same building (`192.168.0.1`), or the cloud's (`169.254.169.254`).
//!
//! The core judges what is written: scheme, port, and a host that is an address or a name that never leaves a network. What a public name *resolves to*
//! is seen by whoever connects, who asks [`is_public`] about the very address that the connection goes to (F4).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::endpoint::{Endpoint, Origin};

/// Where the URLs in a document may lead: back to the host it came from, and to the open internet; to this machine only if the document is from this
/// machine itself, as in development.
///
/// A hub in the living room may so describe itself, and nobody else may describe the hub.
///
/// ```
/// use keyfob_proto::{Endpoint, Reach};
///
/// let reach = Reach::of(&Endpoint::parse("https://login.example")?);
/// assert!(reach.endpoint("https://tokens.example/token").is_ok());
/// assert!(reach.endpoint("https://169.254.169.254/latest/meta-data/").is_err());
/// assert!(reach.endpoint("http://127.0.0.1:6379/").is_err());
///
/// let hub = Reach::of(&Endpoint::parse("https://192.168.0.7:8443")?);
/// assert!(hub.endpoint("https://192.168.0.7/token").is_ok());
/// assert!(hub.endpoint("https://192.168.0.8/token").is_err());
/// # Ok::<(), keyfob_proto::Misuse>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reach {
    home: Origin,
}

impl Reach {
    /// What is written in a document from here.
    pub fn of(home: &Endpoint) -> Self {
        Self { home: home.origin() }
    }

    /// Reads a URL from such a document.
    ///
    /// # Errors
    ///
    /// What was found instead of a URL that may be followed, in words that can be shown.
    pub fn endpoint(&self, text: &str) -> Result<Endpoint, String> {
        let endpoint = Endpoint::parse(text).map_err(|wrong| wrong.found)?;
        let origin = endpoint.origin();
        match self.refuses(&origin) {
            None => Ok(endpoint),
            Some(why) => Err(format!("{why}: {origin}")),
        }
    }

    fn refuses(&self, origin: &Origin) -> Option<&'static str> {
        if *origin == self.home {
            return None;
        }
        if self.home.is_loopback() && origin.is_loopback() {
            return None;
        }
        // Below 1024 live mail, remote shells and databases; HTTPS has one port there.
        if origin.port().is_some_and(|port| port < 1024) {
            return Some("a port that is no web server's");
        }
        if origin.host() == self.home.host() {
            return None;
        }
        private_host(origin.host())
    }
}

/// Why a host, as it is written, is not one of the open internet.
fn private_host(host: &str) -> Option<&'static str> {
    const ADDRESS: Option<&str> = Some("an address that is not on the open internet");
    if let Some(literal) = host.strip_prefix('[') {
        let address = literal.strip_suffix(']').and_then(|literal| literal.parse::<Ipv6Addr>().ok());
        return if address.is_some_and(|address| is_public(address.into())) { None } else { ADDRESS };
    }
    if host.parse::<Ipv4Addr>().is_ok_and(|address| !is_public(address.into())) {
        return ADDRESS;
    }
    if host.parse::<Ipv4Addr>().is_ok() {
        return None;
    }
    let name = host.strip_suffix('.').unwrap_or(host);
    let last = name.rsplit('.').next().unwrap_or("");
    // `127.1`, `2130706433`, `0x7f000001`: resolvers take these for addresses, and no two agree on which.
    if last.bytes().all(|byte| byte.is_ascii_digit()) || last.starts_with("0x") {
        return Some("an address in an odd spelling");
    }
    if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.')) {
        return Some("a host name with other characters than letters, digits and hyphens");
    }
    // RFC 6761 §6.3, RFC 6762 §3, RFC 8375 §4, and `internal`, which ICANN keeps for private use (cloud metadata lives there).
    if !name.contains('.') || matches!(last, "localhost" | "local" | "internal") || name == "home.arpa" || name.ends_with(".home.arpa") {
        return Some("a name that means something on a private network only");
    }
    None
}

/// Whether an address is one of the open internet: not this machine, not a private network, not a documentation, multicast or reserved one (IANA's
/// registries of special-purpose addresses, RFC 6890). An IPv4 address inside an IPv6 one counts as itself.
///
/// For whoever connects: ask about the address the connection goes to, after the name was resolved, so that an answer of the name service that changes
/// between the check and the connection has nothing to gain (DNS rebinding).
///
/// ```
/// use keyfob_proto::is_public;
///
/// assert!(is_public("93.184.216.34".parse()?));
/// assert!(!is_public("169.254.169.254".parse()?));
/// assert!(!is_public("::ffff:10.0.0.1".parse()?));
/// # Ok::<(), std::net::AddrParseError>(())
/// ```
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    !matches!(
        address.octets(),
        [0 | 10 | 127, ..]
            | [100, 64..=127, ..]
            | [169, 254, ..]
            | [172, 16..=31, ..]
            | [192, 0, 0 | 2, _]
            | [192, 88, 99, _]
            | [192, 168, ..]
            | [198, 18 | 19, ..]
            | [198, 51, 100, _]
            | [203, 0, 113, _]
            | [224..=255, ..]
    )
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let [a, b, c, d, e, f, g, h] = address.segments();
    let inside = || {
        let ([g0, g1], [h0, h1]) = (g.to_be_bytes(), h.to_be_bytes());
        is_public_v4(Ipv4Addr::new(g0, g1, h0, h1))
    };
    match [a, b, c, d, e, f] {
        // IPv4-mapped (RFC 4291 §2.5.5.2), and NAT64 (RFC 6052 §2.1), by which networks without IPv4 reach all of it.
        [0, 0, 0, 0, 0, 0xffff] | [0x64, 0xff9b, 0, 0, 0, 0] => inside(),
        // Teredo and other protocol assignments, documentation, 6to4.
        [0x2001, 0..=0x01ff, ..] | [0x2001, 0x0db8, ..] | [0x2002, ..] | [0x3fff, 0..=0x0fff, ..] => false,
        // Global unicast as far as IANA has given it out: everything else is local, multicast or reserved.
        _ => (0x2000..=0x3fff).contains(&a),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reach(home: &str) -> Reach {
        Reach::of(&Endpoint::parse(home).expect("an endpoint"))
    }

    #[test]
    fn f3_a_document_leads_to_its_own_host_and_to_the_internet() {
        let public = reach("https://login.example/tenant");
        for good in ["https://login.example:8443/x", "https://a.example./x", "https://93.184.216.34/x", "https://[2606:4700::1111]/x"] {
            assert!(public.endpoint(good).is_ok(), "{good}");
        }
        for bad in [
            "https://intranet/x",
            "https://printer.local/x",
            "https://nas.home.arpa/x",
            "https://login.example:22/x",
            "https://a_b%20.example/",
        ] {
            assert!(public.endpoint(bad).is_err(), "{bad}");
        }
        let hub = reach("https://hub.local:8443");
        assert!(hub.endpoint("https://hub.local/token").is_ok() && hub.endpoint("https://login.example/token").is_ok());
        assert!(hub.endpoint("https://other.local/token").is_err() && hub.endpoint("https://127.0.0.1/token").is_err());
        assert!(hub.endpoint("http://hub.local:8443/token").is_err(), "https, as every endpoint");
        let here = reach("http://127.0.0.1:8900");
        assert!(here.endpoint("http://localhost:8901/token").is_ok() && here.endpoint("https://login.example/token").is_ok());
        assert!(here.endpoint("https://10.0.0.1/token").is_err());
    }

    #[test]
    fn f4_an_address_is_public_or_not_however_it_is_wrapped() {
        for public in
            ["8.8.8.8", "100.128.0.1", "172.32.0.1", "198.20.0.1", "223.255.255.1", "2a00:1450::1", "::ffff:8.8.8.8", "64:ff9b::808:808"]
        {
            assert!(is_public(public.parse().expect("an address")), "{public}");
        }
        for private in
            ["::", "::1", "::8.8.8.8", "fd00::1", "fe80::1", "ff02::1", "2001:db8::1", "64:ff9b:1::808:808", "64:ff9b::a00:1", "4000::1"]
        {
            assert!(!is_public(private.parse().expect("an address")), "{private}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics(home in 0_usize..3, text: String) {
            let reach = reach(["https://login.example", "https://192.168.0.7", "http://localhost:1"][home]);
            let _ = reach.endpoint(&text);
            let _ = reach.endpoint(&format!("https://{text}/"));
        }
    }
}
