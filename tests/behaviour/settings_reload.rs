//! SIGHUP: the server reads the files of settings again, and serves all requests at the same time.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use rstest::rstest;

use crate::common::{Form, Launch, Output, Request, TestServer, labelled, long, repeat_during, tool, until};

const USERS: &str = "MOODLE_MLBACKEND_PYTHON_USERS";

/// Replaces a file in one step, as careful tools do.
#[allow(clippy::disallowed_methods, reason = "a file in a temporary directory")]
fn write(path: &Path, content: &str) {
    let new = path.with_extension("new");
    fs::write(&new, content).expect("written");
    fs::rename(new, path).expect("renamed");
}

/// A launch with its users and settings in files.
fn launch(users: &str, settings: &str) -> Launch {
    let launch = Launch::new().without(USERS);
    let (toml, file) = (launch.path("config.toml"), launch.path("users"));
    write(&file, users);
    write(&toml, &with_users(&file, settings));
    launch.arg("--config").arg(toml.to_str().expect("UTF-8"))
}

fn with_users(file: &Path, settings: &str) -> String {
    format!("users-file = \"{}\"\n{settings}", file.display())
}

/// Changes the file of settings, and returns the log lines about it.
fn reload(server: &TestServer, settings: &str) -> String {
    write(&server.path("config.toml"), &with_users(&server.path("users"), settings));
    hang_up(server)
}

/// Sends SIGHUP, and returns the log lines about it.
fn hang_up(server: &TestServer) -> String {
    let before = server.log().len();
    server.signal("HUP");
    let is_over = |log: &str| log.contains("settings reloaded") || log.contains("settings were not reloaded");
    let new = || server.log()[before..].to_owned();
    until("the settings are reloaded", || is_over(&new()));
    new()
}

fn status(server: &TestServer, user: &str, password: &str) -> u16 {
    // A right password only lacks the parameter uniqueid.
    server.send(&Request::new("GET", "/export").credentials(user, password)).status
}

/// A memory-hard hash would make each reload slow if verified passwords were forgotten.
#[test]
fn thousands_of_requests_lose_none_while_users_change_every_50_ms() {
    const CLIENTS: usize = 4;
    let requests = if long() { 2500 } else { 1000 };
    let argon = moodle_mlbackend::auth::argon2id_entry("a", "b").expect("an entry");
    let server = launch(&format!("{argon},other:pw-0\n"), "").start();
    assert_eq!(status(&server, "a", "b"), 500);
    let mut round = 0;
    let change = || {
        round += 1;
        write(&server.path("users"), &format!("{argon}\nother:pw-{round}\n"));
        server.signal("HUP");
        thread::sleep(Duration::from_millis(50));
    };
    let dataset = labelled(&["1,0,0.5,1", "0,1,0.25,0", "1,1,0.5,1", "0,0,0.75,0"]);
    let clients = || {
        thread::scope(|scope| {
            scope.spawn(|| {
                for id in ["m", "n", "o"] {
                    server.train(id, &dataset);
                }
            });
            for _ in 0..CLIENTS {
                scope.spawn(|| {
                    for _ in 0..requests {
                        server.get("/export").expect(500, "The requested key uniqueid is not available.");
                    }
                });
            }
        });
    };
    repeat_during(change, clients);
    println!("{} requests, {round} reloads", CLIENTS * requests);
    assert!(round > 10, "only {round} reloads");

    let started = Instant::now();
    write(&server.path("users"), &format!("{argon}\nother:pw-last\n"));
    server.signal("HUP");
    until("the new password is accepted", || status(&server, "other", "pw-last") == 500);
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    assert_eq!(status(&server, "other", &format!("pw-{round}")), 401);
    let log = server.log();
    assert!(!log.contains("not reloaded") && !log.contains("pw-"), "{log}");
}

#[test]
fn limits_and_the_version_change_at_once() {
    let server = launch("a:b\n", "").start();
    let dataset = labelled(&["1,0,0.5,1", "0,1,0.25,0", "1,1,0.5,1", "0,0,0.75,0"]);
    let train = || server.post("/training", &Form::model("m", "d").file("dataset", &dataset)).status;
    assert_eq!(train(), 200);
    let log = reload(&server, "max-rows = 3\nreported-version = \"3.2\"\n");
    assert!(log.contains("changed=\"reported-version, max-rows\""), "{log}");
    assert!(!log.contains("restart"), "{log}");
    server.get("/version").expect(200, "3.2");
    assert_eq!(train(), 400);
    reload(&server, "max-dataset-bytes = 100\n");
    server.get("/version").expect(200, "3.0.5");
    assert_eq!(train(), 413);
    assert!(reload(&server, "").contains("changed=\"max-dataset-bytes\""), "{}", server.log());
    assert_eq!(train(), 200);
    assert!(hang_up(&server).contains("changed=\"none\""), "{}", server.log());
}

