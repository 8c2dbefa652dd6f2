//! Credentials of every kind, against the pretend providers: attached, signed, renewed.

use crate::support::gate::{Instance, Vault, pretend};

#[tokio::test]
async fn each_provider_gets_its_own_credentials() {
    let vault = Vault::default();
    let (sandbox, services) = pretend(&vault, &["august", "netatmo", "telldus", "fitbit", "fitbit-oauth1", "acme"]).await;
    let instance = Instance::start(&vault, services).await;
    for (account, path, has) in [
        ("august", "/users/locks/mine", "Front Door"),
        ("netatmo", "/api/getstationsdata?get_favorites=false", "Living room"),
        ("telldus", "/json/devices/list?supportedMethods=1023", "Living room lamp"),
        ("fitbit", "/1/user/-/profile.json", "Robin"),
        ("fitbit-oauth1", "/1/user/-/profile.json", "Robin"),
    ] {
        let key = vault.key(account, &["GET /**"]).await;
        let reply = instance.ask(&key, "GET", &format!("/api/{account}{path}")).await;
        assert!(reply.status == 200 && reply.text().contains(has), "{account}: {} {}", reply.status, reply.text());
        let head = instance.ask(&key, "HEAD", &format!("/api/{account}{path}")).await;
        assert!(head.body.is_empty() && head.header("x-keyfob-provider").is_some(), "{account}: {head:?}");
    }
    assert!(sandbox.seen("telldus").iter().any(|seen| seen.path == "/json/devices/list" && seen.status == 200));
}

#[tokio::test]
async fn a_form_is_signed_as_oauth_1_says() {
    let vault = Vault::default();
    let (sandbox, services) = pretend(&vault, &["telldus"]).await;
    let instance = Instance::start(&vault, services).await;
    let key = vault.key("telldus", &["POST /json/**"]).await;
    let bearer = format!("Bearer {key}");
    let headers = [("Authorization", bearer.as_str()), ("Content-Type", "application/x-www-form-urlencoded")];
    let reply = instance.send("POST", "/api/telldus/json/devices/list", &headers, "supportedMethods=3&includeIgnored=1&x=%C3%A9+%2B").await;
    assert!(reply.status == 200 && reply.text().contains("Living room lamp"), "{} {}", reply.status, reply.text());
    let seen = sandbox.seen("telldus");
    assert!(seen.iter().any(|seen| seen.method == "POST" && seen.value("x") == Some("é +")), "{seen:?}");
    let large = format!("x={}", "y".repeat(1 << 20));
    let reply = instance.send("POST", "/api/telldus/json/devices/list", &headers, &large).await;
    assert_eq!((reply.status, reply.code().as_str()), (413, "body-too-large"));
    let reply = instance.send("POST", "/api/telldus/json/devices/list?oauth_token=mine", &headers, "a=b").await;
    assert_eq!((reply.status, reply.code().as_str()), (400, "credentials-in-query"));
}

#[tokio::test]
async fn a_token_that_ended_is_renewed_and_the_call_sent_again() {
    let vault = Vault::default();
    let (sandbox, services) = pretend(&vault, &["netatmo"]).await;
    let instance = Instance::start(&vault, services.clone()).await;
    let key = vault.key("netatmo", &["* /**"]).await;
    let bearer = format!("Bearer {key}");
    sandbox.faults("netatmo").expire_access_tokens();
    let reply = instance.ask(&key, "GET", "/api/netatmo/api/getstationsdata").await;
    assert!(reply.status == 200 && reply.text().contains("Living room"), "{}", reply.text());
    // A small body is sent again, too. (Another instance each time: one does not refresh twice in a minute.)
    sandbox.faults("netatmo").expire_access_tokens();
    vault.clock_forward(120);
    let instance = Instance::start(&vault, services.clone()).await;
    let headers = [("Authorization", bearer.as_str()), ("Content-Type", "application/x-www-form-urlencoded")];
    let reply = instance.send("POST", "/api/netatmo/api/getstationsdata", &headers, "get_favorites=false").await;
    assert!(reply.status == 200 && reply.text().contains("Living room"), "{}", reply.text());
    // And a stream is not: the answer is passed on, and the next request finds a new token.
    sandbox.faults("netatmo").expire_access_tokens();
    vault.clock_forward(120);
    let instance = Instance::start(&vault, services).await;
    let chunked = format!(
        "POST /api/netatmo/api/getstationsdata HTTP/1.1\r\nHost: {}\r\nAuthorization: {bearer}\r\nContent-Type: text/plain\r\nConnection: close\r\n\
         Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        instance.address
    );
    let reply = instance.raw(chunked.as_bytes()).await.expect("an answer");
    assert_eq!((reply.status, reply.header("x-keyfob-provider")), (403, Some("netatmo")), "{}", reply.text());
    let refreshes = || sandbox.seen("netatmo").iter().filter(|seen| seen.value("grant_type") == Some("refresh_token")).count();
    assert_eq!(refreshes(), 3);
    assert_eq!(instance.ask(&key, "GET", "/api/netatmo/api/getstationsdata").await.status, 200);
    assert_eq!(refreshes(), 3);
}

#[tokio::test]
async fn what_the_provider_says_is_passed_on() {
    let vault = Vault::default();
    let (sandbox, services) = pretend(&vault, &["august", "netatmo"]).await;
    let instance = Instance::start(&vault, services).await;
    let key = vault.key("august", &["* /**"]).await;
    sandbox.faults("august").update(|faults| faults.lock_busy = true);
    let busy = instance.ask(&key, "PUT", "/api/august/remoteoperate/5A9DB0C5000000000000000000000F01/lock").await;
    assert_eq!((busy.status, busy.header("x-keyfob-provider")), (460, Some("august")), "{}", busy.text());
    sandbox.faults("august").update(|faults| (faults.too_many_requests, faults.retry_after) = (1, 20));
    let began = std::time::Instant::now();
    let many = instance.ask(&key, "GET", "/api/august/users/locks/mine").await;
    assert_eq!((many.status, many.header("retry-after"), many.header("x-keyfob-provider")), (429, Some("20"), Some("august")));
    assert!(began.elapsed() < std::time::Duration::from_secs(19), "whoever asked can wait as well");
    // The person has to log in again: that is for their owner to do.
    let netatmo = vault.key("netatmo", &["GET /**"]).await;
    let mut spent = keyfob::Store::account(&*vault.store, "netatmo").await.expect("the store").expect("an account").value;
    let keyfob::proto::TokenSet::OAuth2(tokens) = &mut spent.tokens else { panic!("OAuth 2") };
    tokens.refresh = Some(keyfob::proto::Secret::new("5a9db0c5|spent"));
    keyfob::Store::put_account(&*vault.store, &spent, keyfob::store::Expected::Anything, None).await.expect("stored");
    sandbox.faults("netatmo").expire_access_tokens();
    let stale = instance.ask(&netatmo, "GET", "/api/netatmo/api/getstationsdata").await;
    assert_eq!((stale.status, stale.code().as_str()), (409, "needs-login"));
}
