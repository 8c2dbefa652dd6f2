//! Events, told to a receiver on loopback that the configuration allows.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use keyfob::Store as _;
use keyfob::proto::{Origin, Secret, TokenSet};
use keyfob::store::Expected;
use keyfob::transport::Sending;
use keyfob::{Body, HyperTransport, Transport};
use keyfob_sandbox::{Consent, Sandbox};
use keyfob_store::shelf::Kind;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::support::gate::until;
use super::support::{Setup, World, service};
use super::{Program, id_of};

/// A message as it arrived.
#[derive(Clone, Debug)]
pub(super) struct Arrived {
    pub(super) head: String,
    pub(super) body: String,
}

impl Arrived {
    fn header(&self, name: &str) -> String {
        let start = format!("{name}: ");
        self.head.lines().find_map(|line| line.strip_prefix(&start)).unwrap_or_else(|| panic!("no {name}: {}", self.head)).to_owned()
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.body).expect("JSON")
    }

    /// Checks it as a receiver does that has this secret.
    fn is_signed_with(&self, secret: &str) -> bool {
        let key = STANDARD.decode(secret.strip_prefix("whsec_").expect("a secret")).expect("base64");
        let mut mac = Hmac::<sha2::Sha256>::new_from_slice(&key).expect("any length");
        mac.update(format!("{}.{}.{}", self.header("webhook-id"), self.header("webhook-timestamp"), self.body).as_bytes());
        let signature = format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()));
        self.header("webhook-signature").split(' ').any(|found| found == signature)
    }
}

/// Takes messages, and answers with a status.
#[derive(Clone)]
pub(super) struct Receiver {
    pub(super) origin: String,
    arrived: Arc<Mutex<Vec<Arrived>>>,
    status: Arc<Mutex<&'static str>>,
    /// Where its next redirects lead.
    leads_to: Arc<Mutex<Vec<String>>>,
}

impl Receiver {
    pub(super) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let origin = format!("http://{}", listener.local_addr().expect("an address"));
        let receiver = Self { origin, arrived: Arc::default(), status: Arc::new(Mutex::new("204 No Content")), leads_to: Arc::default() };
        let taking = receiver.clone();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let taking = taking.clone();
                tokio::spawn(async move {
                    let (mut bytes, mut buffer) = (Vec::new(), [0; 4096]);
                    let arrived = loop {
                        if let Some(arrived) = whole(&bytes) {
                            break arrived;
                        }
                        match stream.read(&mut buffer).await {
                            Ok(read) if read > 0 => bytes.extend_from_slice(&buffer[..read]),
                            _ => return,
                        }
                    };
                    taking.arrived.lock().expect("the list").push(arrived);
                    let status = *taking.status.lock().expect("a status");
                    let place = taking.leads_to.lock().expect("the list").pop().unwrap_or_else(|| "/elsewhere".to_owned());
                    let more = if status.starts_with('3') { format!("Location: {place}\r\n") } else { String::new() };
                    let _ = stream
                        .write_all(format!("HTTP/1.1 {status}\r\n{more}Content-Length: 0\r\nConnection: close\r\n\r\n").as_bytes())
                        .await;
                });
            }
        });
        receiver
    }

    fn arrived(&self) -> Vec<Arrived> {
        self.arrived.lock().expect("the list").clone()
    }

    fn answers(&self, status: &'static str) {
        *self.status.lock().expect("a status") = status;
    }

    pub(super) async fn has(&self, count: usize) -> Vec<Arrived> {
        until("the messages arrive", async || self.arrived().len() >= count).await;
        self.arrived()
    }
}

fn whole(bytes: &[u8]) -> Option<Arrived> {
    let text = String::from_utf8_lossy(bytes);
    let (head, body) = text.split_once("\r\n\r\n")?;
    let length: usize = head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok())?;
    (body.len() >= length).then(|| Arrived { head: head.to_owned(), body: body.to_owned() })
}

/// Connections wait there, and nobody takes them.
struct Silent {
    origin: String,
    listener: TcpListener,
}

