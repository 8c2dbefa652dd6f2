//! Who asks: the other end of the connection, or, where that is a proxy that is known to us, whom it names.
//!
//! What a request says about where it came from is text that anybody can write (CVE-2026-40575). It counts only if the connection itself
//! comes from a peer that the operator has listed.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use http::HeaderMap;
use http::header::{FORWARDED, HeaderName};
use ipnet::IpNet;
use keyfob::proto::Misuse;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// Longer chains are none that anybody set up.
const MOST_HOPS: usize = 32;

/// The other end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Peer {
    Address(IpAddr),
    /// Whoever may write to our socket's file.
    Socket,
}

/// Who asks, as far as we know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Client {
    /// The one that asks; a proxy's own, where it names nobody.
    pub(crate) peer: Peer,
    /// Whether the request came through a proxy of ours.
    pub(crate) by_proxy: bool,
    /// Whether that proxy says that the browser's part of the way is plain http.
    pub(crate) in_clear: bool,
}

/// Which proxies in front of us are believed, and by which header.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proxies {
    networks: Vec<IpNet>,
    sockets: bool,
    header: ForwardedBy,
}

/// The header that a proxy says its client's address in. One of them: a proxy that sets one passes the other on as the client wrote it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ForwardedBy {
    /// `X-Forwarded-For` and `X-Forwarded-Proto`.
    #[default]
    XForwarded,
    /// `Forwarded` (RFC 7239).
    Forwarded,
}

impl Proxies {
    /// Those in these networks (`10.0.0.0/8`, `127.0.0.1`), and with `unix` those that come by a socket's file.
    ///
    /// # Errors
    /// If one is no network.
    pub fn new<'a>(listed: impl IntoIterator<Item = &'a str>, header: ForwardedBy) -> Result<Self, Misuse> {
        let mut proxies = Self { header, ..Self::default() };
        for text in listed {
            if text == "unix" {
                proxies.sockets = true;
                continue;
            }
            let network = text.parse().or_else(|_| text.parse::<IpAddr>().map(IpNet::from)).map_err(|_| {
                let wanted = "a proxy's network, such as 10.0.0.0/8, 127.0.0.1, or unix";
                Misuse::new(wanted, format!("\"{}\"", keyfob::proto::scrub::printable(text)))
            })?;
            proxies.networks.push(network);
        }
        Ok(proxies)
    }

    /// What whoever wrote the list may not have meant.
    #[must_use]
    pub fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        for network in &self.networks {
            if network.prefix_len() == 0 {
                notes.push(format!("{network} is every address there is, as a network of proxies: whoever asks is taken for whomever they name, and no limit for one address holds anybody"));
            } else if network.trunc() != *network {
                notes.push(format!(
                    "{network} as a network of proxies is all of {}: for one address leave out what is behind the slash",
                    network.trunc()
                ));
            }
        }
        notes
    }

    /// Whether nobody is believed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.networks.is_empty() && !self.sockets
    }

    /// Whether what this peer says is believed.
    pub(crate) fn know(&self, peer: Peer) -> bool {
        match peer {
            Peer::Address(address) => self.networks.iter().any(|network| network.contains(&address)),
            Peer::Socket => self.sockets,
        }
    }

    /// Who asks. Each proxy adds to the end whom it was asked by, so the list is read from there, up to the first one that is not ours:
    /// everything before it is what that one wrote.
    pub(crate) fn client(&self, peer: Peer, headers: &HeaderMap) -> Client {
        if !self.know(peer) {
            return Client { peer, by_proxy: false, in_clear: false };
        }
        let (hops, proto) = match self.header {
            ForwardedBy::XForwarded => (listed(headers, &X_FORWARDED_FOR), listed(headers, &X_FORWARDED_PROTO).first().cloned()),
            ForwardedBy::Forwarded => {
                let elements = listed(headers, &FORWARDED);
                let hops = elements.iter().map(|element| parameter(element, "for").unwrap_or_default()).collect();
                (hops, elements.first().and_then(|element| parameter(element, "proto")))
            }
        };
        let mut client = peer;
        for hop in hops.iter().rev().take(MOST_HOPS) {
            let Some(address) = address(hop) else { break };
            client = Peer::Address(address);
            if !self.know(client) {
                break;
            }
        }
        Client { peer: client, by_proxy: true, in_clear: proto.is_some_and(|proto| proto.eq_ignore_ascii_case("http")) }
    }
}

