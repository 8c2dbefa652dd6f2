//! What a provider does differently, in sentences: for `keyfob provider show` and the pages of docs/providers.

use http::HeaderName;
use http::header::AUTHORIZATION;
use keyfob_proto::oauth1::{BodyHash, CallbackAt, Placement};
use keyfob_proto::oauth2::{ClientAuth, RevocationBody, TokenBody};
use keyfob_proto::{Attach, Deviation, HostPattern, Limits, ResetIn, Signal, Structured, Template};

use crate::pages::{Counts, Pages};
use crate::provider::{Provider, RefreshFrom};
use crate::spec::{FlowSpec, OAuth2Spec};

impl Provider {
    /// What is particular about talking to it, a sentence each. What every server of its protocol does is not among them, nor what is tolerated
    /// ([`Provider::deviations`]).
    pub fn habits(&self) -> Vec<String> {
        let mut habits = match &self.spec.flow {
            FlowSpec::OAuth1 { .. } => oauth1(&self.spec.flow),
            FlowSpec::OAuth2(spec) => oauth2(spec, self.pkce_off.as_deref()),
        };
        if self.import.is_some() {
            habits.push("Nobody is sent anywhere: tokens are made at the provider, and imported (keyfob import).".to_owned());
        }
        if self.deviations.iter().any(|(deviation, _)| *deviation == Deviation::NoVerifier) {
            let sentence = "No verifier comes back with the person: open no authorize URL of it that somebody else sent you, for they would get your account.";
            habits.push(sentence.to_owned());
        }
        let api = &self.spec.api;
        if !api.hosts.is_empty() {
            let hosts: Vec<&str> = api.hosts.iter().map(HostPattern::as_str).collect();
            habits.push(format!("The login says where the API is; it may be at {}, and nowhere else.", hosts.join(", ")));
        }
        match &api.attach {
            Attach::Query(name) => habits.push(format!("A call carries the token in the query, as {name}.")),
            Attach::Body(name) => habits.push(format!("A call carries the token in its form, as {name}.")),
            Attach::Headers(headers) => habits.extend(own_headers(headers)),
            _ => {}
        }
        if !api.headers.is_empty() {
            let names: Vec<&str> = api.headers.iter().map(|(name, _)| name.as_str()).collect();
            habits.push(format!("Every call has more headers: {}.", names.join(", ")));
        }
        if !api.query.is_empty() {
            let names: Vec<&str> = api.query.iter().map(|(name, _)| name.as_str()).collect();
            habits.push(format!("Every call has more in its query: {}.", names.join(", ")));
        }
        habits.extend(ends(&api.expired));
        habits.extend(taken_back("a token was taken back", &api.revoked));
        if api.failed.iter().any(|signal| signal.statuses.iter().any(|status| *status < 400)) {
            habits.push("Errors come with a status of success, and are recognised by what is in the answer.".to_owned());
        }
        habits.extend(api.limits.as_ref().map(limited));
        habits.extend(api.pages.as_ref().map(goes_on));
        if !self.kept().is_empty() {
            habits.push(format!("The login gives more than tokens, and it is kept: {}.", self.kept().join(", ")));
        }
        habits
    }
}

fn limited(limits: &Limits) -> String {
    if let Some(Structured { counts, policy }) = &limits.structured {
        let policy = policy.as_ref().map(|name| format!(", {name}")).unwrap_or_default();
        return format!("Answers tell how many calls are left: {counts}{policy} (structured fields, as the IETF drafts them).");
    }
    let reset = limits.reset.as_ref().map(|(name, how)| match how {
        ResetIn::Seconds => format!("{name} (seconds)"),
        _ => format!("{name} (a moment)"),
    });
    let names = [&limits.limit, &limits.remaining, &limits.usage].into_iter().flatten().map(ToString::to_string).chain(reset);
    let periods: Vec<String> = limits.periods.iter().map(|seconds| lifetime(*seconds)).collect();
    let each = if periods.is_empty() { String::new() } else { format!(", a number each for {}", periods.join(" and ")) };
    let reads: Vec<String> = (limits.reads.iter())
        .flat_map(|reads| [&reads.limit, &reads.remaining, &reads.usage].into_iter().flatten().map(ToString::to_string))
        .collect();
    let reads = if reads.is_empty() { String::new() } else { format!("; of calls that only read: {}", reads.join(", ")) };
    format!("Answers tell how many calls are left: {}{each}{reads}.", names.collect::<Vec<_>>().join(", "))
}

