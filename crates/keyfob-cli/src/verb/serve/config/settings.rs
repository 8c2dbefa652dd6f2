//! The settings, judged.

use std::fmt::Display;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use keyfob::proto::scrub::printable;
use keyfob::proto::{Endpoint, Origin};
use keyfob_broker::{Address, Allow, Limits, Proxies, external};

use super::keys::{KEYS, Kind};
use super::{Place, Problem, Value, Values, path};

/// Where it listens if nobody says otherwise.
const USUAL: &str = "127.0.0.1:5000";

/// What to serve, and how.
#[derive(Clone, Debug, Default)]
pub(crate) struct Settings {
    pub(crate) listen: Vec<Address>,
    pub(crate) external_url: Option<String>,
    pub(crate) env_file: Option<PathBuf>,
    pub(crate) provider: Option<String>,
    pub(crate) debug_log: Option<PathBuf>,
    pub(crate) json_log: bool,
    pub(crate) proxies: Proxies,
    pub(crate) lead: Duration,
    /// Certificate and key.
    pub(crate) tls: Option<(PathBuf, PathBuf)>,
    pub(crate) metrics_listen: Option<Address>,
    pub(crate) metrics_token_file: Option<PathBuf>,
    pub(crate) limits: Limits,
    pub(crate) sign_in: Option<SignIn>,
    /// Where webhooks may go beside the open internet.
    pub(crate) webhook_origins: Vec<Origin>,
}

/// Whom to send people to who want in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SignIn {
    pub(crate) issuer: String,
    pub(crate) client_id: String,
    pub(crate) client_secret_file: Option<PathBuf>,
    pub(crate) trusted_audiences: Vec<String>,
    pub(crate) allow: Vec<Allow>,
}

impl Settings {
    /// The port that pages are at; 0 where they are at none. One that others can reach counts, if there is one: it needs an external URL.
    pub(crate) fn port(&self) -> SocketAddr {
        let ports = || self.listen.iter().filter_map(|address| if let Address::Tcp(address) = address { Some(*address) } else { None });
        let open = ports().find(|address| !address.ip().is_loopback()).or(ports().next());
        open.unwrap_or(SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0))
    }

    /// What the values mean. What is wrong is added to the problems, and is as if it had not been said.
    pub(super) fn of(values: &Values, problems: &mut Vec<Problem>) -> Self {
        let mut judge = Judge { values, problems };
        let listen: Vec<Address> = judge.each("listen", |text| text.parse::<Address>().map_err(|misuse| misuse.to_string()));
        let mut settings = Self {
            listen: if listen.is_empty() { vec![USUAL.parse().expect("an address")] } else { listen },
            external_url: judge.external_url(),
            env_file: judge.path("env_file"),
            provider: judge.text("provider"),
            debug_log: judge.path("debug_log"),
            json_log: judge.choice("log").is_some_and(|log| log == "json"),
            proxies: judge.proxies(),
            lead: judge.number("lead", "a whole number of seconds", 0, 86_400).map(Duration::from_secs).unwrap_or_default(),
            tls: judge.pair(),
            metrics_listen: judge.one("metrics.listen"),
            metrics_token_file: judge.path("metrics.token_file"),
            limits: Limits::default(),
            sign_in: judge.sign_in(),
            webhook_origins: judge.each("webhook_origins", origin),
        };
        let limits = &mut settings.limits;
        judge.put("limits.connections", &mut limits.connections, Judge::count);
        judge.put("limits.connections_per_peer", &mut limits.connections_per_peer, Judge::count);
        judge.put("limits.head_time", &mut limits.head_time, Judge::seconds);
        judge.put("limits.pause", &mut limits.pause, Judge::seconds);
        for (name, rate) in [
            ("limits.sign_in", &mut limits.sign_in),
            ("limits.connect", &mut limits.connect),
            ("limits.callback", &mut limits.callback),
            ("limits.refused", &mut limits.refused),
            ("limits.api", &mut limits.api),
        ] {
            judge.put(name, rate, Judge::one);
        }
        if let Some(Address::Inherited) = settings.metrics_listen {
            let message = "expected an address for metrics.listen, found systemd: its sockets are for pages";
            judge.wrong("metrics.listen", message.to_owned(), None);
        }
        judge.apart("listen", &settings.listen, &[]);
        if let Some(metrics) = &settings.metrics_listen {
            judge.apart("metrics.listen", std::slice::from_ref(metrics), &settings.listen);
        }
        settings
    }
}

