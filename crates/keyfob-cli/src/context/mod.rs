//! What every verb needs: folders, catalogue, vault, transport, and where the sandbox is, if it is meant.

mod accounts;
mod folders;
mod servers;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use clap::CommandFactory;
use keyfob::proto::scrub::printable;
use keyfob::proto::{App, Described as _, Settings};
use keyfob::store::Damaged;
use keyfob::transport::Transport;
use keyfob::{Keyfob, Store};
use keyfob_providers::{Catalogue, Provider, nearest};
use keyfob_store::{KeySource, Shelf};
use tokio::sync::OnceCell;
use tokio::task::JoinHandle;

pub(crate) use self::accounts::{Opened, app_of};
use self::folders::Folders;
pub(crate) use self::servers::{certificates, kept_here, transport};
use crate::card::{Card, Doing};
use crate::cli::{Cli, SANDBOX_HERE};
use crate::ending;
use crate::exit::Exit;
use crate::output::Output;
use crate::pretend::Pretend;
use crate::upload::Uploads;
use crate::vault::{self, Location};
use crate::verb::sandbox;
use crate::wire::{Heard, Wire};

/// Variables that hold secrets of ours, and go to no other program.
pub(crate) const SECRET_VARIABLES: &[&str] = &[KeySource::VARIABLE, vault::VARIABLE];

/// What every verb needs. Nothing is opened before it is needed.
pub(crate) struct Context {
    /// Where words go.
    pub(crate) out: Output,
    folders: Folders,
    sandbox: Option<String>,
    vault: Location,
    /// The vault was named, by the command line or the environment.
    is_vault_named: bool,
    /// And it has to be there.
    needs_vault: bool,
    catalogue: OnceLock<Catalogue>,
    pretend: OnceCell<Option<Pretend>>,
    base: OnceCell<Base>,
    under_way: Mutex<Option<JoinHandle<Result<(), Card>>>>,
    /// Others beside the one on the vault, whose sessions may have new tokens when the program ends.
    beside: Mutex<Vec<Keyfob>>,
    heard: OnceLock<Arc<Heard>>,
    uploads_shown: OnceLock<()>,
    /// Accounts that were looked for and do not open, until they are told.
    damaged: Mutex<Vec<Damaged>>,
}

/// The vault, and everything around it.
struct Base {
    store: Arc<dyn Store>,
    shelf: Arc<dyn Shelf>,
    keyfob: Keyfob,
}

impl Context {
    /// For this run of the program. The vault is the one that was named; else, unless pretend providers are meant, the environment's; else
    /// the one in the data folder. One that was named has to be there, unless the verb may make it.
    pub(crate) fn new(out: Output, sandbox: Option<String>, vault: Option<&str>, may_make: bool) -> Result<Self, Card> {
        let folders = Folders::of_environment()?;
        let named = match vault {
            Some(named) => Some(Location::of_argument(named)?),
            // The sandbox has a vault of its own: pretend tokens must not take the place of real ones.
            None if sandbox.is_some() => {
                tell_of_two(sandbox.as_deref(), &out);
                None
            }
            None => Location::of_environment()?,
        };
        let is_vault_named = named.is_some();
        Ok(Self {
            out,
            vault: named.unwrap_or_else(|| Location::File(folders.vault(sandbox.is_some()))),
            is_vault_named,
            needs_vault: is_vault_named && !may_make,
            folders,
            sandbox,
            catalogue: OnceLock::new(),
            pretend: OnceCell::new(),
            base: OnceCell::new(),
            under_way: Mutex::new(None),
            beside: Mutex::default(),
            heard: OnceLock::new(),
            uploads_shown: OnceLock::new(),
            damaged: Mutex::default(),
        })
    }

