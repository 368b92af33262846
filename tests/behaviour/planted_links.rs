//! Symbolic links planted in the data directory: nothing outside of it is sent, changed, created or removed, and the
//! administrator gets a report.
#![allow(clippy::disallowed_methods, reason = "these tests prepare their own files")]

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use rstest::rstest;
use serde_json::Value;
use tempfile::TempDir;

use crate::common::{
    Launch, Network, Operation, Reply, Request, Scene, TestServer, labelled, predict, start_and_prune,
    unlabelled, untouched, unzipped,
};

/// The content of the files that links lead to.
const SECRET: &str = "a file outside of the data directory";

/// A data directory with models, and a directory outside of it that links lead to.
struct Fixture {
    scene: Scene,
    /// Contains the directories of the server.
    dir: Option<TempDir>,
    data: PathBuf,
    outside: TempDir,
    /// The id of the only evaluation of `m/d`.
    run: String,
    /// The prediction of the unaffected model.
    unaffected: Value,
}

impl Fixture {
    /// `m/d` is trained and evaluated, `other/d` as well; the model of the Python server is `p/d`.
    fn new() -> Self {
        let scene = Scene::new();
        let server = scene.server();
        let evaluated = server.send(&scene.request(Operation::Evaluate, "m"));
        let run = evaluated.json()["runid"].to_string();
        scene.copy_model(&server, "other");
        let network = Network { columns: vec![0, 2], ..Network::of_a_line(1.0, 0.5, 2.0) };
        network.write(&server.data_dir().join("p/d"));
        let unaffected = predict(&server, "other");
        let data = server.data_dir();
        let (_, dir) = server.terminate();
        let outside = tempfile::tempdir().unwrap();
        fs::write(outside.path().join("secret"), SECRET).unwrap();
        Self { scene, dir: Some(dir), data, outside, run, unaffected }
    }

    /// `RUN` stands for the id of the evaluation.
    fn path(&self, place: &str) -> PathBuf {
        self.data.join(place.replace("RUN", &self.run))
    }

    /// Moves an entry out of the data directory and leaves a link to it, so that following the link would work. If there
    /// is no entry, the link leads to a new directory.
    fn plant(&self, place: &str) -> PathBuf {
        let (link, target) = (self.path(place), self.outside.path().join("target"));
        if link.exists() {
            fs::rename(&link, &target).unwrap();
        } else {
            fs::create_dir_all(link.parent().unwrap()).unwrap();
            fs::create_dir(&target).unwrap();
            fs::write(target.join("file"), SECRET).unwrap();
        }
        symlink(&target, &link).unwrap();
        link
    }

    fn server(&mut self) -> TestServer {
        start_and_prune(Launch::again(self.dir.take().unwrap()))
    }

    fn request(&self, operation: &str, id: &str) -> Request {
        let operation = match operation {
            "predict" => Operation::Predict,
            "train" => Operation::Train,
            "evaluate" => Operation::Evaluate,
            "export" => Operation::Export,
            "import" => Operation::Import,
            "delete" => Operation::Delete,
            _ => {
                let path = format!("/evaluationlog?uniqueid={id}&dirhash=d&runid={}", self.run);
                return Request::new("GET", &path).credentials("a", "b");
            }
        };
        self.scene.request(operation, id)
    }
}

/// All paths below a directory with their content; of links, the target.
fn contents(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        let content = if path.is_symlink() {
            fs::read_link(&path).unwrap().into_os_string().into_encoded_bytes()
        } else if path.is_dir() {
            found.extend(contents(&path));
            Vec::new()
        } else {
            fs::read(&path).unwrap()
        };
        found.insert(path, content);
    }
    found
}

/// Whether the response contains anything from outside, or a path.
fn leaks(reply: &Reply, fixture: &Fixture) -> bool {
    let zipped = reply.header("content-type") == Some("application/zip");
    let texts = if zipped { unzipped(&reply.body).into_values().collect() } else { vec![reply.body.clone()] };
    let forbidden = [SECRET, fixture.outside.path().to_str().unwrap(), fixture.data.to_str().unwrap()];
    texts.iter().any(|text| {
        let text = String::from_utf8_lossy(text);
        forbidden.iter().any(|word| text.contains(word))
    })
}

const ALL: &[&str] = &["predict", "export", "log", "train", "evaluate", "import"];
/// The operations that read or change the model.
const MODEL: &[&str] = &["predict", "export", "train", "import"];

