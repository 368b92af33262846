//! No error response contains a secret, a path of the server or a place in its code. No log line contains a secret, data
//! of a student or a stack trace. (Log lines do name files: the operator needs them.)

use std::fs;
use std::path::PathBuf;

use crate::common::{
    DATA, Entry, Form, Launch, Network, PICKLE, RawZip, Reply, Request, TestServer, inject_fault, labelled,
    start_and_prune, trail_text, unlabelled,
};

const SECRET: &str = "Zq7-not-for-others";
/// `base64("a:" + SECRET)`, without the last digits, which depend on what follows.
const ENCODED: &str = "YTpacTctbm90LWZvci1vdGhlcn";
const STUDENT: &str = "student-4711-of-the-second-year";
/// Parts of source locations and stack traces.
const INTERNALS: [&str; 6] = ["panicked", "stack backtrace", "/rustc/", ".rs:", "unwrap()", "RUST_BACKTRACE"];

const ROWS: [&str; 4] = ["1,0,0.5,1", "0,1,0.25,0", "1,1,0.5,1", "0,0,0.75,0"];

/// A server whose responses and log are checked.
struct Checked {
    server: TestServer,
    /// No response may contain these.
    paths: Vec<String>,
}

impl Checked {
    /// A server that logs in detail.
    fn start(launch: Launch) -> Self {
        Self::with_default_log(launch.env("MOODLE_MLBACKEND_DEBUG_MODE", "1"))
    }

    fn with_default_log(launch: Launch) -> Self {
        let launch = launch.env("MOODLE_MLBACKEND_PYTHON_USERS", &format!("a:{SECRET}"));
        let server = start_and_prune(launch.env("RUST_BACKTRACE", "1").with_faults());
        let root = server.data_dir().parent().expect("a directory").to_owned();
        let program = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
        Self { paths: [root, program].map(|path| path.display().to_string()).into(), server }
    }

    /// Sends a request that must fail.
    #[track_caller]
    fn fail(&self, request: &Request) {
        self.check(&self.server.raw(&request.bytes()));
    }

    #[track_caller]
    fn check(&self, reply: &Reply) {
        let text = format!("{:?} {}", reply.headers, String::from_utf8_lossy(&reply.body));
        assert!(
            reply.status >= 400 || text.contains("\"status\":"),
            "nothing failed: {} {text}",
            reply.status
        );
        for hidden in [SECRET, ENCODED].into_iter().chain(INTERNALS) {
            assert!(!text.contains(hidden), "{hidden:?} is shown: {text}");
        }
        for path in self.paths.iter().map(String::as_str).chain(["/tmp", "/home", "/root", "/proc", "src/"]) {
            assert!(!text.contains(path), "{path:?} is shown: {text}");
        }
    }

