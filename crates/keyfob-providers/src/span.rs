//! Spans of time: the last week of an action that shows a series. Which of its parameters say where one begins and ends is the file's business; `from`, `to`
//! and `period` are what they are called.

use std::collections::BTreeMap;
use std::mem::discriminant;

use keyfob_proto::{Misuse, Timestamp};

use crate::action::Action;
use crate::moment;
use crate::parameter::{Argument, Parameter, ParameterKind};

impl Action {
    /// The parameter that says where a span of time begins, of an action that has one.
    pub fn begins(&self) -> Option<&Parameter> {
        self.named("from").filter(|from| from.is_moment())
    }

    /// The parameter that says how long a span is, of an action whose provider knows some of its own (`7d`, `30d`).
    pub fn period(&self) -> Option<&Parameter> {
        self.named("period").filter(|period| matches!(period.kind, ParameterKind::Choice { .. }))
    }

    /// What was said, and so many seconds before now; `None` for an action that has no span of time.
    pub fn within(&self, said: &BTreeMap<String, String>, seconds: i64, now: Timestamp) -> Option<BTreeMap<String, String>> {
        let from = self.begins()?;
        let mut arguments = said.clone();
        arguments.insert(from.name.clone(), from.written(now.plus(-seconds)));
        match self.named("to") {
            Some(to) if to.required => drop(arguments.insert(to.name.clone(), to.written(now))),
            Some(to) => drop(arguments.remove(&to.name)),
            None => {}
        }
        Some(arguments)
    }

    /// Whether a span of time ends after it begins. What words mean (`last`, `today`) is the provider's to know, and when a day begins beside a moment, too.
    pub(crate) fn in_order(&self, read: &BTreeMap<String, Argument>) -> Result<(), Misuse> {
        let (Some(from), Some(to)) = (self.begins(), self.named("to")) else { return Ok(()) };
        if discriminant(&from.kind) != discriminant(&to.kind) {
            return Ok(());
        }
        let at = |parameter: &Parameter| read.get(&parameter.name).and_then(|argument| moment::parse(&argument.sent));
        match (at(from), at(to)) {
            (Some(begins), Some(ends)) if begins > ends => {
                let said = |parameter: &Parameter, seconds: i64| match parameter.kind {
                    ParameterKind::Date { .. } => parameter.written(Timestamp::from_unix(seconds)),
                    _ => moment::utc(seconds),
                };
                let found = format!("one that begins at {} and ends at {}", said(from, begins), said(to, ends));
                Err(Misuse::new("a span of time in which from is earlier than to", found).with_hint("exchange them, or leave one away"))
            }
            _ => Ok(()),
        }
    }

    fn named(&self, name: &str) -> Option<&Parameter> {
        self.parameters.iter().find(|parameter| parameter.name == name)
    }
}

impl Parameter {
    /// Whether it takes a point in time.
    pub(crate) fn is_moment(&self) -> bool {
        matches!(self.kind, ParameterKind::Time { .. } | ParameterKind::Date { .. })
    }

    /// A moment as it takes one: days have no hours.
    pub(crate) fn written(&self, moment: Timestamp) -> String {
        let seconds = moment.as_unix();
        match self.kind {
            ParameterKind::Date { .. } => moment::utc(seconds).chars().take_while(|c| *c != ' ').collect(),
            _ => seconds.to_string(),
        }
    }
}
