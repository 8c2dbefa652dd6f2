//! From the catalogue to a connected account: search, a provider's page, an app into the vault, scopes, a second account.
#![allow(missing_docs)]

mod support;

use keyfob::Store as _;
use keyfob::history::Event;
use keyfob::proto::Origin;
use keyfob::store::Expected;
use keyfob_broker::Config;
use keyfob_providers::Catalogue;
use keyfob_sandbox::{At, Sandbox};
use support::gate::until;
use support::{Page, Setup, World};

const SECRET: &str = "example-secret-not-real";

/// People, august ready to be connected, and everything else with an app that the owner enters.
async fn world() -> World {
    fn more(sandbox: &Sandbox, config: &mut Config) {
        let moved = |provider: &keyfob_providers::Provider| {
            let played = sandbox.apps().into_iter().find(|(name, _)| *name == provider.name);
            let origin = played.and_then(|(_, app)| Origin::parse(&sandbox.origin(&app.service)));
            origin.map_or_else(|| provider.clone(), |origin| provider.at_origin(&origin))
        };
        config.catalogue = Catalogue::embedded().iter().map(moved).collect();
        config.whole_catalogue = true;
        config.broken.insert("shed".to_owned(), "shed.toml:3:1: colour is no member of a provider".to_owned());
    }
    World::with(&["august"], Setup { known: true, more: Some(more), ..Setup::default() }).await
}

/// The entries of the catalogue's page that are there to be seen, in their order.
fn found(page: &Page) -> Vec<String> {
    let entries = page.text.split("<li class=\"card lead-to\"").skip(1);
    let seen = entries.filter(|entry| !entry.split('>').next().unwrap_or_default().contains(" hidden"));
    seen.filter_map(|entry| entry.split("href=\"/providers/").nth(1)?.split('"').next().map(str::to_owned)).collect()
}

#[tokio::test]
async fn the_catalogue_is_searched_without_script() {
    let world = world().await;
    let mut owner = world.owner().await;
    let all = found(&owner.get("/connect").await);
    assert!(all.len() > 100 && all[0] == "august", "what is ready comes first: {all:?}");
    assert_eq!(found(&owner.get("/connect?q=LIVE!+telldus").await), ["telldus"], "by all words, in any case");
    let locks = found(&owner.get("/connect?q=smart+locks&kind=oauth2").await);
    assert!(locks.contains(&"august".to_owned()) && locks.len() < 10, "by what it does: {locks:?}");
    assert!(found(&owner.get("/connect?kind=oauth1").await).contains(&"telldus".to_owned()));
    let nothing = owner.get("/connect?q=%3Cscript%3Ex").await;
    assert!(found(&nothing).is_empty() && nothing.has("Nothing is called that") && nothing.has("0 services"), "{}", nothing.text);
    assert!(nothing.has("value=\"&#60;script&#62;x\""), "what was asked stays, as text");
}

#[tokio::test]
async fn what_a_provider_file_says_to_type_looks_like_it() {
    let world = world().await;
    let mut owner = world.owner().await;
    assert!(owner.get("/providers/telldus").await.has("<code>keyfob import</code> takes all four"));
    for name in found(&owner.get("/connect").await) {
        assert!(!owner.get(&format!("/providers/{name}")).await.has("`"), "{name}");
    }
}

#[tokio::test]
async fn what_is_nearly_always_the_same_stands_in_its_field() {
    let world = world().await;
    let mut owner = world.owner().await;
    let page = owner.get("/providers/microsoft").await;
    assert!(page.has("name=\"tenant\" type=\"text\" value=\"common\""), "{}", page.text);
}

