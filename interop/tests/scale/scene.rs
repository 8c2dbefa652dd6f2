//! Two web apps on one PostgreSQL behind nginx, and accounts with a key each.

use std::process::Command;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use keyfob::proto::{App, Origin, Secret, TokenSet};
use keyfob::store::Expected;
use keyfob::{Account, AccountId, Clock as _, Health, Store, SystemClock};
use keyfob_broker::keys::{self, NewKey};
use keyfob_broker::{Who, api};
use keyfob_interop::{Home, Program, http, tools};
use keyfob_store::{KeySource, PostgresVault, Shelf};
use keyfob_testbed::{Cluster, Options, port};
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::issuer::{self, Counts, Issuer};
use super::load::Load;
use super::{front, until};

/// The provider's name; accounts are called `rotating/0`, `rotating/1` and so on by their people.
pub(crate) const PROVIDER: &str = "rotating";

/// Whose the first accounts are, and the webhooks.
const OWNER: &str = "owner";

/// So many accounts are one person's: nobody may have thousands of keys, and whoever makes one has all of theirs looked through.
const OF_A_PERSON: usize = 250;

/// So many accounts are put into the vault at once.
const AT_ONCE: usize = 32;

/// The connections that this process has to the vault, at most.
pub(crate) const OWN_CONNECTIONS: usize = 10;

/// How long one that is asked to end goes on taking requests, in seconds: longer than nginx keeps a connection that lies idle (`keepalive_timeout`).
const LEAD: u64 = 6;

/// One fleet at a time: each wants the whole machine.
static TURN: Mutex<()> = Mutex::new(());

/// All of it. Everything ends when this is dropped.
pub(crate) struct Scene {
    pub(crate) issuer: Issuer,
    /// Where programs come in: nginx.
    pub(crate) origin: String,
    pub(crate) keys: Vec<Key>,
    pub(crate) cluster: Cluster,
    database: String,
    lifetime: u64,
    brokers: Vec<Option<Program>>,
    addresses: Vec<String>,
    store: Arc<dyn Store>,
    pub(crate) shelf: Arc<dyn Shelf>,
    runtime: Runtime,
    home: Home,
    _front: Program,
    _turn: MutexGuard<'static, ()>,
}

/// Whose an account is.
fn person(account: usize) -> String {
    match account / OF_A_PERSON {
        0 => OWNER.to_owned(),
        number => format!("person{number:04}"),
    }
}

/// What it is called in the vault: the owner's as they call it, anybody else's behind their number.
fn name(account: usize) -> String {
    let person = person(account);
    if person == OWNER { format!("{PROVIDER}/{account}") } else { format!("~{person}/{PROVIDER}/{account}") }
}

/// A valet key.
pub(crate) struct Key {
    pub(crate) id: String,
    pub(crate) text: String,
}

impl Scene {
    /// So many accounts, whose access tokens last so many seconds; `None` after saying that the test is skipped.
    pub(crate) fn set_up(accounts: usize, lifetime: u64) -> Option<Self> {
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let nginx = tools::nginx()?;
        let cluster = Cluster::start(&Options::default())?;
        let issuer = Issuer::start(accounts, lifetime);
        let url = cluster.database().tcp_url("127.0.0.1");
        let key = "5e".repeat(32);
        let mut home = Home::new();
        home.add_provider("rotating", PROVIDER, &[("ORIGIN", &issuer.origin)]);
        home.set("KEYFOB_VAULT", &url);
        home.set("KEYFOB_VAULT_KEY", &key);
        home.set("KEYFOB_LOG", "warn");
        let [front, one, other] = [(); 3].map(|()| format!("127.0.0.1:{}", port::reserve()));
        let origin = format!("http://{front}");
        let settings = format!(
            "external_url = \"{origin}\"\ntrusted_proxies = [\"127.0.0.1\"]\nlead = {LEAD}\nwebhook_origins = [\"{}\"]\n",
            issuer.origin
        );
        std::fs::write(home.path().join("keyfob.toml"), settings).expect("written");
        let runtime = Runtime::new().expect("threads");
        let vault = runtime.block_on(PostgresVault::open(&Secret::new(url.as_str()), KeySource::Text(Secret::new(key))));
        let vault = Arc::new(vault.expect("the vault opens"));
        let (store, shelf): (Arc<dyn Store>, Arc<dyn Shelf>) = (vault.clone(), vault);
        let keys = runtime.block_on(fill(&store, &shelf, &issuer.origin, accounts));
        let addresses = vec![one, other];
        let name = url.rsplit('/').next().expect("a name").to_owned();
        let nginx = front::start(&nginx, home.path(), &front, &addresses);
        let mut scene = Self {
            issuer,
            origin,
            keys,
            cluster,
            database: name,
            lifetime,
            brokers: vec![None, None],
            addresses,
            store,
            shelf,
            runtime,
            home,
            _front: nginx,
            _turn: turn,
        };
        scene.start(0);
        scene.start(1);
        Some(scene)
    }

