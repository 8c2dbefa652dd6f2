//! The catalogue: the embedded files, and the user's own over them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::Path;
use std::sync::OnceLock;

use keyfob_proto::scrub::printable;

use crate::embedded::{EMBEDDED, RETIRED};
use crate::gone::Gone;
use crate::problem::Problem;
use crate::provider::Provider;
use crate::{file, nearest};

/// All providers that are known.
///
/// An embedded file is read when its provider is asked for: a command needs one of them, and reading all takes longer than the rest of its start.
#[derive(Clone, Debug)]
pub struct Catalogue {
    /// The user's own, before those that come with the program.
    own: BTreeMap<String, Provider>,
    /// What was read of [`EMBEDDED`], at the same places.
    embedded: Box<[OnceLock<Box<Provider>>]>,
    /// Of the user's own files, those of providers that have ended.
    gone: BTreeMap<String, Gone>,
    problems: Vec<Problem>,
    /// Whose file is among the broken ones, with the first of its problems.
    broken: BTreeMap<String, Problem>,
}

impl Default for Catalogue {
    /// The same as [`Catalogue::embedded`].
    fn default() -> Self {
        Self::embedded()
    }
}

impl Catalogue {
    /// The providers that come with the program.
    pub fn embedded() -> Self {
        Self::load(None)
    }

    /// The providers that come with the program, and those of a folder of the user's own (`…/keyfob/providers`): each `*.toml` in it
    /// adds a provider, or, without a `kind`, changes some members of one that is there. A broken file is left out and told in
    /// [`Catalogue::problems`]; a folder that is not there is empty.
    pub fn load(user_folder: Option<&Path>) -> Self {
        let mut catalogue = Self {
            own: BTreeMap::new(),
            embedded: EMBEDDED.iter().map(|_| OnceLock::new()).collect(),
            gone: BTreeMap::new(),
            problems: Vec::new(),
            broken: BTreeMap::new(),
        };
        let mut added: BTreeMap<String, String> = BTreeMap::new();
        for path in user_folder.map(|folder| catalogue.files_of(folder)).unwrap_or_default() {
            let shown = path.display().to_string();
            let Some(text) = catalogue.text_of(&path, &shown) else { continue };
            let Some(name) = catalogue.add(&text, &shown) else { continue };
            if let Some(other) = added.insert(name.clone(), shown.clone()) {
                catalogue.problem(
                    &other,
                    format!("the provider {name} is in {shown} too, which took this one's place"),
                    "remove one of the two",
                );
            }
        }
        catalogue
    }

    /// A provider by its name.
    ///
    /// # Errors
    ///
    /// [`UnknownProvider`], with the nearest name, or with what is known of one that has ended.
    pub fn get(&self, name: &str) -> Result<&Provider, UnknownProvider> {
        self.find(name).ok_or_else(|| UnknownProvider {
            name: printable(name),
            nearest: nearest::nearest(name, self.names().chain(self.names_of_gone())).map(str::to_owned),
            gone: self.gone(name).map(Box::new),
        })
    }

    /// A provider that has ended, by its name: nobody can log in, and there is to say since when and where to go instead.
    pub fn gone(&self, name: &str) -> Option<Gone> {
        let embedded = || {
            let (file, text) = RETIRED.iter().find(|(file, _)| stem(file) == name)?;
            file::read_gone(text, file, |_| false)?.ok()
        };
        self.gone.get(name).cloned().or_else(embedded)
    }

    /// All providers that have ended, by name.
    pub fn all_gone(&self) -> Vec<Gone> {
        let names: BTreeSet<&str> = self.names_of_gone().collect();
        names.into_iter().filter(|name| !self.has(name)).filter_map(|name| self.gone(name)).collect()
    }

    /// The file of a provider as text. Where the user's own file changes one that comes with the program, it is the one that comes with it.
    ///
    /// # Errors
    /// The user's own file cannot be read any more.
    pub fn text(&self, name: &str) -> std::io::Result<String> {
        let own = self.own.get(name).and_then(|provider| provider.files.first().filter(|_| provider.files.len() == 1));
        match (own, base(name)) {
            (Some(path), _) => std::fs::read_to_string(path),
            (None, Some((_, text))) => Ok(text),
            (None, None) => Err(std::io::Error::new(std::io::ErrorKind::NotFound, "no provider has this name")),
        }
    }

