//! Every file of the catalogue, walked: a client that knows it, and a provider that is imitated from it by another reader.
//!
//! Both sides read one file, so this proves that Keyfob does what the file says, and not that the file is right. And it proves that only where the walk
//! notices: so each fact that is walked is changed on the client's side alone, and the walk has to fail. What it does not notice is in
//! docs/catalogue.md, which is made here: `KEYFOB_WRITE_DOCS=1 cargo test -p keyfob-e2e --test catalogue` writes it anew.
#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use keyfob::HyperTransport;
use keyfob::proto::jose::{Algorithm, AwsLc, Crypto as _};
use keyfob_e2e::mutation::{Mutant, mutants};
use keyfob_e2e::walk::{self, Failure};
use keyfob_interop::http as wire;
use keyfob_providers::{Catalogue, Provider};
use keyfob_sandbox::Imitation;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// Walks at once: each is a conversation with itself, so more than the machine has cores.
const AT_ONCE: usize = 8;

/// So many files stand for all that have the same habit. `KEYFOB_ALL_MUTANTS=1` takes all.
const OF_A_KIND: usize = 2;

/// No walk takes longer, however busy the machine. One that does fails the test: it has not shown that anything is noticed.
const PATIENCE: Duration = Duration::from_secs(300);

/// What came of it when every change of every file was walked last: the day, how many there were, how many walks failed, and how many files were refused.
const EVERY_ONE: (&str, usize, usize, usize) = ("2026-12-01", 6594, 6045, 169);

/// Why a walk does not notice: field, change, reason. What is not here is not proven.
const UNNOTICED: &[(&str, &str, &str)] = &[
    ("api.batch", "another path", NO_KEY),
    ("api.batch", "another value", NO_KEY),
    ("api.batch", "gone", NO_KEY),
    ("api.expired", "one more", "There is no refresh token here, so a call that meets an expired token is the same error either way."),
    ("api.method_override", "another value", NO_KEY),
    ("api.method_override", "one less", NO_KEY),
    ("api.method_override", "one more", NO_KEY),
    ("endpoints.jwks", "another host", NO_ID_TOKEN),
    ("endpoints.jwks", "another path", NO_ID_TOKEN),
    ("endpoints.jwks", "gone", "Without keys an ID token is kept and not believed. A server notices nothing of that."),
    ("oauth2.client_auth", "basic", NO_SECRET),
    ("oauth2.client_auth", "basic-raw", NO_SECRET),
    ("oauth2.client_auth", "basic-secret", NO_SECRET),
    ("oauth2.client_auth", "post", NO_SECRET),
    ("oauth2.default_lifetime", "another value", TOLD),
    ("oauth2.default_lifetime", "gone", TOLD),
    ("oauth2.grant_ended", "another value", "Where a file names several statuses, the pretend provider answers with one of them."),
    ("oauth2.rotates", "true", EVERY_TOKEN_ONCE),
    ("oauth2.rotates", "false", EVERY_TOKEN_ONCE),
    ("oauth2.scope_separator", "another value", "One scope alone has nothing between it and the next."),
];

const NO_KEY: &str = "It is for programs with a valet key, and a walk has none. The web app's tests send such calls, and those of the catalogue name its facts.";
const NO_ID_TOKEN: &str = "The file asks for no ID token unless somebody adds the scope openid, so keys are not asked for.";
const TOLD: &str = "Its answers say how long all the same, under a name of their own, and what an answer says counts.";
const NO_SECRET: &str = "The app has no secret, and sends its id in the body whatever the file says.";
const EVERY_TOKEN_ONCE: &str =
    "Nothing depends on it: Keyfob spends every refresh token as if it were good for one use, and keeps the old one where no other comes.";

/// What is not changed, since no walk could notice.
const NOT_WALKED: &str = "\
- what is for people: `title`, `about`, `homepage`, `sources`, `status` and `[retired]`, `[scopes]`, everything in `[client]` but the names of its fields and their defaults
- how an action's answer is shown (`rows`, `columns`, `links`, `view`, `page`), since no file says what a provider answers; what an argument fills; and
  actions that want an argument, or change something
