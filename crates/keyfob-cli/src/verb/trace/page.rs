//! The page: one file, no script, nothing loaded from anywhere.

use std::fmt::Write as _;

use keyfob::proto::Secret;
use url::Url;

use super::drawing::{self, Arrow};
use super::shown::{HIDDEN, Shown};
use super::{section, threads};
use crate::output::without_terminal_controls;
use crate::wire::{Exchange, Step};

/// A message on the page.
struct Message {
    arrow: Arrow,
    lines: Vec<String>,
}

/// The page of these steps.
pub(super) fn of(title: &str, steps: &[Step], secrets: &[Secret]) -> String {
    // Twice: what is hidden in one message is looked for in all others.
    let mut first = Shown::knowing(secrets);
    Sequence::of(steps, &mut first);
    let known: Vec<Secret> = secrets.iter().chain(&first.hidden).cloned().collect();
    let mut shown = Shown::knowing(&known);
    let title = shown.text(title);
    let sequence = Sequence::of(steps, &mut shown);
    html(&title, &sequence)
}

/// Who speaks, and what is said.
struct Sequence {
    parties: Vec<String>,
    messages: Vec<Message>,
}

impl Sequence {
    fn of(steps: &[Step], shown: &mut Shown) -> Self {
        let mut sequence = Self { parties: vec!["Keyfob".to_owned()], messages: Vec::new() };
        if steps.iter().any(|step| matches!(step, Step::SentAway(_))) {
            sequence.parties.push(BROWSER.to_owned());
        }
        let mut away: Option<&str> = None;
        for step in steps {
            match step {
                Step::SentAway(url) => {
                    sequence.sent_away(url, shown);
                    away = Some(url);
                }
                Step::Asked(exchange) => {
                    // The next request is made only once an answer was judged to be one to ours.
                    if let Some(url) = away.take() {
                        sequence.came_back(url, shown);
                    }
                    sequence.asked(exchange, shown);
                }
            }
        }
        sequence
    }

    fn party(&mut self, name: &str) -> usize {
        if let Some(at) = self.parties.iter().position(|party| party == name) {
            return at;
        }
        self.parties.push(name.to_owned());
        self.parties.len() - 1
    }

    fn push(&mut self, ends: (usize, usize), label: String, section: &'static str, (back, bad): (bool, bool), lines: Vec<String>) {
        self.messages.push(Message { arrow: Arrow { from: ends.0, to: ends.1, label, section, back, bad }, lines });
    }

    fn sent_away(&mut self, url: &str, shown: &mut Shown) {
        let (browser, server) = (self.party(BROWSER), self.party(&authority(url)));
        let label = format!("GET {}", shown.text(url.parse::<http::Uri>().as_ref().map_or("/", http::Uri::path)));
        self.push((0, browser), "open this page".to_owned(), section::away(url), (false, false), vec![shown.url(url)]);
        self.push(
            (browser, server),
            label,
            section::away(url),
            (false, false),
            vec!["The person is asked, and says yes or no.".to_owned()],
        );
    }

    fn came_back(&mut self, url: &str, shown: &mut Shown) {
        let (browser, server) = (self.party(BROWSER), self.party(&authority(url)));
        let redirect = Url::parse(url)
            .ok()
            .and_then(|url| url.query_pairs().find(|(name, _)| name == "redirect_uri").map(|(_, uri)| uri.into_owned()));
        let mut lines: Vec<String> = redirect.map(|uri| format!("to {}", shown.url(&uri))).into_iter().collect();
        lines.push(format!("The answer ({HIDDEN}): judged on the spot to belong to this login, and not kept."));
        self.push((server, browser), "redirect".to_owned(), section::back(url), (true, false), Vec::new());
        self.push((browser, 0), "the answer".to_owned(), section::back(url), (true, false), lines);
    }

    fn asked(&mut self, exchange: &Exchange, shown: &mut Shown) {
        let server = self.party(exchange.uri.authority().map_or("", http::uri::Authority::as_str));
        let target = shown.url(exchange.uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str));
        let mut lines = vec![format!("{} {target}{}", exchange.method, exchange.spoken()), format!("host: {}", self.parties[server])];
        lines.extend(shown.head(&exchange.headers));
        lines.extend(after_a_gap(shown.body(&exchange.headers, &exchange.body)));
        let label = format!("{} {}", exchange.method, shown.text(exchange.uri.path()));
        self.push((0, server), label, section::request(exchange), (false, false), lines);
        match &exchange.answer {
            Ok(answered) => {
                let mut lines = vec![format!("{:?} {}", answered.version, answered.status)];
                lines.extend(shown.head(&answered.headers));
                lines.extend(after_a_gap(shown.body(&answered.headers, &answered.body)));
                let bad = answered.status.is_client_error() || answered.status.is_server_error();
                self.push((server, 0), answered.status.to_string(), section::answer(exchange, answered), (true, bad), lines);
            }
            Err(why) => self.push((server, 0), "no answer".to_owned(), "", (true, true), vec![shown.text(why)]),
        }
    }
}

