//! J11: what `Debug` shows of every public type, and what a panic with all of them inside prints with a full backtrace: no secret.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::fs;
use std::path::Path;

use keyfob::proto::mask::{Cover, Masker, Spellings};
use keyfob::proto::oauth1;
use keyfob::proto::oauth1::server::SignedRequest;
use keyfob::proto::oauth2::{
    self, AccessRequest, AuthorizeRequest, BackchannelRequest, Delivery, Hint, Hybrid, TokenExchangeRequest, TokenKind, TokenType,
};
use keyfob::proto::{Answer, Body, Endpoint, Flow, FormPost, Incoming, Scrubber, Secret, Settings, Timestamp, TokenSet};
use keyfob::{Login, OsEntropy, Session, Store};
use keyfob_broker::api::token;
use keyfob_broker::keys::{self, NewKey};
use keyfob_broker::{Config, Server, Service, SignIn, Site, Variables, Who, recognise};
use keyfob_e2e::canary::{Canary, Search};
use keyfob_e2e::{Library, library, person};
use keyfob_interop::Program;
use keyfob_providers::ActionRequest;
use keyfob_store::agent::Agent;
use keyfob_store::shelf::{Act, Item, Kind};
use keyfob_store::{KeySource, MemoryShelf, Shelf, Vault};
use serde_json::Value;

/// Names the file that the process which panics writes its secrets to.
const CANARIES: &str = "KEYFOB_TEST_CANARIES";

/// Public types of the crates that hold secrets which are shown below. A new type belongs here, or below.
const SHOWN: [(&str, &[&str]); 5] = [
    (
        "keyfob-proto",
        &[
            "Answer",
            "App",
            "AuthorizeRequest",
            "BackchannelAuthentication",
            "BackchannelLogin",
            "BackchannelRequest",
            "Body",
            "Buffer",
            "Call",
            "Callback",
            "Client",
            "DeviceAuthorization",
            "DeviceLogin",
            "Error",
            "Exchange",
            "Exchanged",
            "Explanation",
            "Flow",
            "FormPost",
            "Hint",
            "HybridAnswer",
            "HybridPending",
            "IdTokenTerms",
            "ImplicitPending",
            "Incoming",
            "Masker",
            "Nonce",
            "OAuth1Tokens",
            "OAuth2Tokens",
            "Once",
            "Outgoing",
            "Pending",
            "Received",
            "Refused",
            "Repeat",
            "Report",
            "RequestToken",
            "Revocation",
            "Scrubber",
            "Secret",
            "Settings",
            "SignedRequest",
            "Signer",
            "Spellings",
            "Step",
            "SubjectToken",
            "TokenExchange",
            "TokenExchangeRequest",
            "TokenSet",
            "Verified",
        ],
    ),
    (
        "keyfob",
        &[
            "Account",
            "Answer",
            "Approved",
            "Asked",
            "BackchannelLogin",
            "Call",
            "CallBody",
            "DeviceLogin",
            "Entry",
            "Error",
            "Events",
            "ImplicitLegacyLogin",
            "Inventory",
            "Keyfob",
            "LoggedIn",
            "Login",
            "LoginOptions",
            "Mask",
            "MemoryStore",
            "Pending",
            "PendingDeviceLogin",
            "PendingImplicitLegacyLogin",
            "PendingLogin",
            "Session",
            "Token",
            "Verified",
            "Versioned",
        ],
    ),
    ("keyfob-store", &["Act", "Agent", "Item", "KeySource", "MemoryShelf", "Vault"]),
    ("keyfob-providers", &["ActionRequest"]),
    ("keyfob-broker", &["Config", "Made", "MadeToken", "Recognised", "Server", "Service", "SignIn", "Site", "Variables"]),
];