#[tokio::test]
async fn the_owner_enters_an_app_and_connects() {
    let world = world().await;
    let mut owner = world.owner().await;
    let page = owner.get("/providers/netatmo").await;
    assert!(
        page.has(&format!("data-copy=\"{}/callback/netatmo\"", world.origin)) && page.has("https://dev.netatmo.com/apps"),
        "{}",
        page.text
    );
    assert!(page.has("type=\"password\"") && !page.has("name=\"redirect_uri\""), "{}", page.text);
    let token = page.form_token();
    let app = world.sandbox.app("netatmo");

    let incomplete = owner.post("/providers/netatmo/app", &[("form_token", &token), ("client_id", ""), ("client_secret", SECRET)]).await;
    assert!(incomplete.status == 400 && incomplete.has("Client ID"), "{}", incomplete.text);
    assert!(!incomplete.has(SECRET), "a secret is not shown again");
    assert!(world.store.app("netatmo").await.expect("the store").is_none());

    let fields = [("form_token", token.as_str()), ("client_id", &app.client_id), ("client_secret", &app.client_secret)];
    assert_eq!(owner.post("/providers/netatmo/app", &fields).await.location(), "/providers/netatmo");
    let kept = world.store.app("netatmo").await.expect("the store").expect("an app");
    assert_eq!((kept.client_id.as_str(), kept.redirect_uri), (app.client_id.as_str(), Some(format!("{}/callback/netatmo", world.origin))));
    let page = owner.get("/providers/netatmo").await;
    assert!(page.has("Connect Netatmo") && page.has("value=\"read_station\" checked") && !page.has(&app.client_secret), "{}", page.text);
    assert!(page.header("content-security-policy").is_some_and(|policy| policy.contains(&world.sandbox.origin("netatmo"))));

    // A second account beside the first, with what was ticked.
    let form_token = page.form_token();
    let ticked = [("scope", "read_station"), ("scope", "read_thermostat")];
    let fields = [vec![("form_token", form_token.as_str()), ("scopes", "chosen"), ("label", "cabin")], ticked.to_vec()].concat();
    let url = owner.post("/connect/netatmo", &fields).await.location().to_owned();
    assert_eq!(asked(&url), ["read_station", "read_thermostat"]);
    let back = owner.approve(&url).await;
    let next = owner.get(&back).await.location().to_owned();
    assert_eq!(next, "/accounts/netatmo%2Fcabin");
    assert!(owner.get(&next).await.has("Living room"));
    assert_eq!(world.account("netatmo/cabin").await.expect("an account").requested_scopes, ["read_station", "read_thermostat"]);

    // Whoever logs in again wants what that account may do, and not what is usual.
    let url = owner.begin("netatmo/cabin").await;
    assert_eq!(asked(&url), ["read_station", "read_thermostat"]);
    let back = owner.approve(&url).await;
    owner.get(&back).await.location();
    assert_eq!(world.account("netatmo/cabin").await.expect("an account").requested_scopes, ["read_station", "read_thermostat"]);
    assert_eq!(asked(&owner.begin("netatmo").await), ["read_station"], "of a new account, what is usual");
    // Where all ticks are taken out, what is usual is not what was meant.
    let nothing = owner.post("/connect/netatmo", &[("form_token", &page.form_token()), ("scopes", "chosen")]).await;
    assert!(nothing.status == 400 && nothing.has("tick at least one"), "{}", nothing.text);
}

/// What an authorize URL asks for.
fn asked(url: &str) -> Vec<String> {
    let query = url.split_once('?').expect("a query").1;
    let pairs = keyfob::proto::encode::decode_text_pairs(query.as_bytes()).expect("text");
    let scope = pairs.into_iter().find(|(name, _)| name == "scope").expect("scopes").1;
    scope.split(' ').map(str::to_owned).collect()
}

/// No login mends it, and the page says what does: another secret was entered, or the provider changed its own.
#[tokio::test]
async fn the_page_of_an_account_tells_of_an_app_that_the_provider_does_not_take_until_it_does() {
    const TOLD: &str = "Netatmo did not take the app when a token was to be renewed";
    let world = world().await;
    let mut owner = world.owner().await;
    let token = owner.get("/providers/netatmo").await.form_token();
    let app = world.sandbox.app("netatmo");
    let fields = |secret| [("form_token", token.as_str()), ("client_id", app.client_id.as_str()), ("client_secret", secret)];
    owner.post("/providers/netatmo/app", &fields(&app.client_secret)).await;
    owner.connect("netatmo").await;
    owner.post("/providers/netatmo/app", &fields(SECRET)).await;
    assert!(!owner.get("/accounts/netatmo").await.has(TOLD), "its token is good still");
    world.advance(4 * 3600);
    let page = owner.get("/accounts/netatmo").await;
    assert!(page.has(TOLD) && page.has("href=\"/providers/netatmo\">Enter the app anew"), "{}", page.text);
    owner.post("/providers/netatmo/app", &fields(&app.client_secret)).await;
    world.advance(60);
    let page = owner.get("/accounts/netatmo").await;
    assert!(!page.has(TOLD) && page.has("Living room"), "{}", page.text);
}

/// A form that is made by hand asks for no ticks where there are none to make.
#[tokio::test]
async fn where_there_is_nothing_to_tick_nothing_has_to_be_ticked() {
    let world = World::known(&["telldus"]).await;
    let mut owner = world.owner().await;
    let page = owner.get("/providers/telldus").await;
    assert!(!page.has("type=\"checkbox\""), "{}", page.text);
    let begun = owner.post("/connect/telldus", &[("form_token", &page.form_token()), ("scopes", "chosen")]).await;
    assert!(begun.location().starts_with(&world.sandbox.origin("telldus")));
}

