//! A relay: whoever connects to it speaks to somebody elsewhere.

use std::io::copy;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::thread;

/// Listens at one address and passes everything on to another, for as long as this process lives.
///
/// # Panics
/// If somebody else listens there.
pub fn relay(at: &str, to: &str) {
    let server = TcpListener::bind(at).unwrap_or_else(|problem| panic!("{at}: {problem}"));
    let to = to.to_owned();
    thread::spawn(move || {
        for near in server.incoming().map_while(Result::ok) {
            let to = to.clone();
            // One that does not get through must not keep the next from trying.
            thread::spawn(move || TcpStream::connect(to).and_then(|far| join(near, far)));
        }
    });
}

fn join(near: TcpStream, far: TcpStream) -> std::io::Result<()> {
    let (near_too, far_too) = (near.try_clone()?, far.try_clone()?);
    thread::spawn(move || pass(far_too, near_too));
    pass(near, far);
    Ok(())
}

fn pass(mut from: TcpStream, mut to: TcpStream) {
    drop(copy(&mut from, &mut to));
    drop(to.shutdown(Shutdown::Write));
}