impl Silent {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        Self { origin: format!("http://{}", listener.local_addr().expect("an address")), listener }
    }
}

/// Netatmo and people; webhooks may go to this receiver.
async fn world(receiver: &Receiver) -> World {
    world_at(&[&receiver.origin], "netatmo").await
}

/// This provider and people; webhooks may go to these origins.
async fn world_at(receivers: &[&str], name: &str) -> World {
    let sandbox = Sandbox::builder().consent(Consent::Approve).start().await.expect("a sandbox");
    let services = vec![service(&sandbox, name, None)];
    let webhook_origins = receivers.iter().map(|origin| Origin::parse(origin).expect("an origin")).collect();
    World::set_up(sandbox, services, Setup { known: true, webhook_origins, ..Setup::default() }).await
}

/// How many messages are on the shelf to be sent.
async fn waiting(world: &World) -> usize {
    let shelf = world.shelf.as_ref().expect("a shelf");
    shelf.ids(Kind("message"), None, None, 10, keyfob::proto::Timestamp::from_unix(0)).await.expect("the ids").len()
}

async fn hook(program: &Program, receiver: &Receiver) -> Value {
    let made = program.post("/v1/webhooks", &json!({"url": format!("{}/hook?of=us", receiver.origin)})).await;
    assert_eq!(made.status, 201, "{}", made.text());
    made.json()
}

#[tokio::test]
async fn what_becomes_of_an_account_is_told_signed_and_once() {
    let receiver = Receiver::start().await;
    let world = world(&receiver).await;
    // Three brokers on one vault.
    let _more = (world.another().await, world.another().await);
    let mut owner = world.owner().await;
    let program = Program::of(&world, "owner").await;
    let secret = hook(&program, &receiver).await["secret"].as_str().expect("a secret").to_owned();
    owner.connect("netatmo").await;
    receiver.has(1).await;
    assert_eq!(program.send("POST", "/v1/accounts/netatmo/refresh", &[], "").await.status, 200);
    receiver.has(2).await;
    assert_eq!(program.send("DELETE", "/v1/accounts/netatmo", &[], "").await.status, 200);
    let arrived = receiver.has(3).await;
    let names: Vec<String> = arrived.iter().map(|one| one.json()["type"].as_str().expect("a name").to_owned()).collect();
    assert_eq!(names, ["account.connected", "account.refreshed", "account.disconnected"]);
    for one in &arrived {
        assert!(one.is_signed_with(&secret), "{one:?}");
        assert!(!one.is_signed_with("whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"));
        assert!(one.head.starts_with("POST /hook?of=us HTTP/1.1"), "{}", one.head);
        let data = one.json()["data"].clone();
        assert_eq!((&data["account"], &data["provider"]), (&json!("netatmo"), &json!("netatmo")));
    }
    // Nobody tells it again: not when everything is looked at once more, and not much later.
    world.advance(3600);
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(receiver.arrived().len(), 3);
    assert_eq!(waiting(&world).await, 0);
}

