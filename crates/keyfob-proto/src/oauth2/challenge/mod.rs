//! Challenges: what a server that answers 401 or 403 wants to see (`WWW-Authenticate`, RFC 9110 §11.6.1).
//!
//! Several schemes may stand in one header, and the header may be there several times; commas separate challenges and parameters alike, and may stand
//! inside quotes. Whoever looks for `error=` with a search in the text finds what somebody put into `realm`.

mod grammar;

use http::HeaderMap;
use http::header::WWW_AUTHENTICATE;

use super::authorize::AuthorizeRequest;
use crate::error::{Code, Misbehaved};
use crate::scrub::Scrubber;

/// More bytes than this, in all headers together, are no challenge.
const LONGEST: usize = 16 * 1024;

/// The challenges of an answer, in order.
///
/// ```
/// use keyfob_proto::oauth2::challenge::Challenges;
///
/// let answer = http::Response::builder()
///     .status(401)
///     .header("www-authenticate", r#"Basic realm="a, Bearer error=\"none\"", Bearer error="invalid_token", scope="read write""#)
///     .body(())?;
/// let challenges = Challenges::read(answer.headers())?;
/// let bearer = challenges.bearer().expect("there is one");
/// assert_eq!(bearer.error.map(|code| code.to_string()).as_deref(), Some("invalid_token"));
/// assert_eq!(bearer.scopes, ["read", "write"]);
/// assert_eq!(challenges.iter().next().and_then(|basic| basic.parameter("realm")), Some(r#"a, Bearer error="none""#));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Challenges(Vec<Challenge>);

/// One challenge: a scheme, and what it says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenge {
    scheme: String,
    token68: Option<String>,
    parameters: Vec<(String, String)>,
}

/// A challenge of the schemes `Bearer` (RFC 6750 §3) and `DPoP` (RFC 9449 §7.1), which have the same parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TokenChallenge {
    /// `realm`, made fit to show.
    pub realm: Option<String>,
    /// `error`; absent where no token came (RFC 6750 §3.1).
    pub error: Option<Code>,
    /// `error_description`, made fit to show.
    pub description: Option<String>,
    /// `error_uri`; only if `https`, and never opened by us.
    pub uri: Option<String>,
    /// `scope`: what a token needs.
    pub scopes: Vec<String>,
    /// `algs`: what a DPoP proof may be signed with.
    pub algorithms: Vec<String>,
    /// `resource_metadata` (RFC 9728 §5.1): where the resource describes itself. Not judged yet:
    /// [`ResourceDiscovery`](super::resource_metadata::ResourceDiscovery) does.
    pub resource_metadata: Option<String>,
    /// `acr_values` (RFC 9470 §3): how the person has to be authenticated, the preferred first.
    pub acr_values: Vec<String>,
    /// `max_age` (RFC 9470 §3): how many seconds ago at most.
    pub max_age: Option<u32>,
}

/// What to ask for at the next login, so that the resource is content (RFC 9470, RFC 6750 §3.1). Whether somebody is asked at all is the caller's to decide.
/// With nothing in it, it is a login as the last one was.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct StepUp {
    /// The scopes that the resource names; empty where it names none.
    pub scopes: Vec<String>,
    /// `acr_values` of the authorization request.
    pub acr_values: Vec<String>,
    /// `max_age` of the authorization request, in seconds.
    pub max_age: Option<u32>,
}

impl Challenges {
    /// Reads the challenges of an answer; none where it has no such header.
    ///
    /// # Errors
    ///
    /// `Misbehaved` for what is no list of challenges, a parameter twice in one (§11.2), and for more than 16 KiB, 32 challenges or 64 parameters.
    pub fn read(headers: &HeaderMap) -> Result<Self, Misbehaved> {
        let values = || headers.get_all(WWW_AUTHENTICATE).iter();
        if values().map(|value| value.len()).sum::<usize>() > LONGEST {
            return Err(grammar::broke("at most 16 KiB", "more"));
        }
        let mut challenges = Vec::new();
        for value in values() {
            grammar::read(&String::from_utf8_lossy(value.as_bytes()), &mut challenges)?;
        }
        Ok(Self(challenges))
    }

    /// One by one.
    pub fn iter(&self) -> impl Iterator<Item = &Challenge> {
        self.0.iter()
    }

    /// The first challenge of a scheme, in any case.
    pub fn of(&self, scheme: &str) -> Option<&Challenge> {
        self.0.iter().find(|challenge| challenge.scheme.eq_ignore_ascii_case(scheme))
    }

    /// What a resource that takes bearer tokens says (RFC 6750 §3).
    pub fn bearer(&self) -> Option<TokenChallenge> {
        self.of("Bearer").map(TokenChallenge::of)
    }

    /// What a resource that takes tokens with a proof says (RFC 9449 §7.1).
    pub fn dpop(&self) -> Option<TokenChallenge> {
        self.of("DPoP").map(TokenChallenge::of)
    }

    /// What an OAuth 1 server says: `realm` (RFC 5849 §3.5.1), and whatever it explains, such as `oauth_problem`.
    pub fn oauth1(&self) -> Option<&Challenge> {
        self.of("OAuth")
    }

