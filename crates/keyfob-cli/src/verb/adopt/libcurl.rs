//! What libcurl is told of a transfer, option by option: PHP's `curl_setopt`, pycurl's `setopt`. Each is what an option of curl's command line is.

use std::collections::HashMap;

use serde_json::Value as Json;

use super::calls::Call;
use super::curl::Told;
use super::values::Value;

/// What options are called there, and on the command line.
const OPTIONS: [(&str, &str); 15] = [
    ("URL", "url"),
    ("HTTPHEADER", "header"),
    ("USERPWD", "user"),
    ("PROXYUSERPWD", "proxy-user"),
    ("XOAUTH2_BEARER", "oauth2-bearer"),
    ("COOKIE", "cookie"),
    ("USERAGENT", "user-agent"),
    ("CUSTOMREQUEST", "request"),
    ("POSTFIELDS", "data-raw"),
    ("COPYPOSTFIELDS", "data-raw"),
    ("POST", "post"),
    ("HTTPPOST", "form"),
    ("NOBODY", "head"),
    ("HTTPGET", "get"),
    ("PASSWORD", "password"),
];

/// Transfers, by the variables that they are in.
#[derive(Default)]
pub(super) struct Transfers(HashMap<String, Transfer>);

#[derive(Default)]
struct Transfer {
    told: Told,
    line: usize,
    is_done: bool,
}

impl Transfers {
    /// A new one is in a variable: the calls of the one before, if nothing has done it so far.
    pub(super) fn made(&mut self, name: &str, url: Option<Value>, line: usize) -> Vec<Call> {
        let mut new = Transfer { line, ..Transfer::default() };
        url.into_iter().for_each(|url| new.told.option("url", url, &mut None));
        self.0.insert(name.to_owned(), new).map(Transfer::rest).unwrap_or_default()
    }

    /// It is told an option (`CURLOPT_URL`, `pycurl.URL`); what is said again is said anew.
    pub(super) fn told(&mut self, name: &str, option: &str, value: Value, line: usize) {
        let known = option.strip_prefix("CURLOPT_").unwrap_or(option);
        let Some((_, option)) = OPTIONS.iter().find(|(theirs, _)| *theirs == known) else { return };
        let transfer = self.0.entry(name.to_owned()).or_insert_with(|| Transfer { line, ..Transfer::default() });
        let is_off = matches!(&value, Value::Plain(Json::Bool(false) | Json::Null))
            || matches!(&value, Value::Plain(Json::Number(n)) if n.as_u64() == Some(0));
        transfer.told.anew(option);
        match (*option, value) {
            ("head" | "get" | "post", _) if is_off => {}
            ("head", _) => transfer.told.flag("head"),
            ("get" | "post", _) => transfer.told.option("request", Value::text(option), &mut None),
            // A dictionary is a form.
            ("header" | "form" | "data-raw", Value::List(items)) => {
                items.into_iter().for_each(|item| transfer.told.option(option, item, &mut None));
            }
            ("password", value) => transfer.told.option("user", Value::text("user:").and(value), &mut None),
            (_, value) => transfer.told.option(option, value, &mut None),
        }
        transfer.is_done = false;
    }

    /// It is done: its calls, as long as there is work to be spent on them.
    pub(super) fn done(&mut self, name: &str, work: &mut usize) -> Vec<Call> {
        let Some(transfer) = self.0.get_mut(name) else { return Vec::new() };
        let is_left = *work > 0;
        *work = work.saturating_sub(transfer.told.weight());
        transfer.is_done = true;
        if is_left { transfer.told.clone().calls(transfer.line) } else { Vec::new() }
    }

    /// The calls of those that something does which is not seen.
    pub(super) fn rest(&mut self) -> Vec<Call> {
        let mut rest: Vec<Call> = self.0.drain().flat_map(|(_, transfer)| transfer.rest()).collect();
        rest.sort_by_key(|call| call.line);
        rest
    }
}

impl Transfer {
    fn rest(self) -> Vec<Call> {
        if self.is_done { Vec::new() } else { self.told.calls(self.line) }
    }
}

#[cfg(test)]
mod tests {
    use super::super::calls::Call;
    use super::super::scan::read;

    fn calls(script: &str) -> Vec<String> {
        let shown = |call: &Call| {
            let carried: String = call.carried().into_iter().map(|(name, value)| format!(" {name}={}", value.json())).collect();
            format!("{} {}{carried}", call.method, call.url.as_str())
        };
        read(script).calls.iter().map(shown).collect()
    }

    #[test]
    fn a_transfer_is_what_curl_is_told() {
        for (script, expected) in [
            (
                "<?php\n$ch = curl_init('https://a.example/x');\ncurl_setopt($ch, CURLOPT_USERPWD, 'id:abc');\ncurl_setopt($ch, CURLOPT_POSTFIELDS, array('a' => 'b'));\n$r = curl_exec($ch);",
                &["POST https://a.example/x password=\"abc\" a=\"b\""][..],
            ),
            (
                "<?php\n$token = 'abc';\n$ch = curl_init();\ncurl_setopt_array($ch, [\n  CURLOPT_URL => \"https://a.example/$id\",\n  CURLOPT_HTTPHEADER => ['Accept: b', 'Authorization: Bearer ' . $token],\n  CURLOPT_CUSTOMREQUEST => 'PUT', CURLOPT_POSTFIELDS => json_encode(['n' => 1]),\n]);\ncurl_exec($ch);",
                &["PUT https://a.example/ID Accept=\"b\" Authorization=\"Bearer abc\" n=1"][..],
            ),
            (
                "c = pycurl.Curl()\nc.setopt(c.URL, 'https://a.example/x')\nc.setopt(pycurl.USERPWD, '%s:%s' % ('id', 'abc'))\nc.setopt(pycurl.HTTPHEADER, ['X-A: b'])\nc.perform()\nc.setopt(c.URL, 'https://b.example/y')\nc.setopt(c.POST, 1)\nc.perform()",
                &["GET https://a.example/x password=\"abc\" X-A=\"b\"", "POST https://b.example/y password=\"abc\" X-A=\"b\""][..],
            ),
            // Whoever does it: what stands in it is known. And the next one has none of it.
            (
                "<?php\n$ch = curl_init('https://a.example/x');\ncurl_setopt($ch, CURLOPT_USERPWD, 'id:abc');\ngo($ch);\n$ch = curl_init('https://b.example/y');\ncurl_setopt($ch, CURLOPT_NOBODY, true);",
                &["GET https://a.example/x password=\"abc\"", "HEAD https://b.example/y"][..],
            ),
        ] {
            assert_eq!(calls(script), expected, "{script}");
        }
    }

    /// Whoever wrote it, reading it ends, and soon.
    #[test]
    fn what_is_hostile_is_read_to_its_end() {
        const LARGE: usize = 256 * 1024;
        let before = format!("a = '{}'\nc.setopt(c.URL, 'https://a.example/x')\nc.setopt(c.POSTFIELDS, a)\n", "x".repeat(15_000));
        for line in ["c.perform()\n", "c.setopt(c.HTTPHEADER, [a, a])\nc.perform()\n", "c.setopt(c.POSTFIELDS, a)\n"] {
            let found = calls(&format!("{before}{}", line.repeat(LARGE / line.len())));
            assert!(found.len() <= LARGE / line.len(), "{line}");
        }
    }
}