    /// All providers, by name. Reads every file: where names are enough, [`Catalogue::names`] costs next to nothing.
    pub fn iter(&self) -> impl Iterator<Item = &Provider> {
        self.places().into_iter().filter_map(|(name, place)| place.map_or_else(|| self.own.get(name), |place| Some(self.read(place))))
    }

    /// The names of all providers, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.places().into_keys()
    }

    /// The names of all providers, with the places of those that are embedded.
    fn places(&self) -> BTreeMap<&str, Option<usize>> {
        let embedded = EMBEDDED.iter().enumerate().map(|(place, (file, _))| (stem(file), Some(place)));
        embedded.chain(self.own.keys().map(|name| (name.as_str(), None))).collect()
    }

    fn has(&self, name: &str) -> bool {
        self.own.contains_key(name) || place(name).is_some()
    }

    fn find(&self, name: &str) -> Option<&Provider> {
        self.own.get(name).or_else(|| place(name).map(|place| self.read(place)))
    }

    fn read(&self, place: usize) -> &Provider {
        let (file, text) = EMBEDDED[place];
        self.embedded[place].get_or_init(|| Box::new(file::read_embedded(text, file).expect("a test reads every embedded file")))
    }

    fn names_of_gone(&self) -> impl Iterator<Item = &str> {
        self.gone.keys().map(String::as_str).chain(RETIRED.iter().map(|(file, _)| stem(file)))
    }

    /// What is wrong with the user's files.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// What is wrong first with the user's own file of a provider, where it is broken. [`Catalogue::get`] has the embedded one all the same, to be looked at:
    /// what the file was to change may have been where an app's secret goes, or what is tolerated.
    pub fn broken(&self, name: &str) -> Option<&Problem> {
        self.broken.get(name)
    }

    /// All of those, by name.
    pub fn all_broken(&self) -> impl Iterator<Item = (&str, &Problem)> {
        self.broken.iter().map(|(name, problem)| (name.as_str(), problem))
    }

    fn add(&mut self, text: &str, file_name: &str) -> Option<String> {
        if let Some(Ok(gone)) = check_gone(text, file_name) {
            let name = gone.name.clone();
            self.gone.insert(name.clone(), gone);
            return Some(name);
        }
        match check(text, file_name) {
            Ok(provider) => {
                let name = provider.name.clone();
                self.own.insert(name.clone(), provider);
                Some(name)
            }
            Err(problems) => {
                self.broken.extend(problems.first().map(|first| (file::meant(text, file_name), first.clone())));
                self.problems.extend(problems);
                None
            }
        }
    }

    fn files_of(&mut self, folder: &Path) -> Vec<std::path::PathBuf> {
        let entries = match std::fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Vec::new(),
            Err(error) => {
                self.problem(&folder.display().to_string(), format!("the folder cannot be read: {error}"), "look at who may read it");
                return Vec::new();
            }
        };
        let mut paths: Vec<_> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
        // An editor's or a sync program's hidden files (`.#hub.toml`) are not the user's.
        let is_hidden = |path: &Path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
        paths.retain(|path| path.extension().is_some_and(|extension| extension == "toml") && !is_hidden(path));
        paths.sort();
        paths
    }

    fn text_of(&mut self, path: &Path, shown: &str) -> Option<String> {
        use std::io::Read as _;
        let about = path.metadata();
        // A FIFO that nobody writes to would be waited for by whatever is done with any provider.
        if about.as_ref().is_ok_and(|about| !about.is_file()) {
            self.problem(shown, "this is no regular file".to_owned(), "put the provider's file in its place, or take it out of the folder");
            return None;
        }
        let length = about.map_or(0, |about| about.len());
        if length > file::LARGEST as u64 {
            self.problems.push(too_large(shown, length));
            return None;
        }
        // One byte more: that there is no other is seen without room being made for it.
        let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or_default() + 1);
        let read = std::fs::File::open(path).and_then(|file| file.take(file::LARGEST as u64 + 1).read_to_end(&mut bytes));
        match read.map(|_| text_of(bytes, shown)) {
            Ok(Ok(text)) => Some(text),
            Ok(Err(problem)) => {
                self.problems.push(problem);
                None
            }
            Err(error) => {
                self.problem(shown, format!("the file cannot be read: {error}"), "look at who may read it");
                None
            }
        }
    }

    fn problem(&mut self, file: &str, message: String, hint: &str) {
        self.problems.push(Problem { file: file.to_owned(), line: 1, column: 1, message, hint: Some(hint.to_owned()) });
    }
}