fn goes_on(pages: &Pages) -> String {
    match pages {
        Pages::Next(at) => format!("A long answer has the URL of its next page at {at}."),
        Pages::Cursor { at, parameter } => format!("A long answer goes on with what is at {at}, as the parameter {parameter}."),
        Pages::Counted { parameter, counts: Counts::Pages, .. } => {
            format!("The pages of a long answer are counted by the parameter {parameter}.")
        }
        Pages::Counted { parameter, .. } => format!("A long answer goes on behind as many items as the parameter {parameter} says."),
    }
}

/// The Authorization header is no header of the provider's own; what is particular is what stands in it.
fn own_headers(headers: &[(HeaderName, Template)]) -> Vec<String> {
    let (standard, own): (Vec<_>, Vec<_>) = headers.iter().partition(|(name, _)| name == AUTHORIZATION);
    let mut habits: Vec<String> = (standard.iter())
        .map(|(_, template)| format!("A call carries the token in the Authorization header, as \"{}\".", template.as_str()))
        .collect();
    if !own.is_empty() {
        let names: Vec<&str> = own.iter().map(|(name, _)| name.as_str()).collect();
        habits.push(format!("A call carries the token in a header of its own: {}.", names.join(", ")));
    }
    habits
}

/// How the API says that a token has ended. A signal without pointer is given by its status alone, whatever else there is for that status.
fn ends(expired: &[Signal]) -> Option<String> {
    let statuses = |pointed: bool| expired.iter().filter(move |signal| signal.reads_body() == pointed).flat_map(|signal| &signal.statuses);
    let alone = unique(statuses(false).map(u16::to_string).collect());
    let mut with_more = unique(statuses(true).map(u16::to_string).collect());
    with_more.retain(|status| !alone.contains(status));
    let mut ways = Vec::new();
    if !alone.is_empty() {
        ways.push(format!("by status {}", alone.join(" or ")));
    }
    if !with_more.is_empty() {
        ways.push(format!("by status {} and what is in the answer", with_more.join(" or ")));
    }
    (!ways.is_empty()).then(|| format!("That a token has ended is told {}.", ways.join(", or ")))
}

/// What signals say that have words of the provider's.
fn taken_back(what: &str, signals: &[Signal]) -> Option<String> {
    let statuses = unique(signals.iter().flat_map(|signal| &signal.statuses).map(u16::to_string).collect());
    (!statuses.is_empty()).then(|| format!("That {what} is told by status {} and what is in the answer.", statuses.join(" or ")))
}

fn oauth1(flow: &FlowSpec) -> Vec<String> {
    let FlowSpec::OAuth1 { at, imported, signature, placement, token_method, realm, callback, authorize_params, body_hash, .. } = flow
    else {
        return Vec::new();
    };
    let mut habits = vec![format!("Requests are signed by {}.", signature.name())];
    if at.is_none() && !imported {
        habits.push("Nobody logs in: there are no tokens, and the app's own keys sign alone.".to_owned());
    }
    match placement {
        Placement::Body => habits.push("The signature travels in the body.".to_owned()),
        Placement::Query => habits.push("The signature travels in the query.".to_owned()),
        _ => {}
    }
    if token_method == http::Method::GET {
        habits.push("Tokens are asked for with GET.".to_owned());
    }
    if realm.is_some() {
        habits.push("The header names a realm.".to_owned());
    }
    match callback {
        CallbackAt::Authorize => habits.push("The callback is said on the authorize URL, not in the first request.".to_owned()),
        CallbackAt::Registered => habits.push("The callback is the registered one, and said nowhere else.".to_owned()),
        _ => {}
    }
    habits.extend(parameters("The authorize URL has", authorize_params));
    if !matches!(body_hash, BodyHash::Off) {
        habits.push("Bodies that are no form are signed by their hash.".to_owned());
    }
    habits
}