/// The account that another person's login takes the place of has left: that is in the history, and told from there alone.
#[tokio::test]
async fn who_has_to_make_way_for_another_login_is_told_of_once() {
    let receiver = Receiver::start().await;
    let sandbox = Sandbox::builder().consent(Consent::Approve).start().await.expect("a sandbox");
    let services = vec![service(&sandbox, "fitbit", None)];
    let webhook_origins = vec![Origin::parse(&receiver.origin).expect("an origin")];
    let setup = Setup { known: true, webhook_origins, ..Setup::default() };
    let figures = "a-token-for-the-figures";
    let world = World::set_up_with(sandbox, services, setup, |server| server.metrics_token(Secret::new(figures))).await;
    let _more = world.another().await;
    let mut owner = world.owner().await;
    let program = Program::of(&world, "owner").await;
    hook(&program, &receiver).await;
    owner.connect("fitbit").await;
    receiver.has(1).await;
    // As if it had been somebody else's at the provider.
    let mut other = world.account("fitbit").await.expect("an account");
    assert!(other.kept.insert("user_id".to_owned(), "SOMEBODY".to_owned()).is_some(), "it is known whose it is");
    world.store.put_account(&other, Expected::Anything, None).await.expect("put");
    owner.connect("fitbit").await;
    let new = world.account("fitbit").await.expect("an account");
    assert_ne!(new.id, other.id);
    receiver.has(3).await;
    // What is told twice comes late.
    tokio::time::sleep(Duration::from_secs(3)).await;
    let told =
        receiver.arrived().iter().map(|one| (one.json()["type"].clone(), one.json()["data"]["account_id"].clone())).collect::<Vec<_>>();
    let [first, rest @ ..] = &told[..] else { panic!("{told:?}") };
    assert_eq!(first, &(json!("account.connected"), json!(other.id)));
    // Two at a time are on their way, in any order.
    let made_way = [(json!("account.disconnected"), json!(other.id)), (json!("account.connected"), json!(new.id))];
    assert!(rest.len() == 2 && made_way.iter().all(|one| rest.contains(one)), "{told:?}");
    let bearer = format!("Bearer {figures}");
    let metrics = super::send(world.address, "GET", "/metrics", &[("Authorization", &bearer)], "").await.text();
    for line in ["keyfob_logins_total{direction=\"in\"} 2", "keyfob_logins_total{direction=\"out\"} 1"] {
        assert!(metrics.lines().any(|found| found == line), "{line}: {metrics}");
    }
}

#[tokio::test]
async fn what_does_not_arrive_is_tried_again_and_given_up_after_a_day() {
    let receiver = Receiver::start().await;
    let world = world(&receiver).await;
    let mut owner = world.owner().await;
    let program = Program::of(&world, "owner").await;
    let id = hook(&program, &receiver).await["id"].as_str().expect("a number").to_owned();
    let target = format!("/v1/webhooks/{id}");
    let trouble = async || program.get(&target).await.json()["trouble"].clone();
    receiver.answers("500 Oops");
    owner.connect("netatmo").await;
    let first = receiver.has(1).await;
    until("it is told on the webhook", async || trouble().await["reason"] == "The answer was 500.").await;
    assert_eq!(waiting(&world).await, 1);
    world.advance(60);
    let again = receiver.has(2).await;
    assert_eq!(first[0].header("webhook-id"), again[1].header("webhook-id"), "the receiver can tell that it is the same");
    assert_ne!(first[0].header("webhook-timestamp"), again[1].header("webhook-timestamp"));
    // A redirect is an answer, and leads nowhere.
    receiver.answers("307 Elsewhere");
    world.advance(120);
    let third = receiver.has(3).await;
    assert!(third[2].head.starts_with("POST /hook"));
    until("the reason is the last one", async || trouble().await["reason"].as_str().is_some_and(|text| text.contains("not followed")))
        .await;
    assert_eq!(receiver.arrived().len(), 3);
    receiver.answers("200 OK");
    world.advance(10 * 60);
    receiver.has(4).await;
    until("the trouble is over", async || trouble().await.is_null()).await;
    // One that never arrives.
    receiver.answers("500 Oops");
    assert_eq!(program.send("POST", "/v1/accounts/netatmo/refresh", &[], "").await.status, 200);
    let mut count = receiver.has(5).await.len();
    for _ in 0..20 {
        until("there is trouble", async || trouble().await.is_object()).await;
        if trouble().await["given_up"] == 1 {
            break;
        }
        world.advance(6 * 3600);
        count += 1;
        until("a try, or the end", async || receiver.arrived().len() >= count || trouble().await["given_up"] == 1).await;
    }
    assert_eq!(trouble().await["given_up"], 1);
    let told = receiver.arrived().len();
    world.advance(24 * 3600);
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(receiver.arrived().len(), told, "it is given up");
}

