//! The person in front of the browser, under scripted consent: they follow the link, and bring back where it led.

use keyfob_interop::http;

/// Where the provider sends the person who opens this URL: the redirect URI with its answer.
///
/// # Panics
/// If the provider shows a page instead of sending them back.
pub fn goes_to(url: &str) -> String {
    let answer = http::visit(url);
    assert!((300..400).contains(&answer.status), "{url} answered {}: {}", answer.status, answer.text());
    answer.location().to_owned()
}

/// The PIN that the page at this URL shows.
///
/// # Panics
/// If it shows none.
pub fn reads_pin(url: &str) -> String {
    let page = http::visit(url).text();
    let (_, behind) = page.split_once("id=\"pin\"").expect("the page shows a PIN");
    let (_, behind) = behind.split_once('>').expect("an element");
    behind.split('<').next().unwrap_or("").trim().to_owned()
}