/// Whether only one of them can be listened at. (What an address of IPv6 takes of IPv4 is the system's to say.)
fn clash(one: &Address, other: &Address) -> bool {
    match (one, other) {
        (Address::Tcp(one), Address::Tcp(other)) => {
            let (ip, its) = (one.ip(), other.ip());
            let same = ip == its || ip.is_ipv4() == its.is_ipv4() && (ip.is_unspecified() || its.is_unspecified());
            one.port() == other.port() && one.port() != 0 && same
        }
        _ => one == other,
    }
}

/// Scheme, host and port, and no more: whoever writes a path means that others are not meant, and they would be.
fn origin(text: &str) -> Result<Origin, String> {
    let expected = "expected an origin such as http://hub.home:8123";
    let origin = Origin::parse(text).ok_or_else(|| format!("{expected}, found other text"))?;
    let uri: http::Uri = text.parse().map_err(|_| format!("{expected}, found other text"))?;
    match uri.path_and_query().map_or("/", |rest| rest.as_str()) {
        "/" if !text.contains('#') => Ok(origin),
        _ => Err(format!("expected an origin alone, as {origin}, found one with a path, a query or a fragment: every path there is meant")),
    }
}

/// Reads values, and writes down what is wrong with them.
struct Judge<'a> {
    values: &'a Values,
    problems: &'a mut Vec<Problem>,
}