/// Whoever never answers keeps nobody else waiting.
#[tokio::test]
async fn a_receiver_that_does_not_answer_holds_up_nobody_else() {
    let (receiver, silent) = (Receiver::start().await, Silent::start().await);
    let world = world_at(&[&receiver.origin, &silent.origin], "netatmo").await;
    let mut owner = world.owner().await;
    let program = Program::of(&world, "owner").await;
    for _ in 0..3 {
        assert_eq!(program.post("/v1/webhooks", &json!({"url": format!("{}/", silent.origin)})).await.status, 201);
    }
    hook(&program, &receiver).await;
    let began = std::time::Instant::now();
    owner.connect("netatmo").await;
    receiver.has(1).await;
    assert_eq!(program.send("POST", "/v1/accounts/netatmo/refresh", &[], "").await.status, 200);
    receiver.has(2).await;
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}: it waited for the silent one", began.elapsed());
}

/// Nor does anybody who has many of those.
#[tokio::test]
async fn one_person_with_many_silent_receivers_holds_up_nobody_else() {
    let (receiver, silent) = (Receiver::start().await, Silent::start().await);
    let world = world_at(&[&receiver.origin, &silent.origin], "netatmo").await;
    let mut owner = world.owner().await;
    let mut ada = world.member(&mut owner, "Ada").await;
    let hers = Program::of(&world, &id_of(&mut ada).await).await;
    for _ in 0..20 {
        assert_eq!(hers.post("/v1/webhooks", &json!({"url": format!("{}/", silent.origin)})).await.status, 201);
    }
    hook(&Program::of(&world, "owner").await, &receiver).await;
    ada.connect("netatmo").await;
    until("hers are on their way", async || silent.listener.accept().await.is_ok()).await;
    let began = std::time::Instant::now();
    owner.connect("netatmo").await;
    receiver.has(1).await;
    assert!(began.elapsed() < Duration::from_secs(8), "{:?}: it waited for the silent ones", began.elapsed());
}

#[tokio::test]
async fn a_receiver_that_comes_back_is_told_in_the_order_in_which_it_happened() {
    let receiver = Receiver::start().await;
    let world = world(&receiver).await;
    let mut owner = world.owner().await;
    let program = Program::of(&world, "owner").await;
    hook(&program, &receiver).await;
    receiver.answers("500 Oops");
    for count in 1..=6 {
        owner.connect("netatmo").await;
        receiver.has(count).await;
        // The history knows seconds.
        world.advance(2);
    }
    receiver.answers("200 OK");
    world.advance(60);
    let arrived = receiver.has(12).await;
    let numbers: Vec<u64> = arrived[6..].iter().map(|one| one.json()["data"]["sequence"].as_u64().expect("a number")).collect();
    assert!(numbers.is_sorted_by(|before, after| before < after), "{numbers:?}");
}

#[tokio::test]
async fn a_new_secret_counts_at_once_and_the_old_one_for_a_day() {
    let receiver = Receiver::start().await;
    let world = world(&receiver).await;
    let mut owner = world.owner().await;
    let program = Program::of(&world, "owner").await;
    let made = hook(&program, &receiver).await;
    let old = made["secret"].as_str().expect("a secret").to_owned();
    let rotated = program.send("POST", &format!("/v1/webhooks/{}/rotate-secret", made["id"].as_str().expect("an id")), &[], "").await;
    let new = rotated.json()["secret"].as_str().expect("a secret").to_owned();
    assert_ne!(old, new);
    owner.connect("netatmo").await;
    let arrived = receiver.has(1).await;
    assert!(arrived[0].is_signed_with(&old) && arrived[0].is_signed_with(&new));
    world.advance(24 * 3600 + 1);
    owner = world.owner().await;
    owner.connect("netatmo").await;
    let arrived = receiver.has(2).await;
    assert!(arrived[1].is_signed_with(&new) && !arrived[1].is_signed_with(&old));
    let list = program.get("/v1/webhooks").await.text();
    assert!(!list.contains("whsec_"), "{list}");
}

