//! User isolation: each user can only use its own models.

use std::fs;
use std::process::Command;

use rstest::rstest;
use serde_json::{Value, json};

use crate::common::{
    Form, Launch, Reply, Request, Route, TestServer, labelled, protected_routes, unlabelled, untouched,
};

const USERS: &str = "ann:pw-ann,bob:pw-bob";
/// An archive with nothing in it.
const EMPTY_ZIP: usize = 22;

fn isolated() -> Launch {
    Launch::new().env("MOODLE_MLBACKEND_PYTHON_USERS", USERS).env("MOODLE_MLBACKEND_ISOLATE_USERS", "true")
}

fn post(server: &TestServer, user: &str, route: &str, form: &Form) -> Reply {
    server.send(&Request::new("POST", route).credentials(user, &format!("pw-{user}")).form(form))
}

fn get(server: &TestServer, user: &str, target: &str) -> Reply {
    server.send(&Request::new("GET", target).credentials(user, &format!("pw-{user}")))
}

/// Samples whose last feature determines the class, or the opposite one.
fn samples(inverted: bool) -> Vec<u8> {
    let rows = if inverted { ["1,-1,-1,0", "1,-1,-0.2,1"] } else { ["1,-1,-1,1", "1,-1,-0.2,0"] };
    labelled(&rows.repeat(20))
}

fn train(server: &TestServer, user: &str, id: &str, inverted: bool) {
    let reply = post(server, user, "/training", &Form::model(id, "d").file("dataset", &samples(inverted)));
    assert_eq!(reply.json()["status"], 0, "{}", reply.text());
}

fn predict(server: &TestServer, user: &str, id: &str) -> Value {
    let form = Form::model(id, "d").file("dataset", &unlabelled(&["1-0,1,-1,-1"]));
    post(server, user, "/prediction", &form).json()
}

fn class(server: &TestServer, user: &str, id: &str) -> Value {
    predict(server, user, id)["predictions"][0][1].clone()
}

#[track_caller]
fn assert_no_model(server: &TestServer, user: &str, id: &str) {
    assert_eq!(predict(server, user, id)["status"], 2);
    let export = get(server, user, &format!("/export?uniqueid={id}&dirhash=d"));
    export.expect(503, "There is nothing to export.");
}

fn evaluation(id: &str, trained: bool) -> Form {
    let form = Form::model(id, "e").field("minscore", "0.7").field("maxdeviation", "0.05");
    let form = form.field("niterations", "2").file("dataset", &samples(false));
    if trained { form.field("trainedmodeldirhash", "d") } else { form }
}

#[test]
fn users_with_the_same_ids_have_separate_models() {
    let server = isolated().start();
    train(&server, "ann", "m", false);
    assert_no_model(&server, "bob", "m");
    train(&server, "bob", "m", true);
    assert_eq!([class(&server, "ann", "m"), class(&server, "bob", "m")], [json!("1"), json!("0")]);
}

#[test]
fn no_route_shows_or_changes_the_model_of_another_user() {
    let server = isolated().start();
    train(&server, "ann", "m", false);
    let (before, export) =
        (predict(&server, "ann", "m"), get(&server, "ann", "/export?uniqueid=m&dirhash=d"));
    assert_eq!(export.status, 200);
    assert_no_model(&server, "bob", "m");

    let rated = post(&server, "bob", "/evaluation", &evaluation("m", true)).json();
    assert_eq!(rated["status"], 2, "there is no such model to rate: {rated}");
    let run = post(&server, "ann", "/evaluation", &evaluation("m", false)).json()["runid"].clone();
    let log = format!("/evaluationlog?uniqueid=m&dirhash=e&runid={run}");
    assert_eq!(get(&server, "bob", &log).body.len(), EMPTY_ZIP);
    assert!(get(&server, "ann", &log).body.len() > EMPTY_ZIP);

    post(&server, "bob", "/deletemodel", &Form::new().field("uniqueid", "m")).expect(200, "Ok");
    assert_eq!(predict(&server, "ann", "m"), before, "after a deletion by another user");
    train(&server, "bob", "m", true);
    assert_eq!(predict(&server, "ann", "m"), before, "after a training by another user");
    let theirs = get(&server, "bob", "/export?uniqueid=m&dirhash=d").body;
    let import = Form::model("n", "d").file("importzip", &export.body);
    post(&server, "bob", "/import", &import).expect(200, "Ok");
    assert_no_model(&server, "ann", "n");
    let import = Form::model("m", "d").file("importzip", &theirs);
    post(&server, "bob", "/import", &import).expect(200, "Ok");
    assert_eq!(predict(&server, "ann", "m"), before, "after an import by another user");

    post(&server, "ann", "/deletemodel", &Form::new().field("uniqueid", "m")).expect(200, "Ok");
    assert_no_model(&server, "ann", "m");
    assert_eq!(class(&server, "bob", "m"), json!("0"), "a deletion only affects the user's own model");
}

