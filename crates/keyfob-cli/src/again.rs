//! Commands that somebody is told to type work where this one did: what `--sandbox` and `--vault` said is said again. What the environment says, it
//! says the next time, too.

use std::borrow::Cow;

use clap::CommandFactory;

use crate::cli::{Cli, Global, SANDBOX_HERE};
use crate::perform::quoted;
use crate::vault::Location;

/// Verbs to which it makes no difference.
const ANYWHERE: [&str; 7] = ["agent", "completions", "help", "man", "sandbox", "schema", "try"];

/// What stands between `keyfob` and the verb, each with a blank behind it; or nothing. It lives as long as the program.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Again {
    sandbox: &'static str,
    vault: &'static str,
}

impl Again {
    /// No more than a verb.
    pub(crate) const NOTHING: Self = Self { sandbox: "", vault: "" };

    /// What was said on this command line.
    pub(crate) fn of(global: &Global) -> Self {
        let of_environment = std::env::var("KEYFOB_SANDBOX").ok();
        let sandbox = global.sandbox.as_deref().filter(|url| Some(*url) != of_environment.as_deref());
        let sandbox = sandbox.map(|url| if url == SANDBOX_HERE { "--sandbox ".to_owned() } else { format!("--sandbox={} ", quoted(url)) });
        // One that is refused may hold a password.
        let vault = global.vault.as_deref().filter(|vault| Location::of_argument(vault).is_ok());
        let sandbox = sandbox.map_or("", |said| said.leak());
        let here = Self { sandbox, ..Self::NOTHING };
        vault.map_or(here, |vault| here.at_vault(&quoted(vault)))
    }

    /// The same with another vault, as a shell takes it: for what is said of that.
    pub(crate) fn at_vault(self, vault: &str) -> Self {
        Self { vault: format!("--vault {vault} ").leak(), ..self }
    }

    /// `keyfob`, what was said, and these words.
    pub(crate) fn command(self, words: &str) -> String {
        format!("keyfob {}{}{words}", self.sandbox, self.vault)
    }

    /// A text in which commands are named by their verbs: the short form is not known from a word of the sentence.
    pub(crate) fn in_text(self, text: &str) -> Cow<'_, str> {
        const NAME: &str = "keyfob ";
        let said = [self.sandbox, self.vault].concat();
        if said.is_empty() || !text.contains(NAME) {
            return Cow::Borrowed(text);
        }
        let cli = Cli::command();
        let is_verb = |word: &str| !ANYWHERE.contains(&word) && cli.get_subcommands().any(|verb| verb.get_name() == word);
        let mut out = String::with_capacity(text.len() + said.len());
        let mut rest = text;
        while let Some(at) = rest.find(NAME) {
            let (before, behind) = rest.split_at(at + NAME.len());
            let word = &behind[..behind.find(|c: char| !c.is_ascii_lowercase() && c != '-').unwrap_or(behind.len())];
            out.push_str(before);
            if begins_here(&rest[..at]) && is_verb(word) {
                out.push_str(&said);
            }
            rest = behind;
        }
        out.push_str(rest);
        Cow::Owned(out)
    }
}

/// Whether a word can begin behind this: `git-credential-keyfob get` is another program.
fn begins_here(before: &str) -> bool {
    // A colour ends with a letter.
    let plain = match before.rsplit_once("\u{1b}[") {
        Some((plain, code)) if code.strip_suffix('m').is_some_and(|code| code.bytes().all(|byte| byte.is_ascii_digit())) => plain,
        _ => before,
    };
    !plain.ends_with(|c: char| c.is_alphanumeric() || "-_./".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(sandbox: Option<&str>, vault: Option<&str>) -> Again {
        Again::of(&Global { json: false, sandbox: sandbox.map(str::to_owned), vault: vault.map(str::to_owned) })
    }

    #[test]
    fn what_was_said_is_said_again() {
        let here = said(Some(SANDBOX_HERE), None);
        assert_eq!(here.command("acme me"), "keyfob --sandbox acme me");
        for (text, expected) in [
            ("log in again: keyfob login acme", "log in again: keyfob --sandbox login acme"),
            ("(keyfob get acme PATH), or: keyfob header GET", "(keyfob --sandbox get acme PATH), or: keyfob --sandbox header GET"),
            ("eval \"$(keyfob env acme)\"", "eval \"$(keyfob --sandbox env acme)\""),
            ("\u{1b}[36mkeyfob status\u{1b}[0m", "\u{1b}[36mkeyfob --sandbox status\u{1b}[0m"),
        ] {
            assert_eq!(here.in_text(text), expected);
            assert_eq!(here.in_text(expected), expected, "once is enough");
        }
    }

    #[test]
    fn a_sentence_is_left_alone() {
        let here = said(Some(SANDBOX_HERE), None);
        for text in [
            "keyfob keeps logins of its own",
            "git-credential-keyfob get",
            "/usr/bin/keyfob get",
            "start one: keyfob sandbox",
            "keyfob --help lists the verbs",
            "keyfob --vault x vault check",
        ] {
            assert_eq!(here.in_text(text), text);
        }
        assert_eq!(said(None, None).in_text("keyfob login acme"), "keyfob login acme");
    }

    #[test]
    fn a_url_and_a_path_are_said_as_a_shell_takes_them() {
        assert_eq!(
            said(Some("http://127.0.0.1:1"), Some("my vault.db")).command("status"),
            "keyfob --sandbox=http://127.0.0.1:1 --vault 'my vault.db' status"
        );
        let other = said(Some(SANDBOX_HERE), Some("one.db")).at_vault("two.db");
        assert_eq!(other.in_text("then: keyfob unlock"), "then: keyfob --sandbox --vault two.db unlock");
    }

    #[test]
    fn l9_a_password_is_not_said_again() {
        for address in ["postgres://me:canary@127.0.0.1/x", "postgres://127.0.0.1/x?password=canary", "POSTGRES://me:canary@h/x"] {
            assert_eq!(said(None, Some(address)).command("status"), "keyfob status", "{address}");
        }
    }

    #[test]
    fn what_makes_no_difference_is_a_verb() {
        let cli = Cli::command();
        for verb in ANYWHERE {
            assert!(cli.find_subcommand(verb).is_some(), "{verb}");
        }
    }
}