/// Those that cannot hold one, of the crates above the core: words, numbers, places, fingerprints. Those of the store's transfer hold sealed bytes, or cannot be shown.
const PLAIN: [(&str, &[&str]); 4] = [
    (
        "keyfob",
        &[
            "AccountId",
            "Actor",
            "ApiError",
            "Body",
            "Crowd",
            "Damaged",
            "EntryNumber",
            "Event",
            "Expected",
            "Fingerprint",
            "Generation",
            "Grant",
            "MadeOf",
            "Health",
            "Hold",
            "HyperTransport",
            "HyperTransportBuilder",
            "Kept",
            "Listener",
            "LoggedOut",
            "Lost",
            "Moment",
            "OsEntropy",
            "Outcome",
            "OwnRequest",
            "Plan",
            "Policy",
            "PublicOnly",
            "Redirect",
            "RefreshSince",
            "Refusal",
            "Report",
            "Revoked",
            "Said",
            "Spending",
            "StoreError",
            "SystemClock",
            "Unsaved",
            "Uptime",
            "Walk",
            "Watch",
        ],
    ),
    (
        "keyfob-store",
        &[
            "Change",
            "Checked",
            "Exported",
            "Held",
            "Inflow",
            "Inspection",
            "Kind",
            "Moved",
            "Outflow",
            "PostgresPlace",
            "PostgresVault",
            "Rekeyed",
            "SealedWith",
            "Sealing",
            "Silent",
            "Unlocked",
        ],
    ),
    // What files say; and what an API answered, which is the person's to see.
    (
        "keyfob-providers",
        &[
            "Action",
            "Actions",
            "Axis",
            "Batch",
            "BatchCall",
            "Catalogue",
            "Cell",
            "CellKind",
            "Chart",
            "ClientHelp",
            "Column",
            "Confidence",
            "Counts",
            "Day",
            "Field",
            "Gone",
            "Import",
            "Kind",
            "Link",
            "NoList",
            "Pages",
            "Parameter",
            "ParameterKind",
            "Problem",
            "Provider",
            "Query",
            "Redirect",
            "RefreshFrom",
            "RefreshLifetime",
            "Rfc3339",
            "Row",
            "Series",
            "Source",
            "Status",
            "Table",
            "UnknownProvider",
            "Unreadable",
            "View",
        ],
    ),
    (
        "keyfob-broker",
        &[
            "Address",
            "ApiToken",
            "DebugLog",
            "EnvFileError",
            "ForwardedBy",
            "Limits",
            "NewKey",
            "Pretended",
            "Proxies",
            "Rate",
            "Readable",
            "ReadError",
            "Rule",
            "Tls",
            "TlsError",
            "ValetKey",
            "Who",
            "Allow",
        ],
    ),
];

/// A process of ours that holds everything, and panics with it.
#[test]
fn j11_a_panic_with_everything_inside_shows_no_secret() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("canaries.json");
    let binary = std::env::current_exe().expect("this binary");
    let arguments = ["--exact", "panics", "--ignored", "--nocapture", "--test-threads=1"];
    let environment =
        [(CANARIES, file.to_str().expect("UTF-8")), ("RUST_BACKTRACE", "full"), ("RUST_LOG", "trace"), ("KEYFOB_LOOPBACK_ONLY", "1")];
    let end = Program::start_in(folder.path(), &binary, &arguments, &environment).finish();
    let said = end.lines.join("\n") + &end.errors;
    let canaries: Vec<(String, String)> =
        serde_json::from_slice(&fs::read(&file).unwrap_or_else(|_| panic!("it came to no panic: {said}"))).expect("its canaries");
    let canaries: BTreeSet<Canary> = canaries.into_iter().map(|(what, text)| Canary::new(what, text)).collect();
    assert!(canaries.len() >= 20, "{canaries:?}");
    assert!(!end.success && said.contains("panicked at") && said.contains("stack backtrace:"), "{said}");
    for (_, types) in SHOWN {
        for name in types {
            assert!(said.contains(&format!("shown {name} ")), "{name} was not shown");
        }
    }
    let search = Search::new(&canaries);
    assert_eq!(search.of(said.as_bytes()), BTreeSet::new(), "{said}");
    // It does find what is there.
    for canary in &canaries {
        assert!(!search.of(format!("{said}{}", canary.text).as_bytes()).is_empty());
    }
}

