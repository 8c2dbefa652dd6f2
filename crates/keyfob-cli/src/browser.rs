//! Opening the person's own browser (RFC 8252 §8.12: never a view of ours).
//!
//! The URL comes from a provider file or a server's answer, so it is judged before it becomes an argument of another program
//! (CVE-2025-6514, RUSTSEC-2026-0257): one element of its command line, never a shell's text.

use std::process::{Command, Stdio};

use url::Url;

use crate::context::SECRET_VARIABLES;
use crate::surroundings::Surroundings;

/// Why no browser was opened.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum NotOpened {
    /// There is none here: no display, or a terminal from afar.
    Nowhere(String),
    /// The URL is none that we hand to other programs.
    Unfit,
    /// The program could not be started.
    Failed(String),
}

/// Opens a URL in the browser. Variables of these names stay with us.
pub(crate) fn open(url: &str, here: &Surroundings, keep_from: &[String]) -> Result<(), NotOpened> {
    let url = fit(url).ok_or(NotOpened::Unfit)?;
    if let Some(why) = here.no_browser() {
        return Err(NotOpened::Nowhere(why));
    }
    let commands = match std::env::var("BROWSER") {
        Ok(wanted) if !wanted.trim().is_empty() => wanted.split(':').filter_map(|template| tokens(template, &url)).collect(),
        _ => vec![system(&url)],
    };
    let mut failed = NotOpened::Failed("BROWSER names no program".to_owned());
    for command in commands {
        match start(&command, keep_from) {
            Ok(()) => return Ok(()),
            Err(error) => failed = NotOpened::Failed(format!("{}: {error}", command[0])),
        }
    }
    Err(failed)
}

/// The URL as our parser writes it, if it may be given to another program: `https`, or `http` on this machine, and nothing that any
/// program could take for an option or a shell for syntax.
fn fit(url: &str) -> Option<String> {
    let parsed = Url::parse(url).ok()?;
    let on_loopback = match parsed.host()? {
        url::Host::Domain(name) => name == "localhost",
        url::Host::Ipv4(address) => address.is_loopback(),
        url::Host::Ipv6(address) => address.is_loopback(),
    };
    let scheme_fits = parsed.scheme() == "https" || parsed.scheme() == "http" && on_loopback;
    let bare = parsed.username().is_empty() && parsed.password().is_none();
    let text = String::from(parsed);
    let plain = text.chars().all(|c| c.is_ascii_graphic() && !matches!(c, '"' | '\'' | '`' | '<' | '>' | '\\' | '^' | '|'));
    (scheme_fits && bare && plain).then_some(text)
}

/// The words of a `BROWSER` entry: taken apart first, the URL put in after, so that it stays one word.
fn tokens(template: &str, url: &str) -> Option<Vec<String>> {
    let mut words: Vec<String> = template.split_whitespace().map(str::to_owned).collect();
    if words.is_empty() {
        return None;
    }
    let mut placed = false;
    for word in words.iter_mut().skip(1).filter(|word| word.contains("%s")) {
        *word = word.replace("%s", url);
        placed = true;
    }
    if !placed {
        words.push(url.to_owned());
    }
    Some(words)
}

fn system(url: &str) -> Vec<String> {
    let program: &[&str] = match std::env::consts::OS {
        "macos" => &["open"],
        // Not `start`: that is the shell's, and a shell would read the URL.
        "windows" => &["rundll32.exe", "url.dll,FileProtocolHandler"],
        _ => &["xdg-open"],
    };
    program.iter().copied().chain([url]).map(str::to_owned).collect()
}

fn start(command: &[String], keep_from: &[String]) -> std::io::Result<()> {
    let mut child = Command::new(&command[0]);
    child.args(&command[1..]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    for name in SECRET_VARIABLES.iter().copied().chain(keep_from.iter().map(String::as_str)) {
        child.env_remove(name);
    }
    let mut child = child.spawn()?;
    // A thread waits for it, so that it does not stay behind as a zombie; nobody waits for the thread.
    std::thread::spawn(move || child.wait());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a20_only_plain_https_and_loopback_urls_are_opened() {
        for good in ["https://a.example/x?y=z&w=%20", "http://127.0.0.1:8900/a", "http://localhost/", "http://[::1]:5/x"] {
            assert_eq!(fit(good).as_deref(), Some(good));
        }
        for bad in [
            "http://a.example/",
            "file:///etc/passwd",
            "javascript:alert(1)",
            "-https://a.example",
            "https://user@a.example/",
            "a.example",
            "https://a.example/'x'",
            "https://a.example/|x",
            "ms-msdt:/id",
            "",
        ] {
            assert_eq!(fit(bad), None, "{bad}");
        }
        // What is left of blanks and quotes is written by our parser, encoded.
        assert_eq!(fit("https://a.example/a b\"c").as_deref(), Some("https://a.example/a%20b%22c"));
    }

    #[test]
    fn a20_browser_is_taken_apart_before_the_url_is_put_in() {
        assert_eq!(tokens("firefox --new-tab %s", "https://a/b"), Some(vec!["firefox".into(), "--new-tab".into(), "https://a/b".into()]));
        assert_eq!(tokens("w3m", "https://a/b"), Some(vec!["w3m".into(), "https://a/b".into()]));
        assert_eq!(tokens("x --url=%s -y", "https://a/b c"), Some(vec!["x".into(), "--url=https://a/b c".into(), "-y".into()]));
        assert_eq!(tokens("  ", "https://a/"), None);
        assert_eq!(tokens("%s", "https://a/"), Some(vec!["%s".into(), "https://a/".into()]), "the URL is never the program");
    }
}
