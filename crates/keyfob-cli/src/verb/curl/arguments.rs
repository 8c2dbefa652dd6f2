//! What curl is told, understood.

use http::{HeaderName, HeaderValue, Method, header};
use keyfob::Session;
use keyfob::proto::encode;
use keyfob::proto::scrub::printable;

use crate::card::Card;
use crate::request::{method, read_file};

/// Options without a value that curl is passed as they are: they change what is shown, or how a connection is made, and not where to.
const SWITCHES: &[(&str, &str)] = &[
    ("-s", "--silent"),
    ("-S", "--show-error"),
    ("-i", "--include"),
    ("-i", "--show-headers"),
    ("-f", "--fail"),
    ("", "--fail-early"),
    ("", "--fail-with-body"),
    ("-N", "--no-buffer"),
    ("", "--compressed"),
    ("-v", "--verbose"),
    ("-#", "--progress-bar"),
    ("", "--no-progress-meter"),
    ("-O", "--remote-name"),
    ("-J", "--remote-header-name"),
    ("-R", "--remote-time"),
    ("", "--remove-on-error"),
    ("", "--create-dirs"),
    ("-4", "--ipv4"),
    ("-6", "--ipv6"),
    ("-0", "--http1.0"),
    ("", "--http1.1"),
    ("", "--http2"),
    ("-g", "--globoff"),
    ("", "--path-as-is"),
];

/// Options with a value that curl is passed as they are.
const SETTINGS: &[(&str, &str)] = &[
    ("-o", "--output"),
    ("", "--output-dir"),
    ("-w", "--write-out"),
    ("-D", "--dump-header"),
    ("-m", "--max-time"),
    ("", "--connect-timeout"),
    ("-y", "--speed-time"),
    ("-Y", "--speed-limit"),
    ("", "--limit-rate"),
    ("-r", "--range"),
    ("-C", "--continue-at"),
    ("-A", "--user-agent"),
    ("-e", "--referer"),
    ("", "--cacert"),
    ("", "--max-filesize"),
];

/// Options that send it again.
const REPEATS: &[&str] = &["--retry", "--retry-delay", "--retry-max-time"];

/// curl's arguments, taken apart.
#[derive(Debug, Default)]
pub(super) struct Arguments {
    url: Option<String>,
    method: Option<Method>,
    /// The body that curl is going to send, byte for byte.
    pub(super) data: Option<Vec<u8>>,
    /// Headers that were said.
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
    /// Whether `-X` said the method; otherwise curl finds it itself.
    pub(super) method_said: bool,
    /// Whether curl may send it more than once.
    pub(super) repeats: bool,
    passed: Vec<String>,
    head: bool,
    as_query: bool,
    uploads: bool,
    parts: bool,
}

impl Arguments {
    /// Takes apart what was typed. Files and stdin are read where `-d` says so.
    pub(super) fn read(words: &[String]) -> Result<Self, Card> {
        let mut this = Self::default();
        let mut words = words.iter();
        while let Some(word) = words.next() {
            if word == "--" {
                words.by_ref().try_for_each(|url| this.url(url))?;
            } else if let Some(long) = word.strip_prefix("--") {
                // curl takes no `--name=value`: what it would take for a name is looked up as one.
                this.option(&format!("--{long}"), word, &mut |_| words.next().cloned())?;
            } else if word.starts_with('-') && word.len() > 1 {
                this.letters(&word[1..], word, &mut words)?;
            } else {
                this.url(word)?;
            }
        }
        if this.url.is_none() {
            return Err(Card::usage(
                "curl has no URL",
                "expected a URL, or a path of the account's API",
                "example: keyfob curl netatmo -- /api/homesdata",
            ));
        }
        if this.data.is_some() && (this.parts || this.uploads) || this.parts && this.uploads {
            return Err(Card::usage("there are two bodies", "expected one of -d, -F and -T", "leave one of them away"));
        }
        if this.uploads {
            this.check_upload()?;
        }
        if this.as_query {
            let data = this.data.take().unwrap_or_default();
            let data = String::from_utf8(data).map_err(|_| unfit("-G", "its data is no text, and a URL is"))?;
            let url = this.url.take().unwrap_or_default();
            let joint = if url.contains('?') { '&' } else { '?' };
            this.url = Some(if data.is_empty() { url } else { format!("{url}{joint}{data}") });
        }
        Ok(this)
    }

