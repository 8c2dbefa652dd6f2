//! The URL of a vault in PostgreSQL, taken apart by ourselves: a password that was not encoded must not end up in a host's name, and thence in
//! an error; and the way in which TLS is asked for decides about more than TLS.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;

use keyfob::StoreError;
use keyfob::proto::Secret;
use tokio_postgres::Config;
use tokio_postgres::config::{ChannelBinding, SslMode, TargetSessionAttrs};

use super::tls::Trust;

/// How many connections a vault opens at most, besides the one that holds locks; `pool=` in the URL changes it.
const POOL: usize = 10;

const SCHEMES: [&str; 2] = ["postgres://", "postgresql://"];

/// Where the server is, and how it is talked to.
pub(super) struct Address {
    pub(super) config: Config,
    /// None: in clear, which is for this machine alone.
    pub(super) trust: Option<Trust>,
    pub(super) pool: usize,
    password: Option<Secret>,
    place: PostgresPlace,
}

/// Where a vault in PostgreSQL is, as its [address](crate::PostgresVault::place_of) says it, without the password: to be shown, to be told from others, and to
/// be typed again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PostgresPlace {
    words: String,
    url: String,
    /// Those that say where: host, port and dbname, in their order.
    parameters: Vec<(String, String)>,
    without_password: String,
    has_password: bool,
}

/// What `sslmode` can say.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Disable,
    Require,
    VerifyCa,
    VerifyFull,
}

pub(super) fn is_address(text: &str) -> bool {
    SCHEMES.iter().any(|scheme| text.starts_with(scheme))
}

impl Address {
    /// Reads a URL. No error quotes a part of it that could be a password.
    pub(super) fn parse(url: &Secret) -> Result<Self, StoreError> {
        let text = url.expose();
        let Some((scheme, rest)) = SCHEMES.iter().find_map(|scheme| Some((scheme, text.strip_prefix(scheme)?))) else {
            return Err(wrong("it does not begin with postgres://"));
        };
        if text.contains(|c: char| c.is_control() || c.is_whitespace()) {
            return Err(wrong("it holds a space or a control character"));
        }
        let (before_query, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, database) = before_query.split_once('/').unwrap_or((before_query, ""));
        // A password with one of these in it, not encoded, would be taken for something else.
        if authority.matches('@').count() > 1 || database.contains(['@', '/']) || query.contains(['@', '?']) || text.contains('#') {
            return Err(wrong("in a user's name or password, write @ as %40, / as %2F, ? as %3F, # as %23"));
        }
        let (credentials, hosts) = authority.split_once('@').unwrap_or(("", authority));
        let (user, password) = credentials.split_once(':').map_or((credentials, None), |(user, password)| (user, Some(password)));
        let mut draft =
            Draft { user: decode(user)?, password: password.map(decode).transpose()?, database: decode(database)?, ..Draft::default() };
        for host in hosts.split(',').filter(|host| !host.is_empty()) {
            draft.hosts.push(host_and_port(host)?);
        }
        let (mut parameters, mut kept) = (Vec::new(), Vec::new());
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').ok_or_else(|| wrong("a parameter has no value"))?;
            let decoded = decode(value)?;
            draft.parameter(name, decoded.clone())?;
            if name != "password" {
                kept.push(pair);
            }
            if ["host", "port", "dbname"].contains(&name) {
                parameters.push((name.to_owned(), decoded));
            }
        }
        let path = &before_query[authority.len()..];
        let (at, mark) = (if user.is_empty() { "" } else { "@" }, if kept.is_empty() { "" } else { "?" });
        let place = PostgresPlace {
            words: draft.in_words(),
            url: format!("{scheme}{hosts}{path}"),
            parameters,
            without_password: format!("{scheme}{user}{at}{hosts}{path}{mark}{}", kept.join("&")),
            has_password: draft.password.as_ref().is_some_and(|password| !password.is_empty()),
        };
        draft.finish(place)
    }

    /// For people: no user, no password.
    pub(super) fn place(&self) -> &PostgresPlace {
        &self.place
    }

    /// What a server said, fit to be shown.
    pub(super) fn scrub(&self, text: &str) -> String {
        let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(300).collect();
        match &self.password {
            Some(password) if password.expose().len() >= 4 => text.replace(password.expose(), "…"),
            _ => text,
        }
    }
}

impl PostgresPlace {
    pub(super) fn of(url: &Secret) -> Result<Self, StoreError> {
        Address::parse(url).map(|address| address.place)
    }

    /// Whether its address holds a password, wherever.
    #[must_use]
    pub fn has_password(&self) -> bool {
        self.has_password
    }