    /// The catalogue. What is wrong with the user's own files is told once, in two lines a file: where, and the way out.
    pub(crate) fn catalogue(&self) -> &Catalogue {
        self.catalogue.get_or_init(|| {
            let catalogue = Catalogue::load(Some(&self.folders.providers()));
            for problems in catalogue.problems().chunk_by(|one, other| one.file == other.file) {
                let [first, others @ ..] = problems else { continue };
                let check = format!("keyfob provider check {}", first.file);
                let fix = match (&first.hint, others.len()) {
                    (Some(hint), 0) => format!("{hint}; then: {check}"),
                    (None, 0) => format!("correct it, then: {check}"),
                    (_, more) => format!("{more} more: {check}"),
                };
                self.out.note(&format!("{} {first}\n  {fix}", self.out.note_paint().warn("left out:")));
            }
            catalogue
        })
    }

    /// A provider by its name, pointed at the sandbox where that is meant.
    pub(crate) async fn provider(&self, name: &str) -> Result<Provider, Card> {
        self.pointed(self.known(name)?).await
    }

    /// A provider to be looked at: where the user's own file is broken, as it comes with the program.
    pub(crate) async fn shown(&self, name: &str) -> Result<Provider, Card> {
        match self.catalogue().get(name) {
            Ok(provider) => self.pointed(provider).await,
            Err(_) => self.provider(name).await,
        }
    }

    async fn pointed(&self, provider: &Provider) -> Result<Provider, Card> {
        match self.pretend().await? {
            Some(pretend) => pretend.provider(provider),
            None => Ok(provider.clone()),
        }
    }

    /// The same as its file has it.
    pub(crate) fn known(&self, name: &str) -> Result<&Provider, Card> {
        let catalogue = self.catalogue();
        // Nothing is done by half of what was asked for: the broken file may be what sends an app's secret to another place, or tolerates less.
        if let Some(problem) = catalogue.broken(name) {
            return Err(Card::new(
                Exit::Error,
                format!("the provider file of {} is broken", printable(name)),
                problem.to_string(),
                format!("{}; then: keyfob provider check {}", problem.hint.as_deref().unwrap_or("correct it"), problem.file),
            ));
        }
        catalogue.get(name).map_err(|unknown| {
            if let Some(gone) = &unknown.gone {
                let next = match &gone.successor {
                    Some(successor) => self.in_its_place(successor),
                    None => "nothing that is known here took its place; keyfob provider list shows what there is".to_owned(),
                };
                return Card::usage(unknown.to_string(), gone.note.clone(), next);
            }
            let why = match &unknown.nearest {
                Some(nearest) => format!("the nearest name is \"{nearest}\""),
                None => format!("{} are known, and none has a name like it", catalogue.names().count()),
            };
            let next = match &unknown.nearest {
                Some(nearest) => format!("did you mean {nearest}? All of them: keyfob provider list"),
                None => "keyfob provider list shows all; a file of your own adds one".to_owned(),
            };
            Card::usage(unknown.to_string(), why, next)
        })
    }

    /// What took the place of a provider that has ended: a provider's name, or a page.
    pub(crate) fn in_its_place(&self, successor: &str) -> String {
        let command = if self.catalogue().get(successor).is_ok() { "keyfob login " } else { "" };
        format!("what took its place: {command}{successor}")
    }

    /// The provider that the first word of a short form means; what it means otherwise may be a verb that was mistyped.
    pub(crate) async fn provider_or_verb(&self, word: &str) -> Result<Provider, Card> {
        let name = word.split('/').next().unwrap_or(word);
        let is_known = self.catalogue().get(name).is_ok() || self.catalogue().gone(name).is_some();
        if is_known || self.catalogue().broken(name).is_some() {
            return self.provider(name).await;
        }
        let accounts = self.accounts().await?;
        let command = Cli::command();
        let verbs = command.get_subcommands().map(clap::Command::get_name);
        let known: Vec<&str> = verbs.chain(self.catalogue().names()).chain(accounts.iter().map(|account| account.name.as_str())).collect();
        let what = format!("\"{}\" is no verb, no account and no provider", printable(word));
        Err(match nearest(word, known) {
            Some(near) => Card::usage(what, format!("the nearest word is \"{near}\""), format!("did you mean keyfob {near}?")),
            None => Card::usage(
                what,
                "nothing here is called anything like it",
                "keyfob --help shows the verbs, keyfob provider list the providers",
            ),
        })
    }

