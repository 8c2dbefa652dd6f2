//! How pages look in this browser: where the person is, light or dark. Every page of an answer has it, the failures of guards too, so it
//! is not handed from function to function: a task has one look, and [`Frame`](super::Frame) asks for it.

use std::fmt;
use std::sync::{Arc, OnceLock};

use http::{HeaderMap, HeaderValue, Uri, header};

use crate::people::{Role, Who};
use crate::site::Pretended;

/// The cookie that remembers it. Nothing depends on it but colours.
const COOKIE: &str = "keyfob-look";

/// A year.
const REMEMBERED: u32 = 365 * 24 * 3600;

tokio::task_local! {
    static LOOK: Look;
}

/// What the frame of a page depends on.
#[derive(Clone, Default)]
pub(crate) struct Look {
    pub(crate) theme: Theme,
    /// What was asked for.
    asked: Uri,
    /// Whether everybody is a guest here.
    pub(crate) guests: bool,
    /// Whether the providers are real ones.
    pub(crate) pretended: Pretended,
    /// Who is asking, once that is known.
    who: Arc<OnceLock<Who>>,
}

/// Light or dark.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Theme {
    /// As the person's system has it.
    #[default]
    System,
    Light,
    Dark,
}

impl Look {
    pub(crate) fn of(headers: &HeaderMap, uri: &Uri, guests: bool, pretended: Pretended) -> Self {
        let cookies =
            headers.get_all(header::COOKIE).into_iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(';'));
        let theme = cookies.filter_map(|pair| pair.trim().strip_prefix(COOKIE)?.strip_prefix('=')).find_map(Theme::named);
        Self { theme: theme.unwrap_or_default(), asked: uri.clone(), guests, pretended, who: Arc::default() }
    }

    /// Answers a request in this look.
    pub(crate) async fn around<T>(self, answer: impl Future<Output = T>) -> T {
        LOOK.scope(self, answer).await
    }

    /// Pages of this answer are for this person.
    pub(crate) fn know(who: &Who) {
        // Nobody becomes somebody else while an answer is made.
        let _ = LOOK.try_with(|look| look.who.set(who.clone()));
    }

    /// The path that was asked for.
    pub(crate) fn path(&self) -> &str {
        self.asked.path()
    }

    /// Who is signed in.
    pub(crate) fn person(&self) -> Option<&Who> {
        self.who.get().filter(|who| who.role != Role::Guest)
    }

    /// Whether what is done is done to nothing.
    pub(crate) fn is_pretended(&self) -> bool {
        self.pretended != Pretended::No
    }

    /// Whether a command can make another link to come in by.
    pub(crate) fn has_command(&self) -> bool {
        self.pretended != Pretended::Everything
    }

    /// The look of the request that is being answered.
    pub(crate) fn now() -> Self {
        LOOK.try_with(Clone::clone).unwrap_or_default()
    }
}

/// Without the query: a link's token is in it.
impl fmt::Debug for Look {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Look").field("theme", &self.theme).field("path", &self.path()).finish_non_exhaustive()
    }
}

impl Theme {
    pub(crate) const ALL: [Self; 3] = [Self::System, Self::Light, Self::Dark];

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|theme| theme.name() == name)
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }

    /// The cookie that remembers it.
    pub(crate) fn cookie(self, https: bool) -> HeaderValue {
        let secure = if https { "; Secure" } else { "" };
        let text = format!("{COOKIE}={}; Path=/; Max-Age={REMEMBERED}; HttpOnly; SameSite=Lax{secure}", self.name());
        HeaderValue::from_str(&text).expect("a word of ours")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cookie_is_one_of_three_words_or_nothing() {
        let look = |cookie: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::COOKIE, HeaderValue::from_static(cookie));
            Look::of(&headers, &Uri::from_static("/keys?q=1"), true, Pretended::No)
        };
        assert_eq!(look("keyfob=1; keyfob-look=dark").theme, Theme::Dark);
        assert_eq!(look("keyfob-look=\"><b>; keyfob-looks=dark").theme, Theme::System);
        assert_eq!(look("").path(), "/keys");
        assert_eq!(Theme::Light.cookie(true), "keyfob-look=light; Path=/; Max-Age=31536000; HttpOnly; SameSite=Lax; Secure");
    }
}