/// Every public type of these crates is in one of the lists above; those of the core are in its own test `secrets`, where each is shown to be silent.
#[test]
fn j11_every_public_type_was_thought_of() {
    for (of, plain) in PLAIN {
        let shown = SHOWN.iter().find(|(name, _)| *name == of).map_or(&[][..], |(_, shown)| shown);
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates").join(of).join("src");
        let found: BTreeSet<String> = keyfob_e2e::canary::files(&folder).into_iter().flat_map(|(_, text)| public_types(&text)).collect();
        assert!(shown.iter().all(|name| found.contains(*name)), "{of}");
        let forgotten: Vec<_> = found.iter().filter(|name| !shown.iter().chain(plain).any(|listed| listed == name)).collect();
        assert!(forgotten.is_empty(), "{of}: show {forgotten:?} in e2e/tests/debug.rs, or list it there as one that holds no secret");
    }
}

fn public_types(source: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(source);
    let names = text.lines().filter_map(|line| line.strip_prefix("pub struct ").or_else(|| line.strip_prefix("pub enum ")));
    names.map(|rest| rest.chars().take_while(|c| c.is_alphanumeric()).collect()).collect()
}

/// Holds one of everything.
#[derive(Default)]
struct Everything {
    values: Vec<(&'static str, Box<dyn Debug>)>,
    canaries: BTreeSet<(String, String)>,
}

/// As a panic shows it: each value in both forms.
impl Debug for Everything {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.values.iter().try_for_each(|(name, value)| writeln!(f, "shown {name} {value:?}\n{value:#?}"))
    }
}

impl Everything {
    fn hold(&mut self, name: &'static str, value: impl Debug + 'static) {
        self.values.push((name, Box::new(value)));
    }

    /// What a type made to be stored writes is what it holds.
    fn learn(&mut self, stored: &impl serde::Serialize) {
        self.read(&serde_json::to_value(stored).expect("it is made to be stored"));
    }

    fn read(&mut self, value: &Value) {
        const SECRET: [&str; 10] =
            ["access", "refresh", "secret", "state", "verifier", "nonce", "client_secret", "api_key", "ready_token", "device_code"];
        match value {
            Value::Object(members) => {
                for (name, value) in members {
                    match value {
                        Value::String(text) if SECRET.contains(&name.as_str()) && text.len() >= 10 => {
                            self.canaries.insert((name.clone(), text.clone()));
                        }
                        other => self.read(other),
                    }
                }
            }
            Value::Array(items) => items.iter().for_each(|item| self.read(item)),
            _ => {}
        }
    }
}

#[test]
#[ignore = "run by the other tests, as a process of its own"]
fn panics() {
    let Ok(file) = std::env::var(CANARIES) else { return };
    let runtime = tokio::runtime::Runtime::new().expect("threads");
    let everything = runtime.block_on(async {
        let library = Library::start().await;
        let mut all = Everything::default();
        for name in ["acme", "august", "netatmo", "fitbit", "telldus", "fitbit-oauth1"] {
            log_in(&library, name, &mut all).await;
        }
        hold_the_rest(&library, &mut all).await;
        all
    });
    fs::write(file, serde_json::to_vec(&everything.canaries).expect("JSON")).expect("a file");
    panic!("this is how a panic with values inside looks: {everything:?}");
}

/// A login that is not kept.
async fn approve(library: &Library, name: &str) -> keyfob::Approved {
    let login = library.begin(name).await;
    let url = login.url().to_owned();
    let back = tokio::task::spawn_blocking(move || person::goes_to(&url)).await.expect("the person comes back");
    let verified = login.verify(Answer::Url(&back)).expect("our answer");
    login.exchange(verified).await.expect("tokens")
}

