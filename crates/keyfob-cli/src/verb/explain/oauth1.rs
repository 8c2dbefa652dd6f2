//! OAuth 1: from the request's parameters to its signature (RFC 5849 §3.4). A parameter has the same colour everywhere.

use keyfob::proto::encode;
use keyfob::proto::oauth1::{Explanation, Placement, Settings};
use serde_json::{Value, json};

use super::{Step, clean};
use crate::output::Paint;

/// What programs get told. Secrets are masked by the core.
pub(super) fn json(explanation: &Explanation, steps: &[Step]) -> Value {
    json!({
        "base_uri": explanation.base_uri,
        "parameters": explanation.parameters,
        "normalised": explanation.normalised,
        "base_string": explanation.base_string,
        "key": explanation.key_shape,
        "signature_method": explanation.method,
        "signature": explanation.signature,
        "steps": steps.iter().map(Step::json).collect::<Vec<_>>(),
    })
}

/// The steps. So many of the parameters are the form's.
pub(super) fn steps(explanation: &Explanation, flow: &Settings, form: usize, sent: &str, paint: Paint) -> Vec<Step> {
    let pairs: Vec<&str> = explanation.normalised.split('&').filter(|pair| !pair.is_empty()).collect();
    let colour = |name: &str, value: &str| {
        let spelled = [format!("{}={}", encode::percent(name), encode::percent(value)), format!("{}={value}", encode::percent(name))];
        pairs.iter().position(|pair| spelled.iter().any(|spelled| spelled == pair)).unwrap_or(pairs.len())
    };
    let placement = match flow.placement {
        Placement::Header => ("the Authorization header", "RFC 5849 §3.5.1"),
        Placement::Body => ("the form", "RFC 5849 §3.5.2"),
        Placement::Query => ("the query", "RFC 5849 §3.5.3"),
    };
    // The protocol's own come last, the form's before them, and the query's first.
    let total = explanation.parameters.len();
    let own = explanation.parameters.iter().rev().take_while(|(name, _)| name.starts_with("oauth_")).count().min(total - form.min(total));
    let longest = explanation.parameters.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    let parameters = explanation.parameters.iter().enumerate().map(|(at, (name, value))| {
        let from = match total - at {
            left if left <= own => "protocol",
            left if left <= own + form => "form",
            _ => "query",
        };
        let gap = " ".repeat(longest - name.chars().count());
        let pair = format!("{}{gap} = {}", clean(name), clean(value));
        format!("{}  {}", paint.nth(colour(name, value), &pair), paint.dim(from))
    });
    let mut steps = vec![Step::new(
        "The parameters that are signed: of the query, of a form, and of the protocol",
        "RFC 5849 §3.4.1.3.1",
        parameters.collect(),
    )];
    let normalised: Vec<String> = pairs.iter().enumerate().map(|(at, pair)| paint.nth(at, &clean(pair))).collect();
    steps.push(Step::new(
        "Normalised: each percent-encoded, sorted by name and value, joined",
        "RFC 5849 §3.4.1.3.2",
        vec![normalised.join("&")],
    ));
    steps.push(Step::new(
        "The base string URI: scheme and host in lower case, no default port, no query",
        "RFC 5849 §3.4.1.2",
        vec![clean(&explanation.base_uri)],
    ));
    steps.push(Step::new(
        "The base string: method, URI and parameters, each percent-encoded (the parameters for the second time)",
        "RFC 5849 §3.4.1.1",
        vec![coloured(&explanation.base_string, paint)],
    ));
    let (key, section) = match explanation.method {
        "PLAINTEXT" => ("The signature is the two secrets themselves", "RFC 5849 §3.4.4"),
        rsa if rsa.starts_with("RSA") => ("The key: the app's private key", "RFC 5849 §3.4.3"),
        _ => ("The key: both secrets, each percent-encoded, with & between them, also where one is empty", "RFC 5849 §3.4.2"),
    };
    steps.push(Step::new(key, section, vec![explanation.key_shape.clone()]));
    steps.push(Step::new(
        format!("The signature: {} of the base string, in base64", explanation.method),
        section,
        vec![explanation.signature.clone()],
    ));
    let sent = clean(sent).lines().map(|line| in_its_place(line, &pairs, paint)).collect();
    steps.push(Step::new(format!("What is sent: the parameters of the protocol in {}", placement.0), placement.1, sent));
    steps
}

/// The parameters inside the base string, each in its colour.
fn coloured(base_string: &str, paint: Paint) -> String {
    let mut parts = base_string.splitn(3, '&');
    let (method, uri, parameters) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let pairs: Vec<String> = parameters.split("%26").enumerate().map(|(at, pair)| paint.nth(at, &clean(pair))).collect();
    format!("{}&{}&{}", clean(method), clean(uri), pairs.join("%26"))
}

/// A line of the request, where each parameter that was signed has its colour: in the query of the first line, in the header, in the form.
fn in_its_place(line: &str, pairs: &[&str], paint: Paint) -> String {
    let painted = |text: &str, as_pair: &str| match pairs.iter().position(|pair| *pair == as_pair) {
        Some(at) => paint.nth(at, text),
        None => text.to_owned(),
    };
    if let Some((scheme, parameters)) = line.split_once(": OAuth ") {
        let parameter = |text: &str| painted(text, &text.replace('"', ""));
        return format!("{scheme}: OAuth {}", parameters.split(", ").map(parameter).collect::<Vec<_>>().join(", "));
    }
    let (before, joint, query) = match line.split_once('?') {
        Some((before, query)) => (before, "?", query),
        None => ("", "", line),
    };
    // In a form, and by many also in a query, a space is a plus.
    let pair = |text: &str| painted(text, &text.replace('+', "%20"));
    format!("{before}{joint}{}", query.split('&').map(pair).collect::<Vec<_>>().join("&"))
}