/// Such an account is whatever the keys are good for: a member who could connect it would have the owner's shop.
#[tokio::test]
async fn where_keys_alone_sign_nobody_is_sent_anywhere_and_only_the_owner_connects() {
    let world = world().await;
    let mut owner = world.owner().await;
    let mut member = world.member(&mut owner, "Robin").await;
    let page = owner.get("/providers/woocommerce").await;
    assert!(!page.has("redirect URI"), "{}", page.text);
    let token = page.form_token();
    let fields = [("form_token", token.as_str()), ("client_id", "ck_example"), ("client_secret", SECRET), ("store", "shop.example.com")];
    assert_eq!(owner.post("/providers/woocommerce/app", &fields).await.location(), "/providers/woocommerce");
    let token = member.get("/providers/woocommerce").await.form_token();
    let refused = member.post("/connect/woocommerce", &[("form_token", &token)]).await;
    assert!(refused.status == 403 && refused.has("Only the owner"), "{}", refused.text);
    assert!(world.store.accounts().await.expect("the store").is_empty(), "nothing is kept");

    let page = owner.get("/providers/woocommerce").await;
    assert!(page.has("Nobody is asked") && page.has("Connect WooCommerce"), "{}", page.text);
    let connected = owner.post("/connect/woocommerce", &[("form_token", &page.form_token())]).await;
    assert_eq!(connected.location(), "/accounts/woocommerce");
    assert_eq!(world.account("woocommerce").await.expect("an account").provider, "woocommerce");
    assert!(owner.get("/").await.has("WooCommerce is connected") && !member.get("/").await.has("href=\"/accounts/woocommerce"));
}

/// There is no button that cannot work: the page says how tokens come, and whoever posts all the same is told the same.
#[tokio::test]
async fn where_tokens_are_imported_no_page_offers_to_connect_and_each_says_how() {
    let world = world().await;
    let mut owner = world.owner().await;
    let page = owner.get("/providers/magento2").await;
    assert!(page.has("Its tokens are made elsewhere") && page.has("keyfob import magento2") && page.has("Integrations"), "{}", page.text);
    assert!(!page.has("action=\"/connect/") && !page.has("redirect URI"), "{}", page.text);
    let token = page.form_token();
    let fields = [("form_token", token.as_str()), ("client_id", "key"), ("client_secret", SECRET), ("store", "shop.example.com")];
    assert_eq!(owner.post("/providers/magento2/app", &fields).await.location(), "/providers/magento2");
    let page = owner.get("/providers/magento2").await;
    assert!(page.has("keyfob import magento2") && !page.has("action=\"/connect/"), "{}", page.text);
    let refused = owner.post("/connect/magento2", &[("form_token", &page.form_token())]).await;
    assert!(refused.status == 409 && refused.has("keyfob import magento2") && refused.has("Integrations"), "{}", refused.text);
    assert!(world.store.accounts().await.expect("the store").is_empty(), "nothing is kept");
    let start = owner.get("/").await;
    assert!(!start.has("action=\"/connect/magento2"), "{}", start.text);
}

/// A provider that no browser is sent to offers a code and nothing else, and who asks for the other way is told so.
#[tokio::test]
async fn where_no_browser_is_sent_a_code_is_the_only_way() {
    let world = world().await;
    let mut owner = world.owner().await;
    let token = owner.get("/providers/tado").await.form_token();
    assert_eq!(owner.post("/providers/tado/app", &[("form_token", &token), ("client_id", "app")]).await.location(), "/providers/tado");
    let page = owner.get("/providers/tado").await;
    assert!(page.has("action=\"/connect/tado\"") && !page.has("redirect URI") && !page.has("instead"), "{}", page.text);
    let refused = owner.post("/connect/tado", &[("form_token", &page.form_token()), ("way", "redirect")]).await;
    assert!(refused.status == 400 && refused.has("tado° sends no browser back") && refused.has("with a code"), "{}", refused.text);
}

/// An action that was refused says which scope it needs, and where to ask for it, as the command does.
#[tokio::test]
async fn an_action_that_wants_a_scope_says_which_and_where_it_is_asked_for() {
    fn more(sandbox: &Sandbox, config: &mut Config) {
        let text = include_str!("../../keyfob-providers/data/netatmo.toml");
        let wants = ["stations", "measure"].iter().fold(text.to_owned(), |text, name| {
            text.replace(&format!("[actions.{name}]\n"), &format!("[actions.{name}]\nscopes = [\"read_thermostat\"]\n"))
        });
        let provider = keyfob_providers::check(&wants, "netatmo.toml").expect("a file");
        let origin = Origin::parse(&sandbox.origin("netatmo")).expect("an origin");
        config.services.iter_mut().for_each(|service| service.provider = provider.at_origin(&origin));
    }
    let world = World::with(&["netatmo"], Setup { known: true, more: Some(more), ..Setup::default() }).await;
    let mut owner = world.owner().await;
    owner.connect("netatmo").await;
    let path = "/accounts/netatmo/do/stations";
    assert!(!owner.get(path).await.has("it needs the scope"), "nobody was refused");
    // What is wrong with the question is no matter of scopes.
    let wrong = owner.get("/accounts/netatmo/do/measure?device=70:ee:50:5a:9d:b0&types=min_temp&scale=max").await;
    assert!(wrong.has("Invalid type min_temp") && !wrong.text.to_lowercase().contains("it needs the scope"), "{}", wrong.text);
    world.sandbox.faults("netatmo").update(|faults| faults.missing_scope = true);
    let refused = owner.get(path).await;
    let said = "it needs the scope read_thermostat, which this account is not known to have: log in again, with that ticked";
    assert!(refused.text.to_lowercase().contains(said), "{}", refused.text);
    assert!(!refused.has("connect it under another name"), "{}", refused.text);
}

