//! A login's token, exchanged for one that lives longer, where a provider renews no other.

use keyfob_proto::oauth2::Client;
use keyfob_proto::{Received, TokenSet};

use crate::error::Error;
use crate::keyfob::Keyfob;

/// What takes the place of what the login brought; the same where the provider has no such exchange. If it fails the login does: its tokens would end
/// within the hour, and nobody would know why.
pub(super) async fn long_lived(keyfob: &Keyfob, client: &Client, mut received: Received) -> Result<Received, Error> {
    let TokenSet::OAuth2(tokens) = &received.tokens else { return Ok(received) };
    let Some(exchange) = client.long_lived(tokens)? else { return Ok(received) };
    let answer = keyfob.ask_server(client, exchange.request()).await?;
    let longer = exchange.receive(&answer, keyfob.now())?;
    received.tokens = longer.tokens;
    received.tolerated.extend(longer.tolerated);
    // Who the person is was said at the login.
    for (name, value) in longer.kept {
        received.kept.entry(name).or_insert(value);
    }
    Ok(received)
}