    /// The call that curl is going to make.
    pub(super) fn call(&self, session: &Session) -> keyfob::Call {
        let method = match &self.method {
            Some(method) => method.clone(),
            None if self.head => Method::HEAD,
            None if self.uploads => Method::PUT,
            None if self.data.is_some() || self.parts => Method::POST,
            None => Method::GET,
        };
        let mut call = session.call(method, self.url.clone().unwrap_or_default());
        for (name, value) in self.headers.iter().filter(|(name, _)| *name != header::CONTENT_TYPE) {
            call = call.header(name.clone(), value.clone());
        }
        match &self.data {
            Some(data) => call.body(self.media_type(), data.clone()),
            None => call,
        }
    }

    /// The arguments that curl is passed.
    pub(super) fn passed(&self) -> impl Iterator<Item = &str> {
        self.passed.iter().map(String::as_str)
    }

    /// What `-X` said, which curl has to be told.
    pub(super) fn method(&self) -> Option<&Method> {
        self.method.as_ref().filter(|_| self.method_said)
    }

    /// What the data is; curl's own default.
    pub(super) fn media_type(&self) -> HeaderValue {
        let said = self.headers.iter().rev().find(|(name, _)| *name == header::CONTENT_TYPE).map(|(_, value)| value.clone());
        said.unwrap_or(HeaderValue::from_static("application/x-www-form-urlencoded"))
    }

    /// `-sSi`, `-XPOST`, `-d a=b`: the first letter that takes a value takes the rest.
    fn letters(&mut self, letters: &str, word: &str, words: &mut std::slice::Iter<'_, String>) -> Result<(), Card> {
        for (at, letter) in letters.char_indices() {
            let rest = &letters[at + letter.len_utf8()..];
            let mut taken = false;
            self.option(&format!("-{letter}"), word, &mut |_| {
                taken = true;
                if rest.is_empty() { words.next().cloned() } else { Some(rest.to_owned()) }
            })?;
            if taken {
                break;
            }
        }
        Ok(())
    }