impl Judge<'_> {
    fn value(&self, name: &'static str) -> Option<&Value> {
        debug_assert!(KEYS.iter().any(|key| key.name == name), "{name} is a setting");
        self.values.get(name)
    }

    fn place(&self, name: &'static str) -> Option<Place> {
        self.value(name).map(|value| value.place.clone())
    }

    fn wrong(&mut self, name: &'static str, message: String, hint: Option<String>) {
        let place = self.place(name);
        self.problems.push(Problem { place, message, hint });
    }

    fn text(&self, name: &'static str) -> Option<String> {
        self.value(name)?.texts.first().cloned()
    }

    fn external_url(&mut self) -> Option<String> {
        let text = self.text("external_url")?;
        match external(&text) {
            Ok(_) => Some(text),
            Err(misuse) => {
                let hint = misuse.hint.clone();
                self.wrong("external_url", format!("{misuse} for external_url"), hint);
                None
            }
        }
    }

    /// Each can be listened at beside those before it, and beside the others.
    fn apart(&mut self, name: &'static str, listed: &[Address], others: &[Address]) {
        for (at, address) in listed.iter().enumerate() {
            if let Some(first) = others.iter().chain(&listed[..at]).find(|first| clash(first, address)) {
                let hint = "each needs a port of its own".to_owned();
                self.wrong(name, format!("expected another address than {first} for {name}, found {address}"), Some(hint));
            }
        }
    }

    fn path(&self, name: &'static str) -> Option<PathBuf> {
        path(self.value(name)?)
    }

    /// The members that are as they should be.
    fn each<T>(&mut self, name: &'static str, read: impl Fn(&str) -> Result<T, String>) -> Vec<T> {
        let texts = self.value(name).map(|value| value.texts.clone()).unwrap_or_default();
        let mut all = Vec::new();
        // On a command line and in a variable, commas separate as they do in a list.
        for text in texts.iter().flat_map(|text| text.split(',')).map(str::trim).filter(|text| !text.is_empty()) {
            match read(text) {
                Ok(one) => all.push(one),
                Err(message) => self.wrong(name, message, None),
            }
        }
        all
    }

    fn one<T: FromStr<Err: Display>>(&mut self, name: &'static str) -> Option<T> {
        match self.text(name)?.parse() {
            Ok(value) => Some(value),
            Err(error) => {
                self.wrong(name, error.to_string(), None);
                None
            }
        }
    }

    fn number(&mut self, name: &'static str, what: &str, least: u64, most: u64) -> Option<u64> {
        let text = self.text(name)?;
        let number = text.trim().parse().ok().filter(|number| (least..=most).contains(number));
        if number.is_none() {
            self.wrong(name, format!("expected {what} from {least} to {most} for {name}, found \"{}\"", printable(&text)), None);
        }
        number
    }

    fn seconds(&mut self, name: &'static str) -> Option<Duration> {
        self.number(name, "a whole number of seconds", 1, 86_400).map(Duration::from_secs)
    }

    fn count(&mut self, name: &'static str) -> Option<usize> {
        self.number(name, "a whole number", 1, 1_000_000).and_then(|number| usize::try_from(number).ok())
    }

    fn put<T>(&mut self, name: &'static str, place: &mut T, read: fn(&mut Self, &'static str) -> Option<T>) {
        if let Some(value) = read(self, name) {
            *place = value;
        }
    }

    fn choice(&mut self, name: &'static str) -> Option<String> {
        let text = self.text(name)?;
        let choices = KEYS.iter().find_map(|key| match key.kind {
            Kind::Choice(choices) if key.name == name => Some(choices),
            _ => None,
        })?;
        if choices.contains(&text.as_str()) {
            return Some(text);
        }
        self.wrong(name, format!("expected {} for {name}, found \"{}\"", choices.join(" or "), printable(&text)), None);
        None
    }

    fn proxies(&mut self) -> Proxies {
        let header = self.choice("forwarded").and_then(|text| text.parse().ok()).unwrap_or_default();
        let single = |text: &str| Proxies::new([text], header).map(|_| text.to_owned()).map_err(|misuse| misuse.to_string());
        let listed = self.each("trusted_proxies", single);
        Proxies::new(listed.iter().map(String::as_str), header).unwrap_or_default()
    }

    fn pair(&mut self) -> Option<(PathBuf, PathBuf)> {
        match (self.path("tls.certificate"), self.path("tls.key")) {
            (Some(certificate), Some(key)) => Some((certificate, key)),
            (Some(_), None) => {
                let hint = "set tls.key (--tls-key FILE)".to_owned();
                self.wrong("tls.certificate", "expected a key beside the certificate, found none".to_owned(), Some(hint));
                None
            }
            (None, Some(_)) => {
                let hint = "set tls.certificate (--tls-certificate FILE)".to_owned();
                self.wrong("tls.key", "expected a certificate beside the key, found none".to_owned(), Some(hint));
                None
            }
            (None, None) => None,
        }
    }

    fn sign_in(&mut self) -> Option<SignIn> {
        let given = ["sign_in.issuer", "sign_in.client_id", "sign_in.client_secret_file", "sign_in.trusted_audiences", "sign_in.allow"];
        let first = given.into_iter().find(|name| self.value(name).is_some())?;
        let allow = self.each("sign_in.allow", |text| Allow::parse(text).map_err(|misuse| misuse.to_string()));
        if let Some(Err(misuse)) = self.text("sign_in.issuer").map(|issuer| Endpoint::parse(&issuer)) {
            self.wrong(
                "sign_in.issuer",
                format!("{misuse} for sign_in.issuer"),
                Some("write it as it calls itself: https://login.example".to_owned()),
            );
        }
        match (self.text("sign_in.issuer"), self.text("sign_in.client_id")) {
            (Some(issuer), Some(client_id)) => {
                let (client_secret_file, trusted_audiences) =
                    (self.path("sign_in.client_secret_file"), self.each("sign_in.trusted_audiences", |text| Ok(text.to_owned())));
                Some(SignIn { issuer, client_id, client_secret_file, trusted_audiences, allow })
            }
            _ => {
                let hint = "register an app there with the redirect URI that keyfob serve --check shows".to_owned();
                self.wrong(first, "expected an issuer and a client_id for sign_in, found half of it".to_owned(), Some(hint));
                None
            }
        }
    }
}
