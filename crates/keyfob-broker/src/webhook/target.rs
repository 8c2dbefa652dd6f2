//! Where messages may go (F3): to the open internet, by https; elsewhere only where whoever runs this program says so.
//!
//! A person here is no reason to trust a URL: a webhook at `http://169.254.169.254/` would have us ask the cloud for its keys. What is written is
//! judged when it is kept and again when it is used; what a name resolves to is judged by the transport, which knows what it connects to (F4).

use keyfob::proto::{Endpoint, Misuse, Origin, Reach};

/// The longest URL.
pub(crate) const LONGEST: usize = 2000;

/// Somebody on the open internet, who has nothing near.
const NOBODY: &str = "https://nobody.example";

/// Whether we go there.
///
/// # Errors
/// Why not.
pub(super) fn judge(url: &str, spared: &[Origin]) -> Result<Endpoint, Misuse> {
    let hint = "give an https URL on the open internet, or have the operator allow its origin";
    if url.len() > LONGEST {
        return Err(Misuse::new(format!("a URL of at most {LONGEST} characters"), "a longer one"));
    }
    if let Some(origin) = Origin::parse(url).filter(|origin| spared.contains(origin)) {
        // The operator may have allowed plain http on the network at home, which an endpoint is not otherwise.
        return Endpoint::parse(url).map_err(|_| Misuse::new("an https URL (http only on loopback)", format!("one at {origin}")));
    }
    let reach = Reach::of(&Endpoint::parse(NOBODY)?);
    let endpoint = reach.endpoint(url).map_err(|found| Misuse::new("a URL that anybody can reach", found).with_hint(hint))?;
    if !endpoint.origin().as_str().starts_with("https://") {
        return Err(Misuse::new("an https URL", "another").with_hint(hint));
    }
    Ok(endpoint)
}

/// Whether the operator vouches for the place.
pub(super) fn is_spared(endpoint: &Endpoint, spared: &[Origin]) -> bool {
    spared.contains(&endpoint.origin())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f3_only_the_open_internet_and_what_is_spared() {
        let spared = [Origin::parse("http://127.0.0.1:8123").expect("an origin")];
        for good in ["https://hooks.example/a?b=c", "https://hooks.example:8443/", "http://127.0.0.1:8123/hook"] {
            assert!(judge(good, &spared).is_ok(), "{good}");
        }
        for wrong in
            ["http://hooks.example/", "http://127.0.0.1:8124/", "https://127.0.0.1:8123/", "https://user@hooks.example/", "/hook", ""]
        {
            assert!(judge(wrong, &spared).is_err(), "{wrong}");
        }
    }
}