    fn option(&mut self, name: &str, word: &str, value: &mut dyn FnMut(()) -> Option<String>) -> Result<(), Card> {
        let mut value = || value(()).ok_or_else(|| unfit(name, "it has no value"));
        let is = |(short, long): &&(&str, &str)| name == *short || name == *long;
        if SWITCHES.iter().any(|known| is(&known)) {
            self.passed.push(name.to_owned());
        } else if SETTINGS.iter().any(|known| is(&known)) {
            let value = value()?;
            self.passed.extend([name.to_owned(), value]);
        } else if REPEATS.contains(&name) {
            let value = value()?;
            self.repeats = true;
            self.passed.extend([name.to_owned(), value]);
        } else {
            match name {
                "-X" | "--request" => {
                    let text = value()?;
                    // curl sends it as it is written.
                    self.method = Some(
                        method(&text)
                            .ok()
                            .filter(|method| method.as_str() == text)
                            .ok_or_else(|| unfit(name, "expected a method such as PUT"))?,
                    );
                    self.method_said = true;
                }
                "-H" | "--header" => self.header(&value()?)?,
                "-I" | "--head" => {
                    self.head = true;
                    self.passed.push("--head".to_owned());
                }
                "-G" | "--get" => self.as_query = true,
                "--url" => self.url(&value()?)?,
                "-d" | "--data" | "--data-ascii" => {
                    let text = value()?;
                    let bytes = match text.strip_prefix('@') {
                        // curl takes line breaks and NULs out of a file here.
                        Some(file) => read_file(file)?.into_iter().filter(|byte| !matches!(byte, b'\r' | b'\n' | 0)).collect(),
                        None => text.into_bytes(),
                    };
                    self.more_data(bytes);
                }
                "--data-binary" => {
                    let text = value()?;
                    let bytes = match text.strip_prefix('@') {
                        Some(file) => read_file(file)?,
                        None => text.into_bytes(),
                    };
                    self.more_data(bytes);
                }
                "--data-raw" => {
                    let text = value()?;
                    self.more_data(text.into_bytes());
                }
                "--data-urlencode" => {
                    let text = value()?;
                    let bytes = encoded(&text)?;
                    self.more_data(bytes);
                }
                "--json" => {
                    let text = value()?;
                    let bytes = match text.strip_prefix('@') {
                        Some(file) => read_file(file)?,
                        None => text.into_bytes(),
                    };
                    self.data.get_or_insert_default().extend(bytes);
                    for name in [header::CONTENT_TYPE, header::ACCEPT] {
                        if !self.headers.iter().any(|(known, _)| *known == name) {
                            self.headers.push((name, HeaderValue::from_static("application/json")));
                        }
                    }
                }
                "-F" | "--form" | "--form-string" => {
                    let text = value()?;
                    if name != "--form-string" && (text.ends_with("=@-") || text.contains("=<-") || text.contains("=@-;")) {
                        return Err(by_stdin(name));
                    }
                    self.parts = true;
                    self.passed.extend([name.to_owned(), text]);
                }
                "-T" | "--upload-file" => {
                    let file = value()?;
                    if matches!(file.as_str(), "-" | ".") {
                        return Err(by_stdin(name));
                    }
                    self.uploads = true;
                    self.passed.extend([name.to_owned(), file]);
                }
                "-L" | "--location" | "--location-trusted" => {
                    return Err(unfit(name, "a redirect would take the account's credentials along, and they belong to one place"));
                }
                "-K" | "--config" => return Err(unfit(name, "a file of options could send the request elsewhere")),
                "-u" | "--user" | "--oauth2-bearer" | "-n" | "--netrc" => return Err(unfit(name, "the account authorizes the call")),
                "-k" | "--insecure" => return Err(unfit(name, "whoever is in the middle would get the token")),
                "-x" | "--proxy" => return Err(unfit(name, "set HTTPS_PROXY instead")),
                _ => {
                    return Err(unfit(
                        if name.starts_with("--") { word } else { name },
                        "it is not among the options that are known to send the request there and nowhere else",
                    ));
                }
            }
        }
        Ok(())
    }

    fn url(&mut self, url: &str) -> Result<(), Card> {
        if self.url.is_some() {
            return Err(Card::usage("curl has two URLs", "one call is authorized at a time", "run it once for each"));
        }
        // A fragment stays with the client (RFC 9110 §7.1).
        self.url = Some(url.split('#').next().unwrap_or_default().to_owned());
        Ok(())
    }

    /// To a URL that ends in no name curl adds the file's, and sends a request that nobody signed.
    fn check_upload(&self) -> Result<(), Card> {
        let url = self.url.as_deref().unwrap_or_default();
        let url = url.split('?').next().unwrap_or_default();
        let path = url.split_once("://").map_or(url, |(_, rest)| rest.find('/').map_or("", |at| &rest[at..]));
        if path.is_empty() || path.ends_with('/') {
            return Err(Card::usage(
                "curl's -T needs a URL with a name at its end",
                "curl adds the file's name to this one, and sends another request than the one that is authorized",
                "write the whole URL: keyfob curl NAME -- -T FILE /folder/FILE",
            ));
        }
        Ok(())
    }

    fn header(&mut self, text: &str) -> Result<(), Card> {
        let (name, value) = text.split_once(':').ok_or_else(|| unfit("-H", "expected Name: value"))?;
        let name = HeaderName::try_from(name.trim()).map_err(|_| unfit("-H", "this is no header's name"))?;
        let value = HeaderValue::from_str(value.trim()).map_err(|_| unfit("-H", "this is no header's value"))?;
        if name == header::AUTHORIZATION || name == header::HOST {
            return Err(unfit("-H", "the account authorizes the call, and at its own host"));
        }
        self.headers.push((name, value));
        Ok(())
    }

