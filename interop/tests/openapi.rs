//! The JSON API of the web app, judged by schemathesis: it makes requests of the OpenAPI document, good ones and bad ones, and holds the answers against
//! it. Nothing may end in an error of ours, or look otherwise than is written there; what is good has to be taken, and what is bad refused.

use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;

use keyfob::proto::{Answer, App, Origin, Secret};
use keyfob::{Clock as _, HyperTransport, Keyfob, Login, MemoryStore, Redirect, SystemClock};
use keyfob_broker::api::token;
use keyfob_broker::{Config, Service, Site, Who, serve};
use keyfob_interop::{http, tools};
use keyfob_providers::Catalogue;
use keyfob_sandbox::{Consent, Sandbox};
use keyfob_store::MemoryShelf;

#[test]
fn every_answer_is_as_the_document_says() {
    let Some(python) = tools::python() else { return };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    let (_sandbox, origin, token) = runtime.block_on(start());
    let folder = tempfile::tempdir().expect("a folder");
    let config = folder.path().join("schemathesis.toml");
    std::fs::write(&config, CONFIG).expect("written");
    let mut run = Command::new(schemathesis(&python));
    run.current_dir(folder.path()).arg("--config-file").arg(&config).args(["run", &format!("{origin}/v1/openapi.json")]);
    run.env("KEYFOB_TOKEN", &token).args(["--checks", "all", "--seed", "1", "--no-color", "--workers", "1"]);
    run.args(["--max-examples", "25", "--continue-on-failure"]);
    // It may come upon the token that it comes with, and would be nobody from then on.
    run.args(["--exclude-operation-id", "revokeToken"]);
    // What valet keys open is opened by no token, and so many refusals would be stopped before they are answered.
    run.args(["--exclude-path-regex", "^/(api|token)/"]);
    run.env_remove("HTTP_PROXY").env_remove("HTTPS_PROXY").env("NO_PROXY", "127.0.0.1");
    let output = run.output().expect("schemathesis runs");
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{}", text.replace(&token, "(token)"));
}

/// What is written as it should be, and cannot be done, is 422 here: a rule that no request could fit, a name that is taken.
const CONFIG: &str = r#"
headers = { Authorization = "Bearer ${KEYFOB_TOKEN}" }

[checks]
positive_data_acceptance.expected-statuses = ["2xx", "401", "403", "404", "409", "422"]
negative_data_rejection.expected-statuses = ["400", "401", "403", "404", "405", "413", "415", "422"]
"#;

/// A web app with an owner, who has an account, and an API token of theirs.
async fn start() -> (Sandbox, String, String) {
    let sandbox = Sandbox::builder().consent(Consent::Approve).start().await.expect("a sandbox");
    let transport = HyperTransport::builder().loopback_only(true).proxies(false).build().expect("a transport");
    let keyfob = Keyfob::new(Arc::new(MemoryStore::new()), Arc::new(transport));
    let service = service(&sandbox);
    connect(&keyfob, &service).await;
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
    (sandbox, format!("http://{address}"), made.text.expose().to_owned())
}

fn service(sandbox: &Sandbox) -> Service {
    let app = sandbox.app("netatmo");
    let origin = Origin::parse(&sandbox.origin(&app.service)).expect("an origin");
    let provider = Catalogue::embedded().get("netatmo").expect("a provider").at_origin(&origin);
    let app = App { client_id: app.client_id, client_secret: Some(Secret::new(app.client_secret)), ..App::default() };
    Service { provider, app, account: "netatmo".to_owned(), redirect_uri: None, scopes: Vec::new() }
}

async fn connect(keyfob: &Keyfob, service: &Service) {
    let settings = service.provider.settings(&|_| None).expect("settings");
    let redirect = Redirect::Uri("http://localhost/callback".to_owned());
    let login = Login::begin(keyfob, &settings, &service.app, "netatmo", redirect, vec![]).await.expect("begun");
    let url = login.url().to_owned();
    let back = tokio::task::spawn_blocking(move || http::visit(&url).location().to_owned()).await.expect("approved");
    let verified = login.verify(Answer::Url(&back)).expect("ours");
    login.finish(verified).await.expect("logged in");
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

fn schemathesis(python: &std::path::Path) -> PathBuf {
    python.with_file_name("schemathesis")
}