    /// The running sandbox that was named, if one was.
    pub(crate) async fn pretend(&self) -> Result<Option<&Pretend>, Card> {
        let find = || async {
            let Some(said) = &self.sandbox else { return Ok(None) };
            let usual = format!("http://127.0.0.1:{}", sandbox::PORT);
            let url = if said == SANDBOX_HERE { &usual } else { said };
            let pretend = Pretend::find(url, &kept_here(true)?).await?;
            self.out.note(&self.out.note_paint().dim(&format!("sandbox: pretend providers at {url}, with a vault of their own")));
            Ok::<_, Card>(Some(pretend))
        };
        Ok(self.pretend.get_or_try_init(find).await?.as_ref())
    }

    /// The sandbox that was named, looked at or not.
    pub(crate) fn sandbox(&self) -> Option<&str> {
        self.sandbox.as_deref()
    }

    /// The library on the vault, which is made if there is none.
    pub(crate) async fn keyfob(&self) -> Result<&Keyfob, Card> {
        Ok(&self.base().await?.keyfob)
    }

    /// The vault, which is made if there is none.
    pub(crate) async fn store(&self) -> Result<&Arc<dyn Store>, Card> {
        Ok(&self.base().await?.store)
    }

    /// The same vault's shelf: what the web app keeps there beside apps and accounts.
    pub(crate) async fn shelf(&self) -> Result<&Arc<dyn Shelf>, Card> {
        Ok(&self.base().await?.shelf)
    }