#[tokio::test]
async fn a_rotation_that_is_tried_again_is_done_once() {
    let receiver = Receiver::start().await;
    let world = world(&receiver).await;
    let mut owner = world.owner().await;
    let program = Program::of(&world, "owner").await;
    let (made, other) = (hook(&program, &receiver).await, hook(&program, &receiver).await);
    let rotate = async |made: &Value, key: &str| {
        let path = format!("/v1/webhooks/{}/rotate-secret", made["id"].as_str().expect("an id"));
        program.send("POST", &path, &[("Idempotency-Key", key)], "").await
    };
    let first = rotate(&made, "one").await.json();
    let again = rotate(&made, "one").await;
    assert_eq!((again.status, again.json()["id"].clone()), (200, made["id"].clone()), "{}", again.text());
    assert!(again.json()["secret"].is_null(), "a secret is shown once");
    assert_eq!(rotate(&other, "one").await.code(), "idempotency-key-reused", "another webhook is another request");
    // The receiver's old secret is still good for a day.
    owner.connect("netatmo").await;
    let arrived = receiver.has(2).await;
    let old = made["secret"].as_str().expect("a secret");
    assert!(arrived.iter().any(|one| one.is_signed_with(old) && one.is_signed_with(first["secret"].as_str().expect("a secret"))));
}

#[tokio::test]
async fn l8_events_of_somebody_else_are_told_to_nobody_else() {
    let receiver = Receiver::start().await;
    let world = world(&receiver).await;
    let mut owner = world.owner().await;
    let mut ada = world.member(&mut owner, "Ada").await;
    let ada = Program::of(&world, &id_of(&mut ada).await).await;
    hook(&ada, &receiver).await;
    owner.connect("netatmo").await;
    let program = Program::of(&world, "owner").await;
    // The history knows seconds.
    world.advance(2);
    hook(&program, &receiver).await;
    assert_eq!(program.send("POST", "/v1/accounts/netatmo/refresh", &[], "").await.status, 200);
    let arrived = receiver.has(1).await;
    assert_eq!(arrived[0].json()["type"], "account.refreshed", "the owner's, and nothing from before it was made");
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(receiver.arrived().len(), 1);
}

#[tokio::test]
async fn an_account_that_needs_a_login_is_told_with_the_reason() {
    let receiver = Receiver::start().await;
    let world = world(&receiver).await;
    let mut owner = world.owner().await;
    let program = Program::of(&world, "owner").await;
    let secret = hook(&program, &receiver).await["secret"].as_str().expect("a secret").to_owned();
    owner.connect("netatmo").await;
    receiver.has(1).await;
    // As if the provider knew the refresh token no more.
    let mut account = world.account("netatmo").await.expect("an account");
    let TokenSet::OAuth2(tokens) = &mut account.tokens else { panic!("OAuth 2") };
    tokens.refresh = Some(Secret::new("canary-refresh-of-nobody"));
    world.store.put_account(&account, Expected::Anything, None).await.expect("put");
    let refused = program.send("POST", "/v1/accounts/netatmo/refresh", &[], "").await;
    assert!((400..500).contains(&refused.status), "{} {}", refused.status, refused.text());
    let arrived = receiver.has(2).await;
    let told = arrived[1].json();
    assert_eq!((&told["type"], &told["data"]["account"]), (&json!("account.needs_login"), &json!("netatmo")));
    assert!(told["data"]["reason"].as_str().is_some_and(|reason| !reason.is_empty()), "{told}");
    assert!(arrived[1].is_signed_with(&secret) && !arrived[1].body.contains("canary"), "{told}");
}

