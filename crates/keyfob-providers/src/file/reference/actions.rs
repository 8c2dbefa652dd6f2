//! `[actions.NAME]`.

use super::Holds::{Bits, Flag, Jq, Json, NamedTexts, Number, OneOf, Pairs, Table, Tables, Template, Text, Texts, Whole, Words};
use super::{Section, key};

const KINDS: &[&str] = &["text", "number", "time", "date", "flag"];

pub(super) const ACTION: Section = Section {
    path: "actions.*",
    heading: "[actions.NAME]",
    about: "A call by name. Templates are over the action's parameters and kept values (`keep`); what needs an absent parameter is left out. In jq, `$args` has the arguments; it is a subset that is known to end ([the crate's page](../crates/keyfob-providers/README.md) has its rules).",
    keys: &[
        key("about", Text, "What it does", "\"All lamps\"").needed(),
        key("path", Template, "The path behind `api.base_url`; each place stays one segment", "\"/lamps/{id}\"").needed(),
        key("method", OneOf(&["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]), "The method", "\"PUT\"").or("`GET`"),
        key(
            "acts",
            Flag,
            "Whether it changes the world, so that a person is asked first; needed with any method but `GET` and `HEAD`",
            "true",
        )
        .or("false"),
        key("parameters", Tables(&PARAMETER), "What a person may say", ""),
        key(
            "scopes",
            Texts,
            "The scopes without which the provider refuses it, above all those that a login does not ask for by itself; each is explained in `[scopes]`",
            "[\"lamps.write\"]",
        ),
        key("query", Pairs, "Parameters of the query", "{ room = \"{room}\" }"),
        key("form", Pairs, "Fields of a form", "{ level = \"{level}\" }"),
        key("json", Json, "A JSON body; a place alone keeps its type", "{ level = \"{level}\" }"),
        key("headers", Pairs, "Headers more", "{ accept = \"application/json\" }"),
        key("rows", Jq, "What gives the rows of the answer", "\".lamps[]\"").or("the answer is the row"),
        key("view", OneOf(&["list", "details"]), "`details` is for one thing with many properties", "\"details\"").or("`list`"),
        key("columns", Tables(&COLUMN), "What is shown of a row", ""),
        key("links", Tables(&LINK), "What can be done with a row", ""),
        key("page", Table(&PAGE), "How a long answer goes on", "{ full = 100, set = \"from\", value = \".time + 1\" }"),
    ],
};

pub(super) const PARAMETER: Section = Section {
    path: "actions.*.parameters",
    heading: "[[actions.NAME.parameters]]",
    about: "Which of the keys from `pattern` on are taken depends on the type.",
    keys: &[
        key("name", Text, "Its name: a-z, 0-9, `-` and `_`", "\"room\"").needed(),
        key("about", Text, "What it means", "\"only those of one room\""),
        key(
            "type",
            OneOf(&["text", "integer", "number", "flag", "choice", "list", "time", "date", "flags"]),
            "What it takes",
            "\"integer\"",
        )
        .or("`text`"),
        key("required", Flag, "Whether the action cannot do without it", "true").or("a positional one without default is"),
        key(
            "default",
            Text,
            "What is taken where nothing is said; for a `time` or `date` also a length before now (`3 days ago`), taken where no moment behind it is said",
            "\"30min\"",
        ),
        key("positional", Flag, "Whether it may be said by its place", "true").or("false"),
        key("pattern", Text, "`text`: a regular expression for the whole value", "\"[0-9]+\""),
        key("min", Number, "`integer`, `number`: the least", "0"),
        key("max", Number, "`integer`, `number`: the greatest", "255"),
        key("yes", Text, "`flag`: what is sent for yes", "\"1\"").or("`true`"),
        key("no", Text, "`flag`: what is sent for no", "\"0\"").or("`false`"),
        key("choices", Texts, "`choice`, `list`: what can be chosen; `choice` needs it", "[\"on\", \"off\"]"),
        key("words", Texts, "`time`, `date`: words that are sent as they are", "[\"last\"]"),
        key("bits", Bits, "`flags`: names and their bits; needed there", "{ TURNON = 1 }"),
        key(
            "titles",
            NamedTexts,
            "`choice`, `list`, `flags`: what forms, tables and charts call those values that say little to people",
            "{ min_temp = \"lowest temperature\" }",
        ),
    ],
};

pub(super) const COLUMN: Section = Section {
    path: "actions.*.columns",
    heading: "[[actions.NAME.columns]]",
    about: "What jq cannot find is an empty cell. With `axis = \"x\"` on one and `\"y\"` on others there is a chart.",
    keys: &[
        key("title", Text, "Its heading; needed unless there is `each`", "\"Lamp\""),
        key("value", Jq, "jq on a row", "\".name\"").needed(),
        key("kind", OneOf(KINDS), "What the values are: `time` is a moment, shown in the time zone of whoever looks; `date` a day of the calendar, the same everywhere", "\"number\"").or("`text`"),
        key("unit", Text, "The unit", "\"°C\""),
        key("decimals", Whole(0, 9), "Digits behind the point", "1"),
        key("axis", OneOf(&["x", "y"]), "Its axis in the chart", "\"y\""),
        key("each", Text, "A column for each item of this list parameter, whose position is `$index`", "\"types\""),
        key("units", NamedTexts, "Units by item", "{ Temperature = \"°C\" }"),
        key("kinds", Words(KINDS), "Kinds by item", "{ date_min_temp = \"time\" }"),
    ],
};

pub(super) const LINK: Section = Section {
    path: "actions.*.links",
    heading: "[[actions.NAME.links]]",
    about: "Another action, with arguments from the row.",
    keys: &[
        key("action", Text, "Which action", "\"set\"").needed(),
        key("label", Text, "What is on its button", "\"Set\"").or("the action's name"),
        key("with", Pairs, "jq on the row for each parameter", "{ id = \".id\" }"),
        key("when", Jq, "jq on the row: whether it is offered", "\".state == 1\""),
    ],
};

pub(super) const PAGE: Section = Section {
    path: "actions.*.page",
    heading: "[actions.NAME.page]",
    about: "So many rows mean that there may be more.",
    keys: &[
        key("full", Whole(1, 100_000), "How many rows a full answer has", "1024").needed(),
        key("set", Text, "The parameter that asks for more", "\"from\"").needed(),
        key("value", Jq, "jq on the last row: what it is set to", "\".time + 1\"").needed(),
    ],
};
