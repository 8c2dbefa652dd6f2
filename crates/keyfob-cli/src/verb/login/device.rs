//! `keyfob login --device`: no browser here; a code to enter on another device (RFC 8628).

use std::time::Duration;

use keyfob::proto::scrub::printable;
use keyfob::{DeviceLogin, Error, LoggedIn};
use keyfob_providers::Provider;

use super::cannot;
use crate::account::now;
use crate::card::{Card, Doing};
use crate::context::Context;
use crate::output::hang;

/// So many answers that nobody understands are waited out: a server may fail for a moment while somebody looks for their phone.
const PATIENCE: usize = 5;

/// Shows where the code belongs, and waits until somebody has decided. Whoever interrupts it leaves nothing behind.
pub(super) async fn wait(mut login: DeviceLogin, provider: &Provider, account: &str, context: &Context) -> Result<LoggedIn, Card> {
    introduce(&login, provider, account, context);
    let mut left = PATIENCE;
    loop {
        match login.wait().await {
            Err(Error::Protocol(error)) if !error.ends_login() && !login.is_decided() && left > 0 => {
                left -= 1;
                context.out.note(&format!("{} {error}", context.out.note_paint().warn("still waiting:")));
                // Where the question itself could not be asked, no interval has passed.
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
            ended => return ended.doing(cannot(account)),
        }
    }
}

fn introduce(login: &DeviceLogin, provider: &Provider, account: &str, context: &Context) {
    let (paint, width) = (context.out.note_paint(), context.out.note_width());
    let minutes = login.expires_at().since(now()).max(0).div_euclid(60).max(1);
    let mut lines = vec![
        format!("Log in to {} as {}", paint.strong(&provider.title), paint.strong(account)),
        String::new(),
        "On any device, open this page and enter the code:".to_owned(),
        String::new(),
        format!("  {}", paint.accent(&printable(login.verification_uri()))),
        format!("  {}", paint.strong(&printable(login.user_code()))),
        String::new(),
    ];
    if let Some(complete) = login.verification_uri_complete() {
        lines.extend([format!("With the code in it: {}", paint.accent(&printable(complete))), String::new()]);
    }
    // RFC 8628 §5.4: a code that somebody else sent is a way to steal an approval.
    let words = format!("Enter it only if you began this login yourself. Waiting ({minutes} min).");
    lines.push(hang(&words, 0, width));
    context.out.note(&lines.join("\n"));
}