/// Nothing renews it, so no refresh is refused: what the API says to somebody's call is told.
#[tokio::test]
async fn d14_an_oauth_1_token_that_was_taken_back_is_told_with_the_reason() {
    let receiver = Receiver::start().await;
    let world = world_at(&[&receiver.origin], "telldus").await;
    let mut owner = world.owner().await;
    let program = Program::of(&world, "owner").await;
    hook(&program, &receiver).await;
    owner.connect("telldus").await;
    receiver.has(1).await;
    assert!(owner.get("/accounts/telldus/do/devices").await.has("Living room lamp"));
    world.sandbox.faults("telldus").expire_access_tokens();
    let refused = owner.get("/accounts/telldus/do/devices").await;
    assert!(refused.status == 403 && refused.has("Telldus Live! wants a new login"), "{} {}", refused.status, refused.text);
    let arrived = receiver.has(2).await;
    let told = arrived[1].json();
    assert_eq!((&told["type"], &told["data"]["account"]), (&json!("account.needs_login"), &json!("telldus")));
    let reason = told["data"]["reason"].as_str().expect("a reason");
    assert!(reason.contains("does not take its token any more") && reason.contains("combination does not exist"), "{reason}");
    let account = world.account("telldus").await.expect("nothing is deleted");
    assert!(account.tokens.secrets().iter().all(|secret| !arrived[1].body.contains(secret.expose())), "{told}");
    let listed = program.send("GET", "/v1/accounts/telldus", &[], "").await.json();
    assert_eq!(listed["health"], "needs-login", "{listed}");
    let history = program.send("GET", "/v1/accounts/telldus/history", &[], "").await.json();
    assert_eq!(history["entries"][0]["event"], "needs-login", "{history}");
    let page = owner.get("/accounts/telldus").await;
    assert!(page.has("Login needed") && page.has("Log in again") && !page.has("good until it is revoked"), "{}", page.text);
    // Nobody is asked any more, and it is told once.
    let seen = world.sandbox.seen("telldus").len();
    assert_eq!(owner.get("/accounts/telldus/do/devices").await.status, 403);
    assert_eq!(world.sandbox.seen("telldus").len(), seen);
    owner.connect("telldus").await;
    assert!(owner.get("/accounts/telldus/do/devices").await.has("Living room lamp"));
    let told: Vec<Value> = receiver.has(3).await.iter().map(|arrived| arrived.json()["type"].clone()).collect();
    assert_eq!(told, ["account.connected", "account.needs_login", "account.connected"]);
}

#[tokio::test]
async fn what_happened_while_no_broker_was_there_is_told_by_the_next_one() {
    let receiver = Receiver::start().await;
    let mut world = world(&receiver).await;
    let mut owner = world.owner().await;
    let program = Program::of(&world, "owner").await;
    hook(&program, &receiver).await;
    owner.connect("netatmo").await;
    receiver.has(1).await;
    let shelf = world.shelf.clone().expect("a shelf");
    until("how far the history was read is written down", async || {
        shelf.item(Kind("webhook-position"), "history", keyfob::proto::Timestamp::from_unix(0)).await.expect("the shelf").is_some()
    })
    .await;
    world.stop();
    let served = world.served.take().expect("a server");
    served.await.expect("it ended").expect("well");
    // Another program on the same vault.
    let keyfob = world.keyfob();
    let service = service(&world.sandbox, "netatmo", None);
    let settings = service.provider.settings(&|_| None).expect("settings");
    keyfob::logout(&keyfob, &settings, &service.app, "netatmo", false).await.expect("logged out");
    let _next = world.another().await;
    let arrived = receiver.has(2).await;
    assert_eq!(arrived[1].json()["type"], "account.disconnected");
}

/// Places that nobody may lead us to.
fn targets() -> Vec<toml::Value> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../keyfob-proto/tests/vectors/ssrf/targets.toml");
    let targets: toml::Table = std::fs::read_to_string(file).expect("a file").parse().expect("TOML");
    let targets = targets["target"].as_array().expect("targets").clone();
    assert_eq!(targets.len(), 52);
    targets
}

