//! A port for a server that has to be told its number before it starts.

use std::io::Read as _;
use std::net::{Ipv4Addr, TcpListener, TcpStream};

/// A port of loopback that the system gives to nobody else for the next minute, and that a server which names it may listen on.
///
/// Binding port 0 and letting go again is not enough: whoever asks next, in another test or another process, may be given the
/// same number, and the wrong server answers. A connection of which our side is closed first leaves the port in TIME_WAIT: the
/// system does not choose such a port, and `SO_REUSEADDR`, which servers set, lets it be bound by its number.
///
/// # Panics
/// If loopback takes no connection.
#[must_use]
pub fn reserve() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port of loopback");
    let address = listener.local_addr().expect("its address");
    let mut theirs = TcpStream::connect(address).expect("a connection to ourselves");
    let (ours, _) = listener.accept().expect("the connection is there");
    drop(ours);
    let end = theirs.read(&mut [0]).expect("the end of the connection");
    assert_eq!(end, 0, "nothing was sent");
    address.port()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn a_reserved_port_is_given_once_and_can_be_listened_on() {
        let ports: Vec<u16> = (0..200).map(|_| reserve()).collect();
        let others: HashSet<u16> = (0..2000)
            .map(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port").local_addr().expect("its address").port())
            .collect();
        assert_eq!(ports.iter().collect::<HashSet<_>>().len(), ports.len(), "no port twice");
        assert!(ports.iter().all(|port| !others.contains(port)), "and none to anybody else");
        for port in ports {
            TcpListener::bind((Ipv4Addr::LOCALHOST, port)).unwrap_or_else(|problem| panic!("{port}: {problem}"));
        }
    }
}
