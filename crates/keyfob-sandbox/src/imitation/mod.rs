//! Any provider, imitated from its file alone: its hosts, what it wants to be sent, how it answers.
//!
//! It is strict. What the file says that the provider wants and a request does not have is refused, and so is every parameter that the file gives no
//! reason for: a client that walks through here does what the file says, and nothing else. What a provider *does* answer is known from its file only
//! where that says so; the rest is by the RFC. So this proves that a client and a file agree, not that the file is right.

mod api;
mod app_key;
mod beyond;
mod checklist;
mod file;
mod front;
mod habits;
mod import;
mod lists;
mod oauth1;
mod oauth2;
mod openid;
mod par;
mod person;
mod place;
mod places;
mod renewal;
mod shape;
mod signed_secret;
mod token;

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, OnceLock};

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use self::file::{File, Kind};
use self::front::Front;
pub use self::habits::Habits;
use self::place::{Hosts, Place};
use self::places::Places;
use crate::apps::{self, Registration};
use crate::clock::Clock;
use crate::desk::{Desk, held};
use crate::fault::At;
use crate::message::Call;
use crate::recorder::Seen;
use crate::sandbox;
use crate::server::{self, Room};

/// A provider that is imitated from its file. It stops when this is dropped.
///
/// ```no_run
/// # async fn example(file: &str) -> Result<(), Box<dyn std::error::Error>> {
/// use keyfob_sandbox::Imitation;
///
/// let imitation = Imitation::start(file).await?;
/// let app = imitation.app(); // app.client_id, app.client_secret, app.fields
/// for (host, here) in imitation.hosts() {
///     println!("{host} is at {here}");
/// }
/// # drop(app);
/// # Ok(()) }
/// ```
pub struct Imitation {
    imitated: Arc<Imitated>,
    rooms: Vec<Arc<Room>>,
    stop: watch::Sender<()>,
    tasks: Vec<JoinHandle<io::Result<()>>>,
}

/// What the API says to the next call, instead of doing it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Say {
    /// An error, with [`Imitation::SENTENCE`] in the place of this number.
    Error(usize),
    /// An error with the status of success, in the way of this number.
    Failure(usize),
    /// A success that looks like one, in the way of this number.
    NearFailure(usize),
    /// Something like "expired", in the way of this number, of a token that is good.
    NearExpiry(usize),
    /// That the token was taken back, in the way of this number.
    Revoked(usize),
    /// Something like it, in the way of this number, of a token that is good.
    NearRevoked(usize),
    /// Too many calls: in a second there are new ones, which is told by the headers of the file alone.
    TooMany,
    /// How many calls are left, of several counts at once: of the one of this number there are the fewest.
    Fewest(usize),
    /// The page of this number, and the next one to the call after.
    Page(usize),
}

/// What all hosts of an imitated provider share.
struct Imitated {
    file: File,
    hosts: OnceLock<Hosts>,
    places: Places,
    app: Registration,
    /// What the app signs by, where that is a key of its own.
    app_key: Option<app_key::AppKey>,
    /// Whether it takes scopes and calls that its file does not name: where a person tries it, they are no mistake of the client's.
    is_open: bool,
    clock: Clock,
    tokens: Mutex<crate::oauth2::Ledger<token::Details>>,
    credentials: Mutex<crate::oauth1::Ledger>,
    devices: Mutex<BTreeMap<String, Vec<String>>>,
    /// By their names.
    pushed: Mutex<BTreeMap<String, par::Waiting>>,
    mood: Mutex<Mood>,
}

/// What changes while it runs.
#[derive(Default)]
struct Mood {
    denies: bool,
    /// Whether nobody has said yet what becomes of logins on another device.
    hesitates: bool,
    hides_issuer: bool,
    /// Whether its answers lead to a host that the file does not list.
    misleads: bool,
    say: Option<Say>,
    /// In which way expired tokens are told.
    expiry: usize,
    refreshes: usize,
    /// Whether the token endpoint says no to everybody.
    refuses: bool,
    /// With which status it says no, where that is not 400.
    refusal: Option<u16>,
    /// Why requests were refused.
    refusals: Vec<String>,
}

impl Imitation {
    /// What its errors say.
    pub const SENTENCE: &str = "The imitation was asked to say no.";

    /// Who logs in.
    pub const PERSON: &str = "Imitated Person";

    /// What the errors of its token endpoint say, where it was told to say no.
    pub const NO: &str = "It was told to say no.";

    /// Reads a provider's file and listens for each of its hosts, on the current tokio runtime. Nobody is asked: every login is approved.
    ///
    /// # Errors
    /// `InvalidInput` for a file that cannot be read, or says something that the imitation does not know.
    pub async fn start(file: &str) -> io::Result<Self> {
        // Characters that differ from one way of encoding to the other.
        Self::start_with(file, "imitated/app+1", "imitated secret:not/real+100%").await
    }