async fn log_in(library: &Library, name: &str, all: &mut Everything) {
    let (settings, app) = (library.settings(name), library.app(name));
    all.learn(&app);
    if name == "acme" {
        let mut settings = settings.clone();
        if let Flow::OAuth2(flow) = &mut settings.flow {
            let origin = flow.token.origin();
            flow.device_authorization = Some(Endpoint::parse(&format!("{origin}/device_authorization")).expect("an endpoint"));
            flow.backchannel_authentication = Some(Endpoint::parse(&format!("{origin}/bc-authorize")).expect("an endpoint"));
        }
        let login = keyfob::login::DeviceLogin::begin(&library.keyfob, &settings, &app, "elsewhere", vec![]).await;
        let mut login = login.expect("a code");
        all.learn(&login.stored());
        all.hold("PendingDeviceLogin", login.stored());
        all.hold("Asked", login.ask().await.expect("not yet"));
        all.hold("DeviceLogin", login);
        let request = BackchannelRequest::new(Hint::Login("robin@sandbox.invalid".to_owned()), AccessRequest::scopes(["openid"]));
        let login = keyfob::login::BackchannelLogin::begin(&library.keyfob, &settings, &app, "asked", &request).await;
        all.hold("BackchannelLogin", login.expect("somebody is asked"));
        let (place, back) = ("implicit", library::REDIRECT_URI);
        let login = keyfob::login::ImplicitLegacyLogin::begin(&library.keyfob, &settings, &app, place, back, vec![]).await;
        let login = login.expect("a URL");
        all.learn(&login.stored());
        all.hold("PendingImplicitLegacyLogin", login.stored());
        all.hold("ImplicitLegacyLogin", login);
    }
    let login = library.begin(name).await;
    all.learn(&login.stored());
    let url = login.url().to_owned();
    let back = tokio::task::spawn_blocking(move || person::goes_to(&url)).await.expect("the person comes back");
    for parameter in ["code", "oauth_verifier"] {
        all.canaries.extend(keyfob_interop::http::parameter(&back, parameter).map(|value| (parameter.to_owned(), value)));
    }
    all.hold("Answer", Answer::Url(Box::leak(back.clone().into_boxed_str())));
    all.hold("Verified", login.verify(Answer::Url(&back)).expect("our answer"));
    core(&settings, &library.app(name), &login, &back, all);
    let again = Login::resume(&library.keyfob, &settings, &app, login.stored()).expect("the same provider");
    all.hold("Pending", login.pending().clone());
    all.hold("PendingLogin", login.stored());
    let (store, binding) = (keyfob::MemoryStore::new(), "what-only-this-browser-holds");
    all.canaries.insert(("binding".to_owned(), binding.to_owned()));
    store.put_pending(&login.stored(), binding).await.expect("puts");
    all.hold("MemoryStore", store);
    let verified = login.verify(Answer::Url(&back)).expect("our answer");
    let logged_in = login.finish(verified).await.expect("an account");
    all.hold("Login", again);
    all.learn(&logged_in.account);
    all.hold("LoggedIn", logged_in);
    all.hold("Approved", approve(library, name).await);
    let session = library.session(name).await;
    use_it(&session, all).await;
    all.hold("App", app);
    all.hold("Settings", settings.flow.clone());
    all.hold("Flow", settings.flow);
}