fn oauth2(spec: &OAuth2Spec, pkce_off: Option<&str>) -> Vec<String> {
    let mut habits = Vec::new();
    habits.extend(
        spec.client_auth
            .and_then(|auth| {
                Some(match auth {
                    ClientAuth::Basic => "The app's id and secret go into the Authorization header of token requests.",
                    ClientAuth::BasicEmpty => {
                        "The app's id and secret go into the Authorization header of token requests; an app without secret has an empty password there."
                    }
                    ClientAuth::BasicRaw => "The app's id and secret go into the Authorization header as they are, without encoding.",
                    ClientAuth::BasicSecret => {
                        "The app's secret alone goes into the Authorization header, as the name, without a password; its id is not sent."
                    }
                    ClientAuth::Post => "The app's id and secret go into the body of token requests.",
                    ClientAuth::SignedSecret => "The app's secret is a JWT that it signs with its own key, anew for each request.",
                    ClientAuth::SecretJwt => "The app proves itself by a JWT under its secret.",
                    ClientAuth::PrivateKeyJwt => "The app proves itself by a JWT under its own key.",
                    ClientAuth::Tls => "The app proves itself by a certificate.",
                    ClientAuth::None => "The app has no secret.",
                    _ => return None,
                })
            })
            .map(str::to_owned),
    );
    if let Some(why) = pkce_off {
        habits.push(format!("No proof key (PKCE) is sent: {}.", why.trim_end_matches('.')));
    }
    match spec.token_body {
        TokenBody::Json => habits.push("Token requests are JSON.".to_owned()),
        TokenBody::QueryPost => habits.push("Token requests are POSTs without a body, with everything in the query.".to_owned()),
        TokenBody::Query => habits.push("Token requests are GETs, with everything in the query.".to_owned()),
        _ => {}
    }
    match spec.revocation_body {
        RevocationBody::Json => habits.push("Revocation requests are JSON.".to_owned()),
        RevocationBody::ByKind => habits.push("Tokens are revoked by the name of their kind (access_token, refresh_token).".to_owned()),
        _ => {}
    }
    if spec.scope_separator != " " {
        habits.push(format!("Scopes have \"{}\" between them.", spec.scope_separator));
    }
    if !spec.parameter_names.is_empty() {
        let names: Vec<String> = spec.parameter_names.iter().map(|(name, own)| format!("{name} is {own}")).collect();
        habits.push(format!("Parameters have names of their own: {}.", names.join(", ")));
    }
    if !spec.grant_types.is_empty() {
        let names: Vec<String> = spec.grant_types.iter().map(|(name, own)| format!("{name} is {own}")).collect();
        habits.push(format!("Grants have names of their own: {}.", names.join(", ")));
    }
    if let Some(fragment) = &spec.authorize_fragment {
        habits.push(format!("The authorize URL ends with #{fragment}."));
    }
    if let Some(error) = &spec.token_error {
        habits.push(format!("Token errors are told by a code at {}.", error.code));
    }
    habits.extend(taken_back("a refresh token has ended", &spec.grant_ended));
    if let Some(at) = &spec.tokens_at {
        habits.push(format!("Tokens are at {at} in the answer."));
    }
    if let Some(word) = &spec.token_type {
        habits.push(format!("Bearer tokens are called {word}."));
    }
    if !spec.response_type {
        habits.push("The authorize URL has no response_type.".to_owned());
    }
    if !spec.redirect_uri_at_token {
        habits.push("The redirect URI is not repeated at the token endpoint.".to_owned());
    }
    if spec.redirect_name.is_some() {
        habits.push("A name that it gave to the redirect URI is sent in its place.".to_owned());
    }
    habits.extend(parameters("The authorize URL has", &spec.authorize_params));
    habits.extend(parameters("Token requests have", &spec.token_params));
    if let Some(renewal) = &spec.renewal {
        if renewal.long_lived.is_some() {
            habits.push("The login's token is exchanged at once for one that lives longer.".to_owned());
        }
        habits.push("There is no refresh token: the access token renews itself, while it is good.".to_owned());
    } else if spec.at.refresh.is_some() {
        habits.push("New tokens come from an endpoint of their own.".to_owned());
    }
    if let Some(seconds) = spec.default_lifetime {
        habits.push(format!("A token lives {} unless its answer says otherwise.", lifetime(seconds)));
    }
    if spec.rotates {
        habits.push("A refresh token is good for one use: each refresh brings the next.".to_owned());
    }
    if let Some(known) = spec.refresh_lifetime {
        let how_long = lifetime(known.seconds);
        habits.push(match known.from {
            RefreshFrom::Use => format!("A refresh token is good for {how_long} from its last use."),
            RefreshFrom::Login => format!("A refresh token is good for {how_long} from the login, however often tokens are renewed."),
        });
    }
    if let Some(name) = &spec.refresh_expires_in {
        habits.push(format!("Its answers say how long a refresh token is good ({name})."));
    }
    if let Some(pin) = &spec.pin {
        habits.push(format!("Login is possible by a PIN that is entered at {} (keyfob login --device).", pin.page.as_str()));
    } else if spec.at.device.is_some() {
        habits.push(match spec.is_device_only() {
            true => {
                "There is no page that a browser is sent to: people log in on another device, by a code (keyfob login shows it).".to_owned()
            }
            false => "Login on another device is possible (keyfob login --device).".to_owned(),
        });
    }
    for (there, sentence) in [
        (spec.dpop, "Tokens are bound to a key that is made at login (DPoP)."),
        (spec.par_required, "Requests are pushed to the server, and the browser carries their name alone."),
        (spec.request_object, "Requests are signed with the app's key."),
        (spec.iss_required, "The callback names the issuer, which is compared."),
    ] {
        if there {
            habits.push(sentence.to_owned());
        }
    }
    habits
}