    /// The same with an app of this id and secret.
    ///
    /// # Errors
    /// As [`Imitation::start`].
    pub async fn start_with(file: &str, client_id: &str, client_secret: &str) -> io::Result<Self> {
        let (imitated, hosts) = Imitated::read(file, client_id, client_secret).map_err(wrong)?;
        Self::listen(imitated, hosts, IpAddr::V4(Ipv4Addr::LOCALHOST)).await
    }

    /// For people: with a demo app, at this address, and open to scopes and calls that the file does not name.
    pub(crate) async fn open(name: &str, file: &str, address: IpAddr) -> io::Result<Self> {
        let read = Imitated::read(file, &format!("{name}-demo"), &format!("{name}-sandbox-secret-not-real"));
        let (mut imitated, hosts) = read.map_err(|why| wrong(format!("{name}: {why}")))?;
        let suggested = &imitated.file.client.redirect.suggested;
        imitated.app.redirect_uris = suggested.iter().cloned().chain(apps::redirect_uris(name)).collect();
        imitated.app.service = name.to_owned();
        imitated.is_open = true;
        Self::listen(imitated, hosts, address).await
    }

    async fn listen(imitated: Imitated, mut hosts: Hosts, address: IpAddr) -> io::Result<Self> {
        let imitated = Arc::new(imitated);
        let (stop, stopped) = watch::channel(());
        let (mut rooms, mut tasks) = (Vec::new(), Vec::new());
        for host in 0..hosts.len() {
            let listener = TcpListener::bind(SocketAddr::from((address, 0))).await?;
            hosts.open(host, format!("http://{}", listener.local_addr()?));
            let desk = Desk::new("imitation", imitated.clock.clone());
            let room = Arc::new(Room { desk, service: Box::new(Front { imitated: Arc::clone(&imitated), host }) });
            rooms.push(Arc::clone(&room));
            tasks.push(sandbox::run(listener, server::router(room), stopped.clone()));
        }
        imitated.hosts.get_or_init(|| hosts);
        Ok(Self { imitated, rooms, stop, tasks })
    }

    /// Where each of its hosts is: `https://api.example`, and `http://127.0.0.1:PORT`.
    pub fn hosts(&self) -> BTreeMap<String, String> {
        self.imitated.hosts().map()
    }

    /// Tokens as somebody makes them at the provider, new ones each time, by the names that `keyfob import --stdin` takes. None where people log in.
    pub fn hand_out(&self) -> BTreeMap<String, String> {
        if self.imitated.file.import.is_some() { self.imitated.made() } else { BTreeMap::new() }
    }

    /// Where its API is.
    pub fn api(&self) -> String {
        self.imitated.places.base.as_ref().map_or_else(String::new, |base| self.imitated.hosts().origin(base.host).to_owned())
    }

    /// The app that it knows.
    pub fn app(&self) -> Registration {
        self.imitated.app.clone()
    }

    /// What a client has to have found out.
    pub fn habits(&self) -> Habits {
        self.imitated.habits()
    }

    /// Whether logins are denied from now on.
    pub fn deny(&self, denies: bool) {
        held(&self.imitated.mood).denies = denies;
    }

    /// Whether those who log in on another device are told from now on that nobody has decided yet.
    pub fn hesitate(&self, hesitates: bool) {
        held(&self.imitated.mood).hesitates = hesitates;
    }

    /// Whether the token endpoint says `invalid_grant` to everybody from now on, and with which status: many servers say so with that of success.
    pub fn refuse(&self, refuses: bool, status: Option<u16>) {
        let mut mood = held(&self.imitated.mood);
        (mood.refuses, mood.refusal) = (refuses, status);
    }

    /// From now on nobody gets an answer.
    pub fn fall_silent(&self) {
        for room in &self.rooms {
            let mut faults = room.desk.faults();
            (faults.at, faults.slow_ms) = (At::Any, 3_600_000);
        }
    }

    /// Whether its answers do not name the issuer from now on.
    pub fn hide_issuer(&self, hides: bool) {
        held(&self.imitated.mood).hides_issuer = hides;
    }

    /// Whether its answers say from now on that the API is at a host that the file does not list.
    pub fn mislead(&self, misleads: bool) {
        held(&self.imitated.mood).misleads = misleads;
    }

    /// Time passes, for codes and tokens and whatever else ends by itself.
    pub fn pass(&self, seconds: i64) {
        self.imitated.clock.advance(seconds);
    }

    /// What the API says to the next call.
    pub fn say(&self, say: Say) {
        held(&self.imitated.mood).say = Some(say);
    }

    /// The next call is answered as ever.
    pub fn say_nothing(&self) {
        held(&self.imitated.mood).say = None;
    }