- `kind`, which is another file then
- `oauth2.refresh_lifetime`: nothing depends on it but what people are told
- `oauth2.par_required`: where `endpoints.par` is there every request is pushed, required or not
- where `oauth1.body_hash` is `on`, and not `required`: it is the same for a body that is at hand

No file has `endpoints.par`, `endpoints.userinfo`, `endpoints.end_session`, `oauth1.body_hash`, `oauth1.empty_token`, `oauth2.grant_types` and
`oauth2.id_token_algorithms`; they are walked, and each of them changed, in files that are nobody's. So are `oauth1.signature` by RSA
and `api.attach` in a form.

These are not imitated, and no file has them: `oauth2.dpop`, `oauth2.request_object`, `oauth2.client_auth` as `client_secret_jwt`, `private_key_jwt` or
`tls`, and `oauth2.id_token_algorithms` without `RS256`. An imitation of a file that says one of them (`keyfob sandbox --as`) does not begin, and says
which key that is, what it means, and what to do. The first file of the catalogue that has one fails the walk until the imitation behaves by it.
";

/// A file and its name.
#[derive(Clone)]
struct File {
    name: String,
    text: String,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(1).unwrap().to_path_buf()
}

fn files() -> Vec<File> {
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(root().join("crates/keyfob-providers/data")).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "toml"));
    files.sort();
    let read = |file: PathBuf| File {
        name: file.file_stem().unwrap().to_string_lossy().into_owned(),
        text: std::fs::read_to_string(file).unwrap(),
    };
    files.into_iter().map(read).collect()
}

