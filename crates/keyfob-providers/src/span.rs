//! Spans of time: the last week of an action that shows a series. Which of its parameters say where one begins and ends is the file's business; `from`, `to`
//! and `period` are what they are called.

use std::collections::BTreeMap;

use keyfob_proto::Timestamp;

use crate::action::Action;
use crate::moment;
use crate::parameter::{Parameter, ParameterKind};

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