const BROWSER: &str = "Browser";

fn authority(url: &str) -> String {
    url.parse::<http::Uri>().ok().and_then(|uri| uri.authority().map(ToString::to_string)).unwrap_or_default()
}

fn after_a_gap(lines: Vec<String>) -> Vec<String> {
    if lines.is_empty() { lines } else { std::iter::once(String::new()).chain(lines).collect() }
}

fn html(title: &str, sequence: &Sequence) -> String {
    let title = escape(title);
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width\">\n\
         <meta name=\"referrer\" content=\"no-referrer\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
         <title>keyfob {title}</title>\n<style>{STYLE}{threads}</style>\n<h1>keyfob {title}</h1>\n\
         <p>What went over the line. Values are shown where their names are known to be harmless; {HIDDEN} stands for every other one.</p>\n",
        threads = threads::STYLE,
    );
    let messages = &sequence.messages;
    if messages.is_empty() {
        page.push_str("<p>Nothing did.</p>\n");
        return page;
    }
    let arrows: Vec<&Arrow> = messages.iter().map(|message| &message.arrow).collect();
    let _ = writeln!(page, "<figure>{}</figure>", drawing::of(&sequence.parties, &arrows));
    page.push_str(threads::LEGEND);
    for (index, Message { arrow, lines }) in messages.iter().enumerate() {
        let _ = writeln!(
            page,
            "<section id=\"m{n}\"{}><h2><b>{n}</b> {} → {} <i>{}</i> <small>{}</small></h2>",
            if arrow.bad { " class=\"bad\"" } else { "" },
            escape(&sequence.parties[arrow.from]),
            escape(&sequence.parties[arrow.to]),
            escape(&arrow.label),
            arrow.section,
            n = index + 1,
        );
        if !lines.is_empty() {
            let _ = writeln!(page, "<pre>{}</pre>", threads::marked(&escape(&lines.join("\n"))));
        }
        page.push_str("</section>\n");
    }
    page
}

/// Text for a page: what a server says is no markup, and reorders nothing.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in without_terminal_controls(text).chars() {
        match c {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            '"' => escaped.push_str("&quot;"),
            c => escaped.push(c),
        }
    }
    escaped
}