    /// Starts one of the two, and waits until it is ready.
    pub(crate) fn start(&mut self, which: usize) {
        let config = self.home.path().join("keyfob.toml").display().to_string();
        let listen = self.addresses[which].clone();
        self.brokers[which] = Some(self.home.start(&["serve", "--config", &config, "--listen", &listen]));
        until("it is ready", || self.is_ready(which));
    }

    /// What a load balancer is told.
    pub(crate) fn is_ready(&self, which: usize) -> bool {
        let asked = http::send("GET", &format!("http://{}/readyz", self.addresses[which]), &[], b"");
        asked.is_ok_and(|answer| answer.status == 200)
    }

    /// SIGKILL.
    pub(crate) fn kill(&mut self, which: usize) {
        drop(self.brokers[which].take().expect("it runs"));
    }

    /// SIGTERM; waits until it has ended.
    pub(crate) fn end(&mut self, which: usize) {
        let broker = self.brokers[which].take().expect("it runs");
        let told = Command::new("kill").args(["-TERM", &broker.id().to_string()]).status().expect("kill");
        assert!(told.success());
        let ended = broker.finish();
        assert!(ended.success, "{ended:#?}");
    }

    /// Begins to ask, for every account in turn, with so many at once.
    pub(crate) fn load(&self, at_once: usize) -> Load {
        Load::begin(&self.origin, self.keys.iter().map(|key| key.text.clone()).collect(), at_once)
    }

    /// One request of a program, at one of the two, past nginx.
    pub(crate) fn ask(&self, which: usize, account: usize) -> http::Answer {
        let url = format!("http://{}/api/{PROVIDER}%2F{account}/me", self.addresses[which]);
        let bearer = format!("Bearer {}", self.keys[account].text);
        // The one name that is answered.
        let host = self.origin.trim_start_matches("http://");
        http::send_as("GET", &url, host, &[("Authorization", &bearer)], b"").expect("an answer")
    }

    /// Takes a key back, as the command does.
    pub(crate) fn revoke(&self, account: usize) {
        let person = person(account);
        let revoked = keys::revoke(&*self.shelf, Some(&person), &self.keys[account].id, Who::Command, SystemClock.now());
        assert!(self.runtime.block_on(revoked).expect("the shelf").is_some());
    }

    /// Has events of these kinds told to the issuer.
    pub(crate) fn tell_events(&self, events: &[&str]) {
        self.owner_comes_in();
        let made = api::token::create(&*self.shelf, OWNER, "a test", None, Who::Command, SystemClock.now());
        let token = self.runtime.block_on(made).expect("a token").text;
        let body = json!({"url": format!("{}/hook", self.issuer.origin), "events": events}).to_string();
        let headers = [("Authorization", format!("Bearer {}", token.expose())), ("Content-Type", "application/json".to_owned())];
        let headers = headers.each_ref().map(|(name, value)| (*name, value.as_str()));
        let answer = http::send("POST", &format!("{}/v1/webhooks", self.origin), &headers, body.as_bytes()).expect("an answer");
        assert_eq!(answer.status, 201, "{answer:?}");
    }

    /// Opens the link that makes a browser the owner's, as an owner does before they have programs act for them.
    fn owner_comes_in(&self) {
        let config = self.home.path().join("keyfob.toml").display().to_string();
        let printed = self.home.good(&["serve", "--config", &config, "--listen", &self.addresses[0], "--link"]);
        let link = printed.lines.first().expect("a link").trim();
        let token = http::parameter(link, "token").expect("a token");
        let page = http::visit(link);
        let form_token = page.text().split_once("name=\"form_token\" value=\"").expect("a form").1[..64].to_owned();
        let cookie = page.header("set-cookie").and_then(|cookie| cookie.split(';').next()).expect("a cookie").to_owned();
        let headers = [("Origin", self.origin.as_str()), ("Cookie", &cookie), ("Content-Type", "application/x-www-form-urlencoded")];
        let form = format!("form_token={form_token}&token={token}");
        let answer = http::send("POST", &format!("{}/first-run", self.origin), &headers, form.as_bytes()).expect("an answer");
        assert_eq!(answer.status, 303, "{answer:?}");
    }