#[test]
fn every_route_responds_as_if_the_models_of_other_users_did_not_exist() {
    let responses = |server: &TestServer| -> Vec<(&str, u16, usize)> {
        let of = |route: Route| {
            let reply = server.send(&route.request().credentials("bob", "pw-bob"));
            (route.path, reply.status, reply.body.len())
        };
        protected_routes().map(of).collect()
    };
    let (alone, shared) = (isolated().start(), isolated().start());
    train(&shared, "ann", "m", false);
    let before = predict(&shared, "ann", "m");
    assert_eq!(responses(&shared), responses(&alone), "path, status, length of the body");
    assert_eq!(predict(&shared, "ann", "m"), before);
}

#[test]
fn the_folder_name_of_another_user_gives_no_access() {
    let server = isolated().start();
    train(&server, "ann", "m", false);
    let folder = folders(&server).pop().expect("a folder");
    assert!(folder.starts_with("ann-") && folder.ends_with("_m"), "{folder}");
    for id in [&folder, &format!("../{folder}"), &folder.replace("_m", "_")] {
        assert_no_model(&server, "bob", id);
        post(&server, "bob", "/deletemodel", &Form::new().field("uniqueid", id)).expect(200, "Ok");
    }
    assert_eq!(class(&server, "ann", "m"), json!("1"));
}

/// The names of the models' folders, sorted.
fn folders(server: &TestServer) -> Vec<String> {
    let entries = fs::read_dir(server.data_dir()).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.filter(|name| !name.starts_with('.')).collect();
    names.sort();
    names
}

#[rstest]
#[case("..")]
#[case("../../x")]
#[case("ann_m")]
#[case(".mlbackend")]
#[case("Ann")]
#[case("ä ö/ü\\")]
#[case("$(id)")]
#[case(&"x".repeat(300))]
fn a_user_may_have_any_name(#[case] name: &str) {
    let users = format!("ann:pw-ann,{name}:pw-{name}");
    let server = isolated().env("MOODLE_MLBACKEND_PYTHON_USERS", &users).start();
    train(&server, "ann", "m", false);
    train(&server, name, "m", true);
    assert_eq!([class(&server, "ann", "m"), class(&server, name, "m")], [json!("1"), json!("0")]);
    let longest = "i".repeat(200);
    train(&server, name, &longest, true);
    assert_eq!(class(&server, name, &longest), json!("0"));
    assert_eq!(folders(&server).len(), 3, "all in the data directory");
}

#[test]
fn all_tools_work_on_the_models_of_isolated_users() {
    let server = isolated().start();
    train(&server, "ann", "m", false);
    train(&server, "bob", "m", true);
    let run = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_moodle-mlbackend"));
        let done = untouched(command.args(arguments).arg(server.data_dir())).output().unwrap();
        assert!(done.status.success(), "{arguments:?}: {done:?}");
        String::from_utf8(done.stdout).unwrap()
    };
    assert_eq!(run(&["check"]), "2 models checked: 0 problems, 0 repaired.\n");
    assert!(run(&["prune", "--dry-run"]).starts_with("0 directories"));
    run(&["migrate", "--dry-run"]);
    let found: Value = serde_json::from_str(&run(&["inspect", "--json"])).unwrap();
    let text = found.to_string();
    assert!(text.contains("ann-") && text.contains("bob-"), "{text}");
}

#[test]
fn by_default_all_users_share_all_models() {
    let server = Launch::new().env("MOODLE_MLBACKEND_PYTHON_USERS", USERS).start();
    train(&server, "ann", "m", false);
    assert_eq!(class(&server, "bob", "m"), json!("1"));
    post(&server, "bob", "/deletemodel", &Form::new().field("uniqueid", "m")).expect(200, "Ok");
    assert_eq!(predict(&server, "ann", "m")["status"], 2);
}

#[test]
fn existing_models_are_hidden_until_their_folders_are_renamed() {
    let server = Launch::new().env("MOODLE_MLBACKEND_PYTHON_USERS", USERS).start();
    train(&server, "ann", "m", false);
    let before = predict(&server, "ann", "m");
    let (_, dir) = server.terminate();

    let start_isolated = |dir| {
        let launch = Launch::again(dir).env("MOODLE_MLBACKEND_PYTHON_USERS", USERS);
        launch.env("MOODLE_MLBACKEND_ISOLATE_USERS", "true").start()
    };
    let server = start_isolated(dir);
    for user in ["ann", "bob"] {
        assert_no_model(&server, user, "m");
        post(&server, user, "/deletemodel", &Form::new().field("uniqueid", "m")).expect(200, "Ok");
    }
    assert_eq!(folders(&server), ["m"]);

    // The log has the prefix of each user's folders.
    let log = server.log();
    let line = log.lines().find(|line| line.contains("user=\"ann\"")).unwrap_or_else(|| panic!("{log}"));
    let prefix = line.split("folders=\"").nth(1).and_then(|rest| rest.split('*').next()).expect("a prefix");
    let owned = server.data_dir().join(format!("{prefix}m"));
    let (_, dir) = server.terminate();
    fs::rename(dir.path().join("data/m"), dir.path().join("data").join(owned.file_name().unwrap())).unwrap();

    let server = start_isolated(dir);
    assert_eq!(predict(&server, "ann", "m"), before);
    assert_no_model(&server, "bob", "m");
    train(&server, "ann", "m", false);
}