/// Walks with each of these files to the provider beside it; says how each ended, in their order.
async fn walked(walks: Vec<(File, String)>) -> Vec<Result<(), Failure>> {
    let (transport, turns) = (walk::transport(), Arc::new(Semaphore::new(AT_ONCE)));
    let mut under_way = JoinSet::new();
    let all = walks.len();
    for (at, (provider, client)) in walks.into_iter().enumerate() {
        let (transport, turns) = (transport.clone(), turns.clone());
        under_way.spawn(async move {
            let _turn = turns.acquire().await.unwrap();
            // A provider that cannot be imitated is nobody's finding either.
            let imitation = Imitation::start(&provider.text).await.unwrap_or_else(|problem| panic!("{}: {problem}", provider.name));
            let walked = tokio::time::timeout(PATIENCE, walk::walk(&client, &imitation, &transport)).await;
            (at, walked.unwrap_or_else(|_| Err(Failure::Silent(format!("not within {PATIENCE:?}")))))
        });
    }
    let ended: BTreeMap<usize, Result<(), Failure>> = under_way.join_all().await.into_iter().collect();
    assert_eq!(ended.len(), all);
    ended.into_values().collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_provider_of_the_catalogue_is_walked() {
    let files = files();
    assert!(files.len() > 110, "{}", files.len());
    let ends = walked(files.iter().map(|file| (file.clone(), file.text.clone())).collect()).await;
    let failed: Vec<String> = files.iter().zip(ends).filter_map(|(file, end)| Some(format!("{}: {}", file.name, end.err()?))).collect();
    assert!(failed.is_empty(), "{} walks failed:\n{}", failed.len(), failed.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_has_one_fact_wrong_does_not_get_through() {
    let all = std::env::var_os("KEYFOB_ALL_MUTANTS").is_some();
    let chosen = chosen(if all { usize::MAX } else { OF_A_KIND });
    let ends = walked(chosen.iter().map(|(file, mutant)| (file.clone(), mutant.text.clone())).collect()).await;
    let (mut found, mut silent) = (Findings::default(), Vec::new());
    for ((file, mutant), end) in chosen.iter().zip(&ends) {
        let finding = found.entry((mutant.field, mutant.change)).or_default();
        let told = |why: &Failure| format!("{} {} {}: {why}", file.name, mutant.field, mutant.change);
        if let (Err(why), true) = (end, std::env::var_os("KEYFOB_SHOW").is_some()) {
            eprintln!("{}", told(why));
        }
        match end {
            Ok(()) => drop(finding.unnoticed.insert(file.name.clone())),
            Err(Failure::Ended(_)) => finding.noticed += 1,
            Err(Failure::Refused(_)) => finding.refused += 1,
            Err(why @ Failure::Silent(_)) => silent.push(told(why)),
        }
    }
    assert!(silent.is_empty(), "{} walks say nothing:\n{}", silent.len(), silent.join("\n"));
    if all {
        let sum = |of: fn(&Finding) -> usize| found.values().map(of).sum::<usize>();
        let (noticed, refused) = (sum(|finding| finding.noticed), sum(|finding| finding.refused));
        let passed = chosen.len() - noticed - refused;
        eprintln!("{} mutants: {noticed} noticed, {passed} unnoticed for known reasons or new, {refused} refused when read", chosen.len());
        let new: Vec<_> =
            found.iter().filter(|((field, change), finding)| !finding.unnoticed.is_empty() && reason(field, change).is_none()).collect();
        assert!(new.is_empty(), "of {} mutants these went unnoticed: {new:?}", chosen.len());
        assert_eq!((chosen.len(), noticed, refused), (EVERY_ONE.1, EVERY_ONE.2, EVERY_ONE.3), "write it down, with the day: EVERY_ONE");
        return;
    }
    let every_one = self::chosen(usize::MAX).len();
    assert_eq!(
        every_one, EVERY_ONE.1,
        "files or changes are others than when all were walked: do it again (CONTRIBUTING.md), and write down what came of it"
    );
    for key in ["par =", "userinfo =", "end_session =", "body_hash =", "empty_token =", "grant_types =", "id_token_algorithms ="] {
        let having: Vec<String> =
            files().into_iter().filter(|file| file.text.lines().any(|line| line.starts_with(key))).map(|file| file.name).collect();
        assert!(having.is_empty(), "NOT_WALKED says that no file has {key} {having:?}");
    }
    let (path, page) = (root().join("docs/catalogue.md"), page(&found, files().len()));
    if std::env::var_os("KEYFOB_WRITE_DOCS").is_some() {
        std::fs::write(&path, &page).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(written == page, "docs/catalogue.md is not what was found; write it anew with KEYFOB_WRITE_DOCS=1:\n{page}");
}

/// What can be said and no file says is walked too, in a file that is nobody's.
#[tokio::test(flavor = "multi_thread")]
async fn what_no_file_says_is_walked_too() {
    let rare = ["oauth2.token_body", "api.query", "api.pages", "api.expired", "endpoints.token"];
    nobody(NOBODY.to_owned(), &rare, 10).await;
    // Its tokens and errors are JSON then, and its grants go by other names.
    let own = NOBODY
        .replace("[api]\n", "grant_types = { authorization_code = \"web_server\", refresh_token = \"refresh\" }\n[oauth2.token_error]\ncode = \"/code\"\nmessage = \"/text\"\nnone = [0]\ninvalid_grant = [7, 8]\n[api]\n")
        .replace("client_id = \"appid\"", "client_id = \"appid\", grant_type = \"type\"")
        .replace("form-answer", "own-error");
    nobody(own, &["oauth2.grant_types", "oauth2.token_error", "oauth2.parameter_names"], 10).await;
    // A token in the form of a call.
    let in_form = NOBODY.replace("[api]\n", "[api]\nattach = { body = \"token\" }\n")
        + "[actions.find]\nabout = \"Find\"\nmethod = \"POST\"\npath = \"/find\"\nform = { what = \"all\" }\nacts = false\n";
    nobody(in_form, &["api.attach", "api.pages", "actions.form"], 8).await;
    nobody(NOBODY.replace("form-answer", "camel-case"), &["deviations"], 1).await;
}

/// Counts in ways that no file has: one period that is not said with calls that read beside, and what is left for several.
#[tokio::test(flavor = "multi_thread")]
async fn counts_that_no_file_tells_are_walked_too() {
    let with = |limits: &str| NOBODY.replace("pages = {", &format!("limits = {{ {limits} }}\npages = {{"));
    nobody(with("limit = \"x-limit\", usage = \"x-used\""), &["api.limits"], 4).await;
    let reads = with("limit = \"x-limit\", remaining = \"x-left\", reads = { limit = \"x-read\", remaining = \"x-read-left\" }");
    nobody(reads, &["api.limits"], 8).await;
    nobody(with("remaining = \"x-left\", periods = [60, 3600]"), &["api.limits"], 6).await;
    nobody(with("structured = \"ratelimit\", policy = \"ratelimit-policy\""), &["api.limits"], 4).await;
    nobody(with("structured = \"ratelimit\""), &["api.limits"], 2).await;
}

/// Providers that no browser is sent to, and the same with a page.
#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_has_no_page_is_walked_too() {
    let page = "authorize = \"https://login.nobody.example/authorize\"";
    let both =
        NOBODY.replace(page, &format!("{page}\ndevice = \"https://login.nobody.example/device\"")).replace("form-answer", "camel-case");
    let both = both.replace("token_body = \"query\"\n", "");
    nobody(both.clone(), &["endpoints.authorize", "endpoints.device"], 5).await;
    let by_code = both.replace(page, "").replace("[oauth2]", "[client.redirect]\ndevice_only = true\n\n[oauth2]");
    nobody(by_code, &["endpoints.authorize", "endpoints.device", "oauth2.scopes"], 5).await;
}

/// OAuth 1 in ways that the files of the catalogue have not.
#[tokio::test(flavor = "multi_thread")]
async fn what_no_file_of_oauth1_says_is_walked_too() {
    let rare = ["oauth1.signature", "oauth1.placement", "oauth1.token_method", "oauth1.callback", "oauth1.request_token_params"];
    for (signature, placement, method, callback) in [
        ("HMAC-SHA512", "body", "POST", "registered"),
        ("PLAINTEXT", "query", "GET", "authorize"),
        ("HMAC-SHA256", "query", "POST", "request-token"),
    ] {
        let ways =
            format!("signature = \"{signature}\"\nplacement = \"{placement}\"\ntoken_method = \"{method}\"\ncallback = \"{callback}\"");
        let told = if callback == "request-token" { "" } else { UNCONFIRMED };
        nobody(NOBODY_OF_OAUTH1.replace("signature = \"HMAC-SHA1\"", &ways) + told, &rare, 8).await;
    }
    // Its bodies and what is no token yet are signed, too.
    let whole = NOBODY_OF_OAUTH1.replace("[api]", "empty_token = true\nbody_hash = \"required\"\n\n[api]")
        + "[actions.find]\nabout = \"Find\"\nmethod = \"POST\"\npath = \"/find\"\njson = { what = \"all\" }\nacts = false\n";
    nobody(whole.clone(), &["oauth1.body_hash", "oauth1.empty_token"], 2).await;
    nobody(whole.replace("required", "on"), &["oauth1.body_hash", "oauth1.empty_token"], 2).await;
    nobody(format!("{NOBODY_OF_OAUTH1}{UNCONFIRMED}"), &["deviations"], 1).await;
}

/// What only a provider who knows people has, and requests that are pushed.
#[tokio::test(flavor = "multi_thread")]
async fn what_no_file_says_of_people_is_walked_too() {
    let rare = ["endpoints.par", "endpoints.userinfo", "endpoints.end_session", "oauth2.id_token_algorithms"];
    nobody(NOBODY_OF_PEOPLE.to_owned(), &rare, 10).await;
    // They may be pushed, and are, by an app that is named in the form.
    let optional = NOBODY_OF_PEOPLE.replace("par_required = true\n", "").replace("\"basic\"", "\"post\"");
    nobody(optional, &["endpoints.par", "oauth2.client_auth"], 6).await;
    // An issuer says itself where they are pushed.
    let urls = ["authorize", "token", "par"]
        .map(|key| format!("{key} = \"https://{}.nobody.example/{key}", if key == "par" { "push" } else { "login" }));
    let of_issuer: Vec<&str> = NOBODY_OF_PEOPLE.lines().filter(|line| !urls.iter().any(|url| line.starts_with(url))).collect();
    nobody(of_issuer.join("\n").replace("kind = \"oauth2\"", "kind = \"oidc\""), &["endpoints.issuer", "endpoints.userinfo"], 4).await;
}

/// RFC 9126 §4, §5: the name of a pushed request is good for one browser, and for a while; and nothing else is, where requests have to be pushed.
#[tokio::test(flavor = "multi_thread")]
async fn a_pushed_request_is_good_once_and_for_a_while_and_nothing_else_is() {
    let file = NOBODY_OF_PEOPLE.replace("\"basic\"", "\"post\"");
    let imitation = Imitation::start(&file).await.unwrap();
    let (app, hosts) = (imitation.app(), imitation.hosts());
    let (login, push) = (hosts["https://login.nobody.example"].clone(), hosts["https://push.nobody.example"].clone());
    tokio::task::spawn_blocking(move || {
        let form = |pairs: &[(&str, &str)]| keyfob::proto::encode::form_pairs(pairs.iter().copied());
        let client_id = form(&[("client_id", &app.client_id)]);
        let secret = form(&[("client_secret", &app.client_secret)]);
        let challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
        let asked = form(&[
            ("response_type", "code"),
            ("redirect_uri", &app.redirect_uris[0]),
            ("scope", "openid read"),
            ("state", "a-state"),
            ("nonce", "a-nonce"),
            ("code_challenge", challenge),
            ("code_challenge_method", "S256"),
        ]);
        let pushed = |body: String| {
            let headers = [("content-type", "application/x-www-form-urlencoded"), ("accept", "application/json")];
            let answer = wire::send("POST", &format!("{push}/par?v=3"), &headers, body.as_bytes()).unwrap();
            let told: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
            (answer.status, told["request_uri"].as_str().map(str::to_owned), told["expires_in"].as_i64())
        };
        let visited = |query: String| wire::send("GET", &format!("{login}/authorize?{query}"), &[], b"").unwrap().status;
        let named = |uri: Option<String>| format!("{client_id}&{}", form(&[("request_uri", &uri.unwrap())]));
        let whole = format!("{client_id}&{secret}&{asked}");
        let (status, uri, lifetime) = pushed(whole.clone());
        assert_eq!((status, lifetime), (201, Some(60)));
        assert_eq!((visited(named(uri.clone())), visited(named(uri))), (302, 400), "once");
        // What stands beside the name would be another request.
        assert_eq!(visited(format!("{}&state=another", named(pushed(whole.clone()).1))), 400);
        let late = pushed(whole).1;
        imitation.pass(61);
        assert_eq!(visited(named(late)), 400, "late");
        assert_eq!(visited(format!("{client_id}&{asked}")), 400, "through the browser");
        // Nobody pushes in an app's name (§2.1).
        assert_eq!(pushed(format!("{client_id}&client_secret=another&{asked}")).0, 400);
        assert_eq!(pushed(format!("{client_id}&{secret}&{asked}&request_uri=urn%3Aa")).0, 400);
    })
    .await
    .unwrap();
}

/// OpenID Connect Core §5.3, RP-Initiated Logout §2: nobody is told about without a token, and no session ends without its ID token.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_told_about_or_logged_out_by_strangers() {
    let imitation = Imitation::start(NOBODY_OF_PEOPLE).await.unwrap();
    let (app, hosts) = (imitation.app(), imitation.hosts());
    let (login, www) = (hosts["https://login.nobody.example"].clone(), hosts["https://www.nobody.example"].clone());
    let asked = move || {
        let status = |url: String, headers: &[(&str, &str)]| wire::send("GET", &url, headers, b"").unwrap().status;
        let who = |headers: &[(&str, &str)]| status(format!("{login}/who?v=4"), headers);
        let ended = |more: &[(&str, &str)]| {
            let pairs = [("v", "5"), ("client_id", app.client_id.as_str())];
            status(format!("{www}/logout?{}", keyfob::proto::encode::form_pairs(pairs.into_iter().chain(more.iter().copied()))), &[])
        };
        assert_eq!((who(&[]), who(&[("authorization", "Bearer strange")])), (401, 401));
        let back = [("post_logout_redirect_uri", app.redirect_uris[0].as_str()), ("state", "a-state")];
        let hinted = |hint| [("id_token_hint", hint), back[0], back[1]];
        // As it would be, but for the signature.
        let claims = keyfob::proto::encode::base64url(format!("{{\"aud\":\"{}\"}}", app.client_id).as_bytes());
        let forged = format!("eyJhbGciOiJSUzI1NiJ9.{claims}.c2ln");
        assert_eq!((ended(&back), ended(&hinted("no-token")), ended(&hinted(&forged))), (400, 400, 400));
    };
    tokio::task::spawn_blocking(asked).await.unwrap();
    assert_eq!(imitation.refusals().len(), 5, "{:?}", imitation.refusals());
}

/// RFC 5849 §3.4.3: a key of the app's own signs, of which the provider has the public half.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_signed_by_rsa_is_walked_too() {
    let field = "{ name = \"private_key\", label = \"Private key\", secret = true }";
    let of_key = NOBODY_OF_OAUTH1.replace("{ name = \"client_secret\", label = \"Secret\", secret = true }", field);
    for signature in ["RSA-SHA1", "RSA-SHA256", "RSA-SHA512"] {
        let file = of_key.replace("HMAC-SHA1", signature);
        nobody(file.clone(), &["oauth1.signature"], 6).await;
        // A key of somebody else.
        let imitation = Imitation::start(&file).await.unwrap();
        let mut app = walk::app(&imitation);
        let other = AwsLc.generate(Algorithm::RS256).unwrap().to_pem().unwrap();
        app.set("private_key", other);
        let end = walk::walk_as(app, &file, &imitation, &walk::transport()).await;
        assert!(matches!(&end, Err(Failure::Ended(why)) if why.contains("found another")), "{signature}: {end:?}");
    }
}

/// Walks a file that is nobody's, and with its mutants of these fields, of which there are so many at least: each is noticed.
async fn nobody(text: String, rare: &[&str], at_least: usize) {
    let file = File { name: "nobody".into(), text };
    let provider = keyfob_providers::check(&file.text, &file.name).unwrap_or_else(|problems| panic!("{problems:?}"));
    let overview = provider.overview().map(|action| action.name.clone()).collect();
    let mutants: Vec<Mutant> = mutants(&file.text, &overview).into_iter().filter(|mutant| rare.contains(&mutant.field)).collect();
    assert!(mutants.len() >= at_least, "{}", mutants.len());
    let walks = std::iter::once(file.text.clone()).chain(mutants.iter().map(|mutant| mutant.text.clone()));
    let mut ends = walked(walks.map(|client| (file.clone(), client)).collect()).await.into_iter();
    let whole = ends.next().unwrap();
    assert!(whole.is_ok(), "{whole:?}:\n{}", file.text);
    for (mutant, end) in mutants.iter().zip(ends) {
        assert!(matches!(end, Err(Failure::Ended(_))), "{} {}: {end:?}", mutant.field, mutant.change);
    }
}

const UNCONFIRMED: &str = "\n[deviations]\ncallback-unconfirmed = \"It says nothing of it.\"\n";

const NOBODY_OF_OAUTH1: &str = r#"
name = "nobody"
title = "Nobody"
kind = "oauth1"
status = "live"
about = "What no provider does that is known."
sources = [{ url = "https://nobody.example", checked = 2026-11-27, confidence = "assumed" }]

[endpoints]
request_token = "https://login.nobody.example/request?v=2"
authorize = "https://login.nobody.example/authorize"
token = "https://login.nobody.example/token"

[client]
fields = [{ name = "client_id", label = "Key" }, { name = "client_secret", label = "Secret", secret = true }]

[oauth1]
signature = "HMAC-SHA1"
request_token_params = { scope = "read" }

[api]
base_url = "https://api.nobody.example/v1"
expired = []
"#;

const NOBODY_OF_PEOPLE: &str = r#"
name = "nobody"
title = "Nobody"
kind = "oauth2"
status = "live"
about = "What no provider does that is known."
sources = [{ url = "https://nobody.example", checked = 2026-11-27, confidence = "assumed" }]

[endpoints]
authorize = "https://login.nobody.example/authorize"
token = "https://login.nobody.example/token"
issuer = "https://login.nobody.example"
jwks = "https://login.nobody.example/keys"
par = "https://push.nobody.example/par?v=3"
userinfo = "https://login.nobody.example/who?v=4"
end_session = "https://www.nobody.example/logout?v=5"

[client]
fields = [{ name = "client_id", label = "ID" }, { name = "client_secret", label = "Secret", secret = true }]

[oauth2]
client_auth = "basic"
scopes = ["openid", "read"]
id_token_algorithms = ["RS256"]
par_required = true

[api]
base_url = "https://api.nobody.example/v1"
"#;

const NOBODY: &str = r#"
name = "nobody"
title = "Nobody"
kind = "oauth2"
status = "live"
about = "What no provider does that is known."
sources = [{ url = "https://nobody.example", checked = 2026-11-27, confidence = "assumed" }]

[endpoints]
authorize = "https://login.nobody.example/authorize"
token = "https://login.nobody.example/token?v=2"

[client]
fields = [{ name = "client_id", label = "ID" }, { name = "client_secret", label = "Secret", secret = true }, { name = "key", label = "Key" }]

[oauth2]
client_auth = "post"
token_body = "query"
scopes = ["read", "write"]
parameter_names = { client_id = "appid" }

[api]
base_url = "https://api.nobody.example/v1"
query = { key = "{key}" }
pages = { counts = "items", parameter = "offset", items = "/entries" }

[deviations]
form-answer = "So that a form is walked that says no with status 200."
"#;

/// What counts as noticed is a no: neither silence nor a file that is none.
#[tokio::test(flavor = "multi_thread")]
async fn who_says_nothing_and_who_never_sets_out_have_noticed_nothing() {
    let file = files().into_iter().find(|file| file.name == "telldus").unwrap();
    let imitation = Imitation::start(&file.text).await.unwrap();
    let end = walk::walk("kind = 3", &imitation, &walk::transport()).await;
    assert!(matches!(end, Err(Failure::Refused(_))), "{end:?}");
    imitation.fall_silent();
    let hasty = HyperTransport::builder().loopback_only(true).head_deadline(Duration::from_millis(50)).build().unwrap();
    let end = walk::walk(&file.text, &imitation, &Arc::new(hasty)).await;
    assert!(matches!(end, Err(Failure::Silent(_))), "{end:?}");
}

/// By field and change.
type Findings = BTreeMap<(&'static str, &'static str), Finding>;

/// What came of one change in all files that it was tried in.
#[derive(Debug, Default)]
struct Finding {
    /// How many walks failed.
    noticed: usize,
    /// How many never began, since the changed file is none: nothing that a walk does is shown by these.
    refused: usize,
    /// Which files let it pass.
    unnoticed: BTreeSet<String>,
}

impl Finding {
    fn walked(&self) -> usize {
        self.noticed + self.unnoticed.len()
    }
}

/// So many of each habit: files that share one share what is known of it.
fn chosen(of_a_kind: usize) -> Vec<(File, Mutant)> {
    let mut seen: BTreeMap<(&'static str, &'static str, String, String), usize> = BTreeMap::new();
    let mut chosen = Vec::new();
    for file in files() {
        let provider = keyfob_providers::check(&file.text, &file.name).unwrap();
        let overview = provider.overview().map(|action| action.name.clone()).collect();
        for mutant in mutants(&file.text, &overview) {
            let key = (mutant.field, mutant.change, mutant.was.clone(), provider.kind.name().to_owned());
            let count = seen.entry(key).or_default();
            *count += 1;
            if *count <= of_a_kind {
                chosen.push((file.clone(), mutant));
            }
        }
    }
    chosen
}

fn reason(field: &str, change: &str) -> Option<&'static str> {
    UNNOTICED.iter().find(|(known, how, _)| *known == field && *how == change).map(|(_, _, reason)| *reason)
}