fn parameters(what: &str, pairs: &[(String, String)]) -> Option<String> {
    let said: Vec<String> = pairs.iter().map(|(name, value)| format!("{name}={value}")).collect();
    (!said.is_empty()).then(|| format!("{what} more parameters: {}.", said.join(", ")))
}

/// 10800 is 3 hours.
fn lifetime(seconds: u32) -> String {
    let units = [(86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second")];
    let (unit, name) = units.into_iter().find(|(unit, _)| seconds.is_multiple_of(*unit)).unwrap_or((1, "second"));
    let count = seconds / unit;
    format!("{count} {name}{}", if count == 1 { "" } else { "s" })
}

fn unique(mut words: Vec<String>) -> Vec<String> {
    words.sort();
    words.dedup();
    words
}

#[cfg(test)]
mod tests {
    use crate::Catalogue;

    #[test]
    fn habits_are_sentences_and_what_is_usual_is_not_among_them() {
        let catalogue = Catalogue::embedded();
        for provider in catalogue.iter() {
            for habit in provider.habits() {
                assert!(habit.ends_with('.') && !habit.contains('\n'), "{}: {habit}", provider.name);
            }
        }
        let habits = |name: &str| catalogue.get(name).expect("there").habits();
        let netatmo = habits("netatmo");
        for sentence in [
            "A token lives 3 hours unless its answer says otherwise.",
            "A refresh token is good for one use: each refresh brings the next.",
        ] {
            assert!(netatmo.iter().any(|habit| habit == sentence), "{netatmo:?}");
        }
        for (name, sentence) in [
            ("soundcloud", "A call carries the token in the Authorization header, as \"OAuth {access_token}\"."),
            ("shopify", "A call carries the token in a header of its own: x-shopify-access-token."),
            ("soundcloud", "That a token has ended is told by status 401."),
            ("netatmo", "That a token has ended is told by status 403 and what is in the answer."),
        ] {
            assert!(habits(name).iter().any(|habit| habit == sentence), "{name}: {:?}", habits(name));
        }
        assert!(!habits("acme").iter().any(|habit| habit.contains("PKCE")));
        assert!(
            habits("telldus").contains(&"Errors come with a status of success, and are recognised by what is in the answer.".to_owned())
        );
    }
}
