//! Resource indicators (RFC 8707): which tokens are for what. The resources are those of this very server, `/api` and what is below it.

use url::Url;

/// The resources that a request names; `None` if one of them is not here.
pub(super) fn resources(issuer: &str, named: &[&str]) -> Option<Vec<String>> {
    let base = format!("{issuer}/api");
    let here = |uri: &str| {
        let below = uri.strip_prefix(&base).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        // §2: an absolute URI without a fragment; written as it would be parsed, so that `/api/../x` is not below `/api`.
        below && Url::parse(uri).is_ok_and(|url| url.as_str() == uri && url.fragment().is_none() && url.query().is_none())
    };
    named.iter().map(|uri| here(uri).then(|| (*uri).to_owned())).collect()
}

/// What a token request is for, out of what was granted (§2.2): all of it if it names nothing.
pub(super) fn audience(issuer: &str, named: &[&str], granted: &[String]) -> Option<Vec<String>> {
    if named.is_empty() {
        return Some(granted.to_vec());
    }
    let asked = resources(issuer, named)?;
    asked.iter().all(|one| granted.is_empty() || granted.contains(one)).then_some(asked)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resources_are_below_the_api_and_tokens_are_for_what_was_granted() {
        let at = "http://127.0.0.1:1";
        assert_eq!(resources(at, &[]), Some(vec![]));
        assert!(resources(at, &["http://127.0.0.1:1/api", "http://127.0.0.1:1/api/secure"]).is_some());
        for bad in
            ["http://127.0.0.1:1/apix", "http://127.0.0.1:1/api/../x", "http://127.0.0.1:1/api#f", "https://evil.example/api", "api", ""]
        {
            assert_eq!(resources(at, &[bad]), None, "{bad}");
        }
        let granted = ["http://127.0.0.1:1/api/secure".to_owned()];
        assert_eq!(audience(at, &[], &granted), Some(granted.to_vec()));
        assert_eq!(audience(at, &["http://127.0.0.1:1/api/me"], &granted), None);
    }
}
