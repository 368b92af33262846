//! Whatever goes wrong, no reply tells a secret, a path of the server or where in the program it happened, and no
//! line of the log a secret, what is known of a student, or a stack trace. (The log names files: who runs the
//! server must find them.)

use std::fs;
use std::path::PathBuf;

use crate::common::{
    DATA, Entry, Form, Launch, Network, PICKLE, RawZip, Reply, Request, TestServer, inject_fault, labelled,
    start_and_prune, unlabelled,
};

const SECRET: &str = "Zq7-not-for-others";
/// `base64("a:" + SECRET)`, without its last digits.
const ENCODED: &str = "YTpacTctbm90LWZvci1hbnlib2R";
const STUDENT: &str = "student-4711-of-the-second-year";
/// What a place in the program or a stack looks like.
const INSIDES: [&str; 6] = ["panicked", "stack backtrace", "/rustc/", ".rs:", "unwrap()", "RUST_BACKTRACE"];

const ROWS: [&str; 4] = ["1,0,0.5,1", "0,1,0.25,0", "1,1,0.5,1", "0,0,0.75,0"];

/// A server that logs all it can, and what must not be seen of it.
struct Watched {
    server: TestServer,
    /// Must be in no reply.
    paths: Vec<String>,
}

impl Watched {
    fn start(launch: Launch) -> Self {
        Self::with_usual_log(launch.env("MOODLE_MLBACKEND_DEBUG_MODE", "1"))
    }

    /// One that logs what any server does.
    fn with_usual_log(launch: Launch) -> Self {
        let launch = launch.env("MOODLE_MLBACKEND_PYTHON_USERS", &format!("a:{SECRET}"));
        let server = start_and_prune(launch.env("RUST_BACKTRACE", "1").with_faults());
        let root = server.data_dir().parent().expect("a directory").to_owned();
        let program = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
        Self { paths: [root, program].map(|path| path.display().to_string()).into(), server }
    }

    /// Sends a request that must fail.
    #[track_caller]
    fn fail(&self, request: &Request) {
        self.judge(&self.server.raw(&request.bytes()));
    }

    #[track_caller]
    fn judge(&self, reply: &Reply) {
        let text = format!("{:?} {}", reply.headers, String::from_utf8_lossy(&reply.body));
        assert!(
            reply.status >= 400 || text.contains("\"status\":"),
            "nothing failed: {} {text}",
            reply.status
        );
        for hidden in [SECRET, ENCODED].into_iter().chain(INSIDES) {
            assert!(!text.contains(hidden), "{hidden:?} is shown: {text}");
        }
        for path in self.paths.iter().map(String::as_str).chain(["/tmp", "/home", "/root", "/proc", "src/"]) {
            assert!(!text.contains(path), "{path:?} is shown: {text}");
        }
    }

    /// At the end.
    fn judge_log(&self) {
        let log = self.server.log();
        assert!(log.lines().count() > 5, "it logs: {log}");
        for hidden in [SECRET, ENCODED, STUDENT].into_iter().chain(INSIDES) {
            let line = log.lines().find(|line| line.contains(hidden));
            assert!(line.is_none(), "{hidden:?} is in the log: {line:?}");
        }
    }

    fn post(path: &str, form: &Form) -> Request {
        Request::new("POST", path).credentials("a", SECRET).form(form)
    }

    fn get(target: &str) -> Request {
        Request::new("GET", target).credentials("a", SECRET)
    }

    fn train(&self) {
        let form = Form::model("m", "d").file("dataset", &labelled(&ROWS));
        let reply = self.server.raw(&Self::post("/training", &form).bytes());
        assert_eq!(reply.json()["status"], 0, "{}", reply.text());
    }
}

fn zipped(name: &str, bytes: &[u8]) -> Vec<u8> {
    RawZip::of([Entry::stored(name, bytes)]).bytes()
}