#[rstest]
#[case::a_model_id("m", ALL)]
#[case::a_dirhash("m/d", ALL)]
#[case::a_classifier("m/d/classifier", MODEL)]
#[case::the_pointer("m/d/classifier/current.json", MODEL)]
#[case::the_generation("m/d/classifier/2", MODEL)]
#[case::the_model_file("m/d/classifier/2/model.onnx", MODEL)]
#[case::the_samples("m/d/classifier/2/samples.bin", MODEL)]
#[case::a_previous_generation("m/d/classifier/1", &[])]
#[case::the_logs("m/d/logs", &["log", "evaluate"])]
#[case::a_run("m/d/logs/RUN", &["log"])]
#[case::a_file_of_a_run("m/d/logs/RUN/info.log", &[])]
#[case::a_directory_of_a_run("m/d/logs/RUN/tensor", &[])]
#[case::the_hidden_directory(".mlbackend", &["train", "evaluate", "import", "delete"])]
#[case::the_sessions(".mlbackend/sessions", &["train", "evaluate", "import", "delete"])]
#[case::a_session(".mlbackend/sessions/1-1", &[])]
#[case::the_locks(".mlbackend/locks", &["train", "evaluate", "import", "delete"])]
#[case::a_lock(".mlbackend/locks/m.tree", &["train", "evaluate", "import", "delete"])]
#[case::the_gate(".mlbackend/gate", &[])]
#[case::the_last_run(".mlbackend/last-run", &["evaluate"])]
#[case::the_python_servers_pickle("p/d/classifier/classifier.pkl", &["predict", "export", "train"])]
#[case::the_python_servers_directory("p/d/classifier/model.ckpt", &["predict", "export", "train"])]
#[case::the_python_servers_weights("p/d/classifier/model.ckpt/variables", &["predict", "export", "train"])]
#[case::a_file_of_the_python_server("p/d/classifier/model.ckpt/keras_metadata.pb", &["predict", "export", "train"])]
fn a_planted_link_is_not_followed_and_is_reported(#[case] place: &str, #[case] refused: &[&str]) {
    let mut fixture = Fixture::new();
    let server = fixture.server();
    let link = fixture.plant(place);
    let before = contents(fixture.outside.path());
    let id = if place.starts_with('p') { "p" } else { "m" };
    for operation in ["predict", "export", "log", "train", "evaluate", "import", "delete"] {
        let reply = server.send(&fixture.request(operation, id));
        if refused.contains(&operation) {
            assert_eq!(reply.status, 500, "{operation}: {}", String::from_utf8_lossy(&reply.body));
            assert!(reply.text().contains("link"), "{operation}: {}", reply.text());
        } else {
            assert_eq!(reply.status, 200, "{operation}: {}", String::from_utf8_lossy(&reply.body));
        }
        assert!(!leaks(&reply, &fixture), "{operation}: {}", String::from_utf8_lossy(&reply.body));
        assert_eq!(contents(fixture.outside.path()), before, "{operation}");
        assert_eq!(server.get("/version").status, 200, "{operation}");
        assert_eq!(predict(&server, "other"), fixture.unaffected, "{operation}");
    }
    let is_logged = server.log().contains(link.to_str().unwrap());
    assert_eq!(is_logged, !refused.is_empty(), "{}", server.log());
    if !refused.contains(&"delete") {
        assert!(!fixture.data.join(id).is_symlink() && !fixture.data.join(id).exists());
    }
}

/// The exit code and the output.
fn run(command: &str, directory: &Path, flags: &[&str]) -> (Option<i32>, String) {
    let mut program = Command::new(env!("CARGO_BIN_EXE_moodle-mlbackend"));
    let result = untouched(program.arg(command).arg(directory).args(flags)).output().unwrap();
    (result.status.code(), String::from_utf8_lossy(&[result.stdout, result.stderr].concat()).into_owned())
}

