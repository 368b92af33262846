//! Slow clients: they are disconnected in time, and do not delay other clients, over plain connections and TLS.

use std::io::{ErrorKind, Read};
use std::thread;
use std::time::{Duration, Instant};

use rstest::rstest;

use crate::common::{
    Connection, Form, Launch, Request, TestServer, Transport, labelled, long, repeat_during, skip,
    unlabelled, until,
};

const SEND_INTERVAL: Duration = Duration::from_millis(250);
/// Far above the timeouts of [`with_short_timeouts`], and far below the default ones for a body or a response: a
/// client that is still connected then would stay.
const MAX_WAIT: Duration = Duration::from_secs(30);
/// The slowest responses may take this much longer with slow clients than without them.
const MAX_RATIO: f64 = 3.0;

/// What a slow client sends slowly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SlowPart {
    Head,
    /// The head of a second request, after a quick one.
    SecondHead,
    Body,
    UnauthenticatedBody,
    /// In chunks of one byte.
    ChunkedBody,
    UnauthenticatedChunkedBody,
}

const ALL: [SlowPart; 6] = [
    SlowPart::Head,
    SlowPart::SecondHead,
    SlowPart::Body,
    SlowPart::UnauthenticatedBody,
    SlowPart::ChunkedBody,
    SlowPart::UnauthenticatedChunkedBody,
];

impl SlowPart {
    fn start(self) -> String {
        let quick = "GET /version HTTP/1.1\r\nHost: x\r\n\r\n";
        let post = "POST /training HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=q\r\n";
        let credentials = "Authorization: Basic YTpi\r\n";
        let (sized, chunked) = ("Content-Length: 1000000\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\n");
        match self {
            Self::Head => "GET /version HTTP/1.1\r\nHost: x\r\nX-Long: ".to_owned(),
            Self::SecondHead => format!("{quick}GET /version HTTP/1.1\r\nX-Long: "),
            Self::Body => format!("{post}{credentials}{sized}"),
            Self::UnauthenticatedBody => format!("{post}{sized}"),
            Self::ChunkedBody => format!("{post}{credentials}{chunked}"),
            Self::UnauthenticatedChunkedBody => format!("{post}{chunked}"),
        }
    }

    fn next_bytes(self) -> &'static [u8] {
        match self {
            Self::ChunkedBody | Self::UnauthenticatedChunkedBody => b"1\r\nx\r\n",
            _ => b"x",
        }
    }

    /// Whether this is a valid response before the server closes the connection.
    fn allows(self, response: &str) -> bool {
        match self {
            Self::Head => response.is_empty() || response.starts_with("HTTP/1.1 408"),
            Self::SecondHead => response.starts_with("HTTP/1.1 200"),
            Self::Body | Self::ChunkedBody => {
                let time = "waits at most 3 s (MOODLE_MLBACKEND_STALL_SECONDS)";
                let rate = "while fewer than 200 bytes a second arrive (MOODLE_MLBACKEND_SLOWEST_BYTES).";
                let refusal = format!("{time} {rate} Send it again.");
                response.starts_with("HTTP/1.1 408") && response.ends_with(&refusal)
            }
            Self::UnauthenticatedBody | Self::UnauthenticatedChunkedBody => {
                response.starts_with("HTTP/1.1 401")
            }
        }
    }
}

/// One slow client.
struct SlowClient {
    slow: SlowPart,
    stream: Box<dyn Connection>,
    response: Vec<u8>,
}

impl SlowClient {
    fn connect(server: &TestServer, slow: SlowPart) -> Self {
        let mut stream = server.connect();
        stream.write_all(slow.start().as_bytes()).expect("the beginning is sent");
        stream.set_nonblocking(true);
        Self { slow, stream, response: Vec::new() }
    }