    /// Whether a DPoP proof with the server's nonce is asked for (RFC 9449 §9).
    pub fn wants_dpop_nonce(&self) -> bool {
        self.dpop().and_then(|challenge| challenge.error).is_some_and(|code| code.as_str() == "use_dpop_nonce")
    }

    /// Where the resource describes itself (RFC 9728 §5.1), by whichever of its challenges says so first.
    pub fn resource_metadata(&self) -> Option<&str> {
        self.0.iter().find_map(|challenge| challenge.parameter("resource_metadata"))
    }

    /// Whether a refusal with these challenges may mean that the token is not good any more. Not where all that it blames is something that a new token
    /// of the same login would not mend: its scopes, how its person signed in (RFC 9470 §3), or the proof that went with it (RFC 9449 §7.1).
    pub fn may_blame_token(&self) -> bool {
        let mut blamed = [self.dpop(), self.bearer()].into_iter().flatten().filter_map(|challenge| challenge.error).peekable();
        let others = ["insufficient_scope", "insufficient_user_authentication", "invalid_dpop_proof", "use_dpop_nonce"];
        blamed.peek().is_none() || blamed.any(|code| !others.contains(&code.as_str()))
    }

    /// Whether the resource did not take the proof of possession that came with the token (RFC 9449 §7.1).
    pub fn blames_proof(&self) -> bool {
        self.dpop().and_then(|challenge| challenge.error).is_some_and(|code| code.as_str() == "invalid_dpop_proof")
    }

    /// Whether a challenge says that the token's scopes are not enough: `insufficient_scope` (RFC 6750 §3.1).
    pub fn lack_scope(&self) -> bool {
        let lacks = |challenge: &TokenChallenge| challenge.error.as_ref().is_some_and(|error| error.as_str() == "insufficient_scope");
        [self.dpop(), self.bearer()].iter().flatten().any(lacks)
    }

    /// What to ask for at the next login, where that would help: `insufficient_user_authentication` (RFC 9470 §3) and `insufficient_scope`
    /// (RFC 6750 §3.1).
    pub fn step_up(&self) -> Option<StepUp> {
        [self.dpop(), self.bearer()].into_iter().flatten().find_map(|challenge| challenge.step_up())
    }
}

impl Challenge {
    /// The scheme, as it was written. It is compared without case.
    pub fn scheme(&self) -> &str {
        &self.scheme
    }

    /// The value of a scheme that has one value and no parameters (`Negotiate …`).
    pub fn token68(&self) -> Option<&str> {
        self.token68.as_deref()
    }