#[rstest]
#[case::a_model_id("m", true)]
#[case::a_dirhash("m/d", true)]
#[case::a_classifier("m/d/classifier", true)]
#[case::the_pointer("m/d/classifier/current.json", true)]
#[case::the_generation("m/d/classifier/2", true)]
#[case::the_model_file("m/d/classifier/2/model.onnx", true)]
#[case::a_previous_generation("m/d/classifier/1", true)]
#[case::the_logs("m/d/logs", true)]
#[case::a_run("m/d/logs/RUN", true)]
#[case::a_file_of_a_run("m/d/logs/RUN/info.log", true)]
#[case::the_hidden_directory(".mlbackend", false)]
#[case::the_sessions(".mlbackend/sessions", false)]
#[case::a_session(".mlbackend/sessions/1-1", true)]
#[case::the_locks(".mlbackend/locks", false)]
#[case::a_lock(".mlbackend/locks/m.tree", true)]
#[case::the_gate(".mlbackend/gate", false)]
#[case::the_last_run(".mlbackend/last-run", true)]
#[case::the_python_servers_pickle("p/d/classifier/classifier.pkl", true)]
#[case::the_python_servers_weights("p/d/classifier/model.ckpt/variables", true)]
fn no_command_follows_a_planted_link_and_check_names_it(#[case] place: &str, #[case] starts: bool) {
    let mut fixture = Fixture::new();
    fixture.plant(place);
    let before = contents(fixture.outside.path());
    let (code, output) = run("check", &fixture.data, &[]);
    assert_eq!(code, Some(1), "{output}");
    let row = output.lines().find(|line| line.contains("a link; not followed"));
    let path = place.replace("RUN", &fixture.run);
    assert!(row.is_some_and(|row| row.contains(&path)), "{output}");
    for (command, flags) in [
        ("inspect", &[][..]),
        ("prune", &["--dry-run"]),
        ("prune", &[]),
        ("migrate", &["--dry-run"]),
        ("check", &["--repair"]),
        ("migrate", &["--remove-old"]),
    ] {
        let (_, output) = run(command, &fixture.data, flags);
        assert!(!output.contains(SECRET), "{command} {flags:?}: {output}");
        assert_eq!(contents(fixture.outside.path()), before, "{command} {flags:?}: {output}");
    }
    let launch = Launch::again(fixture.dir.take().unwrap());
    if starts {
        let server = launch.start();
        assert_eq!(predict(&server, "other"), fixture.unaffected);
    } else {
        let ended = launch.fail();
        assert_eq!(ended.code, Some(1));
        assert!(ended.stderr.contains(&format!("{place} is a link")), "{}", ended.stderr);
    }
    assert_eq!(contents(fixture.outside.path()), before, "the start of the server");
}

#[rstest]
#[case::a_model_id("m")]
#[case::a_dirhash("m/d")]
#[case::a_classifier("m/d/classifier")]
#[case::the_generation("m/d/classifier/2")]
#[case::the_logs("m/d/logs")]
#[case::the_sessions(".mlbackend/sessions")]
#[case::the_locks(".mlbackend/locks")]
#[cfg(target_os = "linux")] // for inotify
fn a_directory_that_is_repeatedly_swapped_with_a_link_gives_no_access_outside(#[case] place: &str) {
    use crate::common::{Watch, repeat_during};
    use rustix::fs::{CWD, RenameFlags, renameat_with};

    let mut fixture = Fixture::new();
    let server = fixture.server();
    let (path, link) = (fixture.path(place), fixture.data.join("link.swapped"));
    let target = fixture.outside.path().join("target");
    copy(&path, &target);
    for log in contents(&target).into_keys().filter(|path| path.ends_with("info.log")) {
        fs::write(log, SECRET).unwrap();
    }
    symlink(&target, &link).unwrap();
    let before = contents(fixture.outside.path());
    let watch = Watch::over(fixture.outside.path());
    let round = ["train", "predict", "evaluate", "export", "log", "import"];
    let mut swaps = 0;
    // After the deletion, the swaps fail.
    let swap = || swaps += usize::from(renameat_with(CWD, &path, CWD, &link, RenameFlags::EXCHANGE).is_ok());
    repeat_during(swap, || {
        // The deletion is last, because it removes one of the two.
        for operation in round.repeat(4).into_iter().chain(["delete", "train"]) {
            let reply = server.send(&fixture.request(operation, "m"));
            // 503: there is no model to export.
            assert!([200, 500, 503].contains(&reply.status), "{operation}: {}", reply.status);
            assert!(!leaks(&reply, &fixture), "{operation}");
        }
    });
    assert!(swaps > 1_000, "only {swaps} swaps");
    // The model outside is the same, so that no response shows which of them was read.
    assert_eq!(watch.events(), [""; 0], "nothing outside is opened");
    assert_eq!(contents(fixture.outside.path()), before);
    assert!(!watch.events().is_empty(), "the watch reports access");
    assert_eq!(predict(&server, "other"), fixture.unaffected);
}

fn copy(from: &Path, to: &Path) {
    let copied = Command::new("cp").arg("-r").args([from, to]).status().unwrap();
    assert!(copied.success());
}

#[test]
fn the_path_of_the_data_directory_may_contain_links() {
    let mut fixture = Fixture::new();
    let (parent, link) = (fixture.outside.path().join("way"), fixture.outside.path().join("data"));
    symlink(fixture.data.parent().unwrap(), &parent).unwrap();
    symlink(parent.join("data"), &link).unwrap();
    let launch = Launch::again(fixture.dir.take().unwrap());
    let server = start_and_prune(launch.env("MOODLE_MLBACKEND_PYTHON_DIR", link.to_str().unwrap()));
    for operation in ["predict", "train", "evaluate", "export", "log", "import"] {
        assert_eq!(server.send(&fixture.request(operation, "m")).status, 200, "{operation}");
    }
    assert!(fixture.data.join("m/d/classifier/4/model.onnx").is_file());
    server.send(&fixture.request("delete", "m")).expect(200, "Ok");
    assert!(!fixture.data.join("m").exists());
    assert_eq!(run("check", &link, &[]).0, Some(0));
}