impl FromStr for ForwardedBy {
    type Err = Misuse;

    fn from_str(text: &str) -> Result<Self, Misuse> {
        match text {
            "x-forwarded" => Ok(Self::XForwarded),
            "forwarded" => Ok(Self::Forwarded),
            _ => Err(Misuse::new("x-forwarded or forwarded", format!("\"{}\"", keyfob::proto::scrub::printable(text)))),
        }
    }
}

impl Client {
    /// Whose logins under way a stranger's are counted with. What nobody has looked at is one crowd.
    pub(crate) fn crowd(client: Option<Self>) -> String {
        client.map_or_else(String::new, |client| client.peer.group().to_string())
    }
}

impl Peer {
    /// One whom limits count together. Whoever has an IPv6 address has 2⁶⁴ of them.
    pub(crate) fn group(self) -> Self {
        match self {
            Self::Address(IpAddr::V6(address)) => {
                let mut segments = address.segments();
                segments[4..].fill(0);
                Self::Address(IpAddr::from(segments))
            }
            other => other,
        }
    }
}

impl From<IpAddr> for Peer {
    /// An IPv4 address that a socket for both kinds shows as `::ffff:192.0.2.1` is that address.
    fn from(address: IpAddr) -> Self {
        Self::Address(address.to_canonical())
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => address.fmt(f),
            Self::Socket => f.write_str("unix"),
        }
    }
}

/// The members of a list that may be spread over several lines (RFC 9110 §5.3), in order. A comma in quotes separates nothing.
fn listed(headers: &HeaderMap, name: &HeaderName) -> Vec<String> {
    let mut members = Vec::new();
    for value in headers.get_all(name) {
        // What is not text is a member that says nothing.
        let Ok(text) = value.to_str() else {
            members.push(String::new());
            continue;
        };
        let mut quoted = false;
        let apart = |c: char| {
            quoted ^= c == '"';
            c == ',' && !quoted
        };
        members.extend(text.split(apart).map(|member| member.trim().to_owned()));
    }
    members
}

/// A parameter of one element of `Forwarded`, without its quotes (RFC 7239 §4).
fn parameter(element: &str, name: &str) -> Option<String> {
    let pairs = element.split(';').filter_map(|pair| pair.split_once('='));
    let (_, value) = pairs.into_iter().find(|(known, _)| known.trim().eq_ignore_ascii_case(name))?;
    Some(value.trim().trim_matches('"').to_owned())
}