    /// A parameter; its name has no case (RFC 9110 §11.2). As it was written: [clean](Scrubber::clean) it before it is shown.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// All parameters, in order.
    pub fn parameters(&self) -> impl Iterator<Item = (&str, &str)> {
        self.parameters.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

impl TokenChallenge {
    fn of(challenge: &Challenge) -> Self {
        let scrubber = Scrubber::new();
        let shown = |name| challenge.parameter(name).map(|text| scrubber.clean(text)).filter(|text| !text.is_empty());
        let words = |name| -> Vec<String> {
            let text = challenge.parameter(name).unwrap_or("");
            text.split_ascii_whitespace().filter(|word| !word.chars().any(char::is_control)).map(str::to_owned).collect()
        };
        Self {
            realm: shown("realm"),
            error: shown("error").map(|code| Code::read(&code)),
            description: shown("error_description"),
            uri: shown("error_uri").filter(|uri| uri.starts_with("https://")),
            scopes: words("scope"),
            algorithms: words("algs"),
            resource_metadata: challenge.parameter("resource_metadata").map(str::to_owned),
            acr_values: words("acr_values"),
            max_age: challenge.parameter("max_age").and_then(|text| text.parse().ok()),
        }
    }

    /// What to ask for at the next login, where this challenge says that another login would help.
    pub fn step_up(&self) -> Option<StepUp> {
        match self.error.as_ref()?.as_str() {
            "insufficient_scope" | "insufficient_user_authentication" => {
                Some(StepUp { scopes: self.scopes.clone(), acr_values: self.acr_values.clone(), max_age: self.max_age })
            }
            _ => None,
        }
    }
}

impl StepUp {
    /// The scopes to ask for: what the account has already, and what is missing. To ask for less would take away what it has.
    pub fn scopes_beside(&self, granted: &[String]) -> Vec<String> {
        let missing = self.scopes.iter().filter(|scope| !granted.contains(scope));
        granted.iter().chain(missing).cloned().collect()
    }

    /// Whether nothing is named, so that any login is as good.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The next login (RFC 9470 §4): `request` with what is missing in it.
    pub fn add_to(&self, request: &mut AuthorizeRequest, granted: &[String]) {
        if !self.scopes.is_empty() {
            request.scopes = self.scopes_beside(granted);
        }
        if !self.acr_values.is_empty() {
            request.acr_values.clone_from(&self.acr_values);
        }
        request.max_age = self.max_age.or(request.max_age);
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    pub(super) fn headers(values: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(WWW_AUTHENTICATE, HeaderValue::from_bytes(value.as_bytes()).expect("a header"));
        }
        headers
    }

    pub(super) fn read(values: &[&str]) -> Challenges {
        Challenges::read(&headers(values)).unwrap_or_else(|error| panic!("{values:?}: {error}"))
    }

    #[test]
    fn rfc6750_3_what_a_resource_says_is_read_and_fit_to_show() {
        let bearer = read(&["bEARER realm=\"\u{202e}red\", error=\"invalid_token\", error_description=\"a\u{9b}b\", \
                            error_uri=\"javascript:x\", scope=\"openid  profile\", resource_metadata=\"https://api.example/.well-known/x\""]);
        let bearer = bearer.bearer().expect("a challenge");
        assert_eq!(bearer.error, Some(Code::InvalidToken));
        assert_eq!((bearer.realm.as_deref(), bearer.description.as_deref(), bearer.uri), (Some("red"), Some("ab"), None));
        assert_eq!(bearer.scopes, ["openid", "profile"]);
        assert_eq!(bearer.resource_metadata.as_deref(), Some("https://api.example/.well-known/x"));
    }

    #[test]
    fn g2_a_nonce_is_asked_for_by_the_dpop_challenge_alone() {
        assert!(read(&["Bearer realm=\"a\", dpop algs=\"ES256\", error=\"use_dpop_nonce\""]).wants_dpop_nonce());
        assert!(!read(&["DPoP algs=\"ES256\", Bearer error=\"use_dpop_nonce\""]).wants_dpop_nonce());
        assert!(!read(&["DPoP realm=\"use_dpop_nonce\", error=\"invalid_token\""]).wants_dpop_nonce());
        assert_eq!(read(&["DPoP algs=\"ES256 PS256\""]).dpop().expect("a challenge").algorithms, ["ES256", "PS256"]);
    }

    #[test]
    fn rfc9470_3_what_a_new_token_would_not_mend_is_not_the_token_s_fault() {
        let blames = |values: &[&str]| read(values).may_blame_token();
        for mended in
            [&[][..], &["Bearer"], &["Basic realm=\"a\""], &["Bearer error=\"invalid_token\""], &["Bearer error=\"token_expired\""]]
        {
            assert!(blames(mended), "{mended:?}");
        }
        for code in ["insufficient_scope", "insufficient_user_authentication", "invalid_dpop_proof", "use_dpop_nonce"] {
            assert!(!blames(&[&format!("DPoP error=\"{code}\"")]), "{code}");
            assert!(!blames(&[&format!("Bearer, DPoP error={code}")]), "{code}");
            assert!(blames(&[&format!("DPoP error={code}"), "Bearer error=invalid_token"]), "{code}: and the token as well");
        }
        assert!(read(&["DPoP error=invalid_dpop_proof"]).blames_proof() && !read(&["Bearer error=invalid_dpop_proof"]).blames_proof());
    }

    #[test]
    fn an_oauth_1_server_explains_itself_in_parameters() {
        let challenges = read(&["OAuth realm=\"http://sp.example/\", oauth_problem=timestamp_refused, oauth_acceptable_timestamps=1-2"]);
        let challenge = challenges.oauth1().expect("a challenge");
        assert_eq!(challenge.parameter("oauth_problem"), Some("timestamp_refused"));
        assert_eq!(challenge.parameter("realm"), Some("http://sp.example/"));
    }

    #[test]
    fn rfc9470_3_a_step_up_says_what_to_ask_for() {
        let asked = read(&[
            "Bearer error=\"insufficient_user_authentication\", error_description=\"stronger\", acr_values=\"gold silver\", max_age=5",
        ]);
        let step_up = asked.step_up().expect("another login would help");
        let next = |step_up: &StepUp, granted: &[&str]| {
            let mut request = AuthorizeRequest { scopes: vec!["openid".to_owned()], max_age: Some(600), ..AuthorizeRequest::default() };
            step_up.add_to(&mut request, &granted.iter().map(|scope| (*scope).to_owned()).collect::<Vec<_>>());
            (request.scopes.join(" "), request.acr_values.join(" "), request.max_age)
        };
        assert_eq!(next(&step_up, &["read"]), ("openid".to_owned(), "gold silver".to_owned(), Some(5)));
        let asked = read(&["Bearer error=\"insufficient_scope\", scope=\"read admin\""]).step_up().expect("another login would help");
        assert_eq!(asked.scopes_beside(&["write".to_owned(), "read".to_owned()]), ["write", "read", "admin"]);
        assert_eq!(next(&asked, &["write", "read"]), ("write read admin".to_owned(), String::new(), Some(600)));
        for no in ["Bearer", "Bearer error=\"invalid_token\", scope=\"read\"", "Basic error=\"insufficient_scope\""] {
            assert_eq!(read(&[no]).step_up(), None, "{no}");
        }
        assert_eq!(
            read(&["Bearer error=insufficient_user_authentication, max_age=-1"]).step_up().and_then(|step_up| step_up.max_age),
            None
        );
    }
}