fn page(found: &Findings, files: usize) -> String {
    let sum = |of: fn(&Finding) -> usize| found.values().map(of).sum::<usize>();
    let (walked, refused, passed) = (sum(Finding::walked), sum(|finding| finding.refused), sum(|finding| finding.unnoticed.len()));
    let mut page = format!(
        "# The catalogue, and what is known of it\n\n\
         <!-- Made by e2e/tests/catalogue.rs of what it found: do not change it here. -->\n\n\
         Three things can be known of a provider's file, and they are counted apart (`keyfob provider list` says the same):\n\n\
         | count | of {files} | what it proves |\n|---|---|---|\n\
         | self-consistent | {files} | Keyfob logs in, calls, renews and logs out as the file says, at a provider that is imitated from it |\n\
         | checked by an independent client | {independent} | a client that others wrote reads this provider's answers by rules of its own, and gets through at the same imitation |\n\
         | verified live | {live} | somebody walked the real provider with their own app and account, on the day in the file |\n\n\
         That client is told endpoints, scopes, PKCE and how an app says who it is by the same file: what is its own is how answers are read. Without its rule for\n\
         the provider it does not get through at {needed}, so there the rule is what was checked; at the others it makes no difference any more. It makes no\n\
         call at `slack`, whose type of token it does not know, and no login at `plentymarkets`, which has none.\n\n\
         ## What self-consistent means\n\n\
         The sandbox imitates a provider from its file alone (`keyfob_sandbox::Imitation`): a port for each of its hosts, its endpoints, what it wants to be\n\
         sent, the shapes of its answers, its errors. It reads the file with a reader of its own and refuses what the file gives no reason for. A test walks\n\
         every file: a login that is denied and one that is approved, every action that wants no argument, each way in which the API says an error, each way in\n\
         which it says that a token has expired or was taken back (and something like it, of a token that is good), the renewal, the end of the grant, the logout, and the login\n\
         on another device. Where tokens are imported they are made at the imitation and kept, and nobody may be sent away. The token endpoint says no with\n\
         status 400 and with 200, long answers are read page by page, and how many calls are left is understood, where the file says how that is told.\n\
         What no file says yet is walked in one that is nobody's.\n\n\
         Since both sides read one file, that proves that Keyfob does what the file says, and **not that the file is right**. And it proves it only as far as\n\
         the walk notices: so each fact that is walked is changed on the client's side alone, while the provider keeps the right one, and the walk has to fail.\n\
         Where files share a habit, {OF_A_KIND} of them stand for all (`KEYFOB_ALL_MUTANTS=1` takes every one): {walked} changes were walked, of which {passed} went unnoticed.\n\
         {refused} more make a file that is refused when it is read, so that no walk begins; they prove nothing of the walk, and are counted apart.\n\
         Every one was taken on {day}: of {all} changes {noticed} were noticed, {left} went unnoticed for the reasons below, and {unread} were refused when read.\n\n\
         ## What goes unnoticed\n\n\
         The files are examples: of each habit, those that were taken.\n\n\
         | field | change | for example in | why |\n|---|---|---|---|\n",
        day = EVERY_ONE.0,
        all = EVERY_ONE.1,
        noticed = EVERY_ONE.2,
        left = EVERY_ONE.1 - EVERY_ONE.2 - EVERY_ONE.3,
        unread = EVERY_ONE.3,
        needed = needed(),
        independent = with(|provider| &provider.independent_client),
        live = with(|provider| &provider.verified),
    );
    for ((field, change), finding) in found.iter().filter(|(_, finding)| !finding.unnoticed.is_empty()) {
        let names: Vec<&str> = finding.unnoticed.iter().map(String::as_str).collect();
        writeln!(page, "| `{field}` | {change} | {} | {} |", names.join(", "), reason(field, change).unwrap_or("**not proven**")).unwrap();
    }
    write!(page, "\n## What is not walked\n\n{NOT_WALKED}\n## What is changed\n\n| field | walked | refused | how |\n|---|---|---|---|\n")
        .unwrap();
    let mut fields: BTreeMap<&str, (usize, usize, BTreeSet<&str>)> = BTreeMap::new();
    for ((field, change), finding) in found {
        let (walked, refused, how) = fields.entry(field).or_default();
        *walked += finding.walked();
        *refused += finding.refused;
        how.insert(change);
    }
    for (field, (walked, refused, how)) in fields {
        writeln!(page, "| `{field}` | {walked} | {refused} | {} |", how.into_iter().collect::<Vec<_>>().join(", ")).unwrap();
    }
    page
}

/// Where the independent client needs what it knows of the provider, as the test that runs it says.
fn needed() -> String {
    let test = std::fs::read_to_string(root().join("interop/tests/catalogue.rs")).unwrap();
    let (_, list) = test.split_once("const NEEDED: [&str; ").and_then(|(_, rest)| rest.split_once("= [")).unwrap();
    let names: Vec<String> = list.split(']').next().unwrap().split(", ").map(|name| format!("`{}`", name.trim_matches('"'))).collect();
    assert!(names.len() > 2, "{names:?}");
    names.join(", ")
}

/// Providers of which a fact is told.
fn with(told: impl Fn(&Provider) -> &Option<String>) -> usize {
    Catalogue::embedded().iter().filter(|provider| told(provider).is_some()).count()
}
