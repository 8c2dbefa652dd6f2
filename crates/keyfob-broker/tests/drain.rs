//! The end of one instance, while another goes on: nobody loses an answer.
//!
//! Both take their connections from one socket that neither of them owns, as where a service manager holds it (`systemd` in
//! packaging/): what waits in the socket's queue is nobody's yet, and stays there when one of them goes.
#![allow(missing_docs)]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use keyfob_broker::{Server, Site};
use support::World;
use support::gate::{Bare, Instance as House, Vault, ok, until};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, oneshot};
use tokio::task::JoinHandle;

struct Instance {
    stop: oneshot::Sender<()>,
    served: JoinHandle<std::io::Result<()>>,
}

impl Instance {
    fn start(site: &Arc<Site>, socket: &std::net::TcpListener, lead: Duration) -> Self {
        let socket = socket.try_clone().expect("a descriptor");
        let server = Server::new(site.clone()).listener(socket).expect("a socket").lead(lead);
        let (stop, stopped) = oneshot::channel::<()>();
        let stopped = async move {
            let _ = stopped.await;
        };
        Self { stop, served: tokio::spawn(server.run(stopped, std::future::pending())) }
    }

    async fn end(self) {
        self.stop.send(()).expect("it runs");
        let served = tokio::time::timeout(Duration::from_secs(60), self.served).await.expect("it ends");
        served.expect("no panic").expect("no error");
    }
}

