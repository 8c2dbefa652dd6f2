//! `kind = "oidc"`: a file that names an issuer, and an issuer that says the rest.

use keyfob_proto::jose::Algorithm;
use keyfob_proto::oauth2::metadata::{Discovery, Metadata, Order, Step};
use keyfob_proto::oauth2::{self, ClientAuth, Dpop, Pkce};
use keyfob_proto::{App, Described as _, Endpoint, Error, Flow, Origin, Timestamp};
use keyfob_providers::{Catalogue, Provider, check};
use serde_json::{Value, json};

const FILE: &str = r#"title = "Hub"
kind = "oidc"
status = "live"
about = "A hub."
sources = [{ url = "https://hub.example/docs", checked = 2026-11-26, confidence = "verified", about = "the issuer" }]

[endpoints]
issuer = "https://login.hub.example/{tenant}"

[client]
fields = [{ name = "client_id", label = "Client ID" }, { name = "tenant", label = "Tenant" }]

[api]
base_url = "https://api.hub.example"
"#;

fn app() -> App {
    let mut app = App::confidential("us", "sandbox-secret-not-real");
    app.fields.insert("tenant".to_owned(), "corner".into());
    app
}

/// What the issuer says about itself, with some members changed.
fn metadata(issuer: &str, changed: &Value) -> Result<Metadata, Error> {
    let at = |path: &str| format!("{issuer}{path}");
    let mut document = json!({
        "issuer": issuer, "authorization_endpoint": at("/authorize"), "token_endpoint": at("/token"), "jwks_uri": at("/keys"),
        "pushed_authorization_request_endpoint": at("/par"), "revocation_endpoint": at("/revoke"),
        "token_endpoint_auth_methods_supported": ["client_secret_post"], "authorization_response_iss_parameter_supported": true,
        "id_token_signing_alg_values_supported": ["ES256"],
    });
    for (name, value) in changed.as_object().expect("an object") {
        document[name] = value.clone();
    }
    let answer = http::Response::builder().header("content-type", "application/json").body(document.to_string()).expect("an answer");
    let discovery = Discovery::of(document["issuer"].as_str().expect("text"), Order::OpenIdFirst)?;
    let Step::Done(known) = discovery.receive(&answer, Timestamp::from_unix(0))? else { panic!("it answers at once") };
    Ok(known.metadata().clone())
}

fn settings(provider: &Provider, changed: &Value) -> Result<oauth2::Settings, Error> {
    let issuer = provider.issuer_to_ask(&app())?.expect("it has to be asked");
    assert_eq!(issuer, "https://login.hub.example/corner", "whom the file and the app name");
    let Flow::OAuth2(flow) = provider.settings_of(&metadata(&issuer, changed)?, &app())?.flow else { panic!("OAuth 2") };
    Ok(flow)
}

fn with(from: &str, to: &str) -> Provider {
    check(&FILE.replacen(from, to, 1), "hub.toml").unwrap_or_else(|problems| panic!("{problems:?}"))
}

fn text(endpoint: Option<&Endpoint>) -> Option<&str> {
    endpoint.map(Endpoint::as_str)
}

/// What is nearly always the same fills an issuer, too.
#[test]
fn an_issuer_is_asked_at_its_usual_place() {
    let text = FILE.replacen("label = \"Tenant\" }", "label = \"Tenant\", default = \"usual\" }", 1);
    let hub = check(&text, "hub.toml").expect("sound");
    for (app, issuer) in [(App::public("us"), "https://login.hub.example/usual"), (app(), "https://login.hub.example/corner")] {
        assert_eq!(hub.issuer_to_ask(&app).expect("an issuer").as_deref(), Some(issuer));
        let Flow::OAuth2(flow) = hub.settings_of(&metadata(issuer, &json!({})).expect("metadata"), &app).expect("settings").flow else {
            panic!("OAuth 2")
        };
        assert_eq!(flow.token.to_string(), format!("{issuer}/token"));
    }
}