/// F3: a receiver that was judged sends us on to a place that never was.
#[tokio::test]
async fn f3_no_redirect_leads_a_message_to_a_place_that_only_we_reach() {
    const HOOKS: usize = 30;
    let receiver = Receiver::start().await;
    let world = world(&receiver).await;
    let mut owner = world.owner().await;
    let program = Program::of(&world, "owner").await;
    // What would be reached, if anything were: on this machine, and not where messages may go.
    let trap = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = trap.local_addr().expect("an address").port();
    let here = ["127.0.0.1", "localhost", "127.1", "2130706433", "0x7f000001", "0.0.0.0", "[::ffff:127.0.0.1]"];
    let here = here.map(|host| format!("http://{host}:{port}/"));
    let places = targets().iter().map(|target| target["url"].as_str().expect("a URL").to_owned()).chain(here).collect::<Vec<_>>();
    assert!(places.len() <= 2 * HOOKS);
    *receiver.leads_to.lock().expect("the list") = places;
    receiver.answers("307 Elsewhere");
    for _ in 0..HOOKS {
        hook(&program, &receiver).await;
    }
    // Two events, told to each.
    owner.connect("netatmo").await;
    assert_eq!(program.send("POST", "/v1/accounts/netatmo/refresh", &[], "").await.status, 200);
    receiver.has(2 * HOOKS).await;
    until("each is in trouble", async || {
        let hooks = program.get("/v1/webhooks?limit=100").await.json();
        let reasons = hooks["items"].as_array().expect("a list").iter().map(|hook| hook["trouble"]["reason"].as_str().unwrap_or_default());
        reasons.filter(|reason| *reason == "The answer was 307, which is not followed.").count() == HOOKS
    })
    .await;
    assert!(receiver.leads_to.lock().expect("the list").is_empty(), "each was answered");
    assert!(receiver.arrived().iter().all(|one| one.head.starts_with("POST /hook")));
    let reached = tokio::time::timeout(Duration::ZERO, trap.accept()).await;
    assert!(reached.is_err(), "{reached:?}");
}

/// F3: none of the places that only we reach, whether it is written down or only the name leads there.
#[tokio::test]
async fn f3_no_message_goes_to_a_place_that_only_we_reach() {
    let receiver = Receiver::start().await;
    let world = world(&receiver).await;
    world.owner().await;
    let program = Program::of(&world, "owner").await;
    for target in targets() {
        let url = target["url"].as_str().expect("a URL");
        let is_written = target["by"].as_str() == Some("text");
        for url in [url.to_owned(), url.replacen("http://", "https://", 1)] {
            let reply = program.post("/v1/webhooks", &json!({"url": url})).await;
            // What only the name service leads astray is found out by whoever connects (F4): the transport is told to.
            if is_written || url.starts_with("http://") {
                assert_eq!((reply.status, reply.code().as_str()), (422, "misuse"), "{url}");
            }
        }
    }
    // Another port of a machine that is allowed is not allowed.
    let other = format!("{}0/", receiver.origin.trim_end_matches(|c: char| c.is_ascii_digit()));
    assert_ne!(program.post("/v1/webhooks", &json!({"url": other})).await.status, 201);
}

/// A name service of its own: these names, which look like anybody's, lead to this machine.
struct Astray(HyperTransport);

impl Transport for Astray {
    fn send(&self, mut request: http::Request<Body>) -> Sending<'_> {
        let authority = request.uri().authority().map(ToString::to_string).unwrap_or_default();
        if let Some((name, port)) = authority.split_once(':')
            && ASTRAY.contains(&name)
        {
            *request.uri_mut() = format!("http://localhost:{port}/hook").parse().expect("a URL");
        }
        self.0.send(request)
    }
}

const ASTRAY: [&str; 3] = ["127.0.0.1.nip.io", "upstream.test", "rebind.test"];

