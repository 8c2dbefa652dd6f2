//! What a script sends, by whom it sends it to.

use zeroize::Zeroizing;

use super::calls::Call;
use super::literals::{Assigned, of_url};
use crate::verb::import::{Leads, Whom};

/// What was sent, by who has it.
#[derive(Default)]
pub(super) struct Sent {
    pub(super) ours: Vec<Assigned>,
    pub(super) elsewhere: Vec<Assigned>,
    pub(super) unsaid: Vec<Assigned>,
}

impl Sent {
    /// What calls carry, and URLs.
    pub(super) fn of(whom: &Whom, calls: &[Call], texts: &[(Zeroizing<String>, usize)]) -> Self {
        let mut sent = Self::default();
        for call in calls {
            let known = call.carried().into_iter().filter_map(|(name, value)| Some((name, value.known()?)));
            let known = known.filter(|(_, known)| !known.is_empty());
            sent.to(whom.leads(&call.url)).extend(known.map(|(name, known)| Assigned::of(name, known, call.line)));
        }
        for (text, line) in texts.iter().filter(|(text, _)| text.contains("://")) {
            let carried = of_url(text).into_iter().map(|(name, value)| Assigned::of(&name, value, *line));
            sent.to(whom.leads(text)).extend(carried);
        }
        sent
    }

    fn to(&mut self, leads: Leads) -> &mut Vec<Assigned> {
        match leads {
            Leads::Ours => &mut self.ours,
            Leads::Elsewhere => &mut self.elsewhere,
            Leads::Unsaid => &mut self.unsaid,
        }
    }
}