const STYLE: &str = "
:root{color-scheme:light dark;--ink:#1c2430;--dim:#5d6878;--paper:#fff;--card:#f4f6f9;--line:#c9d1dc;--go:#1f5fbf;--come:#1f7a4d;--bad:#b3261e}
@media(prefers-color-scheme:dark){:root{--ink:#e4e9f0;--dim:#98a4b5;--paper:#14181f;--card:#1d232c;--line:#3a4553;--go:#7fb0ff;--come:#6fd3a2;--bad:#ff8a80}}
body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:var(--ink);background:var(--paper)}
h1{font-size:1.5rem}p{color:var(--dim)}figure{margin:1.5rem 0;overflow-x:auto}svg{width:100%;min-width:40rem}
text{text-anchor:middle;fill:var(--ink);font:12px ui-monospace,monospace}.party{font-weight:700;font-size:13px}.section{fill:var(--dim);font-size:11px}
.life{stroke:var(--line);stroke-dasharray:3 4}.arrow{stroke:var(--go);stroke-width:1.5}.back{stroke:var(--come);stroke-dasharray:6 3}.bad{stroke:var(--bad)}
section{background:var(--card);border-left:3px solid var(--go);border-radius:4px;padding:.6rem 1rem;margin:.8rem 0}section.bad{border-color:var(--bad)}
h2{font-size:1rem;font-weight:500;margin:0}h2 i{font-style:normal;font-family:ui-monospace,monospace}small{color:var(--dim);float:right}
pre{white-space:pre-wrap;overflow-wrap:anywhere;font:13px/1.45 ui-monospace,monospace;margin:.5rem 0 0}
";

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderValue, Method, StatusCode, Version};
    use keyfob::proto::encode;

    use super::*;
    use crate::wire::Answered;

    /// A secret in every place of a message where one can be, in the spelling of that place; one that the vault knows, and one that nobody told of.
    #[test]
    fn j11_no_secret_is_on_the_page_wherever_it_was_said() {
        for (secret, known) in [("known/secret+with=ends-4711", true), ("told/nobody+of=this-one-4711", false)] {
            let percent = encode::percent(secret);
            let mut headers = HeaderMap::new();
            for (name, value) in [
                ("authorization", format!("Bearer {secret}")),
                ("content-type", "application/x-www-form-urlencoded".to_owned()),
                ("cookie", format!("session={secret}")),
                ("x-api-key", secret.to_owned()),
                ("www-authenticate", format!("Bearer error=\"invalid_token\", error_description=\"{secret}\"")),
                ("location", format!("https://b.example/back?code={percent}#access_token={percent}")),
            ] {
                headers.insert(name, HeaderValue::try_from(value).expect("a header"));
            }
            let asked = |target: String, body: String, answer: String| {
                let answered =
                    Answered { version: Version::HTTP_11, status: StatusCode::OK, headers: headers.clone(), body: answer.into() };
                let uri = format!("https://a.example{target}").parse().expect("a URL");
                Step::Asked(Box::new(Exchange {
                    method: Method::POST,
                    uri,
                    headers: headers.clone(),
                    body: body.into(),
                    answer: Ok(answered),
                }))
            };
            let mut steps = vec![
                Step::SentAway(format!(
                    "https://a.example/authorize?response_type=code&state={percent}&redirect_uri=https%3A%2F%2Fb.example%2F%3Fx%3D{percent}"
                )),
                asked(
                    "/token".to_owned(),
                    format!("grant_type=refresh_token&refresh_token={percent}"),
                    format!(r#"{{"access_token":"{secret}","scope":"{secret}"}}"#),
                ),
                asked(
                    format!("/api?token={percent}"),
                    format!(r#"{{"password":"{secret}","list":["{secret}"],"{secret}":1}}"#),
                    format!("a page with {secret}"),
                ),
                // What another program's server repeats where nobody expects it.
                asked(
                    format!("/api/{percent}"),
                    String::new(),
                    format!(r#"{{"error":"{secret}","error_uri":"https://a.example/{percent}"}}"#),
                ),
            ];
            steps.extend(std::iter::once(Step::Asked(Box::new(Exchange {
                method: Method::GET,
                uri: "https://a.example/x".parse().expect("a URL"),
                headers: HeaderMap::new(),
                body: Vec::new(),
                answer: Err(format!("connection closed after {secret}")),
            }))));
            let secrets = if known { vec![Secret::new(secret)] } else { Vec::new() };
            let page = of(&format!("get acme {secret}"), &steps, &secrets);
            let escaped = escape(secret);
            for spelling in [secret, percent.as_str(), escaped.as_str(), &encode::base64(secret.as_bytes()), "4711"] {
                assert!(!page.contains(spelling), "{spelling} is in\n{page}");
            }
            for shown in ["grant_type=refresh_token", "RFC 6749 §6", "response_type</abbr>=code", "no answer", "200 OK", HIDDEN] {
                assert!(page.contains(shown), "{shown} is not in\n{page}");
            }
        }
    }

    #[test]
    fn nothing_that_a_server_says_is_markup() {
        let mut headers = HeaderMap::new();
        headers.insert("server", HeaderValue::from_static("</pre><script>alert(1)</script>"));
        let body = br#"{"scope":"<img src=x onerror=alert(1)>","error":"\"'><b>&amp;"}"#.to_vec();
        let answered = Answered { version: Version::HTTP_2, status: StatusCode::BAD_REQUEST, headers, body };
        let uri = "https://a.example/x".parse().expect("a URL");
        let step =
            Step::Asked(Box::new(Exchange { method: Method::GET, uri, headers: HeaderMap::new(), body: Vec::new(), answer: Ok(answered) }));
        let page = of("<i>", &[step], &[]);
        assert!(!page.contains("<script") && !page.contains("<img") && !page.contains("<b>&amp;") && !page.contains("<i>&lt;"), "{page}");
        assert!(page.contains("&lt;img src=x") && page.contains("default-src 'none'") && page.contains("class=\"bad\""), "{page}");
    }
}
