//! Symbolic links planted in the data directory: nothing outside of it is read into an answer, changed,
//! made or removed, and the administrator gets a report.
#![allow(clippy::disallowed_methods, reason = "these tests prepare files of their own")]

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use rstest::rstest;
use serde_json::Value;
use tempfile::TempDir;

use crate::common::{
    Launch, Network, Operation, Reply, Request, Scene, TestServer, ask, labelled, settled, unlabelled,
    untouched, unzipped,
};

/// What stands in the files that links lead to.
const SECRET: &str = "what is outside of the data directory";

/// A server's data directory with models, and a directory outside of it that links lead to.
struct House {
    scene: Scene,
    /// Holds the server's directories.
    dir: Option<TempDir>,
    data: PathBuf,
    outside: TempDir,
    /// The only evaluation of `m/d`.
    run: String,
    /// What the untouched model beside it answers.
    beside: Value,
}

impl House {
    /// `m/d` is trained and evaluated, `other/d` as well; the model of the Python server is `p/d`.
    fn new() -> Self {
        let scene = Scene::new();
        let server = scene.server();
        let evaluated = server.send(&scene.request(Operation::Evaluate, "m"));
        let run = evaluated.json()["runid"].to_string();
        scene.copy_model(&server, "other");
        let network = Network { columns: vec![0, 2], ..Network::of_a_line(1.0, 0.5, 2.0) };
        network.write(&server.data_dir().join("p/d"));
        let beside = ask(&server, "other");
        let data = server.data_dir();
        let (_, dir) = server.terminate();
        let outside = tempfile::tempdir().unwrap();
        fs::write(outside.path().join("secret"), SECRET).unwrap();
        Self { scene, dir: Some(dir), data, outside, run, beside }
    }

    /// With `RUN` for the number of the evaluation.
    fn place(&self, place: &str) -> PathBuf {
        self.data.join(place.replace("RUN", &self.run))
    }

    /// Moves what is there out of the data directory and leaves a link to it, so that a process that follows the link
    /// finds all that is needed; where there is nothing, the link leads to something made up.
    fn plant(&self, place: &str) -> PathBuf {
        let (link, target) = (self.place(place), self.outside.path().join("target"));
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
        settled(Launch::again(self.dir.take().unwrap()))
    }