/// F4: what is written was good, and what the name leads to is not. Whoever connects finds out.
#[tokio::test]
async fn f4_no_message_goes_where_a_name_leads_astray() {
    let receiver = Receiver::start().await;
    let sandbox = Sandbox::builder().consent(Consent::Approve).start().await.expect("a sandbox");
    let services = vec![service(&sandbox, "netatmo", None)];
    let transport = Astray(HyperTransport::builder().loopback_only(true).proxies(false).build().expect("a transport"));
    let setup = Setup { known: true, transport: Some(Arc::new(transport)), ..Setup::default() };
    let world = World::set_up(sandbox, services, setup).await;
    let mut owner = world.owner().await;
    let program = Program::of(&world, "owner").await;
    let port = receiver.origin.rsplit(':').next().expect("a port");
    for name in ASTRAY {
        let made = program.post("/v1/webhooks", &json!({"url": format!("https://{name}:{port}/hook")})).await;
        assert_eq!(made.status, 201, "{}", made.text());
    }
    owner.connect("netatmo").await;
    until("each is in trouble", async || {
        let hooks = program.get("/v1/webhooks").await.json();
        let reasons = hooks["items"].as_array().expect("a list").iter().map(|hook| hook["trouble"]["reason"].as_str().unwrap_or_default());
        reasons.filter(|reason| *reason == "It may not be reached from here.").count() == ASTRAY.len() || !receiver.arrived().is_empty()
    })
    .await;
    assert!(receiver.arrived().is_empty(), "{:?}", receiver.arrived());
}

#[tokio::test]
async fn whoever_was_removed_is_told_nothing_more() {
    let receiver = Receiver::start().await;
    let world = world(&receiver).await;
    let mut owner = world.owner().await;
    let mut member = world.member(&mut owner, "Robin").await;
    let id = id_of(&mut member).await;
    let program = Program::of(&world, &id).await;
    hook(&program, &receiver).await;
    receiver.answers("500 Oops");
    member.connect("netatmo").await;
    receiver.has(1).await;
    let (shelf, start) = (world.shelf.clone().expect("a shelf"), keyfob::proto::Timestamp::from_unix(0));
    let webhook = shelf.items(Kind("webhook"), Some(&id), None, 10, start).await.expect("items").remove(0).value;
    let path = format!("/people/{id}/remove");
    let form_token = owner.get(&path).await.form_token();
    assert_eq!(owner.post(&path, &[("form_token", &form_token)]).await.location(), "/people");
    assert!(shelf.items(Kind("webhook"), Some(&id), None, 10, start).await.expect("items").is_empty());
    // As if a request of theirs that was under way had made it just now.
    shelf.put_item(Kind("webhook"), &webhook, keyfob::store::Expected::Nothing).await.expect("put");
    world.advance(60);
    until("nothing waits", async || shelf.items(Kind("message"), None, None, 10, start).await.expect("items").is_empty()).await;
    assert_eq!(receiver.arrived().len(), 1);
}

/// Whoever sees where events are told can have that end there, and the book says so.
#[tokio::test]
async fn a_webhook_is_removed_on_the_page_that_lists_it() {
    let world = World::known(&["netatmo"]).await;
    let mut owner = world.owner().await;
    let mut ada = world.member(&mut owner, "Ada").await;
    let program = Program::of(&world, "owner").await;
    let made = program.post("/v1/webhooks", &json!({"url": "https://hooks.example/canary-path"})).await;
    assert_eq!(made.status, 201, "{}", made.text());
    let path = format!("/settings/programs/webhooks/{}", made.json()["id"].as_str().expect("a number"));
    let page = owner.get("/settings/programs").await;
    assert!(page.has(&format!("action=\"{path}\"")) && page.has("Remove the webhook to https://hooks.example"), "{}", page.text);
    assert!(!page.has("canary-path"));
    let adas = ada.get("/settings").await.form_token();
    assert_eq!(ada.post(&path, &[("form_token", &adas)]).await.status, 404, "it is somebody else's");
    assert_eq!(program.get("/v1/webhooks").await.json()["items"].as_array().map(Vec::len), Some(1));
    let form_token = page.form_token();
    assert_eq!(owner.post(&path, &[("form_token", &form_token)]).await.location(), "/settings/programs");
    let page = owner.get("/settings/programs").await;
    assert!(page.has("Nothing is told to https://hooks.example any more") && page.has("Nobody is told"), "{}", page.text);
    assert_eq!(program.get("/v1/webhooks").await.json()["items"], json!([]));
    let acts = program.get("/v1/activity").await.text();
    assert!(acts.contains("webhook-removed"), "{acts}");
    assert_eq!(owner.post(&path, &[("form_token", &form_token)]).await.status, 404);
}