/// Whose tokens were made elsewhere did not log in here.
#[tokio::test]
async fn an_imported_account_is_not_said_to_have_logged_in() {
    let world = World::known(&["netatmo"]).await;
    let mut owner = world.owner().await;
    let page = owner.connect("netatmo").await;
    assert!(page.has("Logged in") && !page.has("Imported"), "{}", page.text);
    let mut account = world.account("netatmo").await.expect("an account");
    // As the command takes them in.
    world.store.remove_account("netatmo", None).await.expect("removed");
    account.id = keyfob::AccountId::random();
    let entry = world.keyfob().entry(&account, Event::LoggedIn { received: None, imported: true });
    world.store.put_account(&account, Expected::Nothing, Some(&entry)).await.expect("kept");
    let page = owner.get("/accounts/netatmo").await;
    assert!(page.has("Imported") && !page.has("Logged in"), "{}", page.text);
    let history = world.ask("owner", "GET", "/v1/accounts/netatmo/history", "").await.json();
    assert_eq!(history["entries"][0]["event"], "imported", "{history}");
}

#[tokio::test]
async fn l8_apps_are_entered_by_the_owner_alone() {
    let world = world().await;
    let mut owner = world.owner().await;
    let mut member = world.member(&mut owner, "Robin").await;
    let page = member.get("/providers/netatmo").await;
    assert!(page.has("Only the owner") && !page.has("name=\"client_secret\""), "{}", page.text);
    let token = member.get("/providers/august").await.form_token();
    let fields = [("form_token", token.as_str()), ("client_id", "x"), ("client_secret", SECRET)];
    assert_eq!(member.post("/providers/netatmo/app", &fields).await.status, 404);
    assert!(world.store.app("netatmo").await.expect("the store").is_none());
    assert!(member.get("/providers/august").await.has("Connect August"), "what is ready, they connect");
    // Guests enter nothing: anybody is one.
    let guests = World::new(&["august"]).await;
    let mut guest = guests.browser();
    let token = guest.get("/providers/august").await.form_token();
    let fields = [("form_token", token.as_str()), ("client_id", "x"), ("client_secret", SECRET), ("api_key", "y")];
    assert_eq!(guest.post("/providers/august/app", &fields).await.status, 404);
    assert_eq!(guest.get("/providers/netatmo").await.status, 404, "nothing else is here");
}

#[tokio::test]
async fn what_the_vault_gets_meanwhile_is_there_to_be_connected() {
    let world = world().await;
    let mut owner = world.owner().await;
    assert!(!owner.get("/providers/telldus").await.has("Connect Telldus"));
    // The command, or another instance, keeps an app.
    let app = support::service(&world.sandbox, "telldus", None).app;
    world.store.put_app("telldus", &app).await.expect("kept");
    let token = owner.get("/").await.form_token();
    let url = owner.post("/connect/telldus", &[("form_token", &token)]).await.location().to_owned();
    assert!(owner.get("/providers/telldus").await.has("Connect Telldus"));
    // The answer comes to an instance that has heard of none of this.
    let (_other, address) = world.another().await;
    let back = owner.approve(&url).await;
    owner.reach(address);
    assert_eq!(owner.get(&back).await.location(), "/accounts/telldus");
    assert!(owner.get("/accounts/telldus").await.has("Living room lamp"));
}

