//! Tokens that are bound to a key (RFC 9449).

use keyfob_proto::jose::{Algorithm, Sign};
use keyfob_sandbox::{DpopNonce, Metadata};
use serde_json::{Value, json};

use crate::common::{Response, get, post_form, send};
use crate::kit::{Acme, CALLBACK, VERIFIER, error, key, proof};

struct Bound {
    acme: Acme,
    key: std::sync::Arc<dyn Sign>,
    url: String,
}

impl Bound {
    async fn start(metadata: Metadata) -> Self {
        let acme = Acme::with(metadata).await;
        Self { url: format!("{}/token", acme.origin), acme, key: key(Algorithm::ES256) }
    }

    async fn exchange(&self, code: &str, proofs: &[&str]) -> Response {
        let secret = self.acme.app.client_secret.as_str();
        let pairs = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", CALLBACK),
            ("code_verifier", VERIFIER),
            ("client_id", "mine"),
            ("client_secret", secret),
        ];
        let headers: Vec<_> = proofs.iter().map(|proof| ("dpop", *proof)).collect();
        post_form(&self.url, &headers, &pairs).await
    }

    fn proof(&self, nonce: Option<&str>) -> String {
        proof(&*self.key, "POST", &self.url, nonce, None)
    }

    async fn login(&self) -> Value {
        let answer = self.exchange(&self.acme.code(&[]).await, &[&self.proof(None)]).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()
    }

    async fn call(&self, scheme: &str, tokens: &Value, proof: Option<&str>) -> Response {
        let authorization = format!("{scheme} {}", tokens["access_token"].as_str().expect("text"));
        let mut headers = vec![("authorization", authorization.as_str())];
        headers.extend(proof.map(|proof| ("dpop", proof)));
        send("GET", &self.api(), &headers, "").await
    }

    fn api(&self) -> String {
        format!("{}/api/me", self.acme.origin)
    }
}

#[tokio::test]
async fn a_bound_token_is_worth_nothing_without_its_key() {
    let bound = Bound::start(Metadata::default()).await;
    let tokens = bound.login().await;
    assert_eq!(tokens["token_type"], "DPoP");
    let access = tokens["access_token"].as_str().expect("text");
    let fresh = |key: &dyn Sign| proof(key, "GET", &bound.api(), None, Some(access));
    let good = fresh(&*bound.key);
    assert_eq!(bound.call("DPoP", &tokens, Some(&good)).await.status, 200);
    assert_eq!(bound.call("DPoP", &tokens, Some(&good)).await.status, 401, "the same proof again");
    let bearer = bound.call("Bearer", &tokens, None).await;
    assert_eq!(bearer.status, 401);
    assert!(bearer.header("www-authenticate").is_some_and(|challenge| challenge.starts_with("DPoP ") && challenge.contains("algs=")));
    assert_eq!(bound.call("Bearer", &tokens, Some(&fresh(&*bound.key))).await.status, 401);
    assert_eq!(bound.call("DPoP", &tokens, None).await.status, 401);
    assert_eq!(bound.call("DPoP", &tokens, Some(&fresh(&*key(Algorithm::ES256)))).await.status, 401, "another key");
    let elsewhere = proof(&*bound.key, "GET", &format!("{}/api/echo", bound.acme.origin), None, Some(access));
    assert_eq!(bound.call("DPoP", &tokens, Some(&elsewhere)).await.status, 401, "a proof for another request");
    let without = proof(&*bound.key, "GET", &bound.api(), None, None);
    assert_eq!(bound.call("DPoP", &tokens, Some(&without)).await.status, 401, "no hash of the token");
    let told = bound.acme.post("/introspect", &[("token", access)]).await.json();
    assert_eq!(told["cnf"]["jkt"], bound.key.public_key().expect("a key pair").thumbprint());
    assert_eq!(told["token_type"], "DPoP");

    let plain = bound.acme.login().await;
    let access = plain["access_token"].as_str().expect("text");
    let proof = proof(&*bound.key, "GET", &bound.api(), None, Some(access));
    assert_eq!(bound.call("DPoP", &plain, Some(&proof)).await.status, 401, "not bound at all");
}

