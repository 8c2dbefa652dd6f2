//! Clients of the financial-grade profiles (FAPI 1 Advanced, FAPI 2 Security Profile, FAPI-CIBA). They say who they are by a key of their own, push what
//! they ask for, and believe an answer only for its signature or its issuer.

mod ciba;
mod one;
mod signed_answers;
mod two;

use keyfob::proto::jose::{Algorithm, Algorithms, AwsLc, Crypto as _};
use keyfob::proto::oauth2::metadata::Preferences;
use keyfob::proto::oauth2::{ClientAuth, Dpop, Hybrid, ResponseMode};
use keyfob::proto::{Answer, App};
use keyfob::{Error, LoggedIn, Login, LoginOptions, Redirect};
use keyfob_sandbox::{Flaw, Metadata, Quirk};
use serde_json::{Value, json};

use crate::driver::{ACCOUNT, Rp};
use crate::op::{CALLBACK, Op};

/// What the server signs with, by the app's registration: one algorithm, though the server has others.
const AGREED: &str = "PS256";

/// A relying party, and how it logs in.
struct Fapi {
    rp: Rp,
    options: LoginOptions,
}

/// The client's own key: what it signs with, and what the server knows of it.
fn own_key(app: App) -> (App, Value) {
    let key = AwsLc.generate(Algorithm::ES256).expect("a key").named("client-key");
    let signer = AwsLc.signer(Algorithm::ES256, &key).expect("it signs");
    let mut jwk = signer.public_key().expect("a key pair").to_jwk();
    jwk.insert("kid".to_owned(), json!(signer.key_id()));
    (App { private_key: key.to_pem(), private_key_id: Some("client-key".to_owned()), ..app }, json!({ "keys": [jwk] }))
}

fn preferences(dpop: Dpop) -> Preferences {
    let scopes = ["openid", "profile"].map(str::to_owned).to_vec();
    Preferences { scopes, client_auth: Some(ClientAuth::PrivateKeyJwt), dpop, ..Preferences::default() }
}

impl Fapi {
    /// An app that is registered so, and with a key of its own.
    async fn registered(metadata: Metadata, dpop: Dpop) -> Self {
        let (app, jwks) = own_key(App::public(""));
        let op = Op::with(Metadata {
            token_endpoint_auth_method: Some("private_key_jwt".to_owned()),
            jwks: Some(jwks),
            id_token_signed_response_alg: Some(AGREED.to_owned()),
            authorization_signed_response_alg: Some(AGREED.to_owned()),
            require_pushed_authorization_requests: true,
            ..metadata
        })
        .await;
        let client_id = op.app.client_id.clone();
        let mut rp = Rp::discover(op, &preferences(dpop)).await.expect("a provider that describes itself rightly");
        rp.app = App { client_id, ..app };
        let agreed = Algorithms::listed([AGREED]);
        (rp.flow().id_token_algorithms, rp.flow().response_algorithms) = (agreed.clone(), agreed);
        Self { rp, options: LoginOptions::default() }
    }

    /// FAPI 2: a pushed request, a proof key, an issuer in the answer, tokens that are bound to a key.
    async fn two() -> Self {
        Self::registered(Metadata { dpop_bound_access_tokens: true, ..Metadata::default() }, Dpop::Wanted).await
    }

    /// The same with a signed answer (FAPI 2 Message Signing, JARM).
    async fn two_with_signed_answers() -> Self {
        let mut fapi = Self::two().await;
        fapi.options.response_mode = Some(ResponseMode::QueryJwt);
        fapi
    }

    /// FAPI 1 Advanced: a signed request, and an ID token beside the code as signature of the answer (§5.2.2.1).
    async fn one() -> Self {
        let mut fapi = Self::registered(Metadata { require_signed_request_object: true, ..Metadata::default() }, Dpop::Off).await;
        (fapi.rp.flow().request_object, fapi.rp.flow().state_hash) = (true, true);
        fapi.options.hybrid = Some(Hybrid::IdToken);
        fapi
    }

    /// A login that a person agrees to one payment with: the ID token has to name it again.
    fn for_a_payment(mut self) -> Self {
        let claims = json!({ "id_token": { "openbanking_intent_id": { "value": "urn:bank:intent-1", "essential": true } } });
        self.options.claims = Some(claims.to_string());
        self
    }

    async fn log_in(&self) -> Result<LoggedIn, Error> {
        let Rp { keyfob, settings, app, .. } = &self.rp;
        let redirect = Redirect::Uri(CALLBACK.to_owned());
        let login = Login::begin_with(keyfob, settings, app, ACCOUNT, redirect, self.options.clone()).await?;
        let visit = self.rp.visit(login.url()).await;
        let back = visit.location.unwrap_or_else(|| panic!("{}: {}", visit.status, visit.body));
        let verified = login.judge(Answer::Url(&back)).await?;
        login.finish(verified).await
    }

    /// A login, and a call with what it gave.
    async fn passes(&self) -> LoggedIn {
        let logged_in = self.log_in().await.unwrap();
        assert_eq!(logged_in.id_token.as_ref().map(|id_token| id_token.subject.as_str()), Some("robin-demo"));
        self.rp.call().await.unwrap();
        logged_in
    }

    /// The same where one answer is unusual.
    async fn passes_with(&self, quirk: Quirk) -> LoggedIn {
        self.rp.op.faults(|faults| faults.quirk = Some(quirk));
        self.passes().await
    }

    /// With this flaw no login succeeds: the error names this, and nothing is kept.
    async fn refuses(&self, flaw: Flaw, what: &str) {
        self.rp.op.flawed(flaw);
        let error = self.log_in().await.map(drop).expect_err(&format!("{flaw:?} passed"));
        assert!(error.to_string().contains(what), "{error}");
        assert!(self.rp.kept().await.is_none(), "nothing of a refused answer is kept");
    }

    /// The same for what comes through the browser: its code is not spent, and nothing more is asked of the server.
    async fn refuses_the_answer(&self, flaw: Flaw, what: &str) {
        self.refuses(flaw, what).await;
        assert!(self.rp.op.seen("/token").is_empty(), "a code that came with a wrong answer was spent");
    }
}

/// A provider whose metadata are about somebody else is not even begun with.
async fn is_refused_at_discovery(dpop: Dpop) {
    let op = Op::start().await;
    op.flawed(Flaw::MetadataIssuer);
    let error = Rp::discover(op, &preferences(dpop)).await.map(drop).expect_err("metadata of somebody else");
    assert!(error.to_string().contains("RFC 8414 §3.3"), "{error}");
}
