//! The pages people see: consent, PIN, refusal, devices, index. Rendered here, escaped, without outside resource, and without script, but for the form
//! that posts itself.

use askama::Template;
use axum::http::header;

use crate::chance;
use crate::consent::Question;
use crate::message::Reply;

/// The consent page; its form is posted to `path`.
pub(crate) fn consent(question: &Question, path: &str, ticket: &str) -> Reply {
    #[derive(Template)]
    #[template(path = "consent.html")]
    struct Page<'a> {
        nonce: &'a str,
        title: &'a str,
        app: &'a str,
        scopes: &'a [String],
        selectable: bool,
        path: &'a str,
        ticket: &'a str,
    }
    html(200, |nonce| {
        let Question { title, app, scopes, selectable } = question;
        Page { nonce, title, app, scopes, selectable: *selectable, path, ticket }.render()
    })
}

/// The page that shows an out-of-band verifier (RFC 5849 §2.2) in the element `pin`.
pub(crate) fn pin(title: &str, app: &str, pin: &str) -> Reply {
    #[derive(Template)]
    #[template(path = "pin.html")]
    struct Page<'a> {
        nonce: &'a str,
        title: &'a str,
        app: &'a str,
        pin: &'a str,
    }
    html(200, |nonce| Page { nonce, title, app, pin }.render())
}

/// A page instead of a redirect: an error, or an out-of-band denial.
pub(crate) fn refusal(status: u16, title: &str, text: &str) -> Reply {
    #[derive(Template)]
    #[template(path = "refusal.html")]
    struct Page<'a> {
        nonce: &'a str,
        title: &'a str,
        text: &'a str,
    }
    html(status, |nonce| Page { nonce, title, text }.render())
}

/// An authorization response that the browser posts (OAuth 2.0 Form Post Response Mode). The one page with a script, which presses the button.
pub(crate) fn form_post(action: &str, pairs: &[(&str, &str)]) -> Reply {
    #[derive(Template)]
    #[template(path = "form_post.html")]
    struct Page<'a> {
        nonce: &'a str,
        action: &'a str,
        pairs: &'a [(&'a str, &'a str)],
    }
    html_with(200, "; script-src 'nonce-{nonce}'", |nonce| Page { nonce, action, pairs }.render())
}

/// Where a person types a device's code, or sees which apps wait: app, message and code of each.
pub(crate) fn device(waiting: &[(String, String, String)]) -> Reply {
    #[derive(Template)]
    #[template(path = "device.html")]
    struct Page<'a> {
        nonce: &'a str,
        waiting: &'a [(String, String, String)],
    }
    html(200, |nonce| Page { nonce, waiting }.render())
}

/// The frame of Session Management. The one page that others may put into theirs; it shows nothing.
pub(crate) fn check_session() -> Reply {
    #[derive(Template)]
    #[template(path = "check_session.html")]
    struct Page<'a> {
        nonce: &'a str,
    }
    let nonce = chance::opaque();
    let body = Page { nonce: &nonce }.render().unwrap_or_else(|problem| problem.to_string());
    let policy =
        format!("default-src 'none'; script-src 'nonce-{nonce}'; connect-src 'self'; base-uri 'none'; frame-ancestors http: https:");
    Reply::typed(200, "text/html;charset=UTF-8", body)
        .with(header::CONTENT_SECURITY_POLICY, &policy)
        .with(header::X_CONTENT_TYPE_OPTIONS, "nosniff")
        .with(header::CACHE_CONTROL, "no-store")
}

/// What is told at the end of a logout; `frames` are loaded out of sight, so that apps hear of it (OpenID Connect Front-Channel Logout §2).
pub(crate) fn signed_out(frames: &[String], next: Option<&str>) -> Reply {
    #[derive(Template)]
    #[template(path = "signed_out.html")]
    struct Page<'a> {
        nonce: &'a str,
        frames: &'a [String],
        next: Option<&'a str>,
    }
    html_with(200, "; frame-src http: https:", |nonce| Page { nonce, frames, next }.render())
}

/// One row of the index page.
pub(crate) struct Row {
    pub(crate) name: String,
    pub(crate) origin: String,
    pub(crate) client_id: String,
    pub(crate) client_secret: String,
    pub(crate) more: Vec<(String, String)>,
}

/// What runs where, with which demo credentials.
pub(crate) fn index(rows: &[Row]) -> Reply {
    #[derive(Template)]
    #[template(path = "index.html")]
    struct Page<'a> {
        nonce: &'a str,
        rows: &'a [Row],
    }
    html(200, |nonce| Page { nonce, rows }.render())
}

fn html(status: u16, render: impl FnOnce(&str) -> askama::Result<String>) -> Reply {
    html_with(status, "", render)
}

/// With more in its policy, where `{nonce}` stands for the page's.
fn html_with(status: u16, more: &str, render: impl FnOnce(&str) -> askama::Result<String>) -> Reply {
    let nonce = chance::opaque();
    // Rendering into memory fails only if a template is broken; there is no better page to show then.
    let body = render(&nonce).unwrap_or_else(|problem| problem.to_string());
    // No `form-action`: browsers apply it to the redirect that follows the form, which leaves this origin on purpose.
    let policy = format!(
        "default-src 'none'; style-src 'nonce-{nonce}'; base-uri 'none'; frame-ancestors 'none'{}",
        more.replace("{nonce}", &nonce)
    );
    Reply::typed(status, "text/html;charset=UTF-8", body)
        .with(header::CONTENT_SECURITY_POLICY, &policy)
        .with(header::X_CONTENT_TYPE_OPTIONS, "nosniff")
        .with(header::X_FRAME_OPTIONS, "DENY")
        .with(header::REFERRER_POLICY, "no-referrer")
        .with(header::CACHE_CONTROL, "no-store")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_from_outside_is_inert() {
        let question =
            Question { title: "Acme", app: "<script>alert(1)</script>".into(), scopes: vec!["\"><img src=x>".into()], selectable: true };
        let reply = consent(&question, "/authorize", "t\"x");
        let body = String::from_utf8_lossy(&reply.body).into_owned();
        assert!(!body.contains("<script>alert") && !body.contains("<img"), "{body}");
        assert!(!body.contains("t\"x"));
    }
}