#[tokio::test]
async fn a_bound_token_is_exchanged_by_who_holds_its_key() {
    let bound = Bound::start(Metadata::default()).await;
    let tokens = bound.login().await;
    let kind = "urn:ietf:params:oauth:token-type:access_token";
    let pairs = [
        ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"),
        ("subject_token", tokens["access_token"].as_str().expect("text")),
        ("subject_token_type", kind),
        ("client_id", "mine"),
        ("client_secret", bound.acme.app.client_secret.as_str()),
    ];
    assert_eq!(error(&post_form(&bound.url, &[], &pairs).await), (400, "invalid_dpop_proof".into()));
    let answer = post_form(&bound.url, &[("dpop", &bound.proof(None))], &pairs).await;
    assert_eq!((answer.status, &answer.json()["token_type"]), (200, &json!("DPoP")));
}

#[tokio::test]
async fn a_code_may_be_bound_and_an_app_may_have_to_be() {
    let bound = Bound::start(Metadata { dpop_bound_access_tokens: true, ..Metadata::default() }).await;
    let refused = bound.exchange(&bound.acme.code(&[]).await, &[]).await;
    assert_eq!(error(&refused), (400, "invalid_dpop_proof".into()));
    let two = bound.exchange(&bound.acme.code(&[]).await, &[&bound.proof(None), &bound.proof(None)]).await;
    assert_eq!(error(&two), (400, "invalid_dpop_proof".into()));
    let other = key(Algorithm::ES256).public_key().expect("a key pair").thumbprint();
    let code = bound.acme.code(&[("dpop_jkt", &other)]).await;
    assert_eq!(error(&bound.exchange(&code, &[&bound.proof(None)]).await), (400, "invalid_dpop_proof".into()));
    let own = bound.key.public_key().expect("a key pair").thumbprint();
    let code = bound.acme.code(&[("dpop_jkt", &own)]).await;
    assert_eq!(bound.exchange(&code, &[&bound.proof(None)]).await.status, 200);
    let malformed = bound.acme.back(&[("dpop_jkt", "short")]).await;
    assert_eq!(get(&malformed, "error"), "invalid_request");
}

#[tokio::test]
async fn g2_nonces_are_asked_for_where_they_are_wanted() {
    let bound = Bound::start(Metadata::default()).await;
    bound.acme.sandbox.faults("acme").update(|faults| faults.dpop_nonce = Some(DpopNonce::Both));
    let code = bound.acme.code(&[]).await;
    let asked = bound.exchange(&code, &[&bound.proof(None)]).await;
    assert_eq!(error(&asked), (400, "use_dpop_nonce".into()));
    let nonce = asked.header("dpop-nonce").expect("a nonce").to_owned();
    let answer = bound.exchange(&code, &[&bound.proof(Some(&nonce))]).await;
    assert_eq!(answer.status, 200, "the code was not spent: {}", answer.text());
    let tokens = answer.json();
    let access = tokens["access_token"].as_str().expect("text");
    let at_api = |nonce: Option<&str>| proof(&*bound.key, "GET", &bound.api(), nonce, Some(access));
    let challenged = bound.call("DPoP", &tokens, Some(&at_api(None))).await;
    assert_eq!(challenged.status, 401);
    assert!(challenged.header("www-authenticate").is_some_and(|text| text.contains("error=\"use_dpop_nonce\"")));
    assert_eq!(bound.call("DPoP", &tokens, Some(&at_api(challenged.header("dpop-nonce")))).await.status, 200);
    bound.acme.sandbox.faults("acme").update(|faults| faults.dpop_nonce = Some(DpopNonce::Token));
    assert_eq!(bound.call("DPoP", &tokens, Some(&at_api(None))).await.status, 200, "at the token endpoint alone");
}

#[tokio::test]
async fn a_public_client_s_refresh_token_is_bound_too() {
    let mut bound = Bound::start(Metadata::default()).await;
    bound.acme.app.client_secret.clear();
    bound.acme.sandbox.register("mine", bound.acme.app.clone());
    let tokens = bound.login().await;
    let refresh = async |proof: Option<String>| {
        let token = tokens["refresh_token"].as_str().expect("text");
        let headers: Vec<_> = proof.iter().map(|proof| ("dpop", proof.as_str())).collect();
        post_form(&bound.url, &headers, &[("grant_type", "refresh_token"), ("refresh_token", token), ("client_id", "mine")]).await
    };
    assert_eq!(error(&refresh(None).await), (400, "invalid_dpop_proof".into()));
    let other = proof(&*key(Algorithm::ES256), "POST", &bound.url, None, None);
    assert_eq!(error(&refresh(Some(other)).await), (400, "invalid_dpop_proof".into()));
    let answer = refresh(Some(bound.proof(None))).await;
    assert_eq!((answer.status, &answer.json()["token_type"]), (200, &json!("DPoP")));
}
