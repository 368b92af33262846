//! A trained model and the operations on it, for tests that inject faults or kill the server during one.
//!
//! Must not know what a fault may change: the tests do.

use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::client::{Form, Request};
use super::data::{labelled, unlabelled};
use super::server::{Launch, TestServer};
use super::tools::until;

/// The variable that enables the long form of some tests.
pub const LONG: &str = "MLBACKEND_TEST_LONG";

/// Whether the long form is enabled.
pub fn long() -> bool {
    std::env::var_os(LONG).is_some()
}

/// The variable with the first round of a test that has seeded rounds, such as one that failed.
const FIRST_ROUND: &str = "MLBACKEND_TEST_FIRST_ROUND";

/// The rounds of a test, whose numbers are their seeds: up to `of_long` in the long form, up to `usual` otherwise.
pub fn rounds(usual: u64, of_long: u64) -> Range<u64> {
    let first = std::env::var(FIRST_ROUND).map_or(0, |number| number.parse().expect("a number"));
    first..if long() { of_long } else { first + usual }
}

/// An operation on a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    Train,
    Import,
    Evaluate,
    Delete,
    Export,
    Predict,
}

/// A data directory with one trained model, `m/d`, to be copied, and the prediction of the model.
pub struct Scene {
    dir: TempDir,
    archive: Vec<u8>,
    pub before: Value,
}

impl Scene {
    pub fn new() -> Self {
        let server = TestServer::start();
        train(&server, "other", 2);
        let archive = server.get("/export?uniqueid=other&dirhash=d").body;
        server.post("/deletemodel", &Form::new().field("uniqueid", "other")).expect(200, "Ok");
        train(&server, "m", 0);
        train(&server, "m", 1);
        let before = predict(&server, "m");
        let (_, dir) = server.terminate();
        Self { dir, archive, before }
    }

    /// The request for an operation on the model `id`.
    pub fn request(&self, operation: Operation, id: &str) -> Request {
        let form = Form::model(id, "d");
        let post = |path: &str, form: &Form| Request::new("POST", path).form(form);
        let request = match operation {
            Operation::Train => post("/training", &form.file("dataset", &rows(2))),
            Operation::Import => post("/import", &form.file("importzip", &self.archive)),
            Operation::Delete => post("/deletemodel", &Form::new().field("uniqueid", id)),
            Operation::Predict => post("/prediction", &form.file("dataset", &samples())),
            Operation::Export => Request::new("GET", &format!("/export?uniqueid={id}&dirhash=d")),
            Operation::Evaluate => {
                let form =
                    form.field("minscore", "0.1").field("maxdeviation", "0.9").field("niterations", "1");
                post("/evaluation", &form.file("dataset", &rows(1)))
            }
        };
        request.credentials("a", "b")
    }

    /// Starts a server on a copy, with fault injection.
    pub fn server(&self) -> TestServer {
        self.server_with(|launch| launch)
    }

    /// The same with other settings.
    pub fn server_with(&self, settings: impl FnOnce(Launch) -> Launch) -> TestServer {
        let dir = tempfile::tempdir().expect("a directory");
        copy(self.dir.path(), dir.path());
        start_and_prune(settings(Launch::again(dir).with_faults()))
    }

    /// Copies the model into the data directory of a server.
    pub fn copy_model(&self, server: &TestServer, id: &str) {
        copy(&self.dir.path().join("data/m"), &server.data_dir().join(id));
    }

    /// The prediction of the model after an operation.
    pub fn after(&self, operation: Operation) -> Value {
        let server = self.server();
        let reply = server.send(&self.request(operation, "m"));
        assert_eq!(reply.status, 200, "{operation:?}: {}", reply.text());
        predict(&server, "m")
    }
}

/// Starts a server and waits until it has applied the retention settings, so that no failpoint of that is counted.
pub fn start_and_prune(launch: Launch) -> TestServer {
    let server = launch.start();
    until("the retention settings are applied", || server.log().contains("retention settings applied"));
    server
}

/// The prediction of a model for constant samples.
pub fn predict(server: &TestServer, id: &str) -> Value {
    let reply = server.post("/prediction", &Form::model(id, "d").file("dataset", &samples()));
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply.json()
}

/// Injects a fault into a server started with [`Launch::with_faults`]. `src/fs/failpoints.rs` lists the commands.
pub fn inject_fault(server: &TestServer, command: &str) {
    inject_fault_at(&server.orders(), command);
}

/// Writes the file with one rename, because the server may read it at any time.
#[allow(clippy::disallowed_methods, reason = "the file is renamed when it is complete")]
pub fn inject_fault_at(orders: &Path, command: &str) {
    let incomplete = orders.with_extension("incomplete");
    fs::write(&incomplete, command).expect("written");
    fs::rename(incomplete, orders).expect("renamed");
}

/// The failpoint where the injected fault occurred; `None` if it has not occurred.
pub fn fired_failpoint(orders: &Path) -> Option<String> {
    let fired = fs::read_to_string(orders.with_extension("fired")).ok()?;
    fired.lines().last().map(str::to_owned)
}

/// Uploads, lock files, and what the sessions contain beyond the one of a single idle server.
pub fn leftovers(server: &TestServer) -> Vec<PathBuf> {
    let list = |path: PathBuf| fs::read_dir(path).into_iter().flatten().flatten().map(|entry| entry.path());
    let sessions: Vec<PathBuf> = list(server.data_dir().join(".mlbackend/sessions")).collect();
    let inside = sessions.iter().cloned().flat_map(list).filter(|path| !path.ends_with("alive"));
    let mut left: Vec<PathBuf> = server.uploads().into_iter().chain(inside).collect();
    left.extend(sessions.into_iter().skip(1));
    left.extend(list(server.data_dir().join(".mlbackend/locks")));
    left
}

fn train(server: &TestServer, id: &str, batch: u32) {
    let reply = server.post("/training", &Form::model(id, "d").file("dataset", &rows(batch)));
    assert_eq!(reply.json()["status"], json!(0), "{}", reply.text());
}

/// Longer than what stays in memory, so that uploads are disk operations, too.
fn rows(batch: u32) -> Vec<u8> {
    let row =
        |n: u32| format!("1,{},{},{}", n % 7, f64::from(n % 5) - f64::from(batch), (n / (batch + 1)) % 2);
    let mut rows: Vec<String> = (0..24).map(row).collect();
    rows[0].insert_str(1, &format!(".{}", "0".repeat(70_000)));
    labelled(&rows.iter().map(String::as_str).collect::<Vec<_>>())
}

fn samples() -> Vec<u8> {
    unlabelled(&["1-0,1,3,-1", "2-0,1,2,0.5", "3-0,1,6,2"])
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a directory");
    for entry in fs::read_dir(from).expect("readable").flatten() {
        let (path, target) = (entry.path(), to.join(entry.file_name()));
        if path.is_dir() {
            copy(&path, &target);
        } else {
            fs::copy(path, target).expect("copied");
        }
    }
}
