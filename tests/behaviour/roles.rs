//! Admins and viewers: what each role may do on each route.

use std::collections::BTreeSet;
use std::fs;

use rstest::rstest;
use serde_json::{Value, json};

use crate::common::{Form, Launch, ROUTES, Reply, Request, TestServer, separable, unlabelled, until};

const USERS: &str = "ann:pw-ann,bob:pw-bob,root:pw-root,eve:pw-eve";
const SENTENCE: &str = "This user may only look at the list of models (GET /models): it is one of MOODLE_MLBACKEND_VIEWERS. \
                        Use another user, or remove it there.";

fn shared() -> Launch {
    let launch = Launch::new().env("MOODLE_MLBACKEND_PYTHON_USERS", USERS);
    launch.env("MOODLE_MLBACKEND_ADMINS", "root").env("MOODLE_MLBACKEND_VIEWERS", " eve ")
}

fn isolated() -> TestServer {
    shared().env("MOODLE_MLBACKEND_ISOLATE_USERS", "1").start()
}

fn get(server: &TestServer, user: &str, path: &str) -> Reply {
    server.send(&Request::new("GET", path).credentials(user, &format!("pw-{user}")))
}

fn post(server: &TestServer, user: &str, path: &str, form: &Form) -> Reply {
    server.send(&Request::new("POST", path).credentials(user, &format!("pw-{user}")).form(form))
}

fn train(server: &TestServer, user: &str, path: &str, inverted: bool) {
    let form = Form::model("m", "d").file("dataset", &separable(40, inverted));
    let reply = post(server, user, path, &form);
    assert_eq!((reply.status, &reply.json()["status"]), (200, &json!(0)), "{}", reply.text());
}

/// The owners and ids of the models that a user sees.
fn seen(server: &TestServer, user: &str, query: &str) -> Vec<(Value, Value)> {
    let list = get(server, user, &format!("/models{query}")).json();
    let models = list["models"].as_array().unwrap_or_else(|| panic!("{list}"));
    models.iter().map(|model| (model["user"].clone(), model["uniqueid"].clone())).collect()
}

/// What a role may do on a route, apart from what is missing there.
fn permitted(path: &str, user: &str) -> bool {
    match (path, user) {
        ("/metrics", _) => false,
        ("/models/m/d/samples" | "/models/m/d/audit-bundle", user) => user == "root",
        ("/models" | "/models/m/d" | "/jobs", _) => true,
        (path, _) if path.starts_with("/jobs/") => true,
        (_, user) => user != "eve",
    }
}

#[test]
fn every_role_gets_403_on_the_routes_that_it_may_not_use_and_only_there() {
    for server in [shared().start(), isolated()] {
        for user in ["ann", "root", "eve"] {
            for route in ROUTES.into_iter().filter(|route| route.protected) {
                let reply = server.send(&route.request().credentials(user, &format!("pw-{user}")));
                let refused = reply.status == 403;
                assert_eq!(refused, !permitted(route.path, user), "{user} {}: {}", route.path, reply.status);
                if user == "eve"
                    && refused
                    && !["/metrics", "/models/m/d/samples", "/models/m/d/audit-bundle"].contains(&route.path)
                {
                    reply.expect_error(403, SENTENCE);
                }
                if refused && route.has_problems() {
                    assert_eq!(reply.json()["type"], "/docs#not-permitted");
                }
            }
        }
    }
}

#[test]
fn a_role_is_checked_after_the_password_and_before_the_body_is_read() {
    let server = shared().start();
    let head = Request::new("POST", "/training").header("Content-Length", "30000000");
    let wrong = head.credentials("eve", "wrong");
    server.raw(&wrong.bytes()).expect(401, "Incorrect user and/or password provided by Moodle.");
    let head = Request::new("POST", "/training").header("Content-Length", "30000000");
    server.raw(&head.credentials("eve", "pw-eve").bytes()).expect(403, SENTENCE);
}

#[test]
fn without_isolation_all_roles_see_the_shared_models_and_no_owners() {
    let server = shared().start();
    train(&server, "ann", "/training", false);
    for user in ["ann", "bob", "root", "eve"] {
        assert_eq!(seen(&server, user, ""), [(json!(null), json!("m"))], "{user}");
    }
    for user in ["root", "eve"] {
        let reply = get(&server, user, "/models?user=ann");
        assert_eq!(reply.status, 404, "{}", reply.text());
        assert!(reply.sentence().contains("MOODLE_MLBACKEND_ISOLATE_USERS is off"), "{}", reply.text());
    }
}

#[test]
fn users_see_their_own_models_and_admins_and_viewers_those_of_all() {
    let server = isolated();
    train(&server, "ann", "/training", false);
    train(&server, "bob", "/training", true);
    assert_eq!(seen(&server, "ann", ""), [(json!(null), json!("m"))]);
    assert_eq!(seen(&server, "ann", "?user=ann"), [(json!(null), json!("m"))]);
    for user in ["root", "eve"] {
        let all: BTreeSet<String> =
            seen(&server, user, "").iter().map(|(user, id)| format!("{user}{id}")).collect();
        assert_eq!(all, ["\"ann\"\"m\"", "\"bob\"\"m\""].map(str::to_owned).into(), "{user}");
        assert_eq!(seen(&server, user, "?user=bob"), [(json!("bob"), json!("m"))]);
        assert_eq!(get(&server, user, "/models/m/d?user=ann").json()["model"]["user"], "ann");
        assert_eq!(get(&server, user, "/models/m/d").status, 404, "{user} has no model");
        assert_eq!(get(&server, user, "/models?user=ghost").status, 404);
    }
    for path in ["/models?user=bob", "/models?user=", "/models/m/d?user=bob"] {
        assert_eq!(get(&server, "ann", path).status, 403, "{path}");
    }
}