#[test]
fn an_issuer_says_where_everything_is_and_the_file_the_rest() {
    let hub = with("[api]", "[oauth2]\nscopes = [\"openid\"]\nrotates = true\n\n[api]");
    let flow = settings(&hub, &json!({})).expect("settings");
    assert_eq!(flow.token.as_str(), "https://login.hub.example/corner/token");
    assert_eq!(text(flow.jwks.as_ref()), Some("https://login.hub.example/corner/keys"));
    assert_eq!(text(flow.pushed.as_ref()), Some("https://login.hub.example/corner/par"));
    assert_eq!(flow.issuer.as_deref(), Some("https://login.hub.example/corner"));
    assert_eq!((flow.client_auth, flow.pkce, flow.iss_required, hub.rotates()), (ClientAuth::Post, Pkce::S256, true, true));
    assert_eq!(flow.id_token_algorithms.to_string(), Algorithm::ES256.name());
    assert_eq!(flow.scopes, ["openid"]);
}

#[test]
fn what_the_file_says_counts_and_care_is_never_taken_back() {
    let file = with(
        "[client]\n",
        "revoke = \"https://login.hub.example/forget\"\ndevice = \"https://login.hub.example/device\"\n\n[oauth2]\nclient_auth = \"private_key_jwt\"\n\
         id_token_algorithms = [\"PS256\"]\npar_required = true\ndpop = true\n\n[client]\n",
    );
    let changed = json!({"authorization_response_iss_parameter_supported": false, "dpop_signing_alg_values_supported": ["ES256", "RS256"]});
    let flow = settings(&file, &changed).expect("settings");
    assert_eq!((flow.dpop, flow.dpop_algorithms.to_string().as_str()), (Dpop::Wanted, "RS256, ES256"));
    assert_eq!(text(flow.revoke.as_ref()), Some("https://login.hub.example/forget"));
    assert_eq!(text(flow.device_authorization.as_ref()), Some("https://login.hub.example/device"));
    assert_eq!((flow.client_auth, flow.pushed_required, flow.iss_required), (ClientAuth::PrivateKeyJwt, true, false));
    assert_eq!(flow.id_token_algorithms.to_string(), "PS256");
    let flow = settings(&with("", ""), &json!({"require_pushed_authorization_requests": true})).expect("settings");
    assert!(flow.pushed_required, "the server's own word");
}

#[test]
fn f1_another_issuers_metadata_is_not_taken() {
    let other = metadata("https://login.hub.example/other", &json!({})).expect("metadata");
    let wrong = with("", "").settings_of(&other, &app()).expect_err("a mix-up");
    assert!(wrong.to_string().contains("another issuer's"), "{wrong}");
}

#[test]
fn without_asking_there_are_no_settings() {
    let wrong = with("", "").settings(&|name| app().field(name).map(str::to_owned)).expect_err("nobody was asked");
    assert!(wrong.to_string().contains("kind = \"oidc\""), "{wrong}");
    let named = with("", "").endpoints();
    assert_eq!(named, [("issuer", "https://login.hub.example/{tenant}".to_owned()), ("api", "https://api.hub.example".to_owned())]);
}

#[test]
fn a_server_that_takes_no_way_of_the_apps_is_told() {
    let wrong = settings(&with("", ""), &json!({"token_endpoint_auth_methods_supported": ["tls_client_auth"]})).expect_err("no way");
    assert!(wrong.to_string().contains("tls_client_auth"), "{wrong}");
}

#[test]
fn the_issuer_moves_with_its_origin() {
    let sandbox = Origin::parse("http://127.0.0.1:8905").expect("an origin");
    let acme = Catalogue::embedded().get("acme-oidc").expect("embedded").at_origin(&sandbox);
    let issuer = acme.issuer_to_ask(&app()).expect("an issuer").expect("it has to be asked");
    assert_eq!(issuer, "http://127.0.0.1:8905");
    let settings = acme.settings_of(&metadata(&issuer, &json!({})).expect("metadata"), &app()).expect("settings");
    assert_eq!(settings.origins(), [sandbox]);
}