    fn request(&self, what: &str, id: &str) -> Request {
        let operation = match what {
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

/// Everything below a directory with its content; of links, where they lead.
fn everything(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        let content = if path.is_symlink() {
            fs::read_link(&path).unwrap().into_os_string().into_encoded_bytes()
        } else if path.is_dir() {
            found.extend(everything(&path));
            Vec::new()
        } else {
            fs::read(&path).unwrap()
        };
        found.insert(path, content);
    }
    found
}

/// Whether the answer holds anything of what is outside.
fn shows(reply: &Reply, house: &House) -> bool {
    let zipped = reply.header("content-type") == Some("application/zip");
    let texts = if zipped { unzipped(&reply.body).into_values().collect() } else { vec![reply.body.clone()] };
    let forbidden = [SECRET, house.outside.path().to_str().unwrap(), house.data.to_str().unwrap()];
    texts.iter().any(|text| {
        let text = String::from_utf8_lossy(text);
        forbidden.iter().any(|word| text.contains(word))
    })
}

const ALL: &[&str] = &["predict", "export", "log", "train", "evaluate", "import"];
/// All that look at the model, and what changes it.
const MODEL: &[&str] = &["predict", "export", "train", "import"];

#[rstest]
#[case::a_model_id("m", ALL)]
#[case::a_dirhash("m/d", ALL)]
#[case::a_classifier("m/d/classifier", MODEL)]
#[case::the_pointer("m/d/classifier/current.json", MODEL)]
#[case::the_generation("m/d/classifier/2", MODEL)]
#[case::the_model_file("m/d/classifier/2/model.onnx", MODEL)]
#[case::the_samples("m/d/classifier/2/samples.bin", MODEL)]
#[case::a_generation_before("m/d/classifier/1", &[])]
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
fn a_planted_link_is_not_followed_and_told_of(#[case] place: &str, #[case] refused: &[&str]) {
    let mut house = House::new();
    let server = house.server();
    let link = house.plant(place);
    let before = everything(house.outside.path());
    let id = if place.starts_with('p') { "p" } else { "m" };
    for what in ["predict", "export", "log", "train", "evaluate", "import", "delete"] {
        let reply = server.send(&house.request(what, id));
        if refused.contains(&what) {
            assert_eq!(reply.status, 500, "{what}: {}", String::from_utf8_lossy(&reply.body));
            assert!(reply.text().contains("link"), "{what}: {}", reply.text());
        } else {
            assert_eq!(reply.status, 200, "{what}: {}", String::from_utf8_lossy(&reply.body));
        }
        assert!(!shows(&reply, &house), "{what}: {}", String::from_utf8_lossy(&reply.body));
        assert_eq!(everything(house.outside.path()), before, "{what}");
        assert_eq!(server.get("/version").status, 200, "{what}");
        assert_eq!(ask(&server, "other"), house.beside, "{what}");
    }
    let told = server.log().contains(link.to_str().unwrap());
    assert_eq!(told, !refused.is_empty(), "{}", server.log());
    if !refused.contains(&"delete") {
        assert!(!house.data.join(id).is_symlink() && !house.data.join(id).exists());
    }
}

/// The exit code and what was printed.
fn run(command: &str, directory: &Path, flags: &[&str]) -> (Option<i32>, String) {
    let mut program = Command::new(env!("CARGO_BIN_EXE_moodle-mlbackend"));
    let done = untouched(program.arg(command).arg(directory).args(flags)).output().unwrap();
    (done.status.code(), String::from_utf8_lossy(&[done.stdout, done.stderr].concat()).into_owned())
}

#[rstest]
#[case::a_model_id("m", true)]
#[case::a_dirhash("m/d", true)]
#[case::a_classifier("m/d/classifier", true)]
#[case::the_pointer("m/d/classifier/current.json", true)]
#[case::the_generation("m/d/classifier/2", true)]
#[case::the_model_file("m/d/classifier/2/model.onnx", true)]
#[case::a_generation_before("m/d/classifier/1", true)]
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
    let mut house = House::new();
    house.plant(place);
    let before = everything(house.outside.path());
    let (code, told) = run("check", &house.data, &[]);
    assert_eq!(code, Some(1), "{told}");
    let row = told.lines().find(|line| line.contains("a link; not followed"));
    let named = place.replace("RUN", &house.run);
    assert!(row.is_some_and(|row| row.contains(&named)), "{told}");
    for (command, flags) in [
        ("inspect", &[][..]),
        ("prune", &["--dry-run"]),
        ("prune", &[]),
        ("migrate", &["--dry-run"]),
        ("check", &["--repair"]),
        ("migrate", &["--remove-old"]),
    ] {
        let (_, told) = run(command, &house.data, flags);
        assert!(!told.contains(SECRET), "{command} {flags:?}: {told}");
        assert_eq!(everything(house.outside.path()), before, "{command} {flags:?}: {told}");
    }
    let launch = Launch::again(house.dir.take().unwrap());
    if starts {
        let server = launch.start();
        assert_eq!(ask(&server, "other"), house.beside);
    } else {
        let ended = launch.fail();
        assert_eq!(ended.code, Some(1));
        assert!(ended.stderr.contains(&format!("{place} is a link")), "{}", ended.stderr);
    }
    assert_eq!(everything(house.outside.path()), before, "the start of a server");
}

#[rstest]
#[case::a_model_id("m")]
#[case::a_dirhash("m/d")]
#[case::a_classifier("m/d/classifier")]
#[case::the_generation("m/d/classifier/2")]
#[case::the_logs("m/d/logs")]
#[case::the_sessions(".mlbackend/sessions")]
#[case::the_locks(".mlbackend/locks")]
#[cfg(target_os = "linux")] // which tells who opens a file
fn a_directory_that_changes_places_with_a_link_all_the_time_leads_nowhere(#[case] place: &str) {
    use crate::common::{Watch, repeat_during};
    use rustix::fs::{CWD, RenameFlags, renameat_with};

    let mut house = House::new();
    let server = house.server();
    let (place, link) = (house.place(place), house.data.join("link.swapped"));
    let target = house.outside.path().join("target");
    copy(&place, &target);
    for log in everything(&target).into_keys().filter(|path| path.ends_with("info.log")) {
        fs::write(log, SECRET).unwrap();
    }
    symlink(&target, &link).unwrap();
    let before = everything(house.outside.path());
    let watch = Watch::over(house.outside.path());
    let round = ["train", "predict", "evaluate", "export", "log", "import"];
    let mut swaps = 0;
    // What has been deleted cannot be swapped; then the link stays where it is.
    let swap = || swaps += usize::from(renameat_with(CWD, &place, CWD, &link, RenameFlags::EXCHANGE).is_ok());
    repeat_during(swap, || {
        // The deletion comes last: it may take one of the two.
        for what in round.repeat(4).into_iter().chain(["delete", "train"]) {
            let reply = server.send(&house.request(what, "m"));
            // Nothing to export is 503.
            assert!([200, 500, 503].contains(&reply.status), "{what}: {}", reply.status);
            assert!(!shows(&reply, &house), "{what}");
        }
    });
    assert!(swaps > 1_000, "only {swaps} swaps");
    // Of a model that is the same outside, no answer would show that it was read.
    assert_eq!(watch.seen(), [""; 0], "nothing outside is opened");
    assert_eq!(everything(house.outside.path()), before);
    assert!(!watch.seen().is_empty(), "an open outside would have been seen");
    assert_eq!(ask(&server, "other"), house.beside);
}

fn copy(from: &Path, to: &Path) {
    let copied = Command::new("cp").arg("-r").args([from, to]).status().unwrap();
    assert!(copied.success());
}

#[test]
fn a_data_directory_that_is_reached_through_links_works() {
    let mut house = House::new();
    let (way, link) = (house.outside.path().join("way"), house.outside.path().join("data"));
    symlink(house.data.parent().unwrap(), &way).unwrap();
    symlink(way.join("data"), &link).unwrap();
    let launch = Launch::again(house.dir.take().unwrap());
    let server = settled(launch.env("MOODLE_MLBACKEND_PYTHON_DIR", link.to_str().unwrap()));
    for what in ["predict", "train", "evaluate", "export", "log", "import"] {
        assert_eq!(server.send(&house.request(what, "m")).status, 200, "{what}");
    }
    assert!(house.data.join("m/d/classifier/4/model.onnx").is_file());
    server.send(&house.request("delete", "m")).expect(200, "Ok");
    assert!(!house.data.join("m").exists());
    assert_eq!(run("check", &link, &[]).0, Some(0));
}

/// What Moodle's local mode answers.
fn local(module: &str, args: &[&Path]) -> (Option<i32>, String) {
    let mut program = Command::new(env!("CARGO_BIN_EXE_moodle-mlbackend"));
    let program = untouched(&mut program).args(["-m", &format!("moodlemlbackend.{module}"), "id"]);
    let done = program.args(args).output().unwrap();
    (done.status.code(), String::from_utf8(done.stdout).unwrap())
}

#[rstest]
#[case::the_classifier("classifier")]
#[case::the_pointer("classifier/current.json")]
#[case::the_hidden_directory(".mlbackend")]
fn in_local_mode_no_link_below_the_models_directory_is_followed(#[case] place: &str) {
    let (dir, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let model = dir.path().join("model");
    let (dataset, questions) = (dir.path().join("dataset"), dir.path().join("questions"));
    let rows: Vec<String> = (0..20).map(|n| format!("1,{},0,{}", n % 5, n % 2)).collect();
    fs::write(&dataset, labelled(&rows.iter().map(String::as_str).collect::<Vec<_>>())).unwrap();
    fs::write(&questions, unlabelled(&["1-0,1,3,-1"])).unwrap();
    // As Moodle's own directory may be.
    let way = dir.path().join("way");
    symlink(&model, &way).unwrap();
    fs::create_dir(&model).unwrap();
    assert_eq!(local("training", &[&way, &dataset]).0, Some(0));
    assert!(model.join("classifier/1").is_dir());

    fs::rename(model.join(place), outside.path().join("target")).unwrap();
    symlink(outside.path().join("target"), model.join(place)).unwrap();
    let before = everything(outside.path());
    let (code, told) = local("training", &[&way, &dataset]);
    assert_eq!(code, Some(1), "{told}");
    assert!(told.contains("link"), "{told}");
    local("prediction", &[&way, &questions]);
    assert_eq!(everything(outside.path()), before);
}

fn pipe(path: &Path) {
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}

#[rstest]
#[case::the_pickle("p/d/classifier/classifier.pkl")]
#[case::a_file_of_the_network("p/d/classifier/model.ckpt/keras_metadata.pb")]
#[case::the_pointer("m/d/classifier/current.json")]
#[case::the_model_file("m/d/classifier/2/model.onnx")]
fn a_pipe_in_the_place_of_a_file_keeps_nobody_waiting(#[case] place: &str) {
    let mut house = House::new();
    let path = house.place(place);
    fs::remove_file(&path).unwrap();
    pipe(&path);
    for command in ["inspect", "check", "migrate"] {
        let (code, told) = run(command, &house.data, &[]);
        assert!(code.is_some(), "{command}: {told}");
    }
    let server = house.server();
    let id = &place[..1];
    for what in ["predict", "train", "export"] {
        let reply = server.send(&house.request(what, id));
        assert!([200, 500, 503].contains(&reply.status), "{what}: {}", reply.status);
    }
    assert_eq!(ask(&server, "other"), house.beside);
}

#[rstest]
#[case::a_link_to_a_file("model.onnx", |path: &Path| symlink("/etc/passwd", path).unwrap())]
#[case::a_pipe("model.onnx", pipe)]
#[case::a_directory("model.onnx", |path: &Path| fs::create_dir(path).unwrap())]
#[case::a_link_to_a_directory("model.ckpt", |path: &Path| symlink("/etc", path).unwrap())]
fn what_is_no_file_of_a_directory_is_not_imported(#[case] name: &str, #[case] make: fn(&Path)) {
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
    let (code, told) = run("inspect", &import, &[]);
    assert_eq!(code, Some(1), "{told}");
    assert!(told.contains("is a link or no file"), "{told}");
    assert_eq!(local("import", &[&model, &import]).0, Some(1));
    assert!(!model.exists());
}
