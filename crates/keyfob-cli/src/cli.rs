//! The command line: its verbs and what is common to them.

use std::ffi::{OsStr, OsString};

use clap::{Args, Parser, Subcommand};
use clap_complete::engine::SubcommandCandidates;

use crate::complete;
use crate::verb::r#do::Do;
use crate::verb::{
    account, adopt, app, call, completions, curl, doctor, env, exec, export, header, help, helper, import, key, lock, login, logout, man,
    provider, refresh, sandbox, schema, serve, status, token, trace, r#try, unlock, vault, watch, why,
};

/// One key for every OAuth API: log in once, then call.
#[derive(Parser, Debug)]
#[command(name = "keyfob", version, after_help = EXAMPLES, max_term_width = 100)]
#[command(add = SubcommandCandidates::new(complete::accounts))]
#[command(arg_required_else_help = true, allow_external_subcommands = true, disable_help_subcommand = true)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

/// Options of every verb.
#[derive(Args, Debug, Default)]
pub(crate) struct Global {
    /// Data, and errors, as JSON
    #[arg(long, global = true, help_heading = "Everywhere")]
    pub(crate) json: bool,
    /// Talk to a running sandbox instead of the real providers; without a URL the one where `keyfob sandbox` puts it, and `serve` plays one itself
    #[arg(long, global = true, value_name = "URL", num_args = 0..=1, require_equals = true, default_missing_value = SANDBOX_HERE)]
    #[arg(env = "KEYFOB_SANDBOX", hide_env_values = true, help_heading = "Everywhere")]
    pub(crate) sandbox: Option<String>,
    /// Another vault: a path, or postgres://HOST/DATABASE (or the variable KEYFOB_VAULT)
    #[arg(long, global = true, value_name = "LOCATION", help_heading = "Everywhere")]
    pub(crate) vault: Option<String>,
}

/// Instead of a sandbox's URL: for `serve` in this process, for all others where `keyfob sandbox` puts it.
pub(crate) const SANDBOX_HERE: &str = "here";

/// A URL behind `--sandbox` is its value, as if there were an equals sign; any other word is not, so that `keyfob --sandbox login acme` logs in. What
/// stands behind `--` is another program's.
pub(crate) fn joined(arguments: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    const OPTION: &str = "--sandbox";
    let mut joined: Vec<OsString> = Vec::new();
    let mut ours = true;
    for argument in arguments {
        let is_url = argument.to_str().is_some_and(|text| text.contains("://"));
        match joined.last_mut().filter(|last| ours && is_url && *last == OPTION) {
            Some(option) => {
                option.push("=");
                option.push(argument);
            }
            None => {
                ours &= argument != "--";
                joined.push(argument);
            }
        }
    }
    joined
}

const EXAMPLES: &str = "\
Examples:
  keyfob try                               see it work: no account, no internet
  keyfob login telldus                     by browser, or by a pasted address
  keyfob telldus devices                   an action, as a table
  keyfob telldus                           what else can be done there
  keyfob get netatmo /api/getstationsdata  any call, signed
  keyfob status                            how the accounts are

Exit codes:
  0 ok   1 error   2 usage, or cancelled   4 sign-in needed
  5 HTTP error (--fail, --jq, actions)   6 network   7 vault   130 interrupted";

