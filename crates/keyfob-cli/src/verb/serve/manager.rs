//! What a service manager is told (sd_notify(3)): when pages are answered, and when the end begins.

/// Tells it, if there is one.
pub(super) fn tell(state: &str) {
    #[cfg(unix)]
    if let Some(error) = std::env::var_os("NOTIFY_SOCKET").and_then(|name| send(name.as_encoded_bytes(), state).err()) {
        tracing::warn!(%error, "the service manager could not be told: {state}");
    }
    #[cfg(not(unix))]
    let _ = state;
}

#[cfg(unix)]
fn send(name: &[u8], state: &str) -> std::io::Result<()> {
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::net::{SocketAddr, UnixDatagram};

    let address = match name.strip_prefix(b"@") {
        #[cfg(target_os = "linux")]
        Some(name) => <SocketAddr as std::os::linux::net::SocketAddrExt>::from_abstract_name(name)?,
        _ => SocketAddr::from_pathname(std::ffi::OsStr::from_bytes(name))?,
    };
    UnixDatagram::unbound()?.send_to_addr(state.as_bytes(), &address).map(drop)
}