    /// Runs SQL on the database, past everything.
    pub(crate) fn sql(&self, statement: &str) -> String {
        self.cluster.sql(&self.database, statement)
    }

    /// The connections that the web apps have to PostgreSQL, and the files that their processes have open.
    pub(crate) fn connections(&self) -> (usize, Vec<usize>) {
        let count = self.sql("SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'keyfob%'");
        let running = self.brokers.iter().flatten();
        let files = running.map(|broker| std::fs::read_dir(format!("/proc/{}/fd", broker.id())).map_or(0, Iterator::count));
        (count.parse().expect("a number"), files.collect())
    }

    /// What all have written to their logs.
    pub(crate) fn logs(&self) -> String {
        let nginx = std::fs::read_to_string(self.home.path().join("error.log")).unwrap_or_default();
        self.brokers.iter().flatten().map(Program::errors).chain([nginx]).collect::<Vec<_>>().join("\n---\n")
    }

    /// Every account answers once more, after its last token has ended; then both end, and in the vault is the token that counts, of every account.
    pub(crate) fn the_chains_hold(&mut self) -> Counts {
        std::thread::sleep(Duration::from_secs(self.lifetime));
        let report = self.load(8).until_all_were_asked();
        report.assert_good();
        (0..self.brokers.len()).for_each(|which| self.end(which));
        let accounts = self.runtime.block_on(self.store.accounts()).expect("the vault");
        assert_eq!(accounts.len(), self.keys.len());
        for account in accounts.into_iter().map(|found| found.value) {
            let TokenSet::OAuth2(tokens) = &account.tokens else { panic!("{}", account.name) };
            let refresh = tokens.refresh.as_ref().map(Secret::expose).unwrap_or_default();
            let (number, generation) = issuer::read("r-", refresh).expect("a token of ours");
            assert_eq!(account.name, name(number), "somebody else's token");
            assert_eq!(generation, self.issuer.generation(number), "{}: {:?}", account.name, account.spending);
            assert_eq!(account.health, Health::Ok, "{}", account.name);
            assert!(account.spending.is_none(), "{}: {:?}", account.name, account.spending);
        }
        let counts = self.issuer.counts();
        assert_eq!(counts.refused, 0, "{counts:?}");
        counts
    }
}

/// Puts accounts with a key each into the vault.
async fn fill(store: &Arc<dyn Store>, shelf: &Arc<dyn Shelf>, origin: &str, accounts: usize) -> Vec<Key> {
    store.put_app(PROVIDER, &App::public("scale")).await.expect("kept");
    let places = Arc::new(Semaphore::new(AT_ONCE));
    let mut filling = JoinSet::new();
    for number in 0..accounts {
        let place = places.clone().acquire_owned().await.expect("it is never closed");
        let (store, shelf, account) = (store.clone(), shelf.clone(), account(number, origin));
        filling.spawn(async move {
            let _place = place;
            store.put_account(&account, Expected::Nothing, None).await.expect("kept");
            let new = NewKey {
                owner: person(number),
                name: String::new(),
                account: format!("{PROVIDER}/{number}"),
                account_id: account.id.clone(),
                rules: vec!["* /**".parse().expect("a rule")],
                rate: None,
                may_see_token: false,
                expires_at: None,
            };
            let made = keys::create(&*shelf, new, Who::Command, SystemClock.now()).await.expect("a key");
            (number, Key { id: made.key.id, text: made.text.expose().to_owned() })
        });
    }
    let mut keys = filling.join_all().await;
    keys.sort_by_key(|(number, _)| *number);
    keys.into_iter().map(|(_, key)| key).collect()
}

/// An account as it rests, whose access token has ended long ago.
fn account(number: usize, origin: &str) -> Account {
    let now = SystemClock.now().as_unix();
    let value: Value = json!({
        "id": AccountId::random(), "name": name(number), "provider": PROVIDER, "client_id": "scale",
        "tokens": {
            "kind": "oauth2", "access": format!("a-{number}-0"), "refresh": format!("r-{number}-0"),
            "received_at": now - 7200, "expires_at": now - 3600, "scopes": [],
        },
        "kept": {}, "origins": [Origin::parse(origin).expect("an origin")], "requested_scopes": [], "tolerated": [],
        "health": { "state": "ok" }, "logged_in_at": now - 7200,
    });
    serde_json::from_value(value).expect("an account")
}
