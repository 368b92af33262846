//! A model and what can be done to it, for tests that disturb the server in the middle of it.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::client::{Form, Reply, Request};
use super::data::{labelled, unlabelled};
use super::server::{Launch, TestServer};
use super::tools::until;

/// Set it for the long forms of the tests that disturb the server.
pub const LONG: &str = "MLBACKEND_TEST_LONG";

/// Whether the long forms are asked for.
pub fn long() -> bool {
    std::env::var_os(LONG).is_some()
}

/// What a client can ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    Train,
    Import,
    Evaluate,
    Delete,
    Export,
    Predict,
}

/// A data directory with one trained model, `m/d`, which can be copied, and what its model answers before and
/// after each operation.
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
        let before = ask(&server, "m");
        let (_, dir) = server.terminate();
        Self { dir, archive, before }
    }

    /// What the model `id` is asked.
    pub fn request(&self, operation: Operation, id: &str) -> Request {
        let form = Form::model(id, "d");
        let post = |path: &str, form: &Form| Request::new("POST", path).form(form);
        let request = match operation {
            Operation::Train => post("/training", &form.file("dataset", &rows(2))),
            Operation::Import => post("/import", &form.file("importzip", &self.archive)),
            Operation::Delete => post("/deletemodel", &Form::new().field("uniqueid", id)),
            Operation::Predict => post("/prediction", &form.file("dataset", &questions())),
            Operation::Export => Request::new("GET", &format!("/export?uniqueid={id}&dirhash=d")),
            Operation::Evaluate => {
                let form =
                    form.field("minscore", "0.1").field("maxdeviation", "0.9").field("niterations", "1");
                post("/evaluation", &form.file("dataset", &rows(1)))
            }
        };
        request.credentials("a", "b")
    }

    /// A server on a copy of it, ready for orders of faults.
    pub fn server(&self) -> TestServer {
        let dir = tempfile::tempdir().expect("a directory");
        copy(self.dir.path(), dir.path());
        settled(Launch::again(dir).with_faults())
    }

    /// Puts a copy of the model into a server's data directory.
    pub fn copy_model(&self, server: &TestServer, id: &str) {
        copy(&self.dir.path().join("data/m"), &server.data_dir().join(id));
    }

    /// What the model answers once the operation is done.
    pub fn after(&self, operation: Operation) -> Value {
        let server = self.server();
        let reply = server.send(&self.request(operation, "m"));
        assert_eq!(reply.status, 200, "{operation:?}: {}", reply.text());
        ask(&server, "m")
    }
}

/// Starts it and waits until it has tidied up.
pub fn settled(launch: Launch) -> TestServer {
    let server = launch.start();
    until("it has tidied up", || server.log().contains("retention settings applied"));
    server
}

/// What a model answers.
pub fn ask(server: &TestServer, id: &str) -> Value {
    let reply = server.post("/prediction", &Form::model(id, "d").file("dataset", &questions()));
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply.json()
}

/// Gives a server started with [`super::server::Launch::with_faults`] an order.
pub fn order(server: &TestServer, order: &str) {
    order_at(&server.orders(), order);
}

/// Writes an order in one rename, as a reader may come at any time.
#[allow(clippy::disallowed_methods, reason = "the file is renamed when it is whole")]
pub fn order_at(orders: &Path, order: &str) {
    let half = orders.with_extension("half");
    fs::write(&half, order).expect("written");
    fs::rename(half, orders).expect("renamed");
}

/// The step at which the ordered fault happened; `None` when it has not.
pub fn fired(orders: &Path) -> Option<String> {
    fs::read_to_string(orders.with_extension("fired"))
        .ok()
        .and_then(|text| text.lines().last().map(str::to_owned))
}

/// Everything that is in the directory of the uploads, the sessions and the model's generations beyond what
/// belongs there while one server runs.
pub fn half_made(server: &TestServer) -> Vec<PathBuf> {
    let list = |path: PathBuf| fs::read_dir(path).into_iter().flatten().flatten().map(|entry| entry.path());
    let sessions: Vec<PathBuf> = list(server.data_dir().join(".mlbackend/sessions")).collect();
    let inside =
        sessions.iter().flat_map(|session| list(session.clone())).filter(|path| !path.ends_with("alive"));
    let mut left: Vec<PathBuf> = server.uploads().into_iter().chain(inside).collect();
    left.extend(sessions.into_iter().skip(1));
    left.extend(list(server.data_dir().join(".mlbackend/locks")));
    left
}

fn train(server: &TestServer, id: &str, batch: u32) {
    let reply = server.post("/training", &Form::model(id, "d").file("dataset", &rows(batch)));
    assert_eq!(reply.json()["status"], json!(0), "{}", Reply::text(&reply));
}

fn rows(batch: u32) -> Vec<u8> {
    let row =
        |n: u32| format!("1,{},{},{}", n % 7, f64::from(n % 5) - f64::from(batch), (n / (batch + 1)) % 2);
    let rows: Vec<String> = (0..24).map(row).collect();
    labelled(&rows.iter().map(String::as_str).collect::<Vec<_>>())
}

fn questions() -> Vec<u8> {
    unlabelled(&["1-0,1,3,-1", "2-0,1,2,0.5", "3-0,1,6,2"])
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a directory");
    for entry in fs::read_dir(from).expect("readable").flatten() {
        let (path, place) = (entry.path(), to.join(entry.file_name()));
        if path.is_dir() {
            copy(&path, &place);
        } else {
            fs::copy(path, place).expect("copied");
        }
    }
}
