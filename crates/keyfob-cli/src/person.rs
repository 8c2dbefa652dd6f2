//! A person in front of a browser who always says yes: for the walk through the sandbox, whose consent is scripted.

use keyfob::proto::Origin;
use keyfob::transport::Transport;
use keyfob::{Body, HyperTransport};

use crate::card::{Card, Doing};
use crate::exit::Exit;

/// Where a page led.
pub(crate) enum Went {
    /// Back to the address where the answer belongs.
    Back(String),
    /// To a page with a PIN.
    Pin(String),
    /// To a page that was the end.
    Nowhere(u16),
}

/// Opens a page of the sandbox, or of our own listener: pages elsewhere are no business of a script.
pub(crate) async fn visit(url: &str, transport: &HyperTransport) -> Result<Went, Card> {
    /// Pages of the sandbox are small.
    const LARGEST: usize = 1 << 20;
    let what = "cannot open the consent page";
    if !Origin::parse(url).is_some_and(|origin| origin.is_loopback()) {
        return Err(Card::new(Exit::Error, what, "it is not on this machine", "this is for the sandbox alone"));
    }
    let request = http::Request::get(url).body(Body::empty());
    let request = request.map_err(|error| Card::new(Exit::Error, what, error.to_string(), "this is a mistake in the sandbox"))?;
    let answer = transport.send(request).await.doing(what)?;
    let status = answer.status();
    let location = answer.headers().get(http::header::LOCATION).and_then(|location| location.to_str().ok()).map(str::to_owned);
    if let Some(location) = location.filter(|_| status.is_redirection()) {
        return Ok(Went::Back(location));
    }
    let page = answer.into_body().bytes(LARGEST).await.doing(what)?;
    let page = String::from_utf8_lossy(&page);
    Ok(match pin(&page) {
        Some(pin) => Went::Pin(pin),
        None => Went::Nowhere(status.as_u16()),
    })
}

/// The text of the element `pin`.
fn pin(page: &str) -> Option<String> {
    let (_, behind) = page.split_once("id=\"pin\"")?;
    let (_, text) = behind.split_once('>')?;
    let (pin, _) = text.split_once('<')?;
    Some(pin.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pin_is_read_from_the_page() {
        assert_eq!(pin("<p>Type this:</p><output id=\"pin\"> 481516 </output>").as_deref(), Some("481516"));
        assert_eq!(pin("<p>No</p>"), None);
    }
}
