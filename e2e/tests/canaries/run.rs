//! A run under watch, and what may be found of it.

use std::collections::BTreeSet;
use std::fs;
use std::sync::{Mutex, MutexGuard, PoisonError};

use keyfob_e2e::canary::{self, Canary, Search, Seen, Watch};
use keyfob_e2e::{House, Tap, Terminal, person};
use keyfob_interop::program::Finished;

pub(crate) const PROVIDERS: [&str; 6] = ["netatmo", "august", "fitbit", "telldus", "fitbit-oauth1", "acme"];

/// One run at a time: all processes that this one has started are watched, and what one run may show is a find in another.
static ALONE: Mutex<()> = Mutex::new(());

/// A run under watch.
pub(crate) struct Run {
    pub(crate) house: House,
    tap: Tap,
    watch: Watch,
    pub(crate) said: Vec<Seen>,
    pub(crate) more: BTreeSet<Canary>,
    alone: MutexGuard<'static, ()>,
}

impl Run {
    pub(crate) fn begin() -> Self {
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let mut house = House::new();
        let tap = Tap::on(&house.world);
        house.set("KEYFOB_SANDBOX", tap.index());
        house.set("KEYFOB_LOG", "trace");
        house.set("RUST_LOG", "trace");
        house.set("RUST_BACKTRACE", "full");
        for (name, folder) in [("TMPDIR", "tmp"), ("XDG_RUNTIME_DIR", "run"), ("XDG_CACHE_HOME", "cache"), ("XDG_STATE_HOME", "state")] {
            let folder = house.path().join(folder);
            fs::create_dir(&folder).expect("a folder");
            house.set(name, folder.to_str().expect("UTF-8"));
        }
        // Building is no part of what is watched.
        let _ = keyfob_interop::tools::keyfob();
        let watch = Watch::begin(house.path());
        Self { house, tap, watch, said: Vec::new(), more: BTreeSet::new(), alone }
    }

    /// Runs the command, and keeps what it says.
    pub(crate) fn run(&mut self, arguments: &[&str]) -> Finished {
        let end = self.house.run(arguments);
        self.keep(arguments, &end);
        end
    }

    pub(crate) fn keep(&mut self, arguments: &[&str], end: &Finished) {
        let is_sent = arguments[0] == "get" && !arguments.iter().any(|word| ["--explain", "--dry-run"].contains(word));
        let lines = match arguments[0] {
            "token" | "header" | "env" | "helper" => String::new(),
            _ if is_sent => end.lines.iter().take_while(|line| !line.is_empty() && !line.starts_with('{')).cloned().collect(),
            _ => end.lines.join("\n"),
        };
        let bytes = format!("{lines}\n{}", end.errors).into_bytes();
        self.said.push(Seen { kind: "said", of: arguments.join(" "), bytes });
    }

    /// Runs the command with something on standard input.
    pub(crate) fn run_with(&mut self, arguments: &[&str], input: &str) -> Finished {
        let mut program = self.house.start(arguments);
        program.answer(input);
        let end = program.finish();
        self.keep(arguments, &end);
        end
    }

    /// Runs the command at a terminal, where a person answers each question unseen.
    pub(crate) fn type_unseen(&mut self, arguments: &[&str], answers: &[(&str, &str)]) -> Finished {
        let mut terminal = Terminal::start(&self.house, arguments);
        for (question, answer) in answers {
            terminal.answer_unseen(question, answer);
        }
        let end = terminal.finish();
        self.keep(arguments, &end);
        end
    }

    pub(crate) fn log_in(&mut self, name: &str) {
        let end = self.house.paste(name, &[], |url| vec![person::goes_to(url)]);
        assert!(end.success, "{name}: {end:#?}");
        self.keep(&["login", name], &end);
    }

    /// All that was seen so far.
    pub(crate) fn seen(&mut self) -> &[Seen] {
        let watch = std::mem::replace(&mut self.watch, Watch::begin(self.house.path()));
        self.said.extend(watch.end());
        &self.said
    }

    /// Ends it: nothing may be found but what `meant` allows. Gives the canaries.
    pub(crate) fn end(self, meant: impl Fn(&Seen, &str) -> bool) -> BTreeSet<Canary> {
        let Self { house, tap, watch, said, more, alone: _alone } = self;
        let mut seen = watch.end();
        seen.extend(said);
        let mut canaries = canary::learn(&tap.heard());
        canaries.extend(more);
        for name in PROVIDERS {
            let app = house.world.app(name);
            canaries.insert(Canary::new("client_secret", app.client_secret));
            canaries.extend(app.fields.into_iter().map(|(field, value)| Canary::new(field, value)));
        }
        canaries.extend(key_file(&house));
        assert!(canaries.iter().any(|canary| canary.what == "vault key"), "the key is looked for");
        let search = Search::new(&canaries);
        let mut found = BTreeSet::new();
        for seen in &seen {
            for (what, spelling) in search.of(&seen.bytes) {
                if !meant(seen, what) {
                    found.insert(format!("{what} ({spelling}) in {} {}", seen.kind, seen.of));
                }
            }
        }
        assert!(found.is_empty(), "{found:#?}");
        for kind in ["cmdline", "environ", "file", "said"] {
            assert!(seen.iter().any(|seen| seen.kind == kind), "no {kind} was looked at");
        }
        assert!(seen.iter().any(|seen| seen.kind == "cmdline" && seen.of == "keyfob"), "the command was seen at work");
        assert!(seen.iter().any(|seen| seen.of.ends_with("vault.db")), "the vault was looked at");
        canaries
    }
}

/// What the key file holds, if the vault has one now.
pub(crate) fn key_file(house: &House) -> Option<Canary> {
    let key = fs::read_to_string(house.path().join(".local/share/keyfob/sandbox/vault.key")).ok()?;
    Some(Canary::new("vault key", key.lines().next()?))
}

/// A login is told where to go, with its state; the key file holds the key.
pub(crate) fn usually_meant(seen: &Seen, what: &str) -> bool {
    match (seen.kind, what) {
        ("said", "state") => seen.of.starts_with("login"),
        ("file", "vault key") => is_key_file(&seen.of),
        _ => false,
    }
}

/// The key file, and the one of a rekey that is to take its place; also while either is being made, closed to others (0600).
fn is_key_file(path: &str) -> bool {
    let Some((_, name)) = path.rsplit_once('/') else { return false };
    name.strip_prefix("vault.key").is_some_and(|rest| {
        let rest = rest.strip_prefix(".new").filter(|rest| !rest.starts_with('-')).unwrap_or(rest);
        let digits = rest.strip_prefix(".new-").unwrap_or("none");
        rest.is_empty() || digits.len() == 16 && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
    })
}