/// The exit code and the output of Moodle's local mode.
fn local(module: &str, args: &[&Path]) -> (Option<i32>, String) {
    let mut program = Command::new(env!("CARGO_BIN_EXE_moodle-mlbackend"));
    let program = untouched(&mut program).args(["-m", &format!("moodlemlbackend.{module}"), "id"]);
    let result = program.args(args).output().unwrap();
    (result.status.code(), String::from_utf8(result.stdout).unwrap())
}

#[rstest]
#[case::the_classifier("classifier")]
#[case::the_pointer("classifier/current.json")]
#[case::the_hidden_directory(".mlbackend")]
fn local_mode_follows_no_link_below_the_model_directory(#[case] place: &str) {
    let (dir, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let model = dir.path().join("model");
    let (dataset, samples) = (dir.path().join("dataset"), dir.path().join("samples"));
    let rows: Vec<String> = (0..20).map(|n| format!("1,{},0,{}", n % 5, n % 2)).collect();
    fs::write(&dataset, labelled(&rows.iter().map(String::as_str).collect::<Vec<_>>())).unwrap();
    fs::write(&samples, unlabelled(&["1-0,1,3,-1"])).unwrap();
    // The path of Moodle's data directory may contain links.
    let link = dir.path().join("link");
    symlink(&model, &link).unwrap();
    fs::create_dir(&model).unwrap();
    assert_eq!(local("training", &[&link, &dataset]).0, Some(0));
    assert!(model.join("classifier/1").is_dir());

    fs::rename(model.join(place), outside.path().join("target")).unwrap();
    symlink(outside.path().join("target"), model.join(place)).unwrap();
    let before = contents(outside.path());
    let (code, output) = local("training", &[&link, &dataset]);
    assert_eq!(code, Some(1), "{output}");
    assert!(output.contains("link"), "{output}");
    local("prediction", &[&link, &samples]);
    assert_eq!(contents(outside.path()), before);
}

fn pipe(path: &Path) {
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}

#[rstest]
#[case::the_pickle("p/d/classifier/classifier.pkl")]
#[case::a_file_of_the_network("p/d/classifier/model.ckpt/keras_metadata.pb")]
#[case::the_pointer("m/d/classifier/current.json")]
#[case::the_model_file("m/d/classifier/2/model.onnx")]
fn a_pipe_in_place_of_a_file_does_not_block(#[case] place: &str) {
    let mut fixture = Fixture::new();
    let path = fixture.path(place);
    fs::remove_file(&path).unwrap();
    pipe(&path);
    for command in ["inspect", "check", "migrate"] {
        let (code, output) = run(command, &fixture.data, &[]);
        assert!(code.is_some(), "{command}: {output}");
    }
    let server = fixture.server();
    let id = &place[..1];
    for operation in ["predict", "train", "export"] {
        let reply = server.send(&fixture.request(operation, id));
        assert!([200, 500, 503].contains(&reply.status), "{operation}: {}", reply.status);
    }
    assert_eq!(predict(&server, "other"), fixture.unaffected);
}

#[rstest]
#[case::a_link_to_a_file("model.onnx", |path: &Path| symlink("/etc/passwd", path).unwrap())]
#[case::a_pipe("model.onnx", pipe)]
#[case::a_directory("model.onnx", |path: &Path| fs::create_dir(path).unwrap())]
#[case::a_link_to_a_directory("model.ckpt", |path: &Path| symlink("/etc", path).unwrap())]
fn imports_only_regular_files_of_a_directory(#[case] name: &str, #[case] make: fn(&Path)) {
    let dir = tempfile::tempdir().unwrap();
    let (import, model) = (dir.path().join("import"), dir.path().join("model"));
    fs::create_dir(&import).unwrap();
    let network = Network::of_a_line(1.0, 0.5, 2.0);
    for (name, bytes) in network.files().iter().filter(|(other, _)| !other.starts_with(name)) {
        let path = import.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    make(&import.join(name));
    let (code, output) = run("inspect", &import, &[]);
    assert_eq!(code, Some(1), "{output}");
    assert!(output.contains("is a link or no file"), "{output}");
    assert_eq!(local("import", &[&model, &import]).0, Some(1));
    assert!(!model.join("classifier").exists());
}