/// The grants beyond the code, at a provider that exists nowhere.
fn grants(now: Timestamp, all: &mut Everything) {
    let endpoint = |url| Endpoint::parse(url).expect("an endpoint");
    let mut flow = oauth2::Settings::new(endpoint("https://login.example/authorize"), endpoint("https://login.example/token"));
    flow.device_authorization = Some(endpoint("https://login.example/device"));
    flow.backchannel_authentication = Some(endpoint("https://login.example/backchannel"));
    let provider = Settings::new("example", Flow::OAuth2(flow), endpoint("https://api.example"));
    let app = keyfob::proto::App::confidential("id", "a-client-secret-of-the-grants");
    let client = oauth2::Client::new(&provider, app).expect("a client");
    let answer = |body: &'static str| http::Response::builder().header("content-type", "application/json").body(body).expect("an answer");
    let access = AccessRequest::scopes(["openid"]);
    for (what, text) in [
        ("client secret", "a-client-secret-of-the-grants"),
        ("device code", "a-device-code-that-is-secret"),
        ("auth_req_id", "an-auth-req-id-that-is-secret"),
        ("hint", "a-hint-that-is-secret"),
        ("subject", "a-subject-token-that-is-secret"),
        ("token", "an-issued-token-that-is-secret"),
        ("code", "a-hybrid-code-that-is-secret"),
        ("ID token", "an-id-token.that-is.secret"),
    ] {
        all.canaries.insert((what.to_owned(), text.to_owned()));
    }

    let request = || client.device_authorization(&access).expect("a request");
    all.hold("DeviceAuthorization", request());
    let body = r#"{"device_code":"a-device-code-that-is-secret","user_code":"WDJB","verification_uri":"https://login.example/d","expires_in":900}"#;
    let mut login = request().receive(&answer(body), now).expect("a login");
    all.hold("Step", login.step(&client, now.plus(5)).expect("a question"));
    all.hold("DeviceLogin", login);

    let hint = || Hint::IdToken(Secret::new("a-hint-that-is-secret"));
    let request = BackchannelRequest { delivery: Delivery::Ping, ..BackchannelRequest::new(hint(), access) };
    let asked = || client.backchannel_authentication(&request, &OsEntropy).expect("a request");
    all.hold("BackchannelAuthentication", asked());
    let body = r#"{"auth_req_id":"an-auth-req-id-that-is-secret","expires_in":120}"#;
    all.hold("BackchannelLogin", asked().receive(&answer(body), now).expect("a login"));
    all.hold("Hint", hint());
    all.hold("BackchannelRequest", request);

    let request = TokenExchangeRequest::new(Secret::new("a-subject-token-that-is-secret"), TokenType::AccessToken);
    let exchange = || client.token_exchange(&request).expect("a request");
    all.hold("TokenExchange", exchange());
    let body = r#"{"access_token":"an-issued-token-that-is-secret","token_type":"Bearer","issued_token_type":"urn:ietf:params:oauth:token-type:access_token"}"#;
    all.hold("Exchanged", exchange().receive(&answer(body), now).expect("a token"));
    all.hold("SubjectToken", request.subject.clone());
    all.hold("TokenExchangeRequest", request);

    let request = AuthorizeRequest {
        redirect_uri: library::REDIRECT_URI.into(),
        scopes: vec!["openid".to_owned()],
        id_token_hint: Some(Secret::new("a-hint-that-is-secret")),
        ..Default::default()
    };
    let (_, pending) = client.authorize_hybrid(&request, Hybrid::IdToken, now, &OsEntropy).expect("a URL");
    all.learn(&pending);
    let back = format!("code=a-hybrid-code-that-is-secret&id_token=an-id-token.that-is.secret&state={}", pending.key().expose());
    let answer = pending.read(&client, Answer::Fragment(&back), now).expect("an answer");
    all.hold("IdTokenTerms", answer.expected().clone());
    all.hold("HybridAnswer", answer);
    all.hold("HybridPending", pending);
    let (_, pending) = oauth2::legacy::authorize_implicit(&client, &request, now, &OsEntropy).expect("a URL");
    all.learn(&pending);
    all.hold("ImplicitPending", pending);
    let mut headers = http::HeaderMap::new();
    headers.insert(http::header::CONTENT_TYPE, http::HeaderValue::from_static("application/x-www-form-urlencoded"));
    let form = FormPost::read(&http::Method::POST, &headers, b"code=a-hybrid-code-that-is-secret").expect("a form");
    all.hold("FormPost", form);
}

