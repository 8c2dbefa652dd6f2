//! A tap on the line between a program and the pretend providers: what is said passes unchanged, and is kept. From it the tests learn
//! the secrets of a run; the sandbox's own record masks them.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use keyfob_interop::{World, http};

/// A relay before each pretend provider, and an index that names the relays.
pub struct Tap {
    index: String,
    heard: Heard,
}

/// One text a direction of a connection.
type Heard = Arc<Mutex<Vec<Arc<Mutex<Vec<u8>>>>>>;

impl Tap {
    /// Before all providers of this world.
    ///
    /// # Panics
    /// If there is no free port.
    pub fn on(world: &World) -> Self {
        let heard = Heard::default();
        let mut index = http::visit(&format!("{}/providers.json", world.index())).text();
        for (_, origin) in world.origins() {
            let relay = relay(authority(&origin), heard.clone());
            index = index.replace(&origin, &format!("http://{relay}"));
        }
        let server = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = server.local_addr().expect("an address");
        thread::spawn(move || server.incoming().map_while(Result::ok).for_each(|asked| tell(asked, &index)));
        Self { index: format!("http://{address}"), heard }
    }

    /// Where programs find the providers.
    pub fn index(&self) -> &str {
        &self.index
    }

    /// Everything that was said so far.
    pub fn heard(&self) -> String {
        let texts = held(&self.heard);
        texts.iter().map(|text| String::from_utf8_lossy(&held(text)).into_owned() + "\n").collect()
    }
}

/// Listens for as long as the test lives; gives the address.
fn relay(to: &str, heard: Heard) -> String {
    let server = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let (address, to) = (server.local_addr().expect("an address"), to.to_owned());
    thread::spawn(move || {
        for near in server.incoming().map_while(Result::ok) {
            let Ok(far) = TcpStream::connect(&to) else { continue };
            let Ok((near_too, far_too)) = near.try_clone().and_then(|near| Ok((near, far.try_clone()?))) else { continue };
            pass(near, far, &heard);
            pass(far_too, near_too, &heard);
        }
    });
    address.to_string()
}

fn pass(mut from: TcpStream, mut to: TcpStream, heard: &Heard) {
    let text = Arc::new(Mutex::new(Vec::new()));
    held(heard).push(text.clone());
    thread::spawn(move || {
        let mut chunk = [0; 16 << 10];
        while let Ok(length @ 1..) = from.read(&mut chunk) {
            held(&text).extend_from_slice(&chunk[..length]);
            if to.write_all(&chunk[..length]).is_err() {
                break;
            }
        }
        let _ = to.shutdown(Shutdown::Write);
    });
}

fn tell(mut asked: TcpStream, index: &str) {
    let mut request = [0; 4096];
    let _ = asked.read(&mut request);
    let head = format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", index.len());
    let _ = asked.write_all((head + index).as_bytes());
}

fn authority(origin: &str) -> &str {
    origin.trim_start_matches("http://")
}

fn held<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
