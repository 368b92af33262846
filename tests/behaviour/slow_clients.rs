//! Clients that keep the server waiting: they are ended in time, and nobody else notices them.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use crate::common::{
    Form, Launch, Request, TestServer, labelled, long, repeat_during, skip, unlabelled, until,
};

const DROP_AFTER: Duration = Duration::from_millis(250);
/// Far beyond the times that an [`impatient`] server is given, and far below those that it would take by itself
/// for a body or an answer: whoever is still there then would stay.
const PATIENCE: Duration = Duration::from_secs(30);
/// Most that a request's slowest answers may take longer beside slow clients than without them.
const MAX_RATIO: f64 = 3.0;

/// What a slow client sends: at once, and then again and again, a byte or so at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Slow {
    Head,
    /// After a request that was quick.
    SecondHead,
    Body,
    BodyOfAStranger,
    /// In chunks of one byte.
    ChunkedBody,
    ChunkedBodyOfAStranger,
}

const ALL: [Slow; 6] = [
    Slow::Head,
    Slow::SecondHead,
    Slow::Body,
    Slow::BodyOfAStranger,
    Slow::ChunkedBody,
    Slow::ChunkedBodyOfAStranger,
];

impl Slow {
    fn at_once(self) -> String {
        let quick = "GET /version HTTP/1.1\r\nHost: x\r\n\r\n";
        let post = "POST /training HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=q\r\n";
        let known = "Authorization: Basic YTpi\r\n";
        let (sized, chunked) = ("Content-Length: 1000000\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\n");
        match self {
            Self::Head => "GET /version HTTP/1.1\r\nHost: x\r\nX-Long: ".to_owned(),
            Self::SecondHead => format!("{quick}GET /version HTTP/1.1\r\nX-Long: "),
            Self::Body => format!("{post}{known}{sized}"),
            Self::BodyOfAStranger => format!("{post}{sized}"),
            Self::ChunkedBody => format!("{post}{known}{chunked}"),
            Self::ChunkedBodyOfAStranger => format!("{post}{chunked}"),
        }
    }

    fn drop(self) -> &'static [u8] {
        match self {
            Self::ChunkedBody | Self::ChunkedBodyOfAStranger => b"1\r\nx\r\n",
            _ => b"x",
        }
    }

    /// What the server may say at the end, before it closes.
    fn is_told(self, answer: &str) -> bool {
        match self {
            Self::Head => answer.is_empty() || answer.starts_with("HTTP/1.1 408"),
            Self::SecondHead => answer.starts_with("HTTP/1.1 200"),
            Self::Body | Self::ChunkedBody => {
                let rate = "for less than 200 bytes a second (MOODLE_MLBACKEND_SLOWEST_BYTES).";
                let time = "waits 3 s (MOODLE_MLBACKEND_STALL_SECONDS)";
                answer.starts_with("HTTP/1.1 408") && answer.ends_with(&format!("{time} {rate}"))
            }
            Self::BodyOfAStranger | Self::ChunkedBodyOfAStranger => answer.starts_with("HTTP/1.1 401"),
        }
    }
}

/// One slow client.
struct Dripper {
    slow: Slow,
    stream: TcpStream,
    answer: Vec<u8>,
}

impl Dripper {
    fn connect(address: SocketAddr, slow: Slow) -> Self {
        let mut stream = TcpStream::connect(address).expect("the server accepts connections");
        stream.write_all(slow.at_once().as_bytes()).expect("the beginning is sent");
        stream.set_nonblocking(true).expect("a socket need not block");
        Self { slow, stream, answer: Vec::new() }
    }