/// `192.0.2.1`, `192.0.2.1:4711`, `2001:db8::1`, `[2001:db8::1]` or `[2001:db8::1]:4711`; `unknown` and `_hidden` are nobody's.
fn address(hop: &str) -> Option<IpAddr> {
    let bare = hop.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(hop);
    let address = bare.parse::<IpAddr>().ok().or_else(|| hop.parse::<std::net::SocketAddr>().ok().map(|address| address.ip()));
    address.map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_list_may_not_mean_is_told() {
        let notes = |listed: &'static str| Proxies::new([listed], ForwardedBy::XForwarded).expect("a list").notes().concat();
        for usual in ["10.0.0.0/8", "127.0.0.1", "10.1.2.3/32", "fd00::/8", "::1", "unix"] {
            assert_eq!(notes(usual), "", "{usual}");
        }
        for (listed, told) in [
            ("0.0.0.0/0", "every address"),
            ("::/0", "every address"),
            ("10.0.0.1/8", "all of 10.0.0.0/8"),
            ("fd00::1/64", "all of fd00::/64"),
        ] {
            assert!(notes(listed).contains(told), "{listed}: {}", notes(listed));
        }
    }

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().expect("a value"))).collect()
    }

    fn asks(proxies: &Proxies, peer: &str, pairs: &[(&'static str, &str)]) -> String {
        proxies.client(peer.parse::<IpAddr>().map_or(Peer::Socket, Peer::from), &headers(pairs)).peer.to_string()
    }

    #[test]
    fn l13_what_a_stranger_says_about_itself_is_not_believed() {
        let said = [("x-forwarded-for", "198.51.100.9"), ("forwarded", "for=198.51.100.9"), ("x-forwarded-proto", "http")];
        let none = Proxies::default();
        let some = Proxies::new(["10.0.0.0/8"], ForwardedBy::XForwarded).expect("networks");
        for proxies in [&none, &some] {
            for peer in ["192.0.2.1", "::ffff:192.0.2.1", "unix"] {
                let client = proxies.client(peer.parse::<IpAddr>().map_or(Peer::Socket, Peer::from), &headers(&said));
                assert_eq!(client.peer.to_string(), peer.trim_start_matches("::ffff:"));
                assert!(!client.by_proxy && !client.in_clear);
            }
        }
        // And a known one is believed by the header that it sets alone.
        assert_eq!(asks(&some, "10.0.0.1", &[("forwarded", "for=198.51.100.9")]), "10.0.0.1");
        let by_rfc = Proxies::new(["10.0.0.0/8"], ForwardedBy::Forwarded).expect("networks");
        assert_eq!(asks(&by_rfc, "10.0.0.1", &[("x-forwarded-for", "198.51.100.9")]), "10.0.0.1");
    }

    #[test]
    fn l13_the_list_is_read_from_our_end() {
        let proxies = Proxies::new(["10.0.0.0/8", "2001:db8:1::/48", "unix"], ForwardedBy::XForwarded).expect("networks");
        for (list, client) in [
            ("192.0.2.1", "192.0.2.1"),
            ("203.0.113.5, 192.0.2.1", "192.0.2.1"),
            ("203.0.113.5, 192.0.2.1, 10.1.1.1", "192.0.2.1"),
            ("192.0.2.1:4711, [2001:db8:1::2]:80", "192.0.2.1"),
            ("2001:db8:2::7", "2001:db8:2::7"),
            ("::ffff:192.0.2.1", "192.0.2.1"),
            ("10.9.9.9", "10.9.9.9"),
            ("192.0.2.1, nonsense", "10.0.0.1"),
            ("192.0.2.1, nonsense, 10.7.7.7", "10.7.7.7"),
            ("", "10.0.0.1"),
        ] {
            assert_eq!(asks(&proxies, "10.0.0.1", &[("x-forwarded-for", list)]), client, "{list}");
        }
        assert_eq!(asks(&proxies, "unix", &[("x-forwarded-for", "192.0.2.1")]), "192.0.2.1");
        let twice = [("x-forwarded-for", "203.0.113.5"), ("x-forwarded-for", "192.0.2.1")];
        let mut lines = HeaderMap::new();
        for (name, value) in twice {
            lines.append(name, value.parse().expect("a value"));
        }
        assert_eq!(proxies.client(Peer::from(IpAddr::from([10, 0, 0, 1])), &lines).peer.to_string(), "192.0.2.1");
    }

    #[test]
    fn l13_forwarded_is_read_as_the_rfc_writes_it() {
        let proxies = Proxies::new(["10.0.0.0/8"], ForwardedBy::Forwarded).expect("networks");
        for (list, client, in_clear) in [
            ("for=192.0.2.43;proto=http", "192.0.2.43", true),
            ("For=\"[2001:db8:cafe::17]:4711\";Proto=https", "2001:db8:cafe::17", false),
            ("for=203.0.113.5, for=192.0.2.43;by=10.0.0.1", "192.0.2.43", false),
            ("for=\"203.0.113.5, for=1.2.3.4\", for=192.0.2.43", "192.0.2.43", false),
            ("for=unknown", "10.0.0.1", false),
            ("for=_hidden, for=10.3.3.3", "10.3.3.3", false),
            ("by=10.0.0.1", "10.0.0.1", false),
        ] {
            let client_of = proxies.client(Peer::from(IpAddr::from([10, 0, 0, 1])), &headers(&[("forwarded", list)]));
            assert_eq!((client_of.peer.to_string().as_str(), client_of.in_clear), (client, in_clear), "{list}");
        }
    }

    #[test]
    fn limits_count_a_network_as_one() {
        let peer = |text: &str| Peer::from(text.parse::<IpAddr>().expect("an address")).group();
        assert_eq!(peer("2001:db8::1"), peer("2001:db8::ffff:1"));
        assert_ne!(peer("2001:db8::1"), peer("2001:db8:0:1::1"));
        assert_ne!(peer("192.0.2.1"), peer("192.0.2.2"));
    }
}
