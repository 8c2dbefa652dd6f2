//! Requests that are written byte by byte, to a web app before a provider that is played by a socket.

use super::gate::{Bare, Instance, Vault};

/// A web app with one account, and a valet key for all that it has.
pub async fn house(bare: &Bare) -> (Vault, Instance, String) {
    let vault = Vault::default();
    let service = bare.connected(&vault).await;
    let instance = Instance::start(&vault, vec![service]).await;
    let key = vault.key("bare", &["* /**"]).await;
    (vault, instance, key)
}

/// The head of a request with that key; its connection is for one request.
pub fn head(instance: &Instance, key: &str, method: &str, more: &str) -> String {
    format!("{method} /api/bare/x HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {key}\r\nConnection: close\r\n{more}\r\n", instance.address)
}