    /// Sends one more drop; false when the server has closed.
    fn drip(&mut self) -> bool {
        let mut buffer = [0; 1024];
        loop {
            match self.stream.read(&mut buffer) {
                Ok(0) => return false,
                Ok(count) => self.answer.extend(&buffer[..count]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(_) => return false,
            }
        }
        match self.stream.write_all(self.slow.drop()) {
            Ok(()) => true,
            Err(error) => error.kind() == ErrorKind::WouldBlock,
        }
    }
}

/// Lets all drip until the server has ended each; gives what each was told.
#[track_caller]
fn drip_to_the_end(mut drippers: Vec<Dripper>) -> Vec<(Slow, String)> {
    let mut told = Vec::new();
    let mut last_ended = Instant::now();
    while !drippers.is_empty() {
        let left: Vec<Slow> = drippers.iter().map(|one| one.slow).collect();
        assert!(last_ended.elapsed() < PATIENCE, "nobody ends {left:?}");
        thread::sleep(DROP_AFTER);
        let (on, over) =
            drippers.into_iter().map(|mut one| (one.drip(), one)).partition::<Vec<_>, _>(|(on, _)| *on);
        drippers = on.into_iter().map(|(_, one)| one).collect();
        let answers =
            over.into_iter().map(|(_, one)| (one.slow, String::from_utf8_lossy(&one.answer).into_owned()));
        told.extend(answers);
        if drippers.len() < left.len() {
            last_ended = Instant::now();
        }
    }
    told
}

/// How many files and connections a server has open; 0 where there is no /proc.
fn open(server: &TestServer) -> usize {
    server.descriptors().unwrap_or_default()
}

fn impatient() -> Launch {
    Launch::new()
        .env("MOODLE_MLBACKEND_HEAD_SECONDS", "1")
        .env("MOODLE_MLBACKEND_STALL_SECONDS", "3")
        .env("MOODLE_MLBACKEND_SLOWEST_BYTES", "200")
        .env("MOODLE_MLBACKEND_LINGER_SECONDS", "3")
        .env("MOODLE_MLBACKEND_ANSWER_SECONDS", "1")
}

fn trained(launch: Launch) -> TestServer {
    let server = launch.start();
    let rows = ["1,1,0,0", "0.8,1,0.2,0", "-1,0,0,1", "-0.8,0,0.2,1"];
    let reply = server.post("/training", &Form::model("m", "d").file("dataset", &labelled(&rows)));
    assert_eq!(reply.json()["status"], serde_json::json!(0), "{}", reply.text());
    server
}

fn prediction() -> Request {
    let form = Form::model("m", "d").file("dataset", &unlabelled(&["1-0,1,0.5,-1"]));
    Request::new("POST", "/prediction").credentials("a", "b").form(&form)
}

#[test]
fn drippers_are_ended_and_disturb_nobody() {
    let server = trained(impatient());
    let before = open(&server);
    let drippers = (0..120).map(|at| Dripper::connect(server.address, ALL[at % ALL.len()])).collect();
    let dripping = thread::spawn(|| drip_to_the_end(drippers));
    let mut answered = 0;
    while !dripping.is_finished() {
        server.get("/version").expect(200, "3.0.5");
        assert_eq!(server.send(&prediction()).status, 200);
        answered += usize::from(!dripping.is_finished());
    }
    assert!(answered >= 3, "only {answered} answers before the slow ones had been ended");
    for (slow, answer) in dripping.join().expect("no panic") {
        assert!(slow.is_told(&answer), "{slow:?} was told {answer:?}");
    }
    until("all that was open is closed", || open(&server) <= before);
    assert!(server.uploads().is_empty(), "{:?}", server.uploads());
}

/// A server that took no notice of a setting would end them, too, only later: when the other one does.
#[test]
fn shorter_times_end_drippers_while_a_server_with_the_usual_times_bears_with_them() {
    let short = impatient().env("MOODLE_MLBACKEND_STALL_SECONDS", "1");
    let short = short.env("MOODLE_MLBACKEND_LINGER_SECONDS", "1").start();
    let usual = TestServer::start();
    let connect = |server: &TestServer| ALL.map(|slow| Dripper::connect(server.address, slow)).into();
    let (ended, mut borne): (Vec<Dripper>, Vec<Dripper>) = (connect(&short), connect(&usual));
    let mut dripping = vec![true; borne.len()];
    let drip_all = || {
        thread::sleep(DROP_AFTER);
        for (one, on) in borne.iter_mut().zip(&mut dripping) {
            *on &= one.drip();
        }
    };
    repeat_during(drip_all, || drip_to_the_end(ended));
    let gone: Vec<Slow> = borne.iter().zip(dripping).filter(|(_, on)| !on).map(|(one, _)| one.slow).collect();
    assert!(gone.is_empty(), "{gone:?} as soon as where a shorter time is set");
}

#[test]
fn a_slow_but_steady_upload_arrives_however_long_it_takes() {
    let server = impatient().start();
    let form = Form::model("m", "d").file("dataset", &labelled(&["1,1,0,0", "-1,0,0,1"].repeat(200)));
    let bytes = Request::new("POST", "/training").credentials("a", "b").form(&form).bytes();
    let mut stream = TcpStream::connect(server.address).expect("a connection");
    // All of it takes longer than the time that a body may stand still.
    for piece in bytes.chunks(bytes.len() / 10) {
        stream.write_all(piece).expect("it goes on");
        thread::sleep(Duration::from_millis(400));
    }
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).expect("an answer");
    assert_eq!(&answer, b"HTTP/1.1 200");
}

#[test]
fn a_client_that_takes_no_answers_is_ended() {
    let server = trained(impatient());
    let before = open(&server);
    let ask = Request::new("GET", "/export?uniqueid=m&dirhash=d").credentials("a", "b").bytes().repeat(50);
    let mut stream = TcpStream::connect(server.address).expect("a connection");
    stream.set_write_timeout(Some(PATIENCE)).expect("a time-out can be set");
    let begun = Instant::now();
    let error = loop {
        if let Err(error) = stream.write_all(&ask) {
            break error;
        }
        assert!(begun.elapsed() < PATIENCE, "its requests are read on and on");
    };
    let closed = [ErrorKind::ConnectionReset, ErrorKind::BrokenPipe].contains(&error.kind());
    assert!(closed, "not ended by the server: {error}");
    drop(stream);
    until("its connection is closed", || open(&server) <= before);
}

