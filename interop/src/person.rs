//! A person in front of a provider's pages, without a browser: keeps cookies, signs in, agrees, and goes where the pages send.

use std::collections::BTreeMap;

use crate::http::{self, Answer};

/// Opens a URL, signs in and agrees, until the provider sends the browser to another origin; that address.
///
/// # Panics
/// If the pages lead nowhere.
pub fn agree(url: &str) -> String {
    walk(url, false)
}

/// The same, but for saying no at the first page that lets one.
///
/// # Panics
/// If the pages lead nowhere.
pub fn refuse(url: &str) -> String {
    walk(url, true)
}

fn walk(url: &str, refuse: bool) -> String {
    let home = origin(url).to_owned();
    let mut cookies = Cookies::default();
    let (mut method, mut url, mut body) = ("GET", url.to_owned(), String::new());
    for _ in 0..20 {
        let answer = cookies.send(method, &url, &body);
        if let Some(location) = answer.header("location") {
            (method, url, body) = ("GET", absolute(&home, location), String::new());
            if origin(&url) != home {
                return url;
            }
            continue;
        }
        let page = answer.text();
        let way_out = page.split("<a ").skip(1).filter_map(|tag| attribute(tag, "href")).find(|href| href.ends_with("/abort"));
        if let Some(way_out) = way_out.filter(|_| refuse) {
            (method, url, body) = ("GET", absolute(&home, &way_out), String::new());
            continue;
        }
        let form = page.split_once("<form").unwrap_or_else(|| panic!("{url} has neither redirect nor form: {answer:?}")).1;
        let form = form.split("</form>").next().expect("the form");
        let action = attribute(form, "action").unwrap_or_else(|| panic!("a form without action: {form}"));
        (method, url, body) = ("POST", absolute(&home, &action), filled(form));
    }
    panic!("the pages never end: {url}");
}

/// The form as a person fills it in: hidden fields as they are, any name, any password.
fn filled(form: &str) -> String {
    let mut pairs = Vec::new();
    for input in form.split("<input").skip(1).map(|rest| rest.split('>').next().unwrap_or_default()) {
        let Some(name) = attribute(input, "name") else { continue };
        let value = attribute(input, "value").filter(|_| input.contains("hidden"));
        pairs.push(format!("{}={}", http::encode(&name), http::encode(&value.unwrap_or_else(|| "robin".to_owned()))));
    }
    pairs.join("&")
}

#[derive(Default)]
struct Cookies(BTreeMap<String, String>);

impl Cookies {
    fn send(&mut self, method: &str, url: &str, body: &str) -> Answer {
        let cookies: Vec<String> = self.0.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let cookies = cookies.join("; ");
        let mut headers = vec![("Cookie", cookies.as_str())];
        if method == "POST" {
            headers.push(("Content-Type", "application/x-www-form-urlencoded"));
        }
        let answer = http::send(method, url, &headers, body.as_bytes()).unwrap_or_else(|problem| panic!("{method} {url}: {problem}"));
        for (_, cookie) in answer.headers.iter().filter(|(name, _)| name == "set-cookie") {
            if let Some((name, value)) = cookie.split(';').next().and_then(|pair| pair.split_once('=')) {
                self.0.insert(name.trim().to_owned(), value.to_owned());
            }
        }
        answer
    }
}

fn attribute(tag: &str, name: &str) -> Option<String> {
    let value = tag.split_once(&format!("{name}=\""))?.1.split('"').next()?;
    Some(value.replace("&amp;", "&"))
}

fn absolute(home: &str, location: &str) -> String {
    if location.starts_with('/') { format!("{home}{location}") } else { location.to_owned() }
}

fn origin(url: &str) -> &str {
    let start = url.find("://").map_or(0, |at| at + 3);
    let end = url[start..].find('/').map_or(url.len(), |at| start + at);
    &url[..end]
}