/// The steps of the protocol core.
fn core(settings: &Settings, app: &keyfob::proto::App, login: &Login, back: &str, all: &mut Everything) {
    let now = Timestamp::from_unix(1_800_000_000);
    if let Flow::OAuth2(_) = settings.flow {
        let client = oauth2::Client::new(settings, app.clone()).expect("a client");
        let request = AuthorizeRequest { redirect_uri: library::REDIRECT_URI.into(), scopes: Vec::new(), ..Default::default() };
        let (_, pending) = client.authorize(&request, now, &OsEntropy).expect("a URL");
        let state = pending.key().expose().to_owned();
        let back = format!("{}?code=a-code-that-is-secret&state={state}", library::REDIRECT_URI);
        all.canaries.insert(("code".to_owned(), "a-code-that-is-secret".to_owned()));
        all.learn(&pending);
        if let Ok(verified) = pending.verify(Answer::Url(&back), now) {
            all.hold("Verified", pending.verify(Answer::Url(&back), now));
            let exchange = client.exchange(verified).expect("a request");
            all.hold("Outgoing", exchange.request().clone());
            all.hold("Exchange", exchange);
        }
        let secret = Secret::new("a-token-that-is-revoked");
        all.canaries.insert(("token".to_owned(), secret.expose().to_owned()));
        all.hold("Revocation", client.revoke(&secret, TokenKind::Refresh).expect("a request"));
        all.hold("AuthorizeRequest", request);
        let hint = Some(Secret::new("an-id-token.that-is.secret"));
        all.hold("LoginOptions", keyfob::LoginOptions { id_token_hint: hint, ..keyfob::LoginOptions::scopes(["openid"]) });
        grants(now, all);
        all.hold("Pending", pending);
        all.hold("Client", client);
    } else {
        let client = oauth1::Client::new(settings, app.clone()).expect("a client");
        let callback = oauth1::Callback::Url(library::REDIRECT_URI.to_owned());
        all.hold("Callback", oauth1::Callback::OutOfBand);
        let request = client.request_token(callback, now, &OsEntropy).expect("a request");
        let sent = request.request().clone();
        let headers = sent.clone().into_http().headers().clone();
        let target = sent.clone().into_http().uri().path().to_owned();
        let signed = SignedRequest::read(&http::Method::GET, "http://127.0.0.1:1", &target, &headers, Body::Opaque);
        all.hold("SignedRequest", signed.ok());
        all.hold("Outgoing", sent);
        all.hold("RequestToken", request);
        if let keyfob::login::Pending::OAuth1(pending) = login.pending() {
            let verified = pending.verify(Answer::Url(back), login_time());
            if let Ok(verified) = verified {
                all.hold("Exchange", client.exchange(verified, now, &OsEntropy).expect("a request"));
            }
            all.hold("Pending", pending.clone());
        }
        let signer = client.signer(None).expect("shared secrets");
        let (call, mut buffer) = (oauth1::Call::new("GET", "https://api.example/?pin=a-pin-of-the-callers"), oauth1::Buffer::new());
        let once = oauth1::Once { nonce: "a-nonce", timestamp: now, entropy: &OsEntropy };
        signer.authorization(&call, &once, &mut buffer).expect("signed");
        all.hold("Repeat", signer.repeat(&call).expect("prepared"));
        all.hold("Signer", signer);
        all.hold("Call", call);
        all.hold("Once", once);
        all.hold("Buffer", buffer);
        all.hold("Nonce", oauth1::Nonce::new(&OsEntropy));
        let refusal = http::Response::builder().status(401).body("oauth_problem=token_revoked").expect("an answer");
        all.hold("Report", oauth1::Report::read((&refusal).into(), &Scrubber::new()));
        all.hold("Client", client);
    }
}

fn login_time() -> Timestamp {
    keyfob::Clock::now(&keyfob::SystemClock)
}