/// Checks a provider file: one that stands on its own, or, if it has no `kind`, one that changes an embedded provider.
///
/// # Errors
///
/// Every problem that there is, with line and column, and what to do about it.
pub fn check(text: &str, file_name: &str) -> Result<Provider, Vec<Problem>> {
    let ended = |name: &str| RETIRED.iter().any(|(file, _)| stem(file) == name);
    file::read(text, file_name, base, ended, EMBEDDED.iter().map(|(file, _)| stem(file)))
}

/// What is sound in a provider file and hardly meant, for whoever writes one: a day that has not come yet (`today` is `yyyy-mm-dd`), a scope that the
/// file itself does not know, a parameter that goes nowhere, a name that `is_taken` (a command's, or of a parameter an option's: `--json`),
/// a successor that is none of the `known` providers. Such a
/// file is used like any other.
pub fn doubts<'a>(
    text: &str,
    file_name: &str,
    today: &str,
    is_taken: impl Fn(&str) -> bool,
    known: impl IntoIterator<Item = &'a str>,
) -> Vec<Problem> {
    let known: Vec<&str> = known.into_iter().collect();
    file::doubts(text, file_name, today, is_taken, base, &known)
}

/// A provider file's bytes as text.
///
/// # Errors
/// They are no text in UTF-8: the problem has the place of the first that is none. Or they are more than any provider file has.
pub fn text_of(bytes: Vec<u8>, file_name: &str) -> Result<String, Problem> {
    let wrong = |line, column, message: String, hint: &str| Problem {
        file: file_name.to_owned(),
        line,
        column,
        message,
        hint: Some(hint.to_owned()),
    };
    if bytes.len() > file::LARGEST {
        return Err(too_large(file_name, bytes.len() as u64));
    }
    let error = match String::from_utf8(bytes) {
        Ok(text) if text.contains('\0') => {
            let (line, column) = file::position(&text, text.find('\0').unwrap_or_default());
            return Err(wrong(line, column, "expected text, found a byte of zero".to_owned(), SAVE));
        }
        Ok(text) => return Ok(text),
        Err(error) => error,
    };
    let (good, at) = (error.as_bytes(), error.utf8_error().valid_up_to());
    let (line, column) = file::position(&String::from_utf8_lossy(&good[..at]), at);
    let found = match good {
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => "UTF-16".to_owned(),
        _ => format!("the byte 0x{:02x}", good.get(at).copied().unwrap_or_default()),
    };
    Err(wrong(line, column, format!("expected text in UTF-8, found {found}"), SAVE))
}

const SAVE: &str = "save it as text in UTF-8, if it is a provider file at all";

fn too_large(file_name: &str, length: u64) -> Problem {
    let message = format!("expected a file of at most {} bytes, found {length}", file::LARGEST);
    let hint = "this is hardly a provider's file; what a provider needs is a few pages of text";
    Problem { file: file_name.to_owned(), line: 1, column: 1, message, hint: Some(hint.to_owned()) }
}

/// Checks the file of a provider that has ended: one that says `retired` and has no endpoints, of a name that no other file has. `None` for any other.
pub fn check_gone(text: &str, file_name: &str) -> Option<Result<Gone, Vec<Problem>>> {
    file::read_gone(text, file_name, |name| base(name).is_some())
}

/// No provider has this name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownProvider {
    /// The name that was asked for, fit to show.
    pub name: String,
    /// The one that was perhaps meant.
    pub nearest: Option<String>,
    /// The one of this name that has ended.
    pub gone: Option<Box<Gone>>,
}

impl fmt::Display for UnknownProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.gone {
            Some(gone) => gone.fmt(f),
            None => write!(f, "no provider is called \"{}\"", self.name),
        }
    }
}

impl std::error::Error for UnknownProvider {}

/// Where the embedded file of a provider is.
fn place(name: &str) -> Option<usize> {
    EMBEDDED.iter().position(|(file, _)| stem(file) == name)
}

/// The embedded file of a provider.
fn base(name: &str) -> Option<(String, String)> {
    let (file, text) = EMBEDDED[place(name)?];
    Some((file.to_owned(), text.to_owned()))
}

/// A file's name is its provider's, with `.toml` behind it: a test holds the files to that.
fn stem(file: &str) -> &str {
    file.strip_suffix(".toml").unwrap_or(file)
}