    /// The address, as it was given, without its password.
    #[must_use]
    pub fn without_password(&self) -> &str {
        &self.without_password
    }

    /// Hosts, ports and database as the address says them, and nothing else of it: who connects, and how, makes no other database of it.
    #[must_use]
    pub fn url(&self) -> String {
        self.joined('?', '&')
    }

    /// The same, to tell one database from another: all of it is known to stay as it is, for key files are named after it.
    #[must_use]
    pub fn identity(&self) -> String {
        self.joined(' ', ' ')
    }

    fn joined(&self, first: char, next: char) -> String {
        let marks = std::iter::once(first).chain(std::iter::repeat(next));
        let parameters = self.parameters.iter().zip(marks).map(|((name, value), mark)| format!("{mark}{name}={value}"));
        std::iter::once(self.url.clone()).chain(parameters).collect()
    }
}

/// In words.
impl fmt::Display for PostgresPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words)
    }
}

#[derive(Default)]
struct Draft {
    user: String,
    password: Option<String>,
    database: String,
    hosts: Vec<(String, Option<u16>)>,
    port: Option<u16>,
    mode: Option<Mode>,
    roots: Option<PathBuf>,
    certificate: Option<PathBuf>,
    key: Option<PathBuf>,
    pool: Option<usize>,
}

impl Draft {
    fn parameter(&mut self, name: &str, value: String) -> Result<(), StoreError> {
        match name {
            "host" => self.hosts = value.split(',').map(|host| (host.to_owned(), None)).collect(),
            "port" => self.port = Some(port(&value)?),
            "user" => self.user = value,
            "password" => self.password = Some(value),
            "dbname" => self.database = value,
            "sslmode" => {
                self.mode = Some(match value.as_str() {
                    "disable" => Mode::Disable,
                    "require" => Mode::Require,
                    "verify-ca" => Mode::VerifyCa,
                    "verify-full" => Mode::VerifyFull,
                    "allow" | "prefer" => return Err(wrong("sslmode=allow and sslmode=prefer can be talked out of TLS by anybody")),
                    _ => return Err(wrong("sslmode is disable, require, verify-ca or verify-full")),
                });
            }
            "sslrootcert" => self.roots = (value != "system").then(|| value.into()),
            "sslcert" => self.certificate = Some(value.into()),
            "sslkey" => self.key = Some(value.into()),
            "pool" => {
                let size = value.parse().ok().filter(|size| (1..=1000).contains(size));
                self.pool = Some(size.ok_or_else(|| wrong("pool is a number from 1 to 1000"))?);
            }
            // Not every name is harmless to show: it could be the rest of a password.
            _ => {
                return Err(wrong(
                    "a parameter is none of host, port, user, password, dbname, sslmode, sslrootcert, sslcert, sslkey, pool",
                ));
            }
        }
        Ok(())
    }

    /// Each host with its port.
    fn servers(&self) -> Vec<(&str, u16)> {
        match &*self.hosts {
            [] => vec![("localhost", self.port.unwrap_or(5432))],
            hosts => hosts.iter().map(|(host, own)| (&**host, own.or(self.port).unwrap_or(5432))).collect(),
        }
    }

    fn in_words(&self) -> String {
        let server = |(host, port): (&str, u16)| if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
        let servers: Vec<_> = self.servers().into_iter().map(server).collect();
        let database = if self.database.is_empty() { String::new() } else { format!(", database {}", self.database) };
        format!("PostgreSQL at {}{database}", servers.join(", "))
    }

    fn finish(mut self, place: PostgresPlace) -> Result<Address, StoreError> {
        let mut config = Config::new();
        for (host, port) in self.servers() {
            if host.starts_with('/') {
                config.host_path(host)
            } else {
                config.host(host)
            };
            config.port(port);
        }
        let trust = self.trust()?;
        if !self.user.is_empty() {
            config.user(&self.user);
        }
        if !self.database.is_empty() {
            config.dbname(&self.database);
        }
        if let Some(password) = &self.password {
            config.password(password);
        }
        config.ssl_mode(if trust.is_some() { SslMode::Require } else { SslMode::Disable });
        // Without a verified certificate the server proves itself with the password: SCRAM bound to this TLS connection. Anything less
        // would tell the password to whoever stands in between.
        let binding = matches!(trust, Some(Trust { verified: None, .. }));
        config.channel_binding(if binding { ChannelBinding::Require } else { ChannelBinding::Prefer });
        // Of several, the one that takes writes: after a fail-over the old one may still answer.
        config.target_session_attrs(TargetSessionAttrs::ReadWrite);
        Ok(Address { config, trust, pool: self.pool.unwrap_or(POOL), password: self.password.take().map(Secret::new), place })
    }