#[tokio::test]
async fn a_links_answer_may_come_to_an_instance_that_has_heard_of_nothing() {
    let world = world().await;
    world.owner().await;
    let app = support::service(&world.sandbox, "telldus", None).app;
    world.store.put_app("telldus", &app).await.expect("kept");
    let made = world.ask("owner", "POST", "/v1/connect-links", r#"{"provider":"telldus","account":"telldus/ada"}"#).await;
    assert_eq!(made.status, 201, "{}", made.text());
    let mut somebody = world.browser();
    let url = somebody.enter(made.json()["url"].as_str().expect("a URL")).await.location().to_owned();
    let back = somebody.approve(&url).await;
    let (_other, address) = world.another().await;
    somebody.reach(address);
    let over = somebody.send("GET", &back, &[("sec-fetch-site", "cross-site")], None).await;
    assert_eq!(over.status, 303, "{}", over.text);
    assert!(world.account("telldus/ada").await.is_some());
}

/// `keyfob serve --provider august`: what else is in the vault is used elsewhere, and nothing is wrong with it.
#[tokio::test]
async fn what_is_served_elsewhere_is_not_out_of_use() {
    fn more(sandbox: &Sandbox, config: &mut Config) {
        config.catalogue = vec![support::service(sandbox, "august", None).provider];
    }
    let world = World::with(&["august", "telldus"], Setup { known: true, more: Some(more), ..Setup::default() }).await;
    let mut owner = world.owner().await;
    owner.connect("telldus").await;
    let mut other = world.account("telldus").await.expect("an account");
    (other.name, other.provider, other.id) = ("attic".to_owned(), "attic".to_owned(), keyfob::AccountId::random());
    let entry = world.keyfob().entry(&other, Event::LoggedIn { received: None, imported: true });
    world.store.put_account(&other, Expected::Nothing, Some(&entry)).await.expect("kept");
    assert!(!owner.get("/").await.has("attic"));
    assert_eq!(owner.get("/accounts/attic").await.status, 404);
}

/// What is in the vault is somebody's, whether anything can use it or not.
#[tokio::test]
async fn an_account_that_nothing_can_use_is_seen_and_can_be_removed() {
    let world = world().await;
    let mut owner = world.owner().await;
    let mut member = world.member(&mut owner, "Robin").await;
    let app = support::service(&world.sandbox, "telldus", None).app;
    world.store.put_app("telldus", &app).await.expect("kept");
    owner.connect("telldus").await;
    // Of a provider that was described by a file of the owner's, and one of the member's.
    let mut unknown = world.account("telldus").await.expect("an account");
    let member_id = serde_json::from_str::<serde_json::Value>(&member.get("/v1/me").await.text).expect("JSON")["id"].clone();
    let theirs = format!("~{}/attic/b", member_id.as_str().expect("an id"));
    for name in ["attic", &theirs] {
        (unknown.name, unknown.provider, unknown.id) = (name.to_owned(), "attic".to_owned(), keyfob::AccountId::random());
        let entry = world.keyfob().entry(&unknown, Event::LoggedIn { received: None, imported: true });
        world.store.put_account(&unknown, Expected::Nothing, Some(&entry)).await.expect("kept");
    }
    assert!(world.store.remove_app("telldus").await.expect("the store"));
    until("it is out of use", async || owner.get("/").await.has("Telldus Live! has no app here any more")).await;
    assert!(owner.get("/").await.has("href=\"/accounts/telldus\""));
    let page = owner.get("/accounts/telldus").await;
    assert!(page.status == 200 && page.has("Telldus Live! has no app here any more") && page.link("Enter the app") == "/providers/telldus");
    let page = owner.get("/accounts/attic").await;
    assert!(page.status == 200 && page.has("Put attic.toml back into the folder") && !page.has("Enter the app"), "{}", page.text);
    // L8: nobody else's.
    for path in [format!("/accounts/{}", theirs.replace('/', "%2F")), "/accounts/attic%2Fb".to_owned(), "/accounts/nothing".to_owned()] {
        assert_eq!(owner.get(&path).await.status, 404, "{path}");
    }
    let page = member.get("/accounts/attic%2Fb").await;
    assert!(page.status == 200 && page.has("Ask whoever runs this Keyfob") && !page.has("keyfob provider list"), "{}", page.text);
    assert_eq!(member.get("/accounts/attic").await.status, 404);
    let form_token = member.get("/settings").await.form_token();
    assert_eq!(member.post("/accounts/attic/logout", &[("form_token", &form_token)]).await.status, 404);
    // Whoever is rid of one sees it gone.
    let form_token = owner.get("/accounts/attic/logout").await.form_token();
    assert_eq!(owner.post("/accounts/attic/logout", &[("form_token", &form_token)]).await.location(), "/");
    let start = owner.get("/").await;
    assert!(
        start.has("attic is removed") && !start.has("href=\"/accounts/attic\"") && start.has("href=\"/accounts/telldus\""),
        "{}",
        start.text
    );
    assert!(world.account("attic").await.is_none() && world.account(&theirs).await.is_some());
    assert!(owner.get("/activity").await.has("attic"));
    // And what comes back is as it was.
    world.store.put_app("telldus", &app).await.expect("kept");
    assert!(owner.get("/accounts/telldus").await.has("Living room lamp"));
}

/// Its file is there: whoever is told that it is not looks for it in vain.
#[tokio::test]
async fn a_provider_file_that_is_broken_is_told_as_that() {
    let world = world().await;
    let mut owner = world.owner().await;
    owner.connect("august").await;
    let mut account = world.account("august").await.expect("an account");
    (account.name, account.provider, account.id) = ("shed".to_owned(), "shed".to_owned(), keyfob::AccountId::random());
    let entry = world.keyfob().entry(&account, Event::LoggedIn { received: None, imported: true });
    world.store.put_account(&account, Expected::Nothing, Some(&entry)).await.expect("kept");
    assert!(owner.get("/").await.has("The file that describes shed is broken"));
    let page = owner.get("/accounts/shed").await;
    assert!(page.status == 200 && page.has("shed.toml:3:1: colour is no member") && !page.has("put shed.toml back"), "{}", page.text);
    let page = owner.get("/providers/shed").await;
    assert!(page.status == 409 && page.has("The provider file of shed is broken"), "{}", page.text);
    assert_eq!(owner.get("/providers/nothing").await.status, 404);
    // Where it is the only account there is, what follows it has a heading of its own.
    let form_token = owner.get("/accounts/august/logout").await.form_token();
    assert_eq!(owner.post("/accounts/august/logout", &[("form_token", &form_token)]).await.status, 303);
    let start = owner.get("/").await;
    assert!(start.has("Out of use") && start.has("<h2 class=\"band\">Ready to be connected</h2>"), "{}", start.text);
}

/// However short it was there: an app that is taken away must not be served until the next start.
#[tokio::test]
async fn an_app_that_is_taken_away_at_once_is_gone() {
    let world = world().await;
    let mut owner = world.owner().await;
    let app = support::service(&world.sandbox, "netatmo", None).app;
    let is_gone = async |owner: &mut support::Browser| !owner.get("/providers/netatmo").await.has("Connect Netatmo");
    // Entered on a page, and taken away before anybody has looked at the vault.
    let token = owner.get("/providers/netatmo").await.form_token();
    let secret = app.client_secret.as_ref().expect("a secret").expose();
    let fields = [("form_token", token.as_str()), ("client_id", &app.client_id), ("client_secret", secret)];
    assert_eq!(owner.post("/providers/netatmo/app", &fields).await.location(), "/providers/netatmo");
    assert!(world.store.remove_app("netatmo").await.expect("the store"));
    until("it is gone", async || is_gone(&mut owner).await).await;
    // Found in the vault by a login.
    world.store.put_app("netatmo", &app).await.expect("kept");
    let token = owner.get("/").await.form_token();
    owner.post("/connect/netatmo", &[("form_token", &token)]).await.location();
    assert!(world.store.remove_app("netatmo").await.expect("the store"));
    until("it is gone", async || is_gone(&mut owner).await).await;
    // There at the start, and not any more when the program first looks.
    world.store.put_app("netatmo", &app).await.expect("kept");
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let services = ["august", "netatmo"].map(|name| support::service(&world.sandbox, name, None)).to_vec();
    let mut config = support::config(address, services, world.keyfob(), Some(world.origin.clone()));
    config.shelf = world.shelf.clone().map(|shelf| shelf as _);
    config.catalogue = Catalogue::embedded().iter().cloned().collect();
    let site = keyfob_broker::Site::discover(config).await.expect("a site");
    assert!(world.store.remove_app("netatmo").await.expect("the store"));
    tokio::spawn(keyfob_broker::serve(site, listener, std::future::pending()));
    owner.reach(address);
    until("it is gone", async || is_gone(&mut owner).await).await;
    assert!(owner.get("/providers/august").await.has("Connect August"), "what was never in the vault stays");
}

/// A sandbox's demo app is in no vault. One of one's own takes its place as long as it is there, for the command and so here; and keeping the demo app itself
/// changes nothing.
#[tokio::test]
async fn the_app_that_it_was_started_with_is_used_again_when_the_vaults_is_gone() {
    let world = world().await;
    let mut owner = world.owner().await;
    owner.connect("august").await;
    let demo = support::service(&world.sandbox, "august", None).app;
    let mut own = demo.clone();
    own.client_id = "an-app-of-ones-own".to_owned();
    let begins = async |owner: &mut support::Browser, client_id: &str| {
        // It looks once a second, and whoever begins too often is refused.
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        owner.begin("august").await.contains(&client_id.replace(' ', "+"))
    };
    world.store.put_app("august", &own).await.expect("kept");
    until("the vault's is used", async || begins(&mut owner, &own.client_id).await).await;
    // And another one after that.
    own.client_id = "yet-another-one".to_owned();
    world.store.put_app("august", &own).await.expect("kept");
    until("the newest is used", async || begins(&mut owner, &own.client_id).await).await;
    assert!(world.store.remove_app("august").await.expect("the store"));
    until("the demo app is used again", async || {
        owner.get("/providers/august").await.has("Connect August") && begins(&mut owner, &demo.client_id).await
    })
    .await;
    assert!(owner.get("/accounts/august").await.has("Front Door"));
    world.store.put_app("august", &demo).await.expect("kept");
    tokio::time::sleep(std::time::Duration::from_millis(2500)).await;
    assert!(world.store.remove_app("august").await.expect("the store"));
    tokio::time::sleep(std::time::Duration::from_millis(2500)).await;
    assert!(owner.get("/providers/august").await.has("Connect August"));
}

/// What one of them was told counts at the others, and so does what the command does: without a restart.
#[tokio::test]
async fn an_app_that_is_changed_elsewhere_is_the_one_that_is_used() {
    let world = world().await;
    let (_other, address) = world.another().await;
    let (mut owner, mut elsewhere) = (world.owner().await, world.owner().await);
    elsewhere.reach(address);
    let sandbox = world.sandbox.app("netatmo");
    let keep = async |owner: &mut support::Browser, client_id: &str| {
        let token = owner.get("/providers/netatmo").await.form_token();
        let fields = [("form_token", token.as_str()), ("client_id", client_id), ("client_secret", &sandbox.client_secret)];
        assert_eq!(owner.post("/providers/netatmo/app", &fields).await.location(), "/providers/netatmo");
    };
    keep(&mut owner, "a-wrong-one").await;
    let mut there = async |wanted: &str| {
        let begins = format!("client_id={wanted}&");
        until("the other instance uses it", async || {
            // It looks once a second, and whoever begins too often is refused.
            tokio::time::sleep(std::time::Duration::from_millis(300)).await;
            elsewhere.get("/providers/netatmo").await.has("Connect Netatmo") && elsewhere.begin("netatmo").await.contains(&begins)
        })
        .await;
    };
    there("a-wrong-one").await;
    keep(&mut owner, &sandbox.client_id).await;
    there(&sandbox.client_id).await;
    let page = elsewhere.connect("netatmo").await;
    assert_eq!(page.status, 200, "{}", page.text);
    // The command takes it away, at all of them.
    assert!(world.store.remove_app("netatmo").await.expect("the store"));
    until("neither has it", async || {
        let gone = !owner.get("/providers/netatmo").await.has("Connect Netatmo");
        gone && !elsewhere.get("/providers/netatmo").await.has("Connect Netatmo")
    })
    .await;
    assert!(owner.get("/providers/august").await.has("Connect August"), "what was never in the vault stays");
}

/// The tokens of before are good for the app of before alone. Whoever has them is told what to do, and by no name that they have not given.
#[tokio::test]
async fn an_account_of_the_app_of_before_wants_a_new_login() {
    let world = world().await;
    let mut owner = world.owner().await;
    let mut member = world.member(&mut owner, "Robin").await;
    let sandbox = world.sandbox.app("netatmo");
    let enter = async |owner: &mut support::Browser, client_id: &str| {
        let token = owner.get("/providers/netatmo").await.form_token();
        let fields = [("form_token", token.as_str()), ("client_id", client_id), ("client_secret", &sandbox.client_secret)];
        assert_eq!(owner.post("/providers/netatmo/app", &fields).await.location(), "/providers/netatmo");
    };
    enter(&mut owner, &sandbox.client_id).await;
    assert!(member.connect("netatmo").await.has("Living room"));
    let in_vault = world.store.accounts().await.expect("accounts").remove(0).value.name;
    let person = in_vault.trim_start_matches('~').split('/').next().expect("a person").to_owned();
    enter(&mut owner, "another-client-id").await;
    let known = |text: &str| assert!(!text.contains('~') && !text.contains(&person) && !text.contains("keyfob login"), "{text}");
    let account = member.get("/accounts/netatmo").await;
    for page in [&member.get("/").await, &account] {
        assert!(page.status == 200 && page.has("wants a new login: ") && page.has("another app"), "{}", page.text);
        assert!(!page.has("renews itself"), "{}", page.text);
        known(&page.text);
    }
    assert!(account.has("Log in again"));
    let page = member.get("/accounts/netatmo/do/stations").await;
    assert!(page.status == 403 && page.has("Netatmo wants a new login") && page.has("another app"), "{} {}", page.status, page.text);
    known(&page.text);
    let listed = world.ask(&person, "GET", "/v1/accounts/netatmo", "").await.json();
    assert!(listed["health"] == "needs-login" && listed["reason"].as_str().is_some_and(|why| why.contains("another app")), "{listed}");
    let refused = world.ask(&person, "POST", "/v1/accounts/netatmo/refresh", "").await;
    assert_eq!((refused.status, refused.code().as_str()), (409, "needs-login"), "{}", refused.text());
    assert!(refused.text().contains("another app"), "{}", refused.text());
    known(&refused.text());
    // And with the app of before, all is as it was.
    enter(&mut owner, &sandbox.client_id).await;
    assert!(member.get("/accounts/netatmo").await.has("Living room"));
}

#[tokio::test]
async fn what_exists_in_the_sandbox_only_is_not_offered_where_nothing_is_pretended() {
    let world = world().await;
    let all = found(&world.owner().await.get("/connect?all=1").await);
    assert!(all.contains(&"august".to_owned()) && !all.iter().any(|name| name.starts_with("acme")), "{all:?}");
}

#[tokio::test]
async fn a_field_for_a_day_holds_the_day_that_is_meant() {
    let world = World::known(&["fitbit"]).await;
    let mut owner = world.owner().await;
    owner.connect("fitbit").await;
    let page = owner.get("/accounts/fitbit/do/sleep").await;
    assert!(page.has("type=\"date\"") && !page.has("days ago\""), "{}", page.text);
    assert!(page.text.split("type=\"date\"").skip(1).all(|field| field.split('>').next().is_some_and(|rest| rest.contains("value=\"20"))));
}

/// The command's redirect URI is another one: at the web app's somebody answers.
#[tokio::test]
async fn nothing_is_said_of_the_commands_redirect_uri_beside_our_own() {
    let world = world().await;
    let mut owner = world.owner().await;
    let mut told = 0;
    for provider in Catalogue::embedded().iter() {
        let page = owner.get(&format!("/providers/{}", provider.name)).await;
        assert_eq!(page.status, 200, "{}", provider.name);
        let (redirects, ours) = (page.has("Enter this redirect URI there"), format!("\"{}/callback/{}\"", world.origin, provider.name));
        assert_eq!(redirects, page.has(&ours), "{}: {}", provider.name, page.text);
        told += usize::from(redirects);
        for said in ["nobody answers", "its address bar", "url to paste", "--device"] {
            assert!(!page.text.to_lowercase().contains(said), "{}: {said}: {}", provider.name, page.text);
        }
    }
    assert!(told > 100, "{told}");
}

#[tokio::test]
async fn a_span_that_ends_before_it_begins_is_asked_for_again() {
    let world = World::known(&["netatmo"]).await;
    let mut owner = world.owner().await;
    owner.connect("netatmo").await;
    world.sandbox.clear_seen();
    let path = "/accounts/netatmo/do/measure?device=70:ee:50:5a:9d:b0&scale=1day&from=2026-02-01&to=2026-01-02";
    let page = owner.get(path).await;
    assert!(page.status == 400 && page.has("role=\"alert\"") && page.has("from is earlier than to"), "{} {}", page.status, page.text);
    for kept in ["value=\"2026-02-01\"", "value=\"2026-01-02\"", "value=\"70:ee:50:5a:9d:b0\"", "value=\"1day\" selected"] {
        assert!(page.has(kept), "{kept}: {}", page.text);
    }
    assert!(world.sandbox.seen("netatmo").is_empty(), "nobody is asked");
    // A value that is none stands in the form, too, and nothing is said of how a command is used.
    let wrong = owner.get("/accounts/netatmo/do/measure?device=70:ee:50:5a:9d:b0&scale=1day&from=never").await;
    assert!(wrong.status == 400 && wrong.has("value=\"never\"") && wrong.has("role=\"alert\""), "{}", wrong.text);
    // The last moment is a word that the provider knows.
    let last = owner.get("/accounts/netatmo/do/measure?device=70:ee:50:5a:9d:b0&scale=1day&from=2026-02-01&to=last").await;
    assert_eq!(last.status, 200, "{}", last.text);
}

#[tokio::test]
async fn a_page_says_nothing_of_how_a_command_is_used() {
    let world = World::known(&["august"]).await;
    let mut owner = world.owner().await;
    owner.connect("august").await;
    let token = owner.get("/").await.form_token();
    let none = owner.post("/accounts/august/do/unlock-now", &[("form_token", &token)]).await;
    assert!(none.status == 400 && none.has("role=\"alert\"") && !none.has("usage") && !none.has("Usage"), "{}", none.text);
}

#[tokio::test]
async fn what_can_be_chosen_is_called_what_people_call_it() {
    let world = World::known(&["netatmo"]).await;
    let mut owner = world.owner().await;
    owner.connect("netatmo").await;
    let form = owner.get("/accounts/netatmo/do/measure").await;
    for (value, title) in [("min_temp", "Lowest temperature"), ("WindAngle", "Wind direction"), ("30min", "Half an hour"), ("CO2", "CO2")] {
        let field = form.text.split_once(&format!("value=\"{value}\"")).unwrap_or_else(|| panic!("no {value}: {}", form.text)).1;
        let label = field.split_once('>').expect("its end").1.split('<').next().unwrap_or_default().trim();
        assert_eq!(label, title);
    }
    let chosen = "device=70:ee:50:5a:9d:b0&types=min_temp&scale=1day&from=5%20days%20ago";
    let series = owner.get(&format!("/accounts/netatmo/do/measure?{chosen}")).await;
    assert!(series.has("Lowest temperature (°C)") && !series.has("min_temp (°C)"), "{}", series.text);
}

#[tokio::test]
async fn until_when_a_provider_takes_no_calls_is_said() {
    let world = World::known(&["netatmo"]).await;
    let mut owner = world.owner().await;
    owner.connect("netatmo").await;
    world.sandbox.faults("netatmo").update(|faults| (faults.at, faults.retry_after, faults.too_many_requests) = (At::Api, 7200, 1_000_000));
    for path in ["/accounts/netatmo/do/stations", "/accounts/netatmo"] {
        let page = owner.get(path).await;
        assert!(page.has("takes no more calls for now") && page.has("Calls are taken again from <time datetime="), "{}", page.text);
        assert!(page.has("each view of this page asks Netatmo once more") && page.has("wait until then"), "{}", page.text);
    }
}
