//! The ways in which somebody connects an account, as far as the provider has them: its file says so, no name does.

use keyfob::proto::Flow;

use crate::site::Desk;

/// How the person says yes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// At the provider's page, which sends the browser back here.
    Redirect,
    /// Anywhere, with a code of ours: RFC 8628, or a provider's older way of the same.
    Code,
    /// At the provider's page, which shows a PIN that is typed here (RFC 5849 §2.1, `oob`).
    Pin,
    /// Not at all: the app's keys alone sign.
    Keys,
    /// Not at all: its tokens are made elsewhere, and imported.
    Import,
}

impl Way {
    /// As forms have it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Redirect => "redirect",
            Self::Code => "code",
            Self::Pin => "pin",
            Self::Keys => "keys",
            Self::Import => "import",
        }
    }

    /// What a button says that is beside the usual one.
    pub(crate) const fn instead(self) -> &'static str {
        match self {
            Self::Redirect => "By redirect instead",
            Self::Code => "With a code instead",
            Self::Pin => "With a PIN instead",
            Self::Keys => "By keys alone",
            Self::Import => "By import",
        }
    }
}

impl Desk {
    /// The ways there are, the usual one first.
    pub(crate) fn ways(&self) -> &'static [Way] {
        let redirect = &self.provider.client.redirect;
        match &self.settings.flow {
            _ if self.provider.import.is_some() => &[Way::Import],
            Flow::OAuth1(flow) if flow.one_legged => &[Way::Keys],
            Flow::OAuth1(_) if redirect.oob => &[Way::Redirect, Way::Pin],
            Flow::OAuth2(flow) if flow.device_authorization.is_some() => match &flow.pin {
                _ if redirect.device_only || flow.is_device_only() => &[Way::Code],
                // Apps there are mostly registered for it, and have no redirect URI then.
                Some(_) => &[Way::Code, Way::Redirect],
                None => &[Way::Redirect, Way::Code],
            },
            _ => &[Way::Redirect],
        }
    }

    /// The usual one.
    pub(crate) fn way(&self) -> Way {
        self.ways()[0]
    }

    /// The one that a form names, if it is one of them; the usual one for a form that names none.
    pub(crate) fn way_named(&self, name: &str) -> Option<Way> {
        if name.is_empty() { Some(self.way()) } else { self.ways().iter().copied().find(|way| way.name() == name) }
    }
}