    /// Work that may spend a token, and writes what it got for it: whoever stops the program meanwhile stops the waiting, not the work, which has until
    /// the end of [`settle`](Self::settle).
    pub(crate) async fn see_through<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, Card>> + Send + 'static,
    ) -> Result<T, Card> {
        let (tell, told) = tokio::sync::oneshot::channel();
        let work = tokio::spawn(async move {
            match tell.send(work.await) {
                Ok(()) => Ok(()),
                // Nobody waits any more: told at the end of the program.
                Err(outcome) => outcome.map(drop),
            }
        });
        *self.under_way.lock().unwrap_or_else(PoisonError::into_inner) = Some(work);
        told.await.unwrap_or_else(|_| Err(Card::interrupted()))
    }

    /// The end of the program waits for this one's tokens, too.
    pub(crate) fn settles(&self, keyfob: &Keyfob) {
        self.beside.lock().unwrap_or_else(PoisonError::into_inner).push(keyfob.clone());
    }

    /// Before the program ends, which somebody `asked` for or not: a refresh that has begun comes to its end, and new tokens that the vault would not take
    /// are offered to it again. Where that fails, a login is lost, and its owner has to know.
    pub(crate) async fn settle(&self, asked: bool) -> Result<(), Card> {
        let work = self.under_way.lock().unwrap_or_else(PoisonError::into_inner).take();
        let mut keyfobs = std::mem::take(&mut *self.beside.lock().unwrap_or_else(PoisonError::into_inner));
        keyfobs.extend(self.base.get().map(|base| base.keyfob.clone()));
        ending::settle(work, &keyfobs, asked, &self.out).await
    }

    /// The same, where there is a vault.
    pub(crate) async fn keyfob_if_any(&self) -> Result<Option<&Keyfob>, Card> {
        let open = || async { self.open(false).await.map_err(Some)?.ok_or(None::<Card>) };
        match self.base.get_or_try_init(open).await {
            Ok(base) => Ok(Some(&base.keyfob)),
            Err(None) => Ok(None),
            Err(Some(card)) => Err(card),
        }
    }

    /// Whether the vault was named; beside a sandbox, only the command line names one.
    pub(crate) fn is_vault_named(&self) -> bool {
        self.is_vault_named
    }

    /// There is none where it was looked for.
    pub(crate) fn no_vault(&self) -> Card {
        let next = match self.is_vault_named {
            true => "correct its name (--vault, or the variable KEYFOB_VAULT); or log in there once, and one is made",
            false => "log in once, and one is made; or name another: --vault PATH",
        };
        Card::new(Exit::Vault, "there is no vault yet", format!("there is none at {}", self.vault.shown()), next)
    }

    async fn base(&self) -> Result<&Base, Card> {
        let open = || async { self.open(true).await?.ok_or_else(|| self.no_vault()) };
        self.base.get_or_try_init(open).await
    }

    async fn open(&self, make: bool) -> Result<Option<Base>, Card> {
        let make = make && !self.needs_vault;
        let opened = match self.vault.open(self.data_folder(), make, &self.out).await? {
            Some(opened) => opened,
            None if self.needs_vault => return Err(self.no_vault()),
            None => return Ok(None),
        };
        let (store, shelf) = (opened.store(), opened.shelf());
        Ok(Some(Base { keyfob: Keyfob::new(store.clone(), self.transport()?), store, shelf }))
    }

    /// Keeps what goes over the line from now on, to be shown. Before anything is opened.
    pub(crate) fn listen_in(&self, heard: Heard) {
        drop(self.heard.set(Arc::new(heard)));
    }

    /// What went over the line, where somebody listens in.
    pub(crate) fn heard(&self) -> Option<&Heard> {
        self.heard.get().map(AsRef::as_ref)
    }

    /// From now on a person sees how far large bodies are. Before anything is opened.
    pub(crate) fn show_uploads(&self) {
        let _ = self.uploads_shown.set(());
    }

    /// The transport, which may be listened in to.
    pub(crate) fn transport(&self) -> Result<Arc<dyn Transport>, Card> {
        let real = kept_here(self.sandbox.is_some())?;
        let real: Arc<dyn Transport> = match self.heard.get() {
            Some(heard) => Arc::new(Wire::new(real, heard.clone())),
            None => Arc::new(real),
        };
        Ok(if self.uploads_shown.get().is_some() && self.out.notes_to_person { Arc::new(Uploads::new(real, self.out)) } else { real })
    }

    /// Where the vault is.
    pub(crate) fn vault(&self) -> &Location {
        &self.vault
    }

    /// Where our own files are.
    pub(crate) fn data_folder(&self) -> &Path {
        &self.folders.data
    }

    /// Where user's own provider files are.
    pub(crate) fn providers_folder(&self) -> PathBuf {
        self.folders.providers()
    }

    /// Where the vault's key comes from, in words.
    pub(crate) fn key_in_words(&self) -> String {
        self.vault.key_in_words(self.data_folder())
    }

    /// The vault's app at a provider; at the sandbox, its demo app where the vault has none.
    pub(crate) async fn app(&self, provider: &str) -> Result<Option<App>, Card> {
        if let Some(keyfob) = self.keyfob_if_any().await?
            && let Some(app) = keyfob.store().app(provider).await.doing("cannot read the vault")?
        {
            return Ok(Some(app));
        }
        Ok(self.pretend().await?.and_then(|pretend| pretend.app(provider)))
    }

    /// The provider's settings for this app. One that describes itself is asked first, once in this run of the program.
    pub(crate) async fn settings(&self, provider: &Provider, app: &App, what: &str) -> Result<Settings, Card> {
        // No vault is made for what needs none.
        if provider.issuer_to_ask(app).doing(what)?.is_none() {
            return provider.settings_for(app).doing(what);
        }
        self.keyfob().await?.settings(provider, app).await.doing(what)
    }

    /// The variables that hold a secret of ours or of a provider's app: for programs that we start, to do without.
    pub(crate) fn secret_variables(&self) -> Vec<String> {
        let fields = self.catalogue().iter().flat_map(|provider| &provider.client.fields).filter(|field| field.secret);
        fields.flat_map(|field| field.env.iter().cloned()).collect()
    }
}

/// The environment may name both, a sandbox for this terminal and a vault for all of them, and one of them counts.
fn tell_of_two(sandbox: Option<&str>, out: &Output) {
    let set = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let named = [vault::VARIABLE, vault::FILE_VARIABLE].into_iter().find(|name| set(name).is_some());
    if let Some(named) = named.filter(|_| set("KEYFOB_SANDBOX").as_deref() == sandbox) {
        let note = format!("KEYFOB_SANDBOX and {named} are set: the sandbox's own vault is used; another one: --vault");
        out.note(&format!("{} {note}", out.note_paint().warn("note:")));
    }
}