    /// Sends the next bytes; false if the server has closed the connection.
    fn send(&mut self) -> bool {
        let mut buffer = [0; 1024];
        loop {
            match self.stream.read(&mut buffer) {
                Ok(0) => return false,
                Ok(count) => self.response.extend(&buffer[..count]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(_) => return false,
            }
        }
        match self.stream.write_all(self.slow.next_bytes()) {
            Ok(()) => true,
            Err(error) => error.kind() == ErrorKind::WouldBlock,
        }
    }
}

/// Sends slowly until the server has disconnected all clients; returns their responses.
#[track_caller]
fn send_until_disconnected(mut clients: Vec<SlowClient>) -> Vec<(SlowPart, String)> {
    let mut responses = Vec::new();
    let mut last_ended = Instant::now();
    while !clients.is_empty() {
        let left: Vec<SlowPart> = clients.iter().map(|client| client.slow).collect();
        assert!(last_ended.elapsed() < MAX_WAIT, "still connected: {left:?}");
        thread::sleep(SEND_INTERVAL);
        let closed = clients.extract_if(.., |client| !client.send());
        responses.extend(
            closed.map(|client| (client.slow, String::from_utf8_lossy(&client.response).into_owned())),
        );
        if clients.len() < left.len() {
            last_ended = Instant::now();
        }
    }
    responses
}

/// The number of files and connections that a server has open; 0 where there is no /proc.
fn open_descriptors(server: &TestServer) -> usize {
    server.descriptors().unwrap_or_default()
}

fn with_short_timeouts(launch: Launch) -> Launch {
    launch
        // A machine that runs other tests, too, can delay a healthy client for more than a second.
        .env("MOODLE_MLBACKEND_HEAD_SECONDS", "2")
        .env("MOODLE_MLBACKEND_STALL_SECONDS", "3")
        .env("MOODLE_MLBACKEND_SLOWEST_BYTES", "200")
        .env("MOODLE_MLBACKEND_LINGER_SECONDS", "3")
        .env("MOODLE_MLBACKEND_ANSWER_SECONDS", "1")
}

fn trained(launch: Launch) -> TestServer {
    let server = launch.start();
    let rows = ["1,1,0,0", "0.8,1,0.2,0", "-1,0,0,1", "-0.8,0,0.2,1"];
    server.train("m", &labelled(&rows));
    server
}

fn prediction() -> Request {
    let form = Form::model("m", "d").file("dataset", &unlabelled(&["1-0,1,0.5,-1"]));
    Request::new("POST", "/prediction").credentials("a", "b").form(&form)
}

#[rstest]
#[case::plain(Transport::Plain)]
#[case::tls(Transport::Tls)]
fn slow_clients_are_disconnected_and_do_not_delay_others(#[case] transport: Transport) {
    let test = "slow_clients_are_disconnected_and_do_not_delay_others";
    let Some(launch) = transport.launch(test) else { return };
    let server = trained(with_short_timeouts(launch));
    let before = open_descriptors(&server);
    let clients = (0..120).map(|at| SlowClient::connect(&server, ALL[at % ALL.len()])).collect();
    let sending = thread::spawn(|| send_until_disconnected(clients));
    let mut responses_in_time = 0;
    while !sending.is_finished() {
        server.get("/version").expect(200, "3.0.5");
        assert_eq!(server.send(&prediction()).status, 200);
        responses_in_time += usize::from(!sending.is_finished());
    }
    assert!(
        responses_in_time >= 3,
        "only {responses_in_time} responses before the slow clients were disconnected"
    );
    for (slow, response) in sending.join().expect("no panic") {
        assert!(slow.allows(&response), "{slow:?}: {response:?}");
    }
    until("all connections are closed", || open_descriptors(&server) <= before);
    assert!(server.uploads().is_empty(), "{:?}", server.uploads());
}

/// A server that ignored a timeout setting would disconnect them too, but only when the default is over.
#[test]
fn shorter_timeouts_disconnect_slow_clients_sooner_than_the_defaults() {
    let short = with_short_timeouts(Launch::new()).env("MOODLE_MLBACKEND_STALL_SECONDS", "1");
    let short = short.env("MOODLE_MLBACKEND_LINGER_SECONDS", "1").start();
    let default = TestServer::start();
    let connect = |server: &TestServer| ALL.map(|slow| SlowClient::connect(server, slow)).into();
    let (fast, mut slow): (Vec<SlowClient>, Vec<SlowClient>) = (connect(&short), connect(&default));
    let mut connected = vec![true; slow.len()];
    let send_all = || {
        thread::sleep(SEND_INTERVAL);
        for (client, is_open) in slow.iter_mut().zip(&mut connected) {
            *is_open &= client.send();
        }
    };
    repeat_during(send_all, || send_until_disconnected(fast));
    let gone: Vec<SlowPart> =
        slow.iter().zip(connected).filter(|(_, is_open)| !is_open).map(|(client, _)| client.slow).collect();
    assert!(gone.is_empty(), "{gone:?} are disconnected as soon as with a shorter timeout");
}

#[rstest]
#[case::plain(Transport::Plain)]
#[case::tls(Transport::Tls)]
fn a_slow_but_steady_upload_succeeds(#[case] transport: Transport) {
    let test = "a_slow_but_steady_upload_succeeds";
    let Some(launch) = transport.launch(test) else { return };
    let server = with_short_timeouts(launch).start();
    let form = Form::model("m", "d").file("dataset", &labelled(&["1,1,0,0", "-1,0,0,1"].repeat(200)));
    let bytes = Request::new("POST", "/training").credentials("a", "b").form(&form).bytes();
    let mut stream = server.connect();
    // The upload takes longer than the stall timeout in total.
    for piece in bytes.chunks(bytes.len() / 10) {
        stream.write_all(piece).and_then(|()| stream.flush()).expect("the connection stays open");
        thread::sleep(Duration::from_millis(400));
    }
    let mut response = [0; 12];
    stream.read_exact(&mut response).expect("a response");
    assert_eq!(&response, b"HTTP/1.1 200");
}

#[rstest]
#[case::plain(Transport::Plain)]
#[case::tls(Transport::Tls)]
fn a_client_that_reads_no_responses_is_disconnected(#[case] transport: Transport) {
    let test = "a_client_that_reads_no_responses_is_disconnected";
    let Some(launch) = transport.launch(test) else { return };
    let server = trained(with_short_timeouts(launch));
    let before = open_descriptors(&server);
    let requests =
        Request::new("GET", "/export?uniqueid=m&dirhash=d").credentials("a", "b").bytes().repeat(50);
    let mut stream = server.connect();
    stream.set_write_timeout(MAX_WAIT);
    let begun = Instant::now();
    let error = loop {
        if let Err(error) = stream.write_all(&requests) {
            break error;
        }
        assert!(begun.elapsed() < MAX_WAIT, "the server reads its requests without end");
    };
    let closed = [ErrorKind::ConnectionReset, ErrorKind::BrokenPipe].contains(&error.kind());
    assert!(closed, "not disconnected by the server: {error}");
    drop(stream);
    until("its connection is closed", || open_descriptors(&server) <= before);
}

#[test]
fn connections_beyond_the_limit_wait_until_others_close() {
    let server = with_short_timeouts(Launch::new()).env("MOODLE_MLBACKEND_MAX_CONNECTIONS", "4").start();
    // After the first response, its workers have opened their own descriptors.
    server.get("/version").expect(200, "3.0.5");
    let before = open_descriptors(&server);
    let clients: Vec<_> = (0..40).map(|_| SlowClient::connect(&server, SlowPart::Head)).collect();
    let mut max_open = 0;
    repeat_during(
        || max_open = max_open.max(open_descriptors(&server)),
        || {
            let sending = thread::spawn(|| send_until_disconnected(clients));
            // This connection is queued behind the slow clients.
            server.get("/version").expect(200, "3.0.5");
            sending.join().expect("no panic");
        },
    );
    assert!(max_open <= before + 4, "{max_open} open, {before} before");
    server.get("/version").expect(200, "3.0.5");
}

#[test]
fn too_few_descriptors_lower_the_connection_limit() {
    let server = with_short_timeouts(Launch::new()).with_open_files(250).start();
    assert!(server.log().contains("MOODLE_MLBACKEND_MAX_CONNECTIONS=2000"), "{}", server.log());
    let clients: Vec<_> = (0..300).map(|_| SlowClient::connect(&server, SlowPart::Head)).collect();
    let sending = thread::spawn(|| send_until_disconnected(clients));
    server.get("/version").expect(200, "3.0.5");
    sending.join().expect("no panic");
    assert!(!server.log().contains("Too many open files"), "{}", server.log());
}

/// The long form: 500 + 500 slow clients that reconnect when they are disconnected, and the response times of a
/// healthy client at the same time.
#[rstest]
#[case::plain(Transport::Plain)]
#[case::tls(Transport::Tls)]
fn a_thousand_slow_clients_do_not_slow_down_a_healthy_one(#[case] transport: Transport) {
    let test = "a_thousand_slow_clients_do_not_slow_down_a_healthy_one";
    if !long() {
        return skip(test, "MLBACKEND_TEST_LONG is not set");
    }
    let Some(launch) = transport.launch(test) else { return };
    // Short, because all requests of the healthy client may take only some seconds.
    let server = trained(launch.env("MOODLE_MLBACKEND_HEAD_SECONDS", "1"));
    let version = Request::new("GET", "/version");
    let mut ended_in_all = 0;
    for (name, request, count) in [("/version", &version, 5000), ("/prediction", &prediction(), 200)] {
        let measure = || ResponseTimes::measure(&server, request, count);
        let alone = measure();
        let (beside, ended) = with_slow_clients(&server, measure);
        let again = measure();
        println!("{transport:?}: {name} × {count}, alone:        {alone}");
        println!("  with 500 + 500 slow clients ({ended} disconnected): {beside}");
        println!("  alone again:                      {again}");
        let [alone, beside, again] = [alone, beside, again].map(|times| times.quantile(0.99).as_secs_f64());
        let ratio = 2.0 * beside / (alone + again);
        println!("  p99 with slow clients / alone: {ratio:.2}");
        assert!(ratio < MAX_RATIO, "{name}: with slow clients it takes {ratio:.2} times as long");
        ended_in_all += ended;
    }
    assert!(ended_in_all > 0, "no slow client was disconnected");
}

/// Runs `work` while 500 clients send heads slowly and 500 bodies; each that is disconnected reconnects. Also returns
/// the number of disconnections.
fn with_slow_clients<T>(server: &TestServer, work: impl FnOnce() -> T) -> (T, usize) {
    let connect = |at: usize| {
        let bodies = [
            SlowPart::Body,
            SlowPart::UnauthenticatedBody,
            SlowPart::ChunkedBody,
            SlowPart::UnauthenticatedChunkedBody,
        ];
        let slow = if at.is_multiple_of(2) {
            [SlowPart::Head, SlowPart::SecondHead][at / 2 % 2]
        } else {
            bodies[at / 2 % 4]
        };
        SlowClient::connect(server, slow)
    };
    let mut clients: Vec<_> = (0..1000).map(connect).collect();
    let mut ended = 0;
    let send_all = || {
        thread::sleep(SEND_INTERVAL);
        for (at, client) in clients.iter_mut().enumerate() {
            if !client.send() {
                ended += 1;
                *client = connect(at);
            }
        }
    };
    let done = repeat_during(send_all, work);
    (done, ended)
}

/// Response times, in ascending order.
struct ResponseTimes(Vec<Duration>);

impl ResponseTimes {
    fn measure(server: &TestServer, request: &Request, count: usize) -> Self {
        let response_time = |_| {
            let begun = Instant::now();
            assert_eq!(server.send(request).status, 200);
            begun.elapsed()
        };
        let mut times: Vec<Duration> = (0..count).map(response_time).collect();
        times.sort();
        Self(times)
    }

    fn quantile(&self, share: f64) -> Duration {
        self.0[((self.0.len() - 1) as f64 * share) as usize]
    }
}

impl std::fmt::Display for ResponseTimes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [median, p99, max] = [0.5, 0.99, 1.0].map(|share| self.quantile(share).as_secs_f64() * 1e3);
        write!(f, "p50 {median:.2} ms, p99 {p99:.2} ms, max {max:.2} ms")
    }
}