    fn trust(&mut self) -> Result<Option<Trust>, StoreError> {
        let servers = self.servers();
        let here = servers.iter().all(|(host, _)| is_this_machine(host));
        let sockets = servers.iter().all(|(host, _)| host.starts_with('/'));
        let mode = match self.mode {
            // As elsewhere: with roots of its own, `require` means that the certificate is theirs.
            Some(Mode::Require) if self.roots.is_some() => Mode::VerifyCa,
            Some(mode) => mode,
            None if here => Mode::Disable,
            None => Mode::VerifyFull,
        };
        if mode == Mode::Disable && !here {
            return Err(StoreError::Unsafe(
                "its address is another machine's, and sslmode=disable would send everything through the network in clear; \
                 leave sslmode away, and give sslrootcert=FILE if the server's certificate is of your own making"
                    .to_owned(),
            ));
        }
        if mode == Mode::Disable || sockets {
            return Ok(None);
        }
        let identity = match (self.certificate.take(), self.key.take()) {
            (Some(certificate), Some(key)) => Some((certificate, key)),
            (None, None) => None,
            _ => return Err(wrong("sslcert and sslkey go together")),
        };
        let verified = (mode != Mode::Require).then_some(mode == Mode::VerifyFull);
        Ok(Some(Trust { verified, roots: self.roots.take(), identity }))
    }
}

fn is_this_machine(host: &str) -> bool {
    host.starts_with('/') || host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn host_and_port(text: &str) -> Result<(String, Option<u16>), StoreError> {
    let (host, rest) = match text.strip_prefix('[') {
        Some(inside) => inside.split_once(']').ok_or_else(|| wrong("a [ has no ]"))?,
        None => text.split_at(text.find(':').unwrap_or(text.len())),
    };
    let port = match rest.strip_prefix(':') {
        Some(digits) => Some(port(digits)?),
        None if rest.is_empty() => None,
        None => return Err(wrong("something follows a ]")),
    };
    Ok((decode(host)?, port))
}

fn port(digits: &str) -> Result<u16, StoreError> {
    digits.parse().map_err(|_| wrong("a port is not a number (in a password, write : as %3A)"))
}

/// Percent-decoding; what is not UTF-8 is refused.
fn decode(text: &str) -> Result<String, StoreError> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes().iter();
    while let Some(byte) = rest.next() {
        if *byte != b'%' {
            bytes.push(*byte);
            continue;
        }
        let mut digit = || rest.next().and_then(|digit| char::from(*digit).to_digit(16));
        let (Some(high), Some(low)) = (digit(), digit()) else {
            return Err(wrong("after a % there are not two hexadecimal digits (write % as %25)"));
        };
        bytes.extend(u8::try_from(high << 4 | low));
    }
    String::from_utf8(bytes).map_err(|_| wrong("it is not UTF-8"))
}