    /// From now on every access token issued so far is expired, and the API tells it in the way of this number.
    pub fn expire(&self, way: usize) {
        held(&self.imitated.mood).expiry = way;
        held(&self.imitated.tokens).expire_all(self.imitated.clock.now());
    }

    /// The person has taken back what they allowed: no token of theirs is good any more.
    pub fn forget(&self) {
        let app = &self.imitated.app.client_id;
        held(&self.imitated.tokens).revoke_client(app);
    }

    /// Whether a token still opens anything, or renews what does.
    pub fn knows(&self, token: &str) -> bool {
        let tokens = held(&self.imitated.tokens);
        tokens.access(token, self.imitated.clock.now()).is_ok() || tokens.live_refresh(token).is_some()
    }

    /// How often tokens were renewed.
    pub fn refreshes(&self) -> usize {
        held(&self.imitated.mood).refreshes
    }

    /// Why requests were refused, oldest first.
    pub fn refusals(&self) -> Vec<String> {
        held(&self.imitated.mood).refusals.clone()
    }

    /// What its hosts saw, each oldest first.
    pub fn seen(&self) -> Vec<Seen> {
        self.rooms.iter().flat_map(|room| room.desk.seen()).collect()
    }
}

impl Drop for Imitation {
    fn drop(&mut self) {
        let _ = self.stop.send(());
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

impl Imitated {
    /// What its token endpoint says where it was told to say no.
    const NO: &str = Imitation::NO;

    fn read(text: &str, client_id: &str, client_secret: &str) -> Result<(Self, Hosts), String> {
        let mut file: File = toml::from_str(text).map_err(|problem| problem.to_string())?;
        if let Some(why) = file.beyond() {
            return Err(why);
        }
        file.fill_actions();
        let secret = match (file.kind, file.oauth2.client_auth) {
            // Nothing was given out, or what is sent is made each time.
            (Kind::OAuth2, file::ClientAuth::None | file::ClientAuth::SignedSecret) => String::new(),
            // Where it is a name of Basic, no colon is in it (RFC 7617 §2).
            (Kind::OAuth2, file::ClientAuth::BasicSecret) => client_secret.replace(':', "-"),
            _ => client_secret.to_owned(),
        };
        let known = ["client_id", "client_secret", "redirect_uri", "scope"];
        let own = file.client.fields.iter().filter(|field| field.default.is_none());
        let names = own.map(|field| field.name.as_str()).filter(|name| !known.contains(name));
        let app_key = file.oauth1.signature.starts_with("RSA-").then(app_key::app_key);
        let mut app = Registration {
            service: file.name.clone(),
            name: "Demo app".into(),
            client_id: client_id.into(),
            client_secret: secret,
            // They become parts of hosts and paths.
            fields: names.map(|name| (name.to_owned(), format!("sample-{}", name.replace('_', "-")))).collect(),
            redirect_uris: vec!["http://localhost/callback".into()],
            ..Registration::default()
        };
        if file.oauth2.client_auth == file::ClientAuth::SignedSecret {
            app.fields.insert("private_key".to_owned(), signed_secret::private_key());
        }
        app.fields.extend(app_key.iter().map(|key| ("private_key".to_owned(), key.private.clone())));
        let mut hosts = Hosts::default();
        let places = Places::read(&file, &app, &mut hosts)?;
        let imitated = Self {
            file,
            hosts: OnceLock::new(),
            places,
            app,
            app_key,
            is_open: false,
            clock: Clock::default(),
            tokens: Mutex::default(),
            credentials: Mutex::default(),
            devices: Mutex::default(),
            pushed: Mutex::default(),
            mood: Mutex::default(),
        };
        Ok((imitated, hosts))
    }

    fn hosts(&self) -> &Hosts {
        self.hosts.get().expect("they are set before anybody can ask")
    }

    fn here(&self, place: &Place) -> String {
        self.hosts().here(place)
    }

    /// A field of the app, or a value that was kept with an account.
    fn value(&self, name: &str) -> Option<String> {
        match name {
            "client_id" => Some(self.app.client_id.clone()),
            "client_secret" => Some(self.app.client_secret.clone()),
            _ => self.file.field(&self.app, name).or_else(|| self.kept().remove(name)),
        }
    }

    /// One account is all that there is, so its values are always the same.
    fn kept(&self) -> BTreeMap<String, String> {
        let misleads = held(&self.mood).misleads;
        self.file.kept(misleads)
    }

    /// Notes why something is refused.
    fn refused(&self, call: &Call, why: &str) {
        held(&self.mood).refusals.push(format!("{} {}: {why}", call.method, call.path()));
    }
}

fn wrong(why: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, format!("this file cannot be imitated: {why}"))
}
