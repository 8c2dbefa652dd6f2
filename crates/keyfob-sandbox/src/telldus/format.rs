//! JSON or XML: the same answer in two clothes.

use quick_xml::Writer;
use quick_xml::events::{BytesEnd, BytesStart, BytesText, Event};
use serde_json::{Map, Value, json};

use crate::message::Reply;

/// What a function answers.
pub(crate) enum Answer {
    /// `{"device":[…]}`, `<devices><device …/></devices>`. The JSON key is the singular.
    List { plural: &'static str, singular: &'static str, rows: Vec<Row> },
    /// One thing: `{…}`, `<device …/>`.
    One { singular: &'static str, row: Row },
    /// `{"status":"success"}`.
    Success { root: &'static str },
    /// 200 with `{"error":…}`.
    Refusal { root: &'static str, code: u32, message: String },
}

/// One thing's members in order; a list of objects becomes child elements in XML, named as the member.
pub(crate) type Row = Vec<(&'static str, Value)>;

impl Answer {
    pub(crate) fn refusal(root: &'static str, code: u32, message: impl Into<String>) -> Self {
        Self::Refusal { root, code, message: message.into() }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Json,
    Xml,
}

impl Format {
    pub(crate) fn named(name: &str) -> Option<Self> {
        match name {
            "json" => Some(Self::Json),
            "xml" => Some(Self::Xml),
            _ => None,
        }
    }

    pub(crate) fn write(self, answer: &Answer) -> Reply {
        match self {
            Self::Json => Reply::json(200, &json_of(answer)),
            Self::Xml => xml_reply(200, &xml_of(answer)),
        }
    }

    pub(crate) fn unauthorized(self, problem: &str) -> Reply {
        match self {
            Self::Json => Reply::json(401, &json!({"error": problem})),
            Self::Xml => xml_reply(401, &element_with_text("error", problem)),
        }
    }
}

fn json_of(answer: &Answer) -> Value {
    match answer {
        Answer::List { singular, rows, .. } => {
            json!({*singular: rows.iter().map(object).collect::<Vec<_>>()})
        }
        Answer::One { row, .. } => object(row),
        Answer::Success { .. } => json!({"status": "success"}),
        Answer::Refusal { code, message, .. } => json!({"error": message, "code": code}),
    }
}

fn object(row: &Row) -> Value {
    Value::Object(row.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect::<Map<_, _>>())
}

fn xml_reply(status: u16, body: &str) -> Reply {
    let head = r#"<?xml version="1.0" encoding="UTF-8"?>"#;
    Reply::typed(status, "text/xml;charset=UTF-8", format!("{head}\n{body}\n"))
}

fn xml_of(answer: &Answer) -> String {
    match answer {
        Answer::List { plural, singular, rows } => {
            let rows: Vec<_> = rows.iter().map(object).collect();
            write(|xml| {
                xml.write_event(Event::Start(BytesStart::new(*plural)))?;
                rows.iter().try_for_each(|row| element(xml, singular, row))?;
                xml.write_event(Event::End(BytesEnd::new(*plural)))
            })
        }
        Answer::One { singular, row } => write(|xml| element(xml, singular, &object(row))),
        Answer::Success { root } => within(root, &element_with_text("status", "success")),
        Answer::Refusal { root, message, .. } => within(root, &element_with_text("error", message)),
    }
}

fn within(root: &str, inner: &str) -> String {
    format!("<{root}>{inner}</{root}>")
}

fn element_with_text(name: &str, text: &str) -> String {
    write(|xml| {
        xml.write_event(Event::Start(BytesStart::new(name)))?;
        xml.write_event(Event::Text(BytesText::new(text)))?;
        xml.write_event(Event::End(BytesEnd::new(name)))
    })
}

/// Scalars are attributes, lists of objects are children.
fn element(xml: &mut Writer<Vec<u8>>, name: &str, row: &Value) -> std::io::Result<()> {
    let mut start = BytesStart::new(name);
    let mut children = Vec::new();
    for (key, value) in row.as_object().into_iter().flatten() {
        match value {
            Value::Array(items) => children.extend(items.iter().map(|item| (key.as_str(), item))),
            Value::Null => start.push_attribute((key.as_str(), "")),
            Value::String(text) => start.push_attribute((key.as_str(), text.as_str())),
            other => start.push_attribute((key.as_str(), other.to_string().as_str())),
        }
    }
    if children.is_empty() {
        return xml.write_event(Event::Empty(start));
    }
    xml.write_event(Event::Start(start))?;
    children.into_iter().try_for_each(|(key, item)| element(xml, key, item))?;
    xml.write_event(Event::End(BytesEnd::new(name)))
}

fn write(fill: impl FnOnce(&mut Writer<Vec<u8>>) -> std::io::Result<()>) -> String {
    let mut xml = Writer::new(Vec::new());
    fill(&mut xml).expect("writing to memory does not fail");
    String::from_utf8_lossy(&xml.into_inner()).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_clothes_fit() {
        let answer = Answer::List {
            plural: "devices",
            singular: "device",
            rows: vec![vec![("id", json!("1")), ("name", json!("A \"<&")), ("state", json!(2))]],
        };
        assert_eq!(json_of(&answer).to_string(), r#"{"device":[{"id":"1","name":"A \"<&","state":2}]}"#);
        assert_eq!(xml_of(&answer), r#"<devices><device id="1" name="A &quot;&lt;&amp;" state="2"/></devices>"#);
        let refusal = Answer::refusal("device", 1, "no <such> thing");
        assert_eq!(xml_of(&refusal), "<device><error>no &lt;such&gt; thing</error></device>");
    }
}
