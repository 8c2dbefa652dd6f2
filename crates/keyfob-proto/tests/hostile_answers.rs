//! Hostile answers of a token endpoint, as far as bodies, statuses and content types go (rows C6–C14). Framing, time and size on the
//! wire are the transport's to judge.

mod common;

use common::*;
use keyfob_proto::oauth1::Callback;
use keyfob_proto::oauth2::TokenKind;
use keyfob_proto::{Error, Secret};
use serde_json::json;

#[derive(Debug, PartialEq)]
enum Verdict {
    Accept,
    Refuse,
    /// Refused, and worth another try later.
    Later,
}

/// Name, status, content type, body, verdict, why.
type Hostile = (&'static str, u16, &'static str, Vec<u8>, Verdict, &'static str);

#[test]
fn hostile_answers_are_judged() {
    use Verdict::{Accept, Later, Refuse};
    let bom = format!("\u{feff}{OK}");
    let large = with("access_token", json!("A".repeat(8_000_000)));
    let flood = format!(r#"{{"error":"x","error_description":"{}"}}"#, "A".repeat(1_000_000));
    let escape = json!({"error": "invalid_grant", "error_description": "\u{1b}]0;pwn\u{7}\u{1b}[31m\r\n<script>alert(1)</script>\u{202e}",
                        "error_uri": "javascript:alert(1)"})
    .to_string();
    const JSON: &str = "application/json";
    let cases: Vec<Hostile> = vec![
        ("ok", 200, JSON, OK.into(), Accept, "the RFC's form"),
        ("charset", 200, "application/json; charset=UTF-8", OK.into(), Accept, "parameters of the media type are not judged"),
        ("capitals", 200, "Application/JSON", OK.into(), Accept, "media types have no case"),
        ("problem+json", 200, "application/vnd.example+json", OK.into(), Accept, "JSON by its suffix"),
        ("no_expires", 200, JSON, without("expires_in").into(), Accept, "RECOMMENDED, not REQUIRED"),
        ("unknown_fields", 200, JSON, with("zz", json!([1, {"a": null}])).into(), Accept, "MUST be ignored"),
        ("status_201", 201, JSON, OK.into(), Accept, "always tolerated"),
        ("bom", 200, JSON, bom.into(), Refuse, "RFC 8259 §8.1: no byte order mark"),
        ("form_encoded", 200, "application/x-www-form-urlencoded", "access_token=a&token_type=bearer".into(), Refuse, "no JSON"),
        ("no_content_type", 200, "", OK.into(), Refuse, "who knows what it is"),
        ("null", 200, JSON, "null".into(), Refuse, "no object"),
        ("array", 200, JSON, "[]".into(), Refuse, "no object"),
        ("array_of_it", 200, JSON, format!("[{OK}]").into(), Refuse, "no object"),
        ("string", 200, JSON, "\"x\"".into(), Refuse, "no object"),
        ("bad_utf8", 200, JSON, [br#"{"access_token":""#, &b"\xff\xfe"[..], br#"","token_type":"Bearer"}"#].concat(), Refuse, "no text"),
        ("lone_surrogate", 200, JSON, OK.replace("access-2", "\\ud800").into(), Refuse, "no character"),
        ("nan", 200, JSON, OK.replace("3600", "NaN").into(), Refuse, "no JSON"),
        ("dup_key", 200, JSON, OK.replacen('{', r#"{"access_token":"planted","#, 1).into(), Refuse, "which one is meant?"),
        ("dup_key_deep", 200, JSON, with("x", json!({})).replace("{}", r#"{"a":1,"a":2}"#).into(), Refuse, "the same, anywhere"),
        (
            "dup_key_escaped",
            200,
            JSON,
            OK.replacen('{', r#"{"access\u005ftoken":"planted","#, 1).into(),
            Refuse,
            "the same, spelt otherwise",
        ),
        ("no_token", 200, JSON, without("access_token").into(), Refuse, "REQUIRED"),
        ("type_missing", 200, JSON, without("token_type").into(), Refuse, "REQUIRED"),
        ("scope_number", 200, JSON, with("scope", json!(1)).into(), Refuse, "§3.3 has text"),
        ("scope_array", 200, JSON, with("scope", json!(["read"])).into(), Refuse, "a deviation that is not allowed here"),
        ("html", 200, "text/html", "<html>login</html>".into(), Refuse, "a login page"),
        ("wrong_ct", 200, "text/html", OK.into(), Refuse, "a page that says it is one"),
        ("token_8mb", 200, JSON, large.into(), Refuse, "over the cap"),
        ("status_204", 204, "", vec![], Refuse, "no tokens"),
        ("status_206", 206, JSON, OK.as_bytes()[..50].to_vec(), Refuse, "half an answer"),
        ("gzip_bad", 200, JSON, b"\x1f\x8bxxxx".to_vec(), Refuse, "compressed, and nobody asked"),
        ("err_200", 200, JSON, r#"{"error":"invalid_grant"}"#.into(), Refuse, "an error all the same"),
        ("err_grant", 400, JSON, r#"{"error":"invalid_grant","error_description":"x"}"#.into(), Refuse, "§5.2"),
        ("err_escape", 400, JSON, escape.into(), Refuse, "§5.2, dressed up"),
        ("err_1mb", 400, JSON, flood.into(), Refuse, "§5.2, endless"),
        ("err_nonjson", 400, "text/plain", "oops".into(), Refuse, "no proper error"),
        ("err_empty", 400, "", vec![], Refuse, "no proper error"),
        ("err_array", 400, JSON, "[1]".into(), Refuse, "no proper error"),
        ("err_dup_key", 400, JSON, r#"{"error":"invalid_grant","error":"x"}"#.into(), Refuse, "no proper error"),
        ("tokens_with_400", 400, JSON, OK.into(), Refuse, "the status says no"),
        ("tokens_with_500", 500, JSON, OK.into(), Later, "the status says no"),
        ("err_500", 500, JSON, "{}".into(), Later, "the server's trouble"),
        ("retry_huge", 503, JSON, "{}".into(), Later, "how long is the caller's to cap"),
        ("rate_429", 429, JSON, r#"{"error":"slow_down"}"#.into(), Later, "too many"),
        ("redir_301", 301, "", vec![], Refuse, "never followed with secrets"),
        ("redir_302", 302, JSON, OK.into(), Refuse, "never followed, and never believed"),
        ("redir_303", 303, "", vec![], Refuse, "never followed with secrets"),
        ("redir_307", 307, "", vec![], Refuse, "never followed with secrets"),
        ("redir_308", 308, JSON, OK.into(), Refuse, "never followed, and never believed"),
        ("early_hints", 103, JSON, OK.into(), Refuse, "no final answer"),
    ];
    for (name, status, content_type, body, expected, why) in cases {
        let verdict = match receive(status, content_type, body) {
            Ok(received) => {
                assert_eq!(tokens2(&received).access.expose(), "access-2", "{name}");
                assert!(received.tolerated.is_empty(), "{name}");
                Accept
            }
            Err(error) => {
                let shown = format!("{error} {error:?}");
                assert!(!shown.contains(|c: char| c.is_control() || c == '\u{202e}'), "{name}: {shown:?}");
                assert!(shown.len() < 4096 && !shown.contains("access-2") && !shown.contains("refresh-2"), "{name}: {shown}");
                if error.is_transient() { Later } else { Refuse }
            }
        };
        assert_eq!(verdict, expected, "{name}: {why}");
    }
}

#[test]
fn a_redirect_is_named_as_such_whatever_it_carries() {
    for status in [301, 302, 303, 307, 308] {
        for body in ["", OK, r#"{"error":"invalid_grant"}"#] {
            let error = misbehaved(receive(status, "application/json", body));
            assert!(error.to_string().contains("a redirect, which is never followed"), "{status}: {error}");
        }
        let client = oauth1_client(|_, _| {});
        for body in ["", TEMPORARY, "oauth_problem=permission_denied"] {
            let request = client.request_token(Callback::OutOfBand, NOW, &Chance::new(1)).expect("a request");
            let error = request.receive(&form_answer(status, body), NOW).expect_err("a redirect");
            assert!(matches!(error, Error::Misbehaved(_)), "{error:?}");
            assert!(error.to_string().contains("a redirect, which is never followed"), "{status}: {error}");
        }
        let revocation =
            oauth2_client(|_, _| {}).revoke(&Secret::new("token-1"), TokenKind::Refresh).expect("a request").expect("an endpoint");
        let error = revocation.receive(&json_answer(status, r#"{"error":"x"}"#)).expect_err("a redirect");
        assert!(error.to_string().contains("a redirect, which is never followed"), "{status}: {error}");
    }
}

#[test]
fn c14_a_revocation_that_succeeded_and_tells_of_an_error_did_not_succeed() {
    let revoke = || oauth2_client(|_, _| {}).revoke(&Secret::new("token-1"), TokenKind::Refresh).expect("a request").expect("an endpoint");
    for body in ["", "{}", r#"{"error":null}"#, "<p>done", "[1]", r#"{"error":"#] {
        assert!(revoke().receive(&json_answer(200, body)).is_ok(), "RFC 7009 §2.2: {body} is ignored");
    }
    assert!(revoke().receive(&form_answer(200, "error=unsupported_token_type")).is_err());
    assert!(revoke().receive(&form_answer(200, "done=1")).is_ok());
    assert!(revoke().receive(&json_answer(200, r#"{"errors":[{"errorType":"invalid_client"}]}"#)).is_err());
    assert!(revoke().receive(&json_answer(200, r#"{"errors":[]}"#)).is_ok());
    let error = revoke().receive(&json_answer(200, r#"{"error":"invalid_client","error_description":"token-1"}"#)).expect_err("alive");
    assert!(matches!(&error, Error::Refused(_)), "{error}");
    assert!(!format!("{error} {error:?}").contains("token-1"), "{error}");
}