async fn use_it(session: &Session, all: &mut Everything) {
    let account = session.account();
    match &account.tokens {
        TokenSet::OAuth1(tokens) => {
            all.hold("Explanation", session.get("/x").query("y", "z").explain().expect("signed"));
            all.hold("OAuth1Tokens", tokens.clone());
        }
        TokenSet::OAuth2(tokens) => {
            all.hold("Token", session.token(0).await.expect("a token"));
            all.hold("OAuth2Tokens", tokens.clone());
        }
        other => panic!("{other:?}"),
    }
    all.hold("TokenSet", account.tokens.clone());
    all.hold("Scrubber", session.scrubber());
    let spellings = Spellings::of(account.tokens.secrets());
    all.hold("Spellings", spellings.clone());
    all.hold("Masker", Masker::new(spellings, Cover::Word));
    all.hold("Call", session.post("/x?key=a-key-of-the-callers").json(&serde_json::json!({"pin": "a-pin-of-the-callers"})));
    all.canaries
        .extend([("callers", "a-key-of-the-callers"), ("callers", "a-pin-of-the-callers")].map(|(a, b)| (a.to_owned(), b.to_owned())));
    let answer = session.get("/nowhere").send().await.expect("an answer");
    all.hold("Mask", answer.mask());
    all.hold("Answer", answer);
    let answer = session.get("/nowhere").send().await.expect("an answer");
    all.hold("Error", answer.json().await.err());
    all.hold("Session", session.clone());
    all.hold("Account", account);
}

/// What a program keeps in a vault beside that.
async fn shelf(all: &mut Everything) {
    let content = "content-of-a-shelf-that-is-secret";
    all.canaries.insert(("content".to_owned(), content.to_owned()));
    let (item, shelf) = (Item::new("an-id", content).owned_by("an-owner"), MemoryShelf::default());
    let act = Act { at: login_time(), owner: None, content: content.as_bytes().to_vec().into() };
    shelf.put_item(Kind("key"), &item, keyfob::store::Expected::Nothing).await.expect("puts");
    shelf.record(vec![act.clone()]).await.expect("writes");
    all.hold("Item", item);
    all.hold("Act", act);
    all.hold("MemoryShelf", shelf);
}

