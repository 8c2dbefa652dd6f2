//! The specifications' own examples of the grants beyond the code.

use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue};
use keyfob_proto::oauth2::{
    self, AccessRequest, AuthorizationDetail, AuthorizeRequest, BackchannelRequest, Delivery, Hint, Hybrid, Step, TokenExchangeRequest,
    TokenType, legacy,
};
use keyfob_proto::{Answer, App, Error, Outgoing, Secret};
use serde_json::Value;

use crate::common::*;

pub(crate) fn example(kind: &str, source: &str, case: &Value) {
    let case = Case { source, case };
    match kind {
        "grant" => case.grant(),
        "device" => case.device(),
        "ciba" => case.ciba(),
        "exchange_answer" => case.exchange_answer(),
        "details" => case.details(),
        "hybrid" => case.hybrid(),
        "implicit" => case.implicit(),
        other => panic!("{source}: no test knows the kind {other:?}"),
    }
}

struct Case<'a> {
    source: &'a str,
    case: &'a Value,
}

impl Case<'_> {
    fn text(&self, name: &str) -> &str {
        self.some(name).unwrap_or_else(|| panic!("{}: {name}", self.source))
    }

    fn some(&self, name: &str) -> Option<&str> {
        self.case[name].as_str()
    }

    fn number(&self, name: &str) -> i64 {
        self.case[name].as_i64().unwrap_or_else(|| panic!("{}: {name}", self.source))
    }

    fn client(&self) -> oauth2::Client {
        let id = self.some("client_id").unwrap_or(CLIENT_ID);
        let app = self.some("client_secret").map_or_else(|| App::public(id), |secret| App::confidential(id, secret));
        oauth2::Client::new(&oauth2_settings(|_, flow| flow.scopes.clear()), app).expect("a client")
    }

    fn same_form(&self, request: &Outgoing, name: &str) {
        let mut sent = form(request);
        sent.sort();
        assert_eq!(sent, pairs(self.text(name)), "{}", self.source);
        assert_eq!(
            request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok()),
            self.some("authorization"),
            "{}",
            self.source
        );
    }

    fn grant(&self) {
        let (client, access) = (self.client(), AccessRequest::default());
        let secret = |name: &str| Secret::new(self.text(name));
        let exchange = match self.text("grant") {
            "client_credentials" => client.client_credentials(&access),
            "password" => legacy::password(&client, self.text("username"), &secret("password"), &access),
            "jwt_bearer" => client.jwt_bearer(&secret("assertion"), &access),
            "saml_bearer" => client.saml_bearer(&secret("assertion"), &access),
            "token_exchange" => {
                let access = AccessRequest { resources: vec![self.text("resource").to_owned()], ..access };
                let request = TokenExchangeRequest { access, ..TokenExchangeRequest::new(secret("subject_token"), TokenType::AccessToken) };
                return self.same_form(client.token_exchange(&request).expect("a request").request(), "body");
            }
            other => panic!("{}: {other}", self.source),
        };
        self.same_form(exchange.expect("a request").request(), "body");
    }

    fn device(&self) {
        let client = self.client();
        let request = client.device_authorization(&AccessRequest::scopes([self.text("scope")])).expect("a request");
        self.same_form(request.request(), "body");
        let mut login = request.receive(&json_answer(200, self.text("answer")), NOW).expect("a login");
        assert_eq!((login.user_code(), login.verification_uri()), (self.text("user_code"), self.text("verification_uri")));
        assert_eq!(login.verification_uri_complete(), self.some("verification_uri_complete"));
        assert_eq!((login.expires_at().since(NOW), login.interval()), (self.number("lifetime"), self.number("interval")));
        let Ok(Step::Send(question)) = login.step(&client, NOW.plus(login.interval())) else { panic!("{}: a question", self.source) };
        self.same_form(&question, "question");
    }

    fn ciba(&self) {
        let client = oauth2_client(|_, _| {});
        let request = BackchannelRequest {
            delivery: Delivery::Ping,
            ..BackchannelRequest::new(Hint::Login("anna".into()), AccessRequest::scopes(["openid"]))
        };
        let asked = client.backchannel_authentication(&request, &Chance::new(1)).expect("a request");
        let token = form(asked.request()).into_iter().find(|(name, _)| name == "client_notification_token").expect("a token").1;
        let mut login = asked.receive(&json_answer(200, self.text("answer")), NOW).expect("a login");
        assert_eq!(login.key().expose(), self.text("auth_req_id"));
        assert_eq!((login.expires_at().since(NOW), login.interval()), (self.number("lifetime"), self.number("interval")));
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, format!("Bearer {token}").parse().expect("a header"));
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        login.notified(&headers, self.text("ping").as_bytes(), NOW).expect("a ping");
        let Ok(Step::Send(question)) = login.step(&client, NOW) else { panic!("{}: a question", self.source) };
        let mut sent = form(&question);
        sent.sort();
        assert_eq!(sent, pairs(self.text("question")), "{}", self.source);
    }

    fn exchange_answer(&self) {
        let request = TokenExchangeRequest::new(Secret::new("subject"), TokenType::AccessToken);
        let exchange = oauth2_client(|_, _| {}).token_exchange(&request).expect("a request");
        let exchanged = exchange.receive(&json_answer(200, self.text("body")), NOW).expect("a token");
        assert_eq!((exchanged.token().expose(), exchanged.issued_token_type().as_str()), (self.text("access"), self.text("issued")));
        assert_eq!((exchanged.expires_at(), exchanged.is_bearer()), (Some(NOW.plus(self.number("lifetime"))), true), "{}", self.source);
    }

    fn details(&self) {
        let client = oauth2_client(|_, _| {});
        let asked = AuthorizationDetail::parse(self.text("asked")).expect("a detail");
        let request =
            AuthorizeRequest { redirect_uri: CALLBACK.into(), authorization_details: vec![asked.clone()], ..AuthorizeRequest::default() };
        let (url, pending) = client.authorize(&request, NOW, &Chance::new(1)).expect("a URL");
        let sent: Value = serde_json::from_str(&query(&url)["authorization_details"]).expect("JSON");
        assert_eq!(sent, Value::Array(vec![serde_json::from_str(self.text("asked")).expect("JSON")]), "{}", self.source);
        let exchange = client.exchange(pending.verify(Answer::Bare("code-1"), NOW).expect("verified")).expect("an exchange");
        let received = exchange.receive(&json_answer(200, self.text("body")), NOW).expect("tokens");
        assert_eq!(tokens2(&received).authorization_details, [asked], "{}", self.source);
    }

    /// The answer with the state that was drawn in place of the example's.
    fn comes_back(&self, state: keyfob_proto::SecretRef<'_>) -> String {
        self.text("comes_back").replace(&format!("state={}", self.text("state")), &format!("state={}", state.expose()))
    }

    fn redirect_uri(&self) -> String {
        self.text("comes_back").split('#').next().expect("a base").to_owned()
    }

    fn hybrid(&self) {
        let client = oauth2_client(|_, _| {});
        let request =
            AuthorizeRequest { redirect_uri: self.redirect_uri().into(), scopes: vec!["openid".into()], ..AuthorizeRequest::default() };
        let (_, pending) = client.authorize_hybrid(&request, Hybrid::IdToken, NOW, &Chance::new(1)).expect("a URL");
        let url = self.comes_back(pending.key());
        let answer = pending.read(&client, Answer::Url(&url), NOW).expect("an answer");
        assert_eq!(answer.id_token().map(Secret::expose), self.some("id_token"), "{}", self.source);
    }

    fn implicit(&self) {
        let client = oauth2_client(|_, _| {});
        let request = AuthorizeRequest { redirect_uri: self.redirect_uri().into(), ..AuthorizeRequest::default() };
        let (_, pending) = legacy::authorize_implicit(&client, &request, NOW, &Chance::new(1)).expect("a URL");
        let url = self.comes_back(pending.key());
        match (pending.receive(&client, Answer::Url(&url), NOW), self.some("error"), self.some("misbehaved")) {
            (Ok(received), None, None) => {
                assert_eq!(tokens2(&received).access.expose(), self.text("access"), "{}", self.source);
                assert_eq!(tokens2(&received).expires_at, Some(NOW.plus(self.number("lifetime"))), "{}", self.source);
            }
            (Err(Error::Refused(refused)), Some(code), None) => assert_eq!(refused.code.as_str(), code, "{}", self.source),
            (Err(Error::Misbehaved(misbehaved)), None, Some(section)) => assert_eq!(misbehaved.section, section, "{}", self.source),
            (found, ..) => panic!("{}: {found:?}", self.source),
        }
    }
}