/// One answer from an open connection, and whether the connection may be used again.
async fn ask(stream: &mut TcpStream, request: &[u8]) -> std::io::Result<(bool, bool)> {
    stream.write_all(request).await?;
    let mut answer = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        if let Some(end) = answer.windows(4).position(|four| four == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&answer[..end]).to_lowercase();
            let length =
                head.lines().find_map(|line| line.strip_prefix("content-length: ")).and_then(|length| length.parse::<usize>().ok());
            if answer.len() >= end + 4 + length.expect("a length") {
                return Ok((head.starts_with("http/1.1 200"), !head.contains("connection: close")));
            }
        }
        match stream.read(&mut buffer).await? {
            0 => return Err(std::io::ErrorKind::UnexpectedEof.into()),
            read => answer.extend_from_slice(&buffer[..read]),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rolling_restart_drops_no_request() {
    let world = World::new(&["august"]).await;
    let socket = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = socket.local_addr().expect("an address");
    let request: Arc<[u8]> = format!("GET /healthz HTTP/1.1\r\nHost: {address}\r\n\r\n").into_bytes().into();
    let (over, answered) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let mut first = Instance::start(&world.site, &socket, Duration::from_millis(300));
    // Some open a connection for each request, some keep theirs for as long as they are told that they may.
    let clients: Vec<JoinHandle<usize>> = (0..8)
        .map(|number| {
            let (request, over, answered) = (request.clone(), over.clone(), answered.clone());
            tokio::spawn(async move {
                let (mut stream, mut lost) = (None, 0);
                while !over.load(Ordering::Relaxed) {
                    let mut open = match stream.take() {
                        Some(open) => open,
                        None => TcpStream::connect(address).await.expect("the socket is always there"),
                    };
                    match ask(&mut open, &request).await {
                        Ok((true, again)) => {
                            answered.fetch_add(1, Ordering::Relaxed);
                            stream = Some(open).filter(|_| again && number % 2 == 0);
                        }
                        _ => lost += 1,
                    }
                }
                lost
            })
        })
        .collect();
    let some_more = async || {
        let goal = answered.load(Ordering::Relaxed) + 200;
        while answered.load(Ordering::Relaxed) < goal {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    for _ in 0..5 {
        some_more().await;
        let second = Instance::start(&world.site, &socket, Duration::from_millis(300));
        some_more().await;
        first.end().await;
        first = second;
    }
    some_more().await;
    over.store(true, Ordering::Relaxed);
    let mut lost = 0;
    for client in clients {
        lost += client.await.expect("no panic");
    }
    assert_eq!(lost, 0, "of {} requests", answered.load(Ordering::Relaxed));
    first.end().await;
}

#[tokio::test]
async fn a_connection_that_has_not_asked_yet_is_still_answered() {
    let mut world = World::new(&["august"]).await;
    let mut stream = TcpStream::connect(world.address).await.expect("a connection");
    // Accepted: another one that came after it is answered.
    keyfob_broker::health_check(world.address).await.expect("well");
    world.stop();
    // It has heard: nobody takes new ones.
    while TcpStream::connect(world.address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    let request = format!("GET /healthz HTTP/1.1\r\nHost: {}\r\n\r\n", world.address);
    assert_eq!(ask(&mut stream, request.as_bytes()).await.expect("an answer"), (true, false), "the last one on this connection");
    world.served.take().expect("a task").await.expect("no panic").expect("no error");
}

/// Where nobody else holds the socket, they would be reset with it.
#[tokio::test]
async fn who_waits_in_the_queue_at_the_end_is_still_answered() {
    let world = World::new(&["august"]).await;
    let socket = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = socket.local_addr().expect("an address");
    let instance = Instance::start(&world.site, &socket, Duration::ZERO);
    drop(socket);
    keyfob_broker::health_check(address).await.expect("well");
    // Without a pause in which anybody could take them: the kernel has them, and the instance hears first that it is to end.
    let request = format!("GET /healthz HTTP/1.1\r\nHost: {}\r\n\r\n", world.address);
    let waiting = [(); 3].map(|()| std::net::TcpStream::connect(address).expect("the queue"));
    let ending = tokio::spawn(instance.end());
    for stream in waiting {
        stream.set_nonblocking(true).expect("a socket");
        let mut stream = TcpStream::from_std(stream).expect("a socket");
        assert_eq!(ask(&mut stream, request.as_bytes()).await.expect("an answer"), (true, false));
    }
    ending.await.expect("it ends");
    assert!(TcpStream::connect(address).await.is_err(), "and nobody comes after them");
}

#[tokio::test]
async fn who_is_asked_twice_ends_at_once() {
    let world = World::new(&["august"]).await;
    world.connected("august").await;
    let (stop, stopped) = oneshot::channel::<()>();
    let (now, at_once) = oneshot::channel::<()>();
    let server = Server::new(world.site.clone()).listener(std::net::TcpListener::bind("127.0.0.1:0").expect("a port")).expect("a socket");
    let address = server.ports()[0];
    let hear = |receiver: oneshot::Receiver<()>| async move { drop(receiver.await) };
    let served = tokio::spawn(server.run(hear(stopped), hear(at_once)));
    // A request whose body does not come.
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    let mut browser = world.browser();
    browser.get("/").await;
    let cookie = browser.cookies().expect("cookies").iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ");
    let head = format!(
        "POST /connect/august HTTP/1.1\r\nHost: {}\r\nCookie: {cookie}\r\nExpect: 100-continue\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 9\r\n\r\n",
        world.address
    );
    stream.write_all(head.as_bytes()).await.expect("sent");
    let mut asked = [0; 12];
    stream.read_exact(&mut asked).await.expect("it is under way");
    assert_eq!(&asked, b"HTTP/1.1 100");
    stop.send(()).expect("it runs");
    while TcpStream::connect(address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    assert!(!served.is_finished(), "it waits for what is under way");
    now.send(()).expect("it waits");
    tokio::time::timeout(Duration::from_secs(10), served).await.expect("at once").expect("no panic").expect("no error");
}

#[tokio::test]
async fn l17_what_was_begun_for_a_client_that_is_gone_is_brought_to_its_end() {
    let vault = Vault::default();
    let goes_on = Arc::new(Semaphore::new(0));
    let bare = Bare::waiting(&goes_on, ok("", "done")).await;
    let service = bare.connected(&vault).await;
    let house = House::start(&vault, vec![service]).await;
    let key = vault.key("bare", &["* /**"]).await;
    let socket = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let instance = Instance::start(&house.site, &socket, Duration::ZERO);
    let mut stream = TcpStream::connect(socket.local_addr().expect("an address")).await.expect("a connection");
    let request = format!("PUT /api/bare/lock HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {key}\r\n\r\n", house.address);
    stream.write_all(request.as_bytes()).await.expect("sent");
    until("the provider has it", async || bare.heads().len() == 1).await;
    drop(stream);
    let ending = tokio::spawn(instance.end());
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(!ending.is_finished(), "it waits");
    goes_on.add_permits(1);
    ending.await.expect("it ends");
    assert_eq!(vault.calls().await.len(), 1);
}