async fn hold_the_rest(library: &Library, all: &mut Everything) {
    let given = "b7".repeat(31) + "0c";
    all.canaries.insert(("vault key".to_owned(), given.clone()));
    let folder = tempfile::tempdir().expect("a folder");
    let source = KeySource::Text(Secret::new(given));
    let vault = Vault::open(&folder.path().join("keyfob").join(Vault::FILE_NAME), source.clone()).expect("a vault");
    let record = library.keyfob.store().account("netatmo").await.expect("reads").expect("it is there");
    vault.put_account(&record.value, keyfob::store::Expected::Nothing, None).await.expect("puts");
    all.hold("Vault", vault);
    shelf(all).await;
    all.hold("KeySource", source);
    all.hold("Agent", Agent::in_folder(folder.path()));
    all.hold("Versioned", record.clone());
    all.hold("Inventory", library.keyfob.store().inventory(None).await.expect("reads"));
    all.hold("Entry", library.keyfob.store().history(&record.value.id).await.expect("reads"));
    all.hold("Events", library.keyfob.events());
    all.hold("Keyfob", library.keyfob.clone());
    all.hold("CallBody", keyfob::session::CallBody::Bytes(b"a-pin-of-the-callers".to_vec()));
    let pin = http::HeaderValue::from_static("a-pin-of-the-callers");
    let request = ActionRequest {
        method: http::Method::PUT,
        target: "/locks/1?pin=a-pin-of-the-callers".to_owned(),
        headers: vec![(http::HeaderName::from_static("x-pin"), pin)],
        body: Some(("text/plain", b"a-pin-of-the-callers".to_vec())),
    };
    all.hold("ActionRequest", request);
    all.hold("Body", Body::Form(b"pin=a-pin-of-the-callers"));
    all.hold("Secret", Secret::new("a-secret-by-itself"));
    all.canaries.insert(("secret".to_owned(), "a-secret-by-itself".to_owned()));

    // What came back, before anybody judged it.
    let text = br#"{"access_token":"an-access-token-that-came","token_type":"Bearer","refresh_token":"a-refresh-token-that-came"}"#;
    for text in ["an-access-token-that-came", "a-refresh-token-that-came"] {
        all.canaries.insert(("came".to_owned(), text.to_owned()));
    }
    let answer = http::Response::builder().header("content-type", "application/json").body(text.to_vec()).expect("an answer");
    let answer: &'static http::Response<Vec<u8>> = Box::leak(Box::new(answer));
    all.hold("Incoming", Incoming::from(answer));
    let settings = library.settings("netatmo");
    let client = oauth2::Client::new(&settings, library.app("netatmo")).expect("a client");
    if let TokenSet::OAuth2(tokens) = &record.value.tokens {
        all.hold("Received", client.refresh(tokens).expect("a request").receive(answer, login_time()));
        all.hold("Exchange", client.refresh(tokens).expect("a request"));
        // A server that repeats what it refuses.
        let spent = tokens.refresh.as_ref().expect("a refresh token").expose();
        let text = serde_json::json!({"error": "invalid_grant", "error_description": format!("{spent} was spent")}).to_string();
        let answer = http::Response::builder().status(400).header("content-type", "application/json").body(text.into_bytes());
        let refused = client.refresh(tokens).expect("a request").receive(&answer.expect("an answer"), login_time());
        let Err(keyfob::proto::Error::Refused(refused)) = refused else { panic!("not refused") };
        all.hold("Refused", refused);
    }
    let app = library.app("august");
    let secret = app.client_secret.as_ref().expect("it has one").expose();
    let text =
        format!("CLIENTID={}\nAPISEC={secret}\nAPIKEY={}\nAUTHCALL=http://127.0.0.1:5000/callback\n", app.client_id, "an-api-key-not-real");
    all.canaries.insert(("api_key".to_owned(), "an-api-key-not-real".to_owned()));
    let variables = Variables::parse(&text).expect("an env-file");
    let providers = [library.provider("august")];
    all.hold("Recognised", recognise(&providers, &variables, None).expect("august"));
    all.hold("Variables", variables);
    let service =
        Service { provider: library.provider("august"), app, account: "august".to_owned(), redirect_uri: None, scopes: Vec::new() };
    let listen = "127.0.0.1:5000".parse().expect("an address");
    let mut config = Config::new(listen, vec![service.clone()], library.keyfob.clone());
    let (issuer, client_secret) = ("https://login.example".to_owned(), service.app.client_secret.clone());
    let sign_in = SignIn { issuer, client_id: "keyfob".to_owned(), client_secret, trusted_audiences: vec![], allow: vec![] };
    config.sign_in = Some(sign_in.clone());
    config.shelf = Some(std::sync::Arc::new(MemoryShelf::default()));
    all.hold("SignIn", sign_in);
    all.hold("Service", service);
    all.hold("Config", config.clone());
    let site = Site::new(config).expect("a site");
    all.canaries.insert(("metrics token".to_owned(), "a-token-for-the-figures".to_owned()));
    all.hold("Server", Server::new(site.clone()).metrics_token(Secret::new("a-token-for-the-figures")));
    all.hold("Site", site);
    let new = NewKey {
        owner: "owner".to_owned(),
        name: "cron".to_owned(),
        account: "august".to_owned(),
        account_id: keyfob::AccountId::random(),
        rules: vec!["GET /**".parse().expect("a rule")],
        rate: None,
        may_see_token: false,
        expires_at: None,
    };
    let made = keys::create(&MemoryShelf::default(), new, Who::Command, login_time()).await.expect("a key");
    all.canaries.insert(("valet key".to_owned(), made.text.expose().to_owned()));
    all.hold("Made", made);
    let made = token::create(&MemoryShelf::default(), "owner", "an app", None, Who::Command, login_time()).await.expect("a token");
    all.canaries.insert(("API token".to_owned(), made.text.expose().to_owned()));
    all.hold("MadeToken", made);
}