fn wrong(what: &str) -> StoreError {
    let source = std::io::Error::new(std::io::ErrorKind::InvalidInput, what.to_owned());
    StoreError::Io(format!("its address is not right: {what}"), source)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(url: &str) -> Result<Address, StoreError> {
        Address::parse(&Secret::new(url))
    }

    #[track_caller]
    fn trust(url: &str) -> Option<Trust> {
        parse(url).unwrap_or_else(|error| panic!("{url}: {error}")).trust
    }

    #[test]
    fn a_url_is_taken_apart() {
        let address = parse("postgresql://us%65r:pa%40ss%2F%3A@one.example:6000,[2001:db8::1],two.example/va%75lt?pool=3").expect("parses");
        assert_eq!(address.config.get_user(), Some("user"));
        assert_eq!(address.config.get_password(), Some(b"pa@ss/:".as_slice()));
        assert_eq!(address.config.get_dbname(), Some("vault"));
        assert_eq!(address.config.get_ports(), [6000, 5432, 5432]);
        assert_eq!(address.pool, 3);
        assert_eq!(address.place().to_string(), "PostgreSQL at one.example:6000, [2001:db8::1]:5432, two.example:5432, database vault");
        assert_eq!(parse("postgres://").expect("parses").place().to_string(), "PostgreSQL at localhost:5432");
        assert_eq!(
            parse("postgres://u@/v?host=/run/postgresql").expect("parses").place().to_string(),
            "PostgreSQL at /run/postgresql:5432, database v"
        );
    }

    #[test]
    fn a_place_is_told_without_a_password_wherever_that_stood() {
        for (url, has_password, place, without_password) in [
            ("postgres://u:hunter2@h:5433/v?pool=3", true, "postgres://h:5433/v", "postgres://u@h:5433/v?pool=3"),
            ("postgres://u@h/v?password=hunter2&pool=3", true, "postgres://h/v", "postgres://u@h/v?pool=3"),
            ("postgres://u:@h/v?password=", false, "postgres://h/v", "postgres://u@h/v"),
            ("postgres://:hunter2@one:1,two:2/v", true, "postgres://one:1,two:2/v", "postgres://one:1,two:2/v"),
            ("postgres://u@/v?port=6&host=%2Frun", false, "postgres:///v?port=6&host=/run", "postgres://u@/v?port=6&host=%2Frun"),
            ("postgresql://h", false, "postgresql://h", "postgresql://h"),
        ] {
            let found = parse(url).expect("parses").place;
            assert_eq!((found.has_password(), &*found.url(), found.without_password()), (has_password, place, without_password), "{url}");
            assert!(!format!("{found:?}{found}").contains("hunter2"), "{found:?}");
        }
        let identity = |url| parse(url).expect("parses").place.identity();
        assert_eq!(identity("postgres://u:p@/v?sslmode=disable&host=%2Frun&port=6"), "postgres:///v host=/run port=6");
        assert_eq!(identity("postgres://u:p@one,two/v?user=w"), "postgres://one,two/v");
    }

    #[test]
    fn tls_is_verified_unless_it_never_leaves_this_machine() {
        for url in ["postgres://localhost/v", "postgres://u:p@127.0.0.1/v", "postgres://[::1]/v", "postgres:///v?host=/run/postgresql"] {
            assert!(trust(url).is_none(), "{url}");
        }
        for url in
            ["postgres://db.example/v", "postgres://10.0.0.1/v", "postgres://localhost,db.example/v", "postgres://localhost.example/v"]
        {
            assert_eq!(trust(url).and_then(|trust| trust.verified), Some(true), "{url}");
        }
        assert_eq!(trust("postgres://db.example/v?sslmode=verify-ca").and_then(|trust| trust.verified), Some(false));
        assert_eq!(trust("postgres://localhost/v?sslmode=verify-full").and_then(|trust| trust.verified), Some(true));
        assert_eq!(trust("postgres://db.example/v?sslmode=require&sslrootcert=/ca").and_then(|trust| trust.verified), Some(false));
    }

    #[test]
    fn without_a_verified_certificate_the_password_is_bound_to_the_connection() {
        let address = parse("postgres://db.example/v?sslmode=require").expect("parses");
        assert!(address.trust.is_some_and(|trust| trust.verified.is_none()));
        assert_eq!(address.config.get_channel_binding(), ChannelBinding::Require);
        assert_eq!(address.config.get_ssl_mode(), SslMode::Require);
    }

    #[test]
    fn nothing_goes_through_a_network_in_clear() {
        for url in ["postgres://db.example/v?sslmode=disable", "postgres://localhost,db.example/v?sslmode=disable"] {
            assert!(matches!(parse(url), Err(StoreError::Unsafe(_))), "{url}");
        }
        for mode in ["allow", "prefer", "none", ""] {
            assert!(parse(&format!("postgres://db.example/v?sslmode={mode}")).is_err(), "{mode}");
        }
    }

    /// Whatever is wrong with it, and wherever its parts seem to begin.
    #[test]
    fn no_error_shows_a_password() {
        for url in [
            "postgres://user:hun@ter2@db.example/v",
            "postgres://user:hun/ter2@db.example/v",
            "postgres://user:hun?ter2@db.example/v",
            "postgres://user:hun#ter2@db.example/v",
            "postgres://user:hun%ter2@db.example/v",
            "postgres://user:hun%ffter2@db.example/v",
            "postgres://user:hun ter2@db.example/v",
            "postgres://user:hunter2",
            "postgres://user:hunter2@db.example:hunter2/v",
            "postgres://user:hunter2@db.example/v?hunter2=1",
            "postgres://user:hunter2@db.example/v?hunter2",
            "postgres://user:hunter2@db.example/v?sslmode=hunter2",
            "mysql://user:hunter2@db.example/v",
        ] {
            let error = parse(url).err().unwrap_or_else(|| panic!("{url} was taken"));
            for shown in [error.to_string(), format!("{error:?}")] {
                assert!(!shown.contains("hun") && !shown.contains("ter2"), "{url}: {shown}");
            }
        }
        let address = parse("postgres://user:hunter2@db.example/v").expect("parses");
        assert!(!format!("{:?}{}", address.config, address.place()).contains("hunter2"));
        assert_eq!(address.scrub("no hunter2\x1b[31m here"), "no … [31m here");
    }
}
