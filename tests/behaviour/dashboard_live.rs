//! The progress of work as server-sent events.

use std::io::Read as _;
use std::thread;

use crate::common::{Connection, Form, Launch, Request, TestServer, Visitor, separable};

/// As in `src/http/dashboard/streams.rs`.
const MAX_STREAMS: usize = 16;

fn request(cookie: &str) -> Request {
    let request = Request::new("GET", "/dashboard/live/events").header("Accept", "text/event-stream");
    request.header("Cookie", cookie)
}

/// Opens a stream of events.
fn follow(server: &TestServer, cookie: &str) -> Box<dyn Connection> {
    let mut stream = server.connect();
    stream.write_all(&request(cookie).bytes()).expect("the server reads");
    stream
}

/// What a stream sends until it has sent a text.
#[track_caller]
fn until(stream: &mut Box<dyn Connection>, text: &str) -> String {
    let mut received = Vec::new();
    let mut part = [0; 4096];
    loop {
        let so_far = String::from_utf8_lossy(&received).into_owned();
        if so_far.contains(text) {
            return so_far;
        }
        let read = stream.read(&mut part).expect("the stream goes on");
        assert!(read > 0, "the stream ended before {text}: {so_far}");
        received.extend_from_slice(&part[..read]);
    }
}

#[test]
fn users_follow_the_work_on_their_own_models_and_viewers_all() {
    let launch = Launch::new().env("MOODLE_MLBACKEND_PYTHON_USERS", "ann:pw-ann,ben:pw-ben,eve:pw-eve");
    let launch = launch.env("MOODLE_MLBACKEND_ISOLATE_USERS", "1").env("MOODLE_MLBACKEND_VIEWERS", "eve");
    let server = launch.with_faults().start();
    let cookies = ["ann", "ben", "eve"].map(|user| Visitor::new(&server, user).cookie);
    let mut streams = cookies.clone().map(|cookie| follow(&server, &cookie));
    for stream in &mut streams {
        let begin = until(stream, "Nothing waits or runs");
        assert!(begin.contains("content-type: text/event-stream"), "{begin}");
        assert!(
            begin.contains("x-accel-buffering: no") && begin.contains("cache-control: no-store"),
            "{begin}"
        );
        assert!(begin.contains("event: work\ndata: "), "{begin}");
    }
    let form = Form::model("m1", "d").file("dataset", &separable(60, false));
    let train = Request::new("POST", "/training").credentials("ann", "pw-ann").form(&form);
    server.hold("make a file");
    thread::scope(|scope| {
        let trained = scope.spawn(|| server.send(&train));
        server.wait_until_held();
        for stream in [0, 2] {
            let event = until(&mut streams[stream], "saving");
            assert!(event.contains("<progress") && event.contains("m1") && event.contains("ann"), "{event}");
        }
        let other = until(&mut follow(&server, &cookies[1]), "event: work");
        assert!(other.contains("Nothing waits or runs"), "{other}");
        server.release();
        assert_eq!(trained.join().expect("a reply").status, 200);
    });
    until(&mut streams[0], "Nothing waits or runs");
}

#[test]
fn a_stream_needs_a_session_and_does_not_prolong_it() {
    let server = TestServer::start();
    assert_eq!(server.send(&request("mlbackend_session=forged")).status, 401);
    let cookie = Visitor::new(&server, "a").cookie;
    let begin = until(&mut follow(&server, &cookie), "event: work");
    assert!(!begin.contains("set-cookie"), "{begin}");
}

#[test]
fn a_user_has_a_limited_number_of_streams() {
    let server = TestServer::start();
    let cookie = Visitor::new(&server, "a").cookie;
    let mut streams: Vec<_> = (0..MAX_STREAMS).map(|_| follow(&server, &cookie)).collect();
    streams.iter_mut().for_each(|stream| drop(until(stream, "event: work")));
    assert_eq!(server.send(&request(&cookie)).status, 429);
    drop(streams);
    crate::common::until("a closed stream counts no longer", || {
        let mut stream = follow(&server, &cookie);
        let mut begin = [0; 12];
        stream.read_exact(&mut begin).is_ok_and(|()| begin == *b"HTTP/1.1 200")
    });
}

#[test]
fn open_streams_do_not_delay_the_end_of_the_server() {
    let server = Launch::new().env("MOODLE_MLBACKEND_STOP_SECONDS", "3600").start();
    let cookie = Visitor::new(&server, "a").cookie;
    let mut stream = follow(&server, &cookie);
    until(&mut stream, "event: work");
    let (code, _) = server.terminate();
    assert_eq!(code, Some(0));
    let mut rest = String::new();
    stream.read_to_string(&mut rest).expect("the stream ends properly");
    assert!(rest.ends_with("0\r\n\r\n"), "{rest:?}");
}
