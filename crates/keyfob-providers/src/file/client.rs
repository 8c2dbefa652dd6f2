//! `[client]`: what a person needs in order to register an app.

use keyfob_proto::Settings;

use super::advice::{TWICE, field_known_as, line, url_hint};
use super::document::{Content, Node, Place};
use super::provider::no_name;
use super::reader::Text;
use super::table::Table;
use crate::nearest;
use crate::provider::{ClientHelp, Field, Provider, Redirect};

pub(crate) fn read(top: &Table<'_>) -> ClientHelp {
    let Some(client) = top.table("client") else {
        // Nobody knows what its fields would be.
        top.missing("client");
        top.reader.lose_names();
        return ClientHelp::default();
    };
    let help = ClientHelp {
        register_url: client.web("register_url").map(|text| text.value),
        register_help: client.text("register_help").map_or_else(String::new, |text| text.value),
        fields: client.reader.names(|| fields(&client)),
        redirect: redirect(&client),
        token_env: client.text("token_env").map(|text| variable(&client, text.place, text.value)),
    };
    if !client.is_told && !help.fields.iter().any(|field| field.name == ID) {
        no_id(&client, &help.fields);
    }
    client.finish();
    help
}

/// What every app has.
const ID: &str = "client_id";

fn no_id(client: &Table<'_>, fields: &[Field]) {
    let names = client.get("fields").into_iter().flat_map(Node::items).filter_map(|field| field.get("name"));
    let own = || fields.iter().map(|field| field.name.as_str());
    let near = nearest::nearest(ID, own()).or_else(|| own().find(|name| field_known_as(name) == Some(ID)));
    let meant = names.into_iter().find(|name| matches!(&name.value, Content::Text(text) if Some(text.as_str()) == near));
    let (place, message, hint) = match meant.zip(near) {
        Some((name, near)) => {
            (name.place, format!("the field {near} of client.fields, which has none called {ID}"), format!("did you mean \"{ID}\"?"))
        }
        None => {
            let add = match fields.is_empty() {
                true => line("client.fields"),
                false => format!("one more in fields: {{ name = \"{ID}\", label = \"…\" }}"),
            };
            (client.place, format!("client.fields has no field {ID}"), format!("add it: {add}"))
        }
    };
    // What is wrong with a field may be its name.
    client.reader.unknown_name(place, message, Some(hint));
}

fn fields(client: &Table<'_>) -> Vec<Field> {
    let mut fields: Vec<Field> = Vec::new();
    for table in client.tables("fields") {
        let name = table.required("name");
        let label = table.required("label");
        let pattern = table.text("pattern");
        if let Some(text) = &pattern {
            table.reader.is_pattern(text);
        }
        let env = table.texts("env");
        for variable in &env {
            let taken = fields.iter().find(|field| field.env.contains(&variable.value));
            if let Some(field) = taken {
                table.reader.problem(
                    variable.place,
                    format!("the variable {} is taken by {}", variable.value, field.name),
                    Some("one variable is for one field: leave it away in one of the two".to_owned()),
                );
            }
            self::variable(&table, variable.place, variable.value.clone());
        }
        if let Some(name) = &name {
            // Names of templates, and of what no app has: a login gives these.
            let is_taken = Settings::is_never_kept(&name.value) && !Field::is_always_secret(&name.value);
            if !Provider::is_name(&name.value) {
                no_name(table.reader, name, "field's name");
            } else if is_taken {
                let hint = "give it another name: this is what a login makes, and no app has it".to_owned();
                table.reader.problem(name.place, format!("the field {}", name.value), Some(hint));
            }
        }
        if let Some(name) = &name
            && fields.iter().any(|field| field.name == name.value)
        {
            table.reader.problem(name.place, format!("the field {} is there twice", name.value), Some(TWICE.to_owned()));
        }
        let default = table.text("default");
        let field = Field {
            name: name.map_or_else(String::new, |text| text.value),
            label: label.map_or_else(String::new, |text| text.value),
            help: table.text("help").map_or_else(String::new, |text| text.value),
            secret: table.flag("secret").unwrap_or(false),
            required: table.flag("required").unwrap_or(default.is_none()),
            default: default.as_ref().map(|text| text.value.clone()),
            pattern: pattern.map(|text| text.value),
            env: env.into_iter().map(|text| text.value).collect(),
        };
        if let Some(default) = &default {
            self::default(&table, &field, default);
        }
        if Field::is_always_secret(&field.name) && !field.secret {
            let hint = "add it: secret = true; it is typed unseen then, and never shown".to_owned();
            table.reader.problem(table.place, format!("the field {} without secret = true", field.name), Some(hint));
        }
        table.finish();
        fields.push(field);
    }
    fields
}

/// What a field is where nothing is said. Only templates fall back to it: what identifies an app has none.
fn default(table: &Table<'_>, field: &Field, default: &Text) {
    if field.required {
        let hint = "leave one of the two away: what has a default need not be said".to_owned();
        table.reader.problem(default.place, format!("the field {} is required, and has a default", field.name), Some(hint));
    } else if field.secret || Field::OF_EACH_APP.contains(&field.name.as_str()) {
        let hint = "leave it away: this is each app's own".to_owned();
        table.reader.problem(default.place, format!("the field {} with a default", field.name), Some(hint));
    } else if let Err(wrong) = field.check(&default.value) {
        let hint = "it looks as any other value of the field".to_owned();
        table.reader.problem(default.place, format!("the default of {}: {wrong}", field.name), Some(hint));
    }
}

/// The name of a variable.
fn variable(table: &Table<'_>, place: Place, name: String) -> String {
    let proper = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') && !name.is_empty();
    if !proper {
        table.reader.problem(
            place,
            format!("expected the name of a variable, found \"{name}\""),
            Some("letters, digits and _: HUB_CLIENT_ID".to_owned()),
        );
    }
    name
}

fn redirect(client: &Table<'_>) -> Redirect {
    let Some(table) = client.table("redirect") else { return Redirect::default() };
    let suggested = table.texts("suggested");
    for uri in &suggested {
        if keyfob_proto::Endpoint::parse(&uri.value).is_err() {
            let message = format!("expected a redirect URI (https, or http on loopback), found \"{}\"", uri.value);
            let hint = match uri.value.contains('#') {
                true => url_hint(&uri.value),
                false => "http://127.0.0.1:8912/callback comes back to this machine; any other address is https",
            };
            table.reader.problem(uri.place, message, Some(hint.to_owned()));
        }
    }
    let redirect = Redirect {
        suggested: suggested.into_iter().map(|text| text.value).collect(),
        any_port: table.flag("any_port").unwrap_or(false),
        oob: table.flag("oob").unwrap_or(false),
        device_only: table.flag("device_only").unwrap_or(false),
        help: table.text("help").map_or_else(String::new, |text| text.value),
    };
    table.finish();
    redirect
}