/// What `--version` alone asks for: scripts and package managers ask for nothing else, and need no tree of verbs.
pub(crate) fn version(arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Option<String> {
    let mut arguments = arguments.into_iter().skip(1);
    let (first, none) = (arguments.next()?, arguments.next());
    (none.is_none() && matches!(first.as_ref().to_str(), Some("--version" | "-V"))).then(|| format!("keyfob {}", env!("CARGO_PKG_VERSION")))
}

/// What to do. A verb's arguments are put together when it is the one that was typed: all of them take longer than most verbs do. They are added to what is said
/// here, so what they say of the whole verb counts (clap takes a struct's documentation for that): structs, and enums of verbs' own verbs, have comments instead.
#[derive(Subcommand, Debug)]
#[command(defer = true)]
pub(crate) enum Verb {
    /// See it work, with pretend providers and real logins
    Try(r#try::Try),
    /// Log in to a provider
    Login(login::Login),
    /// Forget an account here, and there with --revoke
    Logout(logout::Logout),
    /// Show the accounts: scopes, expiry, health, and what to do
    Status(status::Status),
    /// Get new tokens now, or (--due) for every account that needs them soon
    Refresh(refresh::Refresh),
    /// Print what happens to tokens, as it happens, as JSON lines
    Watch(watch::Watch),
    /// Print a valid access token, and nothing else
    Token(token::Token),
    /// Print the headers that make a call the account's
    Header(header::Header),
    /// Run curl with an account's authorization
    Curl(curl::Curl),
    /// Run a program with an account's credentials in its environment
    Exec(exec::Exec),
    /// Print an account's credentials for a shell to read
    Env(env::Env),
    /// Hand tokens to git, Docker, kubectl and others in their own protocols
    Helper(Of<helper::Verb>),
    /// Send a GET
    #[command(after_help = ITEMS)]
    Get(call::Call),
    /// Send a POST
    #[command(after_help = ITEMS)]
    Post(call::Call),
    /// Send a PUT
    #[command(after_help = ITEMS)]
    Put(call::Call),
    /// Send a PATCH
    #[command(after_help = ITEMS)]
    Patch(call::Call),
    /// Send a DELETE
    #[command(after_help = ITEMS)]
    Delete(call::Call),
    /// Send a request of any method
    #[command(after_help = ITEMS)]
    Request(call::Request),
    /// Show how a call comes to be authorized, step by step
    Explain(call::Explain),
    /// Find out why an OAuth 1 signature is refused, and whose mistake it is
    Why(why::Why),
    /// Log in, or call, and draw what went over the line as a page, secrets masked
    Trace(trace::Trace),
    /// Look at what could be wrong, and say what to do about it
    Doctor(doctor::Doctor),
    /// Do one of a provider's actions (short: keyfob ACCOUNT ACTION)
    Do(Do),
    /// Keep, list or forget apps: our registrations with providers
    App(Of<app::Verb>),
    /// List or forget accounts
    Account(Of<account::Verb>),
    /// Make, list or revoke valet keys: what programs get in place of a token
    Key(Of<key::Verb>),
    /// Take tokens that were made elsewhere
    Import(import::Import),
    /// Find the keys in an old script, and print what takes its OAuth part's place
    Adopt(adopt::Adopt),
    /// Print everything but the secrets, as JSON
    Export(export::Export),
    /// The vault: how it is, sealing it anew, moving it, keeping a copy
    Vault(Of<vault::Verb>),
    /// Open a vault that is sealed with a passphrase, for a while
    Unlock(unlock::Unlock),
    /// Forget what `unlock` opened
    Lock(lock::Lock),
    /// The agent that `unlock` starts
    #[command(hide = true)]
    Agent,
    /// List, show or check providers
    Provider(Of<provider::Verb>),
    /// Run the pretend providers, until Ctrl-C
    Sandbox(sandbox::Sandbox),
    /// Run the web app: connect accounts, see devices, use them
    Serve(serve::Serve),
    /// Print what a shell needs to complete verbs, accounts, providers and actions
    Completions(completions::Completions),
    /// Print the JSON Schema of what a verb prints with --json
    Schema(schema::Schema),
    /// Print the manual
    Man(man::ManPage),
    /// Help about a verb, or a topic: exit-codes, environment, json, scripting
    Help(help::Help),
    /// An account or a provider: the short form of `do`
    #[command(external_subcommand)]
    Short(Vec<String>),
}

// A verb's own verbs: put together, like arguments, when the verb was typed.
#[derive(Args, Debug)]
pub(crate) struct Of<V: Subcommand> {
    #[command(subcommand)]
    pub(crate) verb: V,
}

const ITEMS: &str = "\
Items:
  name==value     query parameter
  name=value      form field (or a JSON string, with --json-body or a := beside it)
  name:=value     JSON field: name:=3, name:='[1,2]'
  name@FILE       upload (multipart form); name=@FILE, name:=@FILE: a field of what is in it
  Name:value      header
A backslash takes the meaning away: na\\:me=value

Example: keyfob get telldus /json/devices/list supportedMethods==3";

impl Verb {
    /// Whether it asks nobody, waits for nobody, and sends next to nothing: the verbs that scripts call again and again.
    pub(crate) fn is_one_call(&self) -> bool {
        let sends = matches!(self, Self::Get(_) | Self::Post(_) | Self::Put(_) | Self::Patch(_) | Self::Delete(_) | Self::Request(_));
        sends || matches!(self, Self::Token(_) | Self::Header(_) | Self::Env(_) | Self::Helper(_) | Self::Status(_) | Self::Explain(_))
    }

    /// Whether it goes on until it is stopped, and says so: then that is its end, and no error.
    pub(crate) fn goes_on(&self) -> bool {
        match self {
            Self::Watch(_) => true,
            Self::Do(args) => args.watches(),
            _ => false,
        }
    }

    /// Whether it may change something elsewhere, which is done or not when it is stopped.
    pub(crate) fn changes_something(&self) -> bool {
        match self {
            Self::Post(_) | Self::Put(_) | Self::Patch(_) | Self::Delete(_) | Self::Request(_) => true,
            Self::Do(args) => !args.watches(),
            _ => false,
        }
    }

    /// Whether it uses what is in a vault, and makes none: then one that was named has to be there. A mistyped name would else be an empty vault.
    pub(crate) fn needs_the_vault_that_is_named(&self) -> bool {
        match self {
            Self::Trace(args) => args.verb.as_ref().is_some_and(|verb| verb.needs_the_vault_that_is_named()),
            Self::App(Of { verb: app::Verb::Add(_) })
            | Self::Login(_)
            | Self::Import(_)
            | Self::Adopt(_)
            | Self::Serve(_)
            | Self::Vault(_) => false,
            // What has nothing to do with the vault, and what looks after it by itself.
            Self::Agent | Self::Unlock(_) | Self::Lock(_) | Self::Try(_) | Self::Sandbox(_) | Self::Provider(_) => false,
            _ => true,
        }
    }

    /// Whether the verb itself ends in an orderly way when it is asked to stop.
    pub(crate) fn stops_by_itself(&self) -> bool {
        matches!(self, Self::Agent | Self::Serve(_) | Self::Sandbox(_) | Self::Exec(_) | Self::Curl(_) | Self::Trace(_))
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn sandbox(line: &str) -> Option<String> {
        let words = joined(std::iter::once("keyfob").chain(line.split(' ')).map(OsString::from));
        Cli::try_parse_from(words).unwrap_or_else(|error| panic!("{line}: {error}")).global.sandbox
    }

    #[test]
    fn a_sandbox_is_a_url_or_none_and_never_a_verb() {
        const AT: &str = "http://127.0.0.1:1";
        for line in [
            format!("--sandbox={AT} status"),
            format!("--sandbox {AT} status"),
            format!("status --sandbox {AT}"),
            format!("status --sandbox={AT}"),
        ] {
            assert_eq!(sandbox(&line).as_deref(), Some(AT), "{line}");
        }
        for line in ["--sandbox status", "status --sandbox", "login --sandbox acme", "get --sandbox acme /x"] {
            assert_eq!(sandbox(line).as_deref(), Some(SANDBOX_HERE), "{line}");
        }
    }

    #[test]
    fn what_another_program_gets_stays_as_it_is() {
        let words = |line: &str| line.split(' ').map(OsString::from).collect::<Vec<_>>();
        let other = words("keyfob exec acme -- program --sandbox http://127.0.0.1:1");
        assert_eq!(joined(other.clone()), other);
    }

    /// The list of verbs is shown before their arguments are there.
    #[test]
    fn a_verb_is_called_the_same_with_its_arguments_and_without() {
        let short = Cli::command();
        let mut whole = Cli::command();
        whole.build();
        for verb in short.get_subcommands() {
            let built = whole.find_subcommand(verb.get_name()).expect("it is the same list");
            let about = |verb: &clap::Command| verb.get_about().map(ToString::to_string);
            assert!(about(verb).is_some(), "{}", verb.get_name());
            assert_eq!(about(verb), about(built), "{}", verb.get_name());
            let parts = verb.get_arguments().count() + verb.get_subcommands().count();
            assert_eq!(parts, 0, "{} is put together before anybody typed it", verb.get_name());
        }
    }

    #[test]
    fn the_version_is_what_it_would_be_anyway() {
        assert_eq!(version(["keyfob", "--version"]).as_deref(), Some(Cli::command().render_version().trim_end()));
        assert_eq!(version(["keyfob", "-V"]), version(["keyfob", "--version"]));
        for other in [&["keyfob"][..], &["keyfob", "--version", "x"], &["keyfob", "get", "--version"], &["keyfob", "--json", "-V"]] {
            assert_eq!(version(other), None, "{other:?}");
        }
    }
}