#[test]
fn pages_of_all_users_follow_each_other() {
    let server = isolated();
    for user in ["ann", "bob", "root"] {
        train(&server, user, "/training", false);
    }
    let (mut owners, mut path) = (BTreeSet::new(), "/models?per_page=1".to_owned());
    for _ in 0..3 {
        let reply = get(&server, "root", &path);
        owners.insert(reply.json()["models"][0]["user"].to_string());
        let next = reply.header("link").and_then(|links| {
            links.split(", ").find(|link| link.ends_with("\"next\""))?.split(['<', '>']).nth(1)
        });
        path = next.unwrap_or_default().to_owned();
    }
    assert_eq!((owners.len(), path.as_str()), (3, ""));
}

#[test]
fn an_admin_names_the_user_whose_model_a_request_is_about() {
    let server = isolated();
    train(&server, "ann", "/training", false);
    let ask = |user: &str, path: &str| {
        let form = Form::model("m", "d").file("dataset", &unlabelled(&["1-0,1,3,-1"]));
        post(&server, user, path, &form).json()
    };
    let of_ann = ask("ann", "/prediction");
    assert_eq!(ask("root", "/prediction?user=ann"), of_ann);
    assert_eq!(ask("root", "/prediction")["status"], 2, "its own model does not exist");
    // Other users may send a parameter of this name, as ever.
    assert_eq!(ask("bob", "/prediction?user=ann")["status"], 2);

    train(&server, "root", "/training?user=ann", true);
    assert_ne!(ask("ann", "/prediction"), of_ann);
    let reply = post(&server, "root", "/models/m/d/rollback?user=ann", &Form::new());
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(ask("ann", "/prediction"), of_ann);
    assert_eq!(post(&server, "bob", "/models/m/d/rollback?user=ann", &Form::new()).status, 403);
    let samples = get(&server, "root", "/models/m/d/samples?user=ann");
    assert_eq!((samples.status, samples.text().lines().count()), (200, 43));
    let export = get(&server, "root", "/export?user=ann&uniqueid=m&dirhash=d");
    assert_eq!(export.status, 200);
    let reply = get(&server, "root", "/export?user=ghost&uniqueid=m&dirhash=d");
    reply.expect(404, "The parameter user names no user of this server.");
    post(&server, "root", "/deletemodel?user=ann", &Form::new().field("uniqueid", "m")).expect(200, "Ok");
    assert_eq!(ask("ann", "/prediction")["status"], 2);
}

#[test]
fn models_of_no_user_have_an_empty_one() {
    let server = isolated();
    train(&server, "ann", "/training", false);
    let folders = fs::read_dir(server.data_dir()).unwrap().map(|entry| entry.unwrap().path());
    let folder = folders.into_iter().find(|path| path.join("d").is_dir()).expect("a model");
    fs::rename(folder, server.data_dir().join("old_m")).unwrap();
    assert_eq!(seen(&server, "root", ""), [(json!(""), json!("old_m"))]);
    assert_eq!(seen(&server, "root", "?user="), [(json!(""), json!("old_m"))]);
    assert_eq!(seen(&server, "ann", ""), []);
    assert_eq!(get(&server, "root", "/models/old_m/d?user=").json()["model"]["user"], "");
}

#[rstest]
#[case(
    "MOODLE_MLBACKEND_ADMINS",
    "root,ghost",
    "MOODLE_MLBACKEND_ADMINS names \"ghost\", which is not a user"
)]
#[case("MOODLE_MLBACKEND_VIEWERS", "Eve", "MOODLE_MLBACKEND_VIEWERS names \"Eve\", which is not a user")]
#[case(
    "MOODLE_MLBACKEND_VIEWERS",
    "root",
    "MOODLE_MLBACKEND_ADMINS and MOODLE_MLBACKEND_VIEWERS both name \"root\""
)]
fn a_role_of_no_user_stops_the_start(#[case] variable: &str, #[case] names: &str, #[case] problem: &str) {
    let ended = shared().env(variable, names).fail();
    assert_eq!(ended.code, Some(1));
    assert!(ended.stderr.contains(problem), "{}", ended.stderr);
}

#[test]
fn roles_change_after_sighup_and_invalid_ones_do_not() {
    let launch = Launch::new().env("MOODLE_MLBACKEND_PYTHON_USERS", USERS);
    let (path, config) = (launch.path("config.toml"), launch.path("config.toml"));
    let write = |text: &str| {
        #[allow(clippy::disallowed_methods, reason = "an administrator edits it")]
        fs::write(&path, text).unwrap();
    };
    write("");
    let server = launch.env("MOODLE_MLBACKEND_CONFIG", config.to_str().unwrap()).start();
    let status = || get(&server, "bob", "/export?uniqueid=m&dirhash=d").status;
    assert_eq!(status(), 503);
    write("viewers = [\"bob\"]\n");
    server.signal("HUP");
    until("the role is in force", || status() == 403);
    write("viewers = [\"ghost\"]\n");
    server.signal("HUP");
    until("the change is refused", || server.log().contains("names \"ghost\", which is not a user"));
    assert_eq!(status(), 403);
}
