//! The four providers that people came with first, each through every way in which connecting goes wrong, and to the end: another browser, a wrong answer, a
//! denial, disconnecting.
#![allow(missing_docs)]

mod support;

use keyfob_sandbox::Consent;
use support::World;

/// And what its answer is held to.
const SEEDS: [(&str, &str); 5] =
    [("august", "state"), ("netatmo", "state"), ("fitbit", "state"), ("fitbit-oauth1", "oauth_token"), ("telldus", "oauth_token")];

async fn world() -> World {
    World::known(&SEEDS.map(|(name, _)| name)).await
}

#[tokio::test]
async fn a2_a3_a13_what_another_browser_or_another_login_brings_connects_nothing_at_any_of_them() {
    let world = world().await;
    let mut owner = world.owner().await;
    let mut member = world.member(&mut owner, "Robin").await;
    for (name, names) in SEEDS {
        let url = owner.begin(name).await;
        let back = owner.approve(&url).await;
        let other = owner.begin(name).await;
        let other = owner.approve(&other).await;
        let value = |url: &str| {
            let at = url.find(&format!("{names}=")).unwrap_or_else(|| panic!("no {names} in {url}")) + names.len() + 1;
            url[at..].split('&').next().expect("a value").to_owned()
        };
        // A stranger's browser, one of another person, and one that is the same person's.
        for browser in [&mut world.browser(), &mut member, &mut world.owner().await] {
            let page = browser.get(&back).await;
            assert!(matches!(page.status, 303 | 400 | 403), "{name}: {} {}", page.status, page.text);
            assert!(page.status != 303 || page.location() == "/sign-in", "{name}: {page:?}");
        }
        let good = value(&back);
        for wrong in [format!("x{good}"), String::new(), good.to_uppercase() + "x"] {
            let page = owner.get(&back.replace(&format!("{names}={good}"), &format!("{names}={wrong}"))).await;
            assert_eq!(page.status, 400, "{name} {wrong}: {}", page.text);
        }
        assert!(world.account(name).await.is_none(), "{name}");
        // Each login goes on, and is answered by its own answer, once.
        assert_eq!(owner.get(&back).await.status, 303, "{name}");
        assert!(world.account(name).await.is_some(), "{name}");
        assert_eq!(owner.get(&back).await.status, 400, "{name}");
        // The other one is for a new account, too: beside the first, unless the provider says that it is the same one.
        let is_told = world.account(name).await.expect("it is there").person().is_some();
        let there = if is_told { format!("/accounts/{name}") } else { format!("/accounts/{name}%2F2") };
        assert_eq!(owner.get(&other).await.location(), there, "{name}");
    }
    let accounts = keyfob::Store::accounts(&*world.store).await.expect("accounts");
    let beside = accounts.iter().filter(|account| account.value.name.ends_with("/2")).count();
    assert_eq!((accounts.len(), beside), (SEEDS.len() + 3, 3), "{accounts:?}");
}

#[tokio::test]
async fn a_denial_connects_nothing_at_any_of_them_and_the_next_try_works() {
    let world = world().await;
    let mut owner = world.owner().await;
    for (name, _) in SEEDS {
        let service = world.sandbox.app(name).service;
        world.sandbox.consent(&service, Consent::Deny);
        let url = owner.begin(name).await;
        let back = owner.approve(&url).await;
        let page = owner.get(&back).await;
        assert!(world.account(name).await.is_none(), "{name}");
        assert!(page.status == 303 || page.has("not connected"), "{name}: {} {}", page.status, page.text);
        world.sandbox.consent(&service, Consent::Approve);
        let page = owner.connect(name).await;
        assert!(page.status == 200 && page.has("is connected."), "{name}: {}", page.text);
    }
}

#[tokio::test]
async fn disconnecting_forgets_each_of_them_and_nothing_else() {
    let world = world().await;
    let mut owner = world.owner().await;
    for (name, _) in SEEDS {
        owner.connect(name).await;
    }
    for (nth, (name, _)) in SEEDS.iter().enumerate() {
        let path = format!("/accounts/{name}/logout");
        let form_token = owner.get(&path).await.form_token();
        assert!(world.account(name).await.is_some(), "looking changes nothing");
        assert_eq!(owner.post(&path, &[("form_token", &form_token)]).await.status, 303, "{name}");
        assert!(world.account(name).await.is_none(), "{name}");
        assert_ne!(owner.get(&format!("/accounts/{name}")).await.status, 200, "{name}");
        let left = keyfob::Store::accounts(&*world.store).await.expect("accounts").len();
        assert_eq!(left, SEEDS.len() - nth - 1, "{name}");
    }
}
