//! A person in front of a provider's pages, without a browser: keeps cookies, signs in, agrees, and goes where the pages send.

use std::collections::BTreeMap;

use crate::http::{self, Answer};

/// Opens a URL, signs in and agrees, until the provider sends the browser to another origin; that address.
///
/// # Panics
/// If the pages lead nowhere.
pub fn agree(url: &str) -> String {
    Person::default().agree(url)
}

/// The same, but for saying no at the first page that lets one.
///
/// # Panics
/// If the pages lead nowhere.
pub fn refuse(url: &str) -> String {
    Person::default().walk(url, true).elsewhere()
}

/// The same where the provider sends nobody anywhere: for a login on another device. The last page.
///
/// # Panics
/// If the pages lead somewhere else.
pub fn decline(url: &str) -> String {
    Person::default().walk(url, true).page()
}

/// Somebody whose browser keeps its cookies from one visit to the next.
pub struct Person {
    name: String,
    cookies: Cookies,
}

impl Default for Person {
    fn default() -> Self {
        Self::called("robin")
    }
}

/// Where a walk through pages ends.
enum End {
    /// At another origin.
    Elsewhere(String),
    /// At a page that asks nothing.
    Page(Answer),
}

impl Person {
    /// One who signs in by this name.
    pub fn called(name: &str) -> Self {
        Self { name: name.to_owned(), cookies: Cookies::default() }
    }

    /// Sends a request as the browser does, with its cookies; a form's fields, if it is one. What comes back is not followed.
    ///
    /// # Panics
    /// If nobody answers.
    pub fn send(&mut self, url: &str, form: Option<&[(&str, &str)]>) -> Answer {
        let fields = form.unwrap_or_default().iter().map(|(name, value)| format!("{}={}", http::encode(name), http::encode(value)));
        let body = fields.collect::<Vec<_>>().join("&");
        self.cookies.send(if form.is_some() { "POST" } else { "GET" }, url, &body)
    }

    /// As [`agree`].
    ///
    /// # Panics
    /// If the pages lead nowhere.
    pub fn agree(&mut self, url: &str) -> String {
        self.walk(url, false).elsewhere()
    }

    /// The same where the provider sends nobody anywhere: for a login on another device. The last page.
    ///
    /// # Panics
    /// If the pages lead somewhere else.
    pub fn approve(&mut self, url: &str) -> String {
        self.walk(url, false).page()
    }

    fn walk(&mut self, url: &str, refuse: bool) -> End {
        let home = origin(url).to_owned();
        let mut refused = false;
        let (mut method, mut url, mut body) = ("GET", url.to_owned(), String::new());
        for _ in 0..20 {
            let answer = self.cookies.send(method, &url, &body);
            if let Some(location) = answer.header("location") {
                (method, url, body) = ("GET", absolute(&home, location), String::new());
                if origin(&url) != home {
                    return End::Elsewhere(url);
                }
                continue;
            }
            // Whatever the page after a refusal offers, it is over.
            if refused {
                return End::Page(answer);
            }
            let page = answer.text();
            let way_out = page.split("<a ").skip(1).filter_map(|tag| attribute(tag, "href")).find(|href| href.ends_with("/abort"));
            if let Some(way_out) = way_out.filter(|_| refuse) {
                (method, url, body) = ("GET", absolute(&home, &way_out), String::new());
                refused = true;
                continue;
            }
            let Some((_, form)) = page.split_once("<form") else { return End::Page(answer) };
            let form = form.split("</form>").next().expect("the form");
            let action = attribute(form, "action").unwrap_or_else(|| panic!("a form without action: {form}"));
            (method, url, body) = ("POST", absolute(&home, &action), filled(form, &page, &self.name));
        }
        panic!("the pages never end: {url}");
    }
}

impl End {
    fn elsewhere(self) -> String {
        match self {
            Self::Elsewhere(url) => url,
            Self::Page(page) => panic!("neither redirect nor form: {page:?}"),
        }
    }

    fn page(self) -> String {
        match self {
            Self::Page(page) => page.text(),
            Self::Elsewhere(url) => panic!("sent to {url}"),
        }
    }
}

/// The form as a person fills it in: what is there stays, their name, any password; and the button that the page offers first.
fn filled(form: &str, page: &str, name: &str) -> String {
    let tags = |name: &str, of: &str| -> Vec<String> {
        of.split(name).skip(1).map(|rest| rest.split('>').next().unwrap_or_default().to_owned()).collect()
    };
    let mut fields = tags("<input", form);
    fields.extend(tags("<button", page).into_iter().filter(|button| button.contains("autofocus")));
    let pair = |field: &String| {
        let value = attribute(field, "value").filter(|value| !value.is_empty()).unwrap_or_else(|| name.to_owned());
        attribute(field, "name").map(|name| format!("{}={}", http::encode(&name), http::encode(&value)))
    };
    fields.iter().filter_map(pair).collect::<Vec<_>>().join("&")
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
