//! One deadline for connection, head and body together (C5), at every endpoint that is no API: by the clock of the runtime, which is turned, so that what is
//! asserted is what was programmed, and no busy machine adds to it.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::Frame;
use keyfob::proto::Timestamp;
use keyfob::transport::Sending;
use keyfob::{Body, Clock, Transport};
use keyfob_testbed::hostile::{CASES, Verdict, named};
use tokio::time::{Instant, Sleep, sleep};

use super::endpoint::{self, Endpoint};
use super::house::{House, Way};
use super::{judge, verdict};

/// What C5 allows.
const DEADLINE: Duration = Duration::from_secs(30);

/// Nobody is there: what is sent goes to [`Slow`].
const ORIGIN: &str = "http://127.0.0.1:9";

/// A case's name that stands for slowness here; what is not asked at it is answered at once, and well.
const CASE: &str = "slow_body";

/// How an answer comes.
#[derive(Clone, Copy, Debug)]
struct Pace {
    /// Connection and head.
    head: Duration,
    /// Between two bytes of the body, which has no end.
    byte: Duration,
}

/// A day, to whoever waits a minute.
const NEVER: Duration = Duration::from_secs(86_400);

const PACES: [Pace; 4] = [
    Pace { head: NEVER, byte: NEVER },
    Pace { head: Duration::from_secs(29), byte: NEVER },
    // Neither part takes as long as is allowed, and nobody is ever silent for long.
    Pace { head: Duration::from_secs(16), byte: Duration::from_secs(5) },
    Pace { head: Duration::ZERO, byte: Duration::from_secs(1) },
];

/// A transport without sockets.
struct Slow {
    pace: Pace,
    took: Arc<Mutex<Vec<Duration>>>,
}

/// From when a request is sent until nobody waits for its answer any more.
struct Waits(Instant, Arc<Mutex<Vec<Duration>>>);

impl Drop for Waits {
    fn drop(&mut self) {
        self.1.lock().unwrap().push(self.0.elapsed());
    }
}

impl Transport for Slow {
    fn send(&self, request: http::Request<Body>) -> Sending<'_> {
        let (case, endpoint) = named(&request.uri().to_string()).unwrap();
        let (media_type, body) = endpoint::good(&endpoint, &format!("{ORIGIN}/{}", case.name)).answer();
        let answer = http::Response::builder().header("content-type", media_type);
        if case.name != CASE {
            return Box::pin(async { Ok(answer.body(Body::from(body)).unwrap()) });
        }
        let (pace, waits) = (self.pace, Waits(Instant::now(), self.took.clone()));
        Box::pin(async move {
            sleep(pace.head).await;
            let body = Trickle { bytes: body.into(), next: Box::pin(sleep(pace.byte)), byte: pace.byte, _waits: waits };
            Ok(answer.body(Body::stream(body)).unwrap())
        })
    }
}

/// The good answer, a byte at a time, and then spaces.
struct Trickle {
    bytes: VecDeque<u8>,
    next: Pin<Box<Sleep>>,
    byte: Duration,
    _waits: Waits,
}

impl http_body::Body for Trickle {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        ready!(self.next.as_mut().poll(cx));
        let again = Instant::now() + self.byte;
        self.next.as_mut().reset(again);
        let byte = self.bytes.pop_front().unwrap_or(b' ');
        Poll::Ready(Some(Ok(Frame::data(Bytes::from(vec![byte])))))
    }
}

/// The time that the runtime's clock shows: a login that somebody is asked about ends by it.
struct Turned(Instant);

impl Clock for Turned {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix(1_800_000_000 + self.0.elapsed().as_secs().cast_signed())
    }
}

#[tokio::test(start_paused = true)]
async fn c5_one_deadline_covers_connection_head_and_body_everywhere() {
    let case = CASES.iter().find(|case| case.name == CASE).unwrap();
    // An API has its own time: there is a lock that is asked over its bridge, and whoever reads says how long that may take.
    for endpoint in Endpoint::ALL.iter().copied().filter(|endpoint| *endpoint != Endpoint::Api) {
        for pace in PACES {
            let took = Arc::new(Mutex::new(Vec::new()));
            let transport = Arc::new(Slow { pace, took: took.clone() });
            let house = House::new(ORIGIN, CASE, Way { transport, deadline: None, clock: Arc::new(Turned(Instant::now())) });
            let outcome = house.ask(endpoint).await;
            assert_eq!(judge(endpoint, case, verdict::of(endpoint, case), &outcome), None, "{} {pace:?}", endpoint.name());
            assert_eq!(case.verdict, Verdict::InTime);
            let took = took.lock().unwrap().clone();
            assert!(!took.is_empty() && took.iter().all(|took| *took == DEADLINE), "{} {pace:?}: {took:?}", endpoint.name());
        }
    }
}