#[test]
fn a_change_that_needs_a_restart_is_logged_by_name() {
    let server = launch("a:b\n", "jobs = 1\n").start();
    let log = reload(&server, "jobs = 2\nmodel-cache = \"1MiB\"\nmax-rows = 3\n");
    let warnings: Vec<&str> = log.lines().filter(|line| line.contains("WARN")).collect();
    assert_eq!(warnings.len(), 2, "{log}");
    for (warning, name) in warnings.iter().zip(["\"jobs\"", "\"model-cache\""]) {
        assert!(warning.contains(name) && warning.contains("needs a restart"), "{log}");
    }
    assert!(log.contains("changed=\"max-rows\""), "{log}");
    // It is logged again as long as it is not in force.
    assert!(hang_up(&server).contains("\"jobs\""), "{}", server.log());
    assert!(!reload(&server, "jobs = 1\n").contains("\"jobs\""), "{}", server.log());
}

#[rstest]
#[case::a_wrong_value(
    "max-rows = 0\n",
    "config.toml, line 2: max-rows: expected a whole number of at least 1"
)]
#[case::an_unknown_key("max-row = 5\n", "config.toml, line 2: \"max-row\" is not a setting")]
#[case::no_toml("max-rows: 5\n", "config.toml, line 2: ")]
#[case::a_missing_directory("stash-dir = \"/nowhere\"\n", "set to /nowhere (")]
fn a_wrong_file_changes_nothing_and_is_logged(#[case] settings: &str, #[case] problem: &str) {
    let server = launch("a:b\n", "max-columns = 50\n").start();
    write(&server.path("users"), "a:changed\n");
    let log = reload(&server, settings);
    let errors: Vec<&str> = log.lines().filter(|line| line.contains("ERROR")).collect();
    assert_eq!(errors.len(), 1, "{log}");
    assert!(errors[0].contains("the previous ones stay in force") && errors[0].contains(problem), "{log}");
    assert_eq!([status(&server, "a", "b"), status(&server, "a", "changed")], [500, 401]);
}

#[rstest]
#[case::an_empty_file("", "the file is empty")]
#[case::no_colon("open-sesame\n", "entry 1: it has no colon")]
fn wrong_users_change_nothing(#[case] users: &str, #[case] problem: &str) {
    let server = launch("a:b\n", "").start();
    write(&server.path("users"), users);
    let log = hang_up(&server);
    assert!(log.contains("were not reloaded") && log.contains(problem), "{log}");
    assert!(!log.contains("sesame"), "{log}");
    assert_eq!(status(&server, "a", "b"), 500);
    fs::remove_file(server.path("users")).expect("removed");
    assert!(hang_up(&server).contains("the file cannot be read"), "{}", server.log());
    assert_eq!(status(&server, "a", "b"), 500);
}

/// Opening a pipe waits for its writer, and a server that waits reloads nothing more and does not end.
#[test]
fn a_pipe_without_a_writer_does_not_block_the_server() {
    let test = "a_pipe_without_a_writer_does_not_block_the_server";
    let Some(mkfifo) = tool(test, "mkfifo") else { return };
    let server = launch("ann:pw", "").start();
    fs::remove_file(server.path("users")).expect("removed");
    Output::of(Command::new(mkfifo).arg(server.path("users"))).expect_code(0);
    assert!(hang_up(&server).contains("the file is empty"), "{}", server.log());
    assert_eq!(status(&server, "ann", "pw"), 500);
    fs::remove_file(server.path("users")).expect("removed");
    write(&server.path("users"), "bob:pw");
    hang_up(&server);
    assert_eq!([status(&server, "ann", "pw"), status(&server, "bob", "pw")], [401, 500]);
    server.signal("TERM");
    assert_eq!(server.ended().0, Some(0));
}

#[test]
fn a_well_known_password_is_refused_when_other_machines_can_reach_the_server() {
    let server = launch("ann:a-good-password\n", "world-visible = true\n").start();
    write(&server.path("users"), "ann:secret\n");
    // Listening on this machine only would need a restart.
    let log = reload(&server, "");
    assert!(log.contains("were not reloaded") && log.contains("well-known password"), "{log}");
    assert_eq!([status(&server, "ann", "a-good-password"), status(&server, "ann", "secret")], [500, 401]);
}

#[test]
fn flags_and_variables_keep_their_precedence() {
    let server =
        launch("a:b\n", "").env(USERS, "a:of-the-variable").arg("--reported-version").arg("3.1").start();
    write(&server.path("users"), "a:of-the-file\n");
    assert!(reload(&server, "reported-version = \"3.2\"\n").contains("changed=\"none\""), "{}", server.log());
    server.get("/version").expect(200, "3.1");
    assert_eq!([status(&server, "a", "of-the-variable"), status(&server, "a", "of-the-file")], [500, 401]);
}

#[test]
fn many_signals_do_not_end_the_server() {
    let server = TestServer::start();
    for _ in 0..20 {
        server.signal("HUP");
    }
    assert_eq!(server.terminate().0, Some(0));
}