#[test]
fn refused_credentials_are_not_repeated() {
    let watched = Watched::start(Launch::new());
    for request in [
        Request::new("GET", "/export"),
        Request::new("GET", "/export").credentials("a", &format!("{SECRET}x")),
        Request::new("GET", "/export").credentials(SECRET, "a"),
        Request::new("GET", "/export").header("Authorization", &format!("Bearer {SECRET}")),
        Request::new("GET", "/export").header("Authorization", &format!("Basic {ENCODED}")),
        Request::new("GET", &format!("/nothing/{SECRET}")).credentials("unknown", SECRET),
    ] {
        watched.fail(&request);
    }
    watched.judge_log();
}

#[test]
fn bad_requests_tell_nothing_but_what_is_wrong_with_them() {
    let watched = Watched::start(Launch::new().env("MOODLE_MLBACKEND_MAX_DATASET_BYTES", "64KiB"));
    watched.train();
    let model = || Form::model("m", "d");
    let datasets: [Vec<u8>; 7] = [
        b"".to_vec(),
        b"\xff\xfe\x00".to_vec(),
        labelled(&["1,0,0.5,1", &format!("{STUDENT},0,1,0")]),
        labelled(&["1,0,0.5"]),
        labelled(&["1,0,0.5,7"]),
        format!("nfeatures\n1\nsampleid,a,{STUDENT}\n{STUDENT},\"1\n").into_bytes(),
        vec![b'1'; 100 << 10],
    ];
    for dataset in &datasets {
        for path in ["/training", "/prediction", "/evaluation"] {
            let form =
                model().field("minscore", "0.1").field("maxdeviation", "0.9").field("niterations", "1");
            watched.fail(&Watched::post(path, &form.file("dataset", dataset)));
        }
    }
    let mut old = Network::of_a_line(1.0, 0.5, 2.0).files();
    let archives = [
        b"PK\x03\x04".to_vec(),
        zipped("model.onnx", b"\x00\x01"),
        zipped("../../etc/passwd", b"x"),
        zipped("model.json", b"{\"n_features\": 1}"),
        zipped("classifier.pkl", b"cos\nsystem\n(S'id'\ntR."),
        RawZip::of([Entry::stored(PICKLE, &old.remove(PICKLE).expect("a pickle")), Entry::stored(DATA, b"")])
            .bytes(),
    ];
    for archive in &archives {
        watched.fail(&Watched::post("/import", &model().file("importzip", archive)));
    }
    for request in [
        Watched::get("/training"),
        Watched::get("/export"),
        Watched::get("/export?uniqueid=../../etc/passwd&dirhash=.."),
        Watched::get("/export?uniqueid=unknown&dirhash=d"),
        Watched::get("/evaluationlog?uniqueid=m&dirhash=d"),
        Watched::post("/training", &model()),
        Watched::post("/training", &Form::new().file("dataset", b"")),
        Watched::post("/evaluation", &model().field("minscore", STUDENT).file("dataset", &labelled(&ROWS))),
        Watched::post("/training", &model().file("dataset", b"")).header("Content-Encoding", "gzip"),
        Watched::post("/training", &model()).header("X-Long", &"x".repeat(200_000)),
        Request::new("POST", "/training").credentials("a", SECRET).body(
            "Content-Type",
            "multipart/form-data; boundary=x",
            b"--y\r\nnothing".to_vec(),
        ),
    ] {
        watched.fail(&request);
    }
    watched.judge_log();
}

#[test]
#[cfg(debug_assertions)]
fn a_disk_that_fails_tells_clients_nothing_of_the_disk() {
    let watched = Watched::start(Launch::new());
    watched.train();
    let form = Form::model("m", "d").file("dataset", &labelled(&ROWS));
    let mut failed = 0;
    for step in 0..60 {
        inject_fault(&watched.server, &format!("{} {step}", [5, 13, 28, 30][step % 4]));
        let reply = watched.server.raw(&Watched::post("/training", &form).bytes());
        failed += usize::from(reply.status >= 500);
        watched.judge(&reply);
    }
    assert!(failed > 10, "{failed}");
    watched.judge_log();
}

