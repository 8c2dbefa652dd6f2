//! The JSON API of the web app, judged by schemathesis: it makes requests of the OpenAPI document, good ones and bad ones, and holds the answers against
//! it. Nothing may end in an error of ours, or look otherwise than is written there; what is good has to be taken, and what is bad refused.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use keyfob::proto::{Answer, App, Origin, Secret};
use keyfob::{Account, Clock as _, HyperTransport, Keyfob, Login, MemoryStore, Redirect, SystemClock};
use keyfob_broker::api::token;
use keyfob_broker::keys::{self, NewKey};
use keyfob_broker::{Config, Service, Site, Who, serve};
use keyfob_interop::{http, tools};
use keyfob_providers::Catalogue;
use keyfob_sandbox::{Consent, Sandbox};
use keyfob_store::MemoryShelf;

#[test]
fn every_answer_is_as_the_document_says() {
    let Some(python) = tools::python() else { return };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    let Started { origin, token, key, .. } = &runtime.block_on(start());
    // It may come upon the token that it comes with, and would be nobody from then on: where it makes tokens and lists them, it revokes none.
    judge(&python, origin, token, CONFIG, &["--exclude-operation-id", "revokeToken", "--exclude-path-regex", PROGRAMS]);
    judge(&python, origin, token, CONFIG, &["--include-operation-id", "revokeToken"]);
    // What valet keys open is opened by no token.
    judge(&python, origin, key, OF_KEYS, &["--include-path-regex", PROGRAMS]);
}

/// What is for whoever has a valet key.
const PROGRAMS: &str = "^/token/";

/// Has schemathesis judge those operations, with this secret.
fn judge(python: &Path, origin: &str, secret: &str, config: &str, which: &[&str]) {
    let folder = tempfile::tempdir().expect("a folder");
    let place = folder.path().join("schemathesis.toml");
    std::fs::write(&place, config).expect("written");
    let mut run = Command::new(schemathesis(python));
    run.current_dir(folder.path()).arg("--config-file").arg(&place).args(["run", &format!("{origin}/v1/openapi.json")]);
    run.env("KEYFOB_TOKEN", secret).args(["--checks", "all", "--seed", "1", "--no-color", "--workers", "1"]);
    run.args(["--max-examples", "25", "--continue-on-failure"]).args(which);
    run.env_remove("HTTP_PROXY").env_remove("HTTPS_PROXY").env("NO_PROXY", "127.0.0.1");
    let output = run.output().expect("schemathesis runs");
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{which:?}: {}", text.replace(secret, "(secret)"));
    // An operation that nobody asked for is judged by nobody.
    assert!(!text.contains("0 selected"), "{which:?}: {text}");
}

/// What is written as it should be, and cannot be done, is 422 here: a rule that no request could fit, a name that is taken.
const CONFIG: &str = r#"
headers = { Authorization = "Bearer ${KEYFOB_TOKEN}" }

[checks]
positive_data_acceptance.expected-statuses = ["2xx", "401", "403", "404", "409", "422"]
negative_data_rejection.expected-statuses = ["400", "401", "403", "404", "405", "413", "415", "422"]
"#;

/// The account is there.
const OF_KEYS: &str = r#"
headers = { Authorization = "Bearer ${KEYFOB_TOKEN}" }
parameters = { "path.account" = "netatmo" }

[checks]
positive_data_acceptance.expected-statuses = ["2xx", "400", "401", "403", "404", "405", "409", "422"]
negative_data_rejection.enabled = false
"#;

/// What runs, and what opens it.
struct Started {
    origin: String,
    token: String,
    key: String,
    _sandbox: Sandbox,
}

/// A web app with an owner, who has an account, an API token of theirs, and a valet key for the account.
async fn start() -> Started {
    let sandbox = Sandbox::builder().consent(Consent::Approve).start().await.expect("a sandbox");
    let transport = HyperTransport::builder().loopback_only(true).proxies(false).build().expect("a transport");
    let keyfob = Keyfob::new(Arc::new(MemoryStore::new()), Arc::new(transport));
    let service = service(&sandbox);
    let account = connect(&keyfob, &service).await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let shelf = Arc::new(MemoryShelf::default());
    let mut config = Config::new(address, vec![service], keyfob);
    config.shelf = Some(shelf.clone());
    let site = Site::new(config).expect("a site");
    let link = site.owner_link().await.expect("the shelf").expect("people");
    tokio::spawn(serve(site, listener, std::future::pending()));
    let entered = tokio::task::spawn_blocking(move || enter(&link)).await.expect("entered");
    assert!(entered, "the owner came in");
    let made = token::create(&*shelf, "owner", "schemathesis", None, Who::Command, SystemClock.now()).await.expect("a token");
    let all = NewKey {
        owner: "owner".to_owned(),
        name: "schemathesis".to_owned(),
        account: account.name,
        account_id: account.id,
        rules: vec!["* /**".parse().expect("a rule")],
        rate: None,
        may_see_token: true,
        expires_at: None,
    };
    let key = keys::create(&*shelf, all, Who::Command, SystemClock.now()).await.expect("a key");
    let (token, key) = (made.text.expose().to_owned(), key.text.expose().to_owned());
    Started { origin: format!("http://{address}"), token, key, _sandbox: sandbox }
}

fn service(sandbox: &Sandbox) -> Service {
    let app = sandbox.app("netatmo");
    let origin = Origin::parse(&sandbox.origin(&app.service)).expect("an origin");
    let provider = Catalogue::embedded().get("netatmo").expect("a provider").at_origin(&origin);
    let app = App { client_id: app.client_id, client_secret: Some(Secret::new(app.client_secret)), ..App::default() };
    Service { provider, app, account: "netatmo".to_owned(), redirect_uri: None, scopes: Vec::new() }
}

async fn connect(keyfob: &Keyfob, service: &Service) -> Account {
    let settings = service.provider.settings(&|_| None).expect("settings");
    let redirect = Redirect::Uri("http://localhost/callback".to_owned());
    let login = Login::begin(keyfob, &settings, &service.app, "netatmo", redirect, vec![]).await.expect("begun");
    let url = login.url().to_owned();
    let back = tokio::task::spawn_blocking(move || http::visit(&url).location().to_owned()).await.expect("approved");
    let verified = login.verify(Answer::Url(&back)).expect("ours");
    login.finish(verified).await.expect("logged in").account
}

/// Whoever presses the button of the link is the owner from then on.
fn enter(link: &str) -> bool {
    let page = http::visit(link);
    let (url, token) = link.split_once("?token=").expect("a token");
    let form_token = page.text().split_once("name=\"form_token\" value=\"").expect("a form").1[..64].to_owned();
    let cookie = page.header("set-cookie").expect("a cookie").split(';').next().expect("a pair").to_owned();
    let form = format!("form_token={form_token}&token={token}");
    let headers = [("Cookie", cookie.as_str()), ("Content-Type", "application/x-www-form-urlencoded")];
    http::send("POST", url, &headers, form.as_bytes()).expect("an answer").status == 303
}

fn schemathesis(python: &Path) -> PathBuf {
    python.with_file_name("schemathesis")
}
