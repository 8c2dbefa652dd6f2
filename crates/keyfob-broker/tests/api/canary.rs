//! L7: no secret of a provider is in any answer to a browser or a program, nor in what is told to others.

use keyfob::proto::Origin;
use keyfob_broker::paths;
use keyfob_sandbox::Sandbox;
use serde_json::json;

use super::Program;
use super::support::hostile::{ACCESS, API_KEY, CLIENT_SECRET, CODE, REFRESH};
use super::support::{Setup, World, hostile};
use super::webhooks::Receiver;

const SECRETS: [&str; 5] = [ACCESS, REFRESH, CLIENT_SECRET, API_KEY, CODE];

#[track_caller]
fn is_clean(what: &str, text: &str) {
    for secret in SECRETS {
        assert!(!text.contains(secret), "{secret} in {what}:\n{text}");
    }
}

#[tokio::test]
async fn l7_no_secret_is_told_to_anybody_on_any_route() {
    let receiver = Receiver::start().await;
    // It mirrors its tokens into everything that it says.
    let (service, _) = hostile::start().await;
    let sandbox = Sandbox::start().await.expect("a sandbox");
    let origin = Origin::parse(&receiver.origin).expect("an origin");
    let world = World::set_up(sandbox, vec![service], Setup { known: true, webhook_origins: vec![origin], ..Setup::default() }).await;
    let mut owner = world.owner().await;
    let program = Program::of(&world, "owner").await;
    let hook = program.post("/v1/webhooks", &json!({"url": format!("{}/hook", receiver.origin)})).await;
    assert_eq!(hook.status, 201, "{}", hook.text());
    let url = owner.begin("hostile").await;
    let state = url.split("state=").nth(1).and_then(|rest| rest.split('&').next()).expect("a state").to_owned();
    assert_eq!(owner.get(&format!("/callback/hostile?code={CODE}&state={state}")).await.status, 303);
    let things = world.things("owner", "hostile").await;
    let key = program.post("/v1/keys", &json!({"account": "hostile", "allow": ["* /**"]})).await.json();
    let key = Program { address: world.address, token: key["key"].as_str().expect("a key").to_owned() };

    let (mut pages, mut answers) = (0, 0);
    for pattern in paths() {
        for action in ["things", "plain", "series", "broken", "thing", "use"] {
            let path = things.fill(pattern, "hostile", action, "owner");
            let path = if path.contains("/do/") { format!("{path}?id=1") } else { path };
            let page = owner.get(&path).await;
            let headers: String = page.headers.iter().map(|(name, value)| format!("{name}: {value}\n")).collect();
            is_clean(&path, &format!("{headers}{}", page.text));
            pages += usize::from(page.status == 200);
        }
        // To hand a token to who may see it is what this one is for.
        if pattern == "/token/{account}" {
            continue;
        }
        let path = things.fill(pattern, "hostile", "things", "owner").replace("users/locks/mine", "things");
        for caller in [&program, &key] {
            let reply = caller.get(&path).await;
            is_clean(&path, &reply.text());
            answers += usize::from(reply.status == 200);
        }
    }
    assert!(pages >= 15 && answers >= 20, "{pages} pages, {answers} answers");

    // What changes something is answered, and told.
    for (method, path) in
        [("POST", "/v1/accounts/hostile/refresh"), ("GET", "/v1/accounts/hostile/history"), ("DELETE", "/v1/accounts/hostile")]
    {
        let reply = program.send(method, path, &[], "").await;
        assert_eq!(reply.status, 200, "{path}: {}", reply.text());
        is_clean(path, &reply.text());
    }
    for message in receiver.has(3).await {
        is_clean("a message", &format!("{}\n{}", message.head, message.body));
    }
}