    fn more_data(&mut self, bytes: Vec<u8>) {
        match &mut self.data {
            Some(data) => {
                data.push(b'&');
                data.extend(bytes);
            }
            none => *none = Some(bytes),
        }
    }
}

/// curl's `--data-urlencode`: `content`, `=content`, `name=content`, `@file`, `name@file`.
fn encoded(text: &str) -> Result<Vec<u8>, Card> {
    let at = text.find(['=', '@']);
    let (name, content) = match at {
        None => ("", text.as_bytes().to_vec()),
        Some(at) if text[at..].starts_with('=') => (&text[..at], text.as_bytes()[at + 1..].to_vec()),
        Some(at) => (&text[..at], read_file(&text[at + 1..])?),
    };
    let content = String::from_utf8(content).map_err(|_| unfit("--data-urlencode", "what is to be encoded is no text"))?;
    let content = encode::percent(&content);
    Ok(if name.is_empty() { content } else { format!("{name}={content}") }.into_bytes())
}

fn unfit(option: &str, why: &str) -> Card {
    Card::usage(
        format!("curl's {} cannot be used here", printable(option)),
        why,
        "keyfob curl --help; or make the call with keyfob get, post, …",
    )
}

fn by_stdin(option: &str) -> Card {
    unfit(option, "standard input brings curl the credentials; give it a file")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<Arguments, Card> {
        Arguments::read(&line.split(' ').map(str::to_owned).collect::<Vec<_>>())
    }

    fn good(line: &str) -> Arguments {
        read(line).unwrap_or_else(|card| panic!("{line}: {card:?}"))
    }

    #[test]
    fn arguments_are_taken_apart_as_curl_does() {
        let read = good("-sSXPUT -d a=1 /x -da=2 -H X-A:b -o out --data-urlencode n=a+b");
        assert_eq!(read.url.as_deref(), Some("/x"));
        assert_eq!(read.method(), Some(&Method::PUT));
        assert_eq!(read.data.as_deref(), Some(&b"a=1&a=2&n=a%2Bb"[..]));
        assert_eq!(read.passed().collect::<Vec<_>>(), ["-s", "-S", "-o", "out"]);
        assert_eq!(read.headers[0].0, "x-a");
        let query = good("-G -d a=1 --data-urlencode =b+c https://a.example/x?y=z#top");
        assert_eq!((query.url.as_deref(), query.data.as_deref()), (Some("https://a.example/x?y=z&a=1&b%2Bc"), None));
        let json = good("--json {\"a\":1} /x");
        assert_eq!((json.media_type(), json.data.as_deref()), (HeaderValue::from_static("application/json"), Some(&b"{\"a\":1}"[..])));
    }

    #[test]
    fn an_upload_goes_to_the_url_that_is_authorized() {
        for bad in
            ["/", "/x/", "/x/?y=z", "?y=z", "https://a.example", "https://a.example/", "https://a.example?y=/z", "https://a.example/x/#top"]
        {
            assert!(read(&format!("-T file {bad}")).is_err(), "{bad}");
            assert!(read(&format!("{bad} --upload-file file")).is_err(), "{bad}");
            good(bad);
        }
        for fit in ["/x", "x", "/x/y?z=/", "https://a.example/x"] {
            good(&format!("-T file {fit}"));
        }
    }

    #[test]
    fn j12_what_could_carry_the_credentials_away_is_refused() {
        for bad in [
            "-L /x",
            "-sL /x",
            "--location-trusted /x",
            "-K file /x",
            "--proxy http://a.example /x",
            "-x http://a.example /x",
            "--connect-to ::a.example: /x",
            "--resolve a:443:1.2.3.4 /x",
            "-k /x",
            "--next /x",
            "-: /x",
            "--trace file /x",
            "--libcurl file /x",
            "-H Authorization:x /x",
            "-H Host:a.example /x",
            "-H host:a.example /x",
            "-u me:secret /x",
            "/x https://a.example/y",
            "--url /x --url /y",
            "-F a=@- /x",
            "-T - /x",
            "-d a=1 -F b=2 /x",
            "-X get /x",
            "--request=GET /x",
            "--unix-socket s /x",
            "-s",
            "-o",
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
