//! Where messages may go (F3): to the open internet, by https; elsewhere only where whoever runs this program says so.
//!
//! A person here is no reason to trust a URL: a webhook at `http://169.254.169.254/` would have us ask the cloud for its keys. What is written is
//! judged when it is kept and again when it is used; what a name resolves to is judged by the transport, which knows what it connects to (F4).

use http::Uri;
use keyfob::proto::{Endpoint, Misuse, Origin, Reach};

/// The longest URL.
pub(crate) const LONGEST: usize = 2000;

/// Somebody on the open internet, who has nothing near.
const NOBODY: &str = "https://nobody.example";

/// Where a message goes.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) uri: Uri,
    /// Whether the operator vouches for the place.
    pub(super) is_spared: bool,
}

/// Whether we go there.
///
/// # Errors
/// Why not.
pub(super) fn judge(url: &str, spared: &[Origin]) -> Result<Target, Misuse> {
    let hint = "give an https URL on the open internet, or have the operator allow its origin";
    if url.len() > LONGEST {
        return Err(Misuse::new(format!("a URL of at most {LONGEST} characters"), "a longer one"));
    }
    if url.contains('#') {
        return Err(Misuse::new("a URL without a fragment", "one with it"));
    }
    // The operator may have allowed plain http on the network at home, which an endpoint is not otherwise; there is an origin where there is no user.
    if let Ok(uri) = url.parse::<Uri>()
        && Origin::of(&uri).is_some_and(|origin| spared.contains(&origin))
    {
        return Ok(Target { uri, is_spared: true });
    }
    let reach = Reach::of(&Endpoint::parse(NOBODY)?);
    let endpoint = reach.endpoint(url).map_err(|found| Misuse::new("a URL that anybody can reach", found).with_hint(hint))?;
    if !endpoint.origin().as_str().starts_with("https://") {
        return Err(Misuse::new("an https URL", "another").with_hint(hint));
    }
    Ok(Target { uri: endpoint.uri().clone(), is_spared: false })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f3_only_the_open_internet_and_what_is_spared() {
        let spared = ["http://127.0.0.1:8123", "http://hub.home:8123"].map(|spared| Origin::parse(spared).expect("an origin"));
        for (good, is_spared) in [
            ("https://hooks.example/a?b=c", false),
            ("https://hooks.example:8443/", false),
            ("http://127.0.0.1:8123/hook", true),
            // On the network at home there is no certificate.
            ("http://hub.home:8123/hook?a=b", true),
        ] {
            let target = judge(good, &spared).expect("a place to go");
            assert_eq!((target.uri.to_string().as_str(), target.is_spared), (good, is_spared));
        }
        for wrong in [
            "http://hooks.example/",
            "http://127.0.0.1:8124/",
            "https://127.0.0.1:8123/",
            "https://user@hooks.example/",
            "http://hub.home/",
            "http://user@hub.home:8123/",
            "http://hub.home:8123/#a",
            "/hook",
            "",
        ] {
            assert!(judge(wrong, &spared).is_err(), "{wrong}");
        }
    }
}