    #[track_caller]
    fn check_log(&self) {
        let log = self.server.log();
        assert!(log.lines().count() > 5, "few log lines: {log}");
        for hidden in [SECRET, ENCODED, STUDENT].into_iter().chain(INTERNALS) {
            let line = log.lines().find(|line| line.contains(hidden));
            assert!(line.is_none(), "{hidden:?} is in the log: {line:?}");
        }
        let trail = trail_text(&self.server.data_dir());
        for hidden in [SECRET, ENCODED, STUDENT].into_iter().chain(INTERNALS).chain(ROWS) {
            let line = trail.lines().find(|line| line.contains(hidden));
            assert!(line.is_none(), "{hidden:?} is in the audit trail: {line:?}");
        }
        for path in &self.paths {
            assert!(!trail.contains(path), "{path:?} is in the audit trail: {trail}");
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
    let checked = Checked::start(Launch::new());
    for request in [
        Request::new("GET", "/export"),
        Request::new("GET", "/export").credentials("a", &format!("{SECRET}x")),
        Request::new("GET", "/export").credentials(SECRET, "a"),
        Request::new("GET", "/export").header("Authorization", &format!("Bearer {SECRET}")),
        Request::new("GET", "/export").header("Authorization", &format!("Basic {ENCODED}")),
        Request::new("GET", &format!("/nothing/{SECRET}")).credentials("unknown", SECRET),
    ] {
        checked.fail(&request);
    }
    checked.check_log();
}

#[test]
fn responses_to_invalid_requests_reveal_nothing() {
    let checked = Checked::start(Launch::new().env("MOODLE_MLBACKEND_MAX_DATASET_BYTES", "64KiB"));
    checked.train();
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
            checked.fail(&Checked::post(path, &form.file("dataset", dataset)));
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
        checked.fail(&Checked::post("/import", &model().file("importzip", archive)));
    }
    for request in [
        Checked::get("/training"),
        Checked::get("/export"),
        Checked::get("/export?uniqueid=../../etc/passwd&dirhash=.."),
        Checked::get("/export?uniqueid=unknown&dirhash=d"),
        Checked::get("/evaluationlog?uniqueid=m&dirhash=d"),
        Checked::post("/training", &model()),
        Checked::post("/training", &Form::new().file("dataset", b"")),
        Checked::post("/evaluation", &model().field("minscore", STUDENT).file("dataset", &labelled(&ROWS))),
        Checked::post("/training", &model().file("dataset", b"")).header("Content-Encoding", "gzip"),
        Checked::post("/training", &model()).header("X-Long", &"x".repeat(200_000)),
        Request::new("POST", "/training").credentials("a", SECRET).body(
            "Content-Type",
            "multipart/form-data; boundary=x",
            b"--y\r\nnothing".to_vec(),
        ),
    ] {
        checked.fail(&request);
    }
    checked.check_log();
}

#[test]
#[cfg(debug_assertions)]
fn responses_about_disk_errors_reveal_nothing_about_the_disk() {
    let checked = Checked::start(Launch::new());
    checked.train();
    let form = Form::model("m", "d").file("dataset", &labelled(&ROWS));
    let mut failed = 0;
    for step in 0..60 {
        inject_fault(&checked.server, &format!("{} {step}", [5, 13, 28, 30][step % 4]));
        let reply = checked.server.raw(&Checked::post("/training", &form).bytes());
        failed += usize::from(reply.status >= 500);
        checked.check(&reply);
    }
    assert!(failed > 10, "{failed}");
    checked.check_log();
}

#[test]
#[cfg(debug_assertions)]
fn a_panic_fails_one_request_and_is_logged() {
    let checked = Checked::with_default_log(Launch::new().env("MOODLE_MLBACKEND_LOG_FORMAT", "json"));
    checked.train();
    let form = Form::model("m", "d").file("dataset", &unlabelled(&["1-0,1,0,0.5", "2-0,0,1,0.5"]));
    let predict = || checked.server.raw(&Checked::post("/prediction", &form).bytes()).json();
    let before = predict();
    // After the steps of the upload and before the publication.
    let steps = [5, 10, 20];
    for step in steps {
        inject_fault(&checked.server, &format!("panic {step}"));
        let form = Form::model("m", "d").file("dataset", &labelled(&["0,0,0.5,1", "1,1,0.25,0"]));
        let reply = checked.server.raw(&Checked::post("/training", &form).bytes());
        assert_eq!(reply.status, 500, "step {step}: {}", reply.text());
        checked.check(&reply);
        let id = reply.header("x-request-id").expect("an id");
        assert!(reply.text().contains(id), "{}", reply.text());
        let log = checked.server.log();
        let cause = log.lines().find(|line| line.contains(id) && line.contains("a test injected this panic"));
        assert!(cause.is_some_and(|line| line.contains("ERROR")), "{log}");
        assert_eq!(predict(), before, "step {step}");
    }
    checked.train();
    checked.check_log();
    let log = checked.server.log();
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
fn responses_about_damaged_models_reveal_no_path() {
    let checked = Checked::start(Launch::new());
    checked.train();
    let classifier = checked.server.data_dir().join("m/d/classifier");
    let form = Form::model("m", "d").file("dataset", &labelled(&ROWS));
    for file in ["1/model.onnx", "1/samples.bin", "1/generation.json", "current.json"] {
        fs::remove_file(classifier.join(file)).expect("the file exists");
        checked.check(&checked.server.raw(&Checked::post("/training", &form).bytes()));
        let reply = checked.server.raw(&Checked::get("/export?uniqueid=m&dirhash=d").bytes());
        if reply.status != 200 {
            checked.check(&reply);
        }
    }
    checked.check_log();
}

#[test]
fn a_failed_start_prints_no_password() {
    for users in [
        format!("a:{SECRET},b"),
        format!("a:sha256:{SECRET}:x:y"),
        SECRET.to_owned(),
        format!("a:{SECRET},a:{SECRET}"),
    ] {
        let ended = Launch::new().env("MOODLE_MLBACKEND_PYTHON_USERS", &users).fail();
        assert_ne!(ended.code, Some(0), "{users}");
        assert!(!ended.stderr.contains(SECRET), "{}", ended.stderr);
        assert!(INTERNALS.iter().all(|text| !ended.stderr.contains(text)), "{}", ended.stderr);
    }
}

#[test]
fn requests_cannot_forge_log_lines() {
    const FORGED: &str = "INFO forged: user=a logged in";
    let checked = Checked::start(Launch::new());
    let escaped = FORGED.replace(' ', "%20");
    checked.fail(
        &Request::new("GET", &format!("/export?uniqueid=m%0a{escaped}&dirhash=%1b[31m"))
            .credentials("a", SECRET),
    );
    checked.fail(&Request::new("GET", "/export").credentials(&format!("x\n{FORGED}"), "y"));
    checked
        .fail(&Checked::post("/training", &Form::model(&format!("m\n{FORGED}"), "d").file("dataset", b"x")));
    checked.fail(&Checked::post(
        "/training",
        &Form::model("m", "d").file("dataset", format!("a\n{FORGED}\n\"").as_bytes()),
    ));
    let log = checked.server.log();
    assert!(!log.lines().any(|line| line.starts_with(FORGED)), "{log}");
    assert!(!log.contains("\u{1b}[31m"), "{log}");
}