#[test]
#[cfg(debug_assertions)]
fn a_mistake_in_the_program_ends_one_request_and_is_a_line_of_the_log() {
    let watched = Watched::with_usual_log(Launch::new().env("MOODLE_MLBACKEND_LOG_FORMAT", "json"));
    watched.train();
    let form = Form::model("m", "d").file("dataset", &unlabelled(&["1-0,1,0,0.5", "2-0,0,1,0.5"]));
    let ask = || watched.server.raw(&Watched::post("/prediction", &form).bytes()).json();
    let before = ask();
    // After the upload's own steps and before the last ones, which publish.
    let steps = [5, 10, 20];
    for step in steps {
        inject_fault(&watched.server, &format!("panic {step}"));
        let form = Form::model("m", "d").file("dataset", &labelled(&["0,0,0.5,1", "1,1,0.25,0"]));
        let reply = watched.server.raw(&Watched::post("/training", &form).bytes());
        assert_eq!(reply.status, 500, "step {step}: {}", reply.text());
        watched.judge(&reply);
        let id = reply.header("x-request-id").expect("an id");
        assert!(reply.text().contains(id), "{}", reply.text());
        let log = watched.server.log();
        let cause = log.lines().find(|line| line.contains(id) && line.contains("a test injected this panic"));
        assert!(cause.is_some_and(|line| line.contains("ERROR")), "{log}");
        assert_eq!(ask(), before, "step {step}");
    }
    watched.train();
    watched.judge_log();
    let log = watched.server.log();
    for line in log.lines() {
        assert!(serde_json::from_str::<serde_json::Value>(line).is_ok(), "{line}");
    }
    assert_eq!(
        log.lines().filter(|line| line.contains("\"message\":\"panic\"")).count(),
        steps.len(),
        "{log}"
    );
}

#[test]
fn a_damaged_model_tells_clients_nothing_of_its_place() {
    let watched = Watched::start(Launch::new());
    watched.train();
    let classifier = watched.server.data_dir().join("m/d/classifier");
    let form = Form::model("m", "d").file("dataset", &labelled(&ROWS));
    for file in ["1/model.onnx", "1/samples.bin", "1/generation.json", "current.json"] {
        fs::remove_file(classifier.join(file)).expect("it was there");
        watched.judge(&watched.server.raw(&Watched::post("/training", &form).bytes()));
        let reply = watched.server.raw(&Watched::get("/export?uniqueid=m&dirhash=d").bytes());
        if reply.status != 200 {
            watched.judge(&reply);
        }
    }
    watched.judge_log();
}

#[test]
fn a_start_that_fails_does_not_print_a_password() {
    for users in [
        format!("a:{SECRET},b"),
        format!("a:sha256:{SECRET}:x:y"),
        SECRET.to_owned(),
        format!("a:{SECRET},a:{SECRET}"),
    ] {
        let ended = Launch::new().env("MOODLE_MLBACKEND_PYTHON_USERS", &users).fail();
        assert_ne!(ended.code, Some(0), "{users}");
        assert!(!ended.stderr.contains(SECRET), "{}", ended.stderr);
        assert!(INSIDES.iter().all(|inside| !ended.stderr.contains(inside)), "{}", ended.stderr);
    }
}

#[test]
fn what_a_client_sends_makes_no_line_of_its_own_in_the_log() {
    const FORGED: &str = "INFO forged: user=a logged in";
    let watched = Watched::start(Launch::new());
    let escaped = FORGED.replace(' ', "%20");
    watched.fail(
        &Request::new("GET", &format!("/export?uniqueid=m%0a{escaped}&dirhash=%1b[31m"))
            .credentials("a", SECRET),
    );
    watched.fail(&Request::new("GET", "/export").credentials(&format!("x\n{FORGED}"), "y"));
    watched
        .fail(&Watched::post("/training", &Form::model(&format!("m\n{FORGED}"), "d").file("dataset", b"x")));
    watched.fail(&Watched::post(
        "/training",
        &Form::model("m", "d").file("dataset", format!("a\n{FORGED}\n\"").as_bytes()),
    ));
    let log = watched.server.log();
    assert!(!log.lines().any(|line| line.starts_with(FORGED)), "{log}");
    assert!(!log.contains("\u{1b}[31m"), "{log}");
}
