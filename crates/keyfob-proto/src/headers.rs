//! The headers and query parameters every call to a provider carries, from templates.

use std::collections::BTreeMap;

use http::HeaderName;
use http::request::Parts;

use crate::app::App;
use crate::encode;
use crate::error::Misuse;
use crate::message::{secret_header_value, with_query};
use crate::secret::Secret;
use crate::settings::Api;
use crate::template::Template;

impl Api {
    /// Sets the provider's fixed headers (an API key, a version), before the call is signed or the token attached.
    ///
    /// # Errors
    ///
    /// `Misuse` for a value that neither the app nor the account has, or that no header can hold.
    pub fn set_headers(&self, app: &App, kept: &BTreeMap<String, String>, parts: &mut Parts) -> Result<(), Misuse> {
        for (name, template) in &self.headers {
            set_from_template(parts, name, template, app, kept, None)?;
        }
        Ok(())
    }

    /// Adds the provider's fixed query parameters (an API key), before the call is signed. One that the call has already is the caller's own.
    ///
    /// # Errors
    ///
    /// `Misuse` for a value that neither the app nor the account has, or where the whole is no URL any more.
    pub fn set_query(&self, app: &App, kept: &BTreeMap<String, String>, parts: &mut Parts) -> Result<(), Misuse> {
        for (name, template) in &self.query {
            let is_there = |query: &str| encode::decode_pairs(query.as_bytes()).any(|(known, _)| known == name.as_bytes());
            if parts.uri.query().is_some_and(is_there) {
                continue;
            }
            let value = template.render(|place| app.field(place).map(str::to_owned).or_else(|| kept.get(place).cloned()))?;
            parts.uri = with_query(&parts.uri, &encode::form_pairs([(name.as_str(), value.as_str())]))?;
        }
        Ok(())
    }
}

pub(crate) fn set_from_template(
    parts: &mut Parts,
    name: &HeaderName,
    template: &Template,
    app: &App,
    kept: &BTreeMap<String, String>,
    token: Option<&Secret>,
) -> Result<(), Misuse> {
    let value = template.render(|place| match place {
        "access_token" => token.map(|token| token.expose().to_owned()),
        other => app.field(other).map(str::to_owned).or_else(|| kept.get(other).cloned()),
    })?;
    parts.headers.insert(name.clone(), secret_header_value(name, &value)?);
    Ok(())
}
