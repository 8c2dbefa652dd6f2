//! Registration and its management (RFC 7591, RFC 7592).

use serde_json::{Value, json};

use crate::common::{post_json, send};
use crate::kit::{Acme, error};

async fn register(acme: &Acme, body: Value) -> crate::common::Response {
    post_json(&format!("{}/register", acme.origin), &body).await
}

async fn manage(method: &str, app: &Value, token: &Value, body: Option<&Value>) -> crate::common::Response {
    let bearer = format!("Bearer {}", token["registration_access_token"].as_str().expect("text"));
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    send(method, app["registration_client_uri"].as_str().expect("text"), &headers, &body.map(Value::to_string).unwrap_or_default()).await
}

#[tokio::test]
async fn an_app_registers_reads_replaces_and_leaves() {
    let mut acme = Acme::start().await;
    let answer = register(&acme, json!({"client_name": "New", "redirect_uris": ["http://127.0.0.1/callback"]})).await;
    assert_eq!(answer.status, 201);
    let app = answer.json();
    assert_eq!((&app["grant_types"], &app["token_endpoint_auth_method"]), (&json!(["authorization_code"]), &json!("client_secret_basic")));
    acme.app.client_id = app["client_id"].as_str().expect("text").into();
    acme.app.client_secret = app["client_secret"].as_str().expect("text").into();
    acme.login().await;

    assert_eq!(manage("GET", &app, &app, None).await.json()["client_name"], "New");
    assert_eq!(manage("GET", &app, &json!({"registration_access_token": "wrong"}), None).await.status, 401);
    let mut wanted = json!({"client_id": "another", "client_name": "Newer", "redirect_uris": ["https://app.example/back"]});
    assert_eq!(error(&manage("PUT", &app, &app, Some(&wanted)).await), (400, "invalid_request".into()));
    wanted["client_id"] = app["client_id"].clone();
    let newer = manage("PUT", &app, &app, Some(&wanted)).await.json();
    assert_eq!((&newer["client_name"], &newer["client_secret"]), (&json!("Newer"), &app["client_secret"]));
    assert_eq!(manage("GET", &app, &app, None).await.status, 401, "the token has changed");
    assert_eq!(manage("DELETE", &newer, &newer, None).await.status, 204);
    assert_eq!(manage("GET", &newer, &newer, None).await.status, 401);
    assert_eq!(acme.post("/token", &[("grant_type", "client_credentials")]).await.status, 401, "unknown again");
}

#[tokio::test]
async fn what_cannot_be_is_refused() {
    let acme = Acme::start().await;
    let uris = json!(["https://app.example/back"]);
    for (body, expected) in [
        (json!({}), "invalid_redirect_uri"),
        (json!({"redirect_uris": ["http://app.example/back"]}), "invalid_redirect_uri"),
        (json!({"redirect_uris": ["https://app.example/#x"]}), "invalid_redirect_uri"),
        (json!({"redirect_uris": ["javascript:alert(1)"]}), "invalid_redirect_uri"),
        (json!({"redirect_uris": "x"}), "invalid_redirect_uri"),
        (json!({"redirect_uris": uris, "token_endpoint_auth_method": "tls_client_auth"}), "invalid_client_metadata"),
        (json!({"redirect_uris": uris, "token_endpoint_auth_method": "private_key_jwt"}), "invalid_client_metadata"),
        (
            json!({"redirect_uris": uris, "jwks": {"keys": [{"kty": "OKP", "crv": "Ed25519", "x": "AA", "d": "AA"}]}}),
            "invalid_client_metadata",
        ),
        (json!({"redirect_uris": uris, "grant_types": ["password"]}), "invalid_client_metadata"),
        (json!({"redirect_uris": uris, "id_token_signed_response_alg": "none"}), "invalid_client_metadata"),
        (json!({"redirect_uris": uris, "backchannel_logout_uri": "http://10.0.0.1/"}), "invalid_client_metadata"),
        (json!({"redirect_uris": uris, "grant_types": "authorization_code"}), "invalid_client_metadata"),
        (json!([]), "invalid_client_metadata"),
    ] {
        assert_eq!(error(&register(&acme, body.clone()).await), (400, expected.into()), "{body}");
    }
    let public = register(&acme, json!({"redirect_uris": uris, "token_endpoint_auth_method": "none"})).await.json();
    assert!(public.get("client_secret").is_none());
}

#[tokio::test]
async fn an_app_is_ordered_with_its_metadata() {
    let acme = Acme::start().await;
    let app = json!({"service": "acme", "name": "Mine", "client_id": "mine", "metadata": {"dpop_bound_access_tokens": true}});
    let answer = post_json(&format!("{}/control/apps", acme.sandbox.index()), &json!({"as": "mine", "app": app})).await;
    assert_eq!(answer.status, 200);
    assert!(acme.sandbox.app("mine").metadata.dpop_bound_access_tokens);
    let list = crate::common::get_url(&format!("{}/providers.json", acme.sandbox.index())).await.json();
    assert_eq!((&list["mine"]["metadata"], list["acme"].get("metadata")), (&app["metadata"], None), "what is left out is not told");
}
