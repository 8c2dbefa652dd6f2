//! The actions of a provider.

use std::fmt;
use std::ops::Deref;
use std::sync::{Arc, OnceLock};

use crate::action::Action;
use crate::file;

/// What a provider can be asked for by name, in the order of its file: a slice of [`Action`].
///
/// Those of an embedded file are read when they are first looked at, once for all clones: a web app has a provider's clone for each request. Whoever makes a call,
/// or asks for a token, needs none of them, and they take most of the time that reading a file takes.
#[derive(Clone)]
pub struct Actions(Held);

#[derive(Clone)]
enum Held {
    Read(Vec<Action>),
    Embedded { file: &'static str, text: &'static str, read: Arc<OnceLock<Vec<Action>>> },
}

impl Actions {
    /// Those of an embedded file, to be read from it. A test reads every embedded file.
    pub(crate) fn embedded(file: &'static str, text: &'static str) -> Self {
        Self(Held::Embedded { file, text, read: Arc::default() })
    }
}

impl From<Vec<Action>> for Actions {
    fn from(actions: Vec<Action>) -> Self {
        Self(Held::Read(actions))
    }
}

impl Deref for Actions {
    type Target = [Action];

    fn deref(&self) -> &[Action] {
        match &self.0 {
            Held::Read(actions) => actions,
            Held::Embedded { file, text, read } => read.get_or_init(|| {
                let whole = file::read_alone(text, file).expect("a test reads every embedded file");
                whole.actions.to_vec()
            }),
        }
    }
}

impl<'a> IntoIterator for &'a Actions {
    type Item = &'a Action;
    type IntoIter = std::slice::Iter<'a, Action>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl fmt::Debug for Actions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use crate::Catalogue;

    #[test]
    fn what_one_clone_has_read_the_others_do_not_read_again() {
        let catalogue = Catalogue::embedded();
        let provider = catalogue.get("telldus").expect("there");
        let [first, second] = [provider.clone(), provider.clone()];
        assert!(!first.actions.is_empty());
        assert!(std::ptr::eq(&raw const *first.actions, &raw const *second.actions));
        assert!(std::ptr::eq(&raw const *first.actions, &raw const *provider.actions));
    }
}