#[test]
fn beyond_the_bound_of_connections_clients_wait_and_are_served_when_there_is_room() {
    let server = impatient().env("MOODLE_MLBACKEND_MAX_CONNECTIONS", "4").start();
    // Its workers have all that they need open once it has answered.
    server.get("/version").expect(200, "3.0.5");
    let before = open(&server);
    let drippers: Vec<_> = (0..40).map(|_| Dripper::connect(server.address, Slow::Head)).collect();
    let mut most = 0;
    repeat_during(
        || most = most.max(open(&server)),
        || {
            let dripping = thread::spawn(|| drip_to_the_end(drippers));
            // It stands in the line behind them.
            server.get("/version").expect(200, "3.0.5");
            dripping.join().expect("no panic");
        },
    );
    assert!(most <= before + 4, "{most} open, {before} before");
    server.get("/version").expect(200, "3.0.5");
}

#[test]
fn too_few_descriptors_lower_the_bound_instead_of_running_out() {
    let server = impatient().with_open_files(250).start();
    assert!(server.log().contains("MOODLE_MLBACKEND_MAX_CONNECTIONS=2000"), "{}", server.log());
    let drippers: Vec<_> = (0..300).map(|_| Dripper::connect(server.address, Slow::Head)).collect();
    let dripping = thread::spawn(|| drip_to_the_end(drippers));
    server.get("/version").expect(200, "3.0.5");
    dripping.join().expect("no panic");
    assert!(!server.log().contains("Too many open files"), "{}", server.log());
}

/// The long form: 500 + 500 slow clients that come back whenever they are ended, and how long a healthy one
/// waits beside them.
#[test]
fn a_healthy_client_beside_a_thousand_drippers() {
    if !long() {
        return skip("a_healthy_client_beside_a_thousand_drippers", "MLBACKEND_TEST_LONG is not set");
    }
    let server = trained(Launch::new());
    let version = Request::new("GET", "/version");
    let mut ended_in_all = 0;
    for (what, request, count) in [("/version", &version, 5000), ("/prediction", &prediction(), 200)] {
        let measure = || Waits::measure(&server, request, count);
        let alone = measure();
        let (beside, ended) = beside_drippers(server.address, measure);
        let again = measure();
        println!("{what} × {count}, alone:               {alone}");
        println!("… beside 500 + 500 drippers ({ended} ended): {beside}");
        println!("… alone again:                      {again}");
        let [alone, beside, again] = [alone, beside, again].map(|waits| waits.share(0.99).as_secs_f64());
        let ratio = 2.0 * beside / (alone + again);
        println!("… p99 beside drippers / alone: {ratio:.2}");
        assert!(ratio < MAX_RATIO, "{what}: beside slow clients it takes {ratio:.2} times as long");
        ended_in_all += ended;
    }
    assert!(ended_in_all > 0, "slow clients were ended meanwhile");
}

/// Does something while 500 clients drip heads and 500 bodies; each that is ended comes back. Also gives how
/// many were ended.
fn beside_drippers<T>(address: SocketAddr, work: impl FnOnce() -> T) -> (T, usize) {
    let connect = |at: usize| {
        let bodies = [Slow::Body, Slow::BodyOfAStranger, Slow::ChunkedBody, Slow::ChunkedBodyOfAStranger];
        let slow = if at.is_multiple_of(2) {
            [Slow::Head, Slow::SecondHead][at / 2 % 2]
        } else {
            bodies[at / 2 % 4]
        };
        Dripper::connect(address, slow)
    };
    let mut drippers: Vec<_> = (0..1000).map(connect).collect();
    let mut ended = 0;
    let drip_all = || {
        thread::sleep(DROP_AFTER);
        for (at, one) in drippers.iter_mut().enumerate() {
            if !one.drip() {
                ended += 1;
                *one = connect(at);
            }
        }
    };
    let done = repeat_during(drip_all, work);
    (done, ended)
}

/// How long each of many answers took, the shortest first.
struct Waits(Vec<Duration>);

impl Waits {
    fn measure(server: &TestServer, request: &Request, count: usize) -> Self {
        let ask = |_| {
            let begun = Instant::now();
            assert_eq!(server.send(request).status, 200);
            begun.elapsed()
        };
        let mut waits: Vec<Duration> = (0..count).map(ask).collect();
        waits.sort();
        Self(waits)
    }

    fn share(&self, share: f64) -> Duration {
        self.0[((self.0.len() - 1) as f64 * share) as usize]
    }
}

impl std::fmt::Display for Waits {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [half, most, all] = [0.5, 0.99, 1.0].map(|share| self.share(share).as_secs_f64() * 1e3);
        write!(f, "p50 {half:.2} ms, p99 {most:.2} ms, longest {all:.2} ms")
    }
}
