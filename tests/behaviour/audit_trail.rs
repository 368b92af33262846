//! The audit trail: each operation has its lines, in order, and no other process, crash or full disk makes them wrong.
#![allow(clippy::disallowed_methods, reason = "these tests damage files on purpose")]

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::thread;

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::common::{
    Form, Launch, Reply, Request, TestServer, inject_fault, run_on, separable, start_and_prune, trail,
    trail_dir, trail_of_today, trail_text, unlabelled, until,
};

fn samples() -> Vec<u8> {
    unlabelled(&["1-0,1,3,-1", "2-0,1,2,0.5"])
}

fn train(server: &TestServer, dataset: &[u8]) -> Reply {
    server.post("/training", &Form::model("m", "d").file("dataset", dataset))
}

fn delete(server: &TestServer) -> Reply {
    server.post("/deletemodel", &Form::new().field("uniqueid", "m"))
}

/// The event, operation and result of each line.
fn summary(lines: &[Value]) -> Vec<String> {
    let text = |line: &Value, key| line[key].as_str().unwrap_or("-").to_owned();
    lines.iter().map(|line| ["event", "operation", "result"].map(|key| text(line, key)).join(" ")).collect()
}

#[test]
fn each_operation_has_its_lines_in_order() {
    let server = TestServer::start();
    let (dataset, data) = (separable(40, false), server.data_dir());
    let mut ids = Vec::new();
    let mut id_of = |reply: Reply| {
        let id = reply.header("x-request-id").expect("an id").to_owned();
        ids.extend([id.clone(), id]);
        reply
    };
    id_of(train(&server, &dataset));
    let form = Form::model("m", "e").evaluation(2).file("dataset", &dataset);
    let run = id_of(server.post("/evaluation", &form)).json()["runid"].clone();
    let archive = server.export("m");
    server.predictions("m", &samples());
    id_of(server.import("m", &archive)).expect(200, "Ok");
    id_of(delete(&server)).expect(200, "Ok");

    let lines = trail(&data);
    let expected = [
        "began training -",
        "ended training ok",
        "began evaluation -",
        "ended evaluation ok",
        "done export ok",
        "done prediction ok",
        "began import -",
        "ended import ok",
        "began deletion -",
        "ended deletion ok",
    ];
    assert_eq!(summary(&lines), expected);
    let changes: Vec<&Value> = lines.iter().filter(|line| line["event"] != "done").collect();
    assert_eq!(changes.iter().map(|line| line["request"].as_str().unwrap()).collect::<Vec<_>>(), ids);
    for pair in changes.chunks(2) {
        assert_eq!(pair[0]["id"], pair[1]["id"]);
    }
    for (line, next) in lines.iter().zip(&lines[1..]) {
        assert!(line["time"].as_str() <= next["time"].as_str(), "{line} {next}");
    }
    for line in &lines {
        assert_eq!(
            (&line["user"], &line["address"], &line["uniqueid"]),
            (&json!("a"), &json!("127.0.0.1"), &json!("m"))
        );
    }
    let sha256 = |bytes: &[u8]| json!(hex::encode(Sha256::digest(bytes)));
    for line in &lines[..4] {
        assert_eq!((&line["sha256"], &line["bytes"]), (&sha256(&dataset), &json!(dataset.len())));
    }
    assert_eq!(
        (&lines[1]["samples"], &lines[1]["generation"], &lines[1]["dirhash"]),
        (&json!(40), &json!(1), &json!("d"))
    );
    assert_eq!(
        (&lines[3]["samples"], &lines[3]["run"], &lines[3]["dirhash"]),
        (&json!(40), &run, &json!("e"))
    );
    assert_eq!((&lines[5]["samples"], &lines[5]["sha256"]), (&json!(2), &sha256(&samples())));
    assert_eq!((&lines[7]["generation"], &lines[7]["sha256"]), (&json!(2), &sha256(&archive)));
    assert_eq!(lines[9]["dirhash"], Value::Null, "a deletion concerns all models of the id");
}

#[test]
fn refusals_and_results_that_are_none_are_recorded() {
    let server = TestServer::start();
    train(&server, b"nonsense");
    train(&server, &separable(1, false));
    server.get("/export?uniqueid=m&dirhash=d");
    server.predict("m", &samples());
    server.import("m", b"no zip");
    // Not with a wrong password.
    server.send(&Request::new("GET", "/export?uniqueid=m&dirhash=d").credentials("a", "x"));
    // Nothing begins without a model.
    server.post("/training", &Form::new().file("dataset", b""));

    let lines = trail(&server.data_dir());
    let expected = [
        "began training -",
        "ended training refused",
        "began training -",
        "ended training no-result",
        "done export no-result",
        "done prediction no-result",
        "began import -",
        "ended import refused",
    ];
    assert_eq!(summary(&lines), expected);
    assert_eq!((&lines[1]["status"], &lines[1]["reason"]), (&json!(400), &json!("bad input")));
}

#[test]
fn the_files_are_private_and_outlast_the_models() {
    let server = TestServer::start();
    server.train("m", &separable(40, false));
    delete(&server).expect(200, "Ok");
    let (dir, file) = (trail_dir(&server.data_dir()), trail_of_today(&server.data_dir()));
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&dir), mode(&file)), (0o700, 0o600));
    assert_eq!(trail(&server.data_dir()).len(), 4);
}

#[test]
fn hostile_names_stay_inside_of_their_line() {
    let server = Launch::new().env("MOODLE_MLBACKEND_PYTHON_USERS", "x\"}\\a:b").start();
    let id = "m\n{\"event\":\"done\"}../../x";
    let form = Form::model(id, "d\r\n").file("dataset", &separable(40, false));
    let request = Request::new("POST", "/training").credentials("x\"}\\a", "b").form(&form);
    let reply = server.send(&request.header("X-Request-Id", "y"));
    assert_eq!(reply.json()["status"], 0, "{}", reply.text());
    let lines = trail(&server.data_dir());
    assert_eq!(summary(&lines), ["began training -", "ended training ok"]);
    assert_eq!((&lines[0]["user"], &lines[0]["uniqueid"]), (&json!("x\"}\\a"), &json!("meventdonex")));
    let shown = run_on(&server.data_dir(), "audit", &[]).expect_code(0);
    assert!(shown.contains("meventdonex/d"), "{shown}");
}

/// Holds a training before its publication and runs `action` during it.
#[cfg(debug_assertions)]
fn during_a_training(server: &TestServer, action: impl FnOnce()) -> Option<Reply> {
    server.hold("make a file");
    let form = Form::model("m", "d").file("dataset", &separable(40, false));
    let request = Request::new("POST", "/training").credentials("a", "b").form(&form).bytes();
    thread::scope(|scope| {
        let training = scope.spawn(|| server.try_raw(&request));
        server.wait_until_held();
        action();
        training.join().expect("no panic")
    })
}

#[test]
#[cfg(debug_assertions)]
fn an_operation_that_a_crash_interrupted_is_reported_once_at_the_next_start() {
    let server = start_and_prune(Launch::new().with_faults());
    let began = |server: &TestServer| trail(&server.data_dir())[0].clone();
    let mut first = Value::Null;
    let reply = during_a_training(&server, || {
        first = began(&server);
        server.signal("KILL");
    });
    assert!(reply.is_none(), "it was answered");
    let dir = server.kill();
    assert_eq!(summary(&trail(&dir.path().join("data"))), ["began training -"]);

    let server = start_and_prune(Launch::again(dir));
    until("it is reported", || trail(&server.data_dir()).len() == 2);
    let lines = trail(&server.data_dir());
    assert_eq!(summary(&lines), ["began training -", "interrupted training interrupted"]);
    for key in ["id", "request", "user", "uniqueid", "sha256"] {
        assert_eq!(lines[1][key], first[key]);
    }
    let log = server.log();
    let request = first["request"].as_str().unwrap();
    assert!(log.lines().any(|line| line.contains("was interrupted") && line.contains(request)), "{log}");
    let server = start_and_prune(Launch::again(server.terminate().1));
    server.train("m", &separable(40, false));
    assert_eq!(
        summary(&trail(&server.data_dir()))[1..],
        ["interrupted training interrupted", "began training -", "ended training ok"]
    );
}

#[test]
#[cfg(debug_assertions)]
fn another_process_does_not_report_an_operation_that_runs() {
    let server = start_and_prune(Launch::new().with_faults());
    let data = server.data_dir();
    let reply = during_a_training(&server, || {
        let other = Launch::new().env("MOODLE_MLBACKEND_PYTHON_DIR", data.to_str().unwrap());
        let other = start_and_prune(other);
        other.train("other", &separable(40, false));
        other.terminate();
        server.release();
    });
    assert_eq!(reply.expect("a reply").json()["status"], 0);
    let lines = summary(&trail(&data));
    assert_eq!(lines, ["began training -", "began training -", "ended training ok", "ended training ok"]);
}

#[test]
#[cfg(debug_assertions)]
fn a_job_that_the_end_of_the_server_discards_is_recorded_as_interrupted() {
    let server = start_and_prune(Launch::new().env("MOODLE_MLBACKEND_STOP_SECONDS", "0").with_faults());
    let data = server.data_dir();
    during_a_training(&server, || {
        server.signal("TERM");
        until("the end is recorded", || trail(&data).len() == 2);
    });
    assert_eq!(summary(&trail(&data)), ["began training -", "interrupted training interrupted"]);
    let (_, dir) = server.ended();
    assert_eq!(fs::read_dir(trail_dir(&dir.path().join("data")).join("processes")).unwrap().count(), 0);
}

#[test]
fn lines_of_several_processes_do_not_mix() {
    const REQUESTS: usize = 40;
    let one = TestServer::start();
    one.train("m", &separable(40, false));
    let other = Launch::new().env("MOODLE_MLBACKEND_PYTHON_DIR", one.data_dir().to_str().unwrap()).start();
    thread::scope(|scope| {
        for server in [&one, &one, &other, &other] {
            scope.spawn(|| (0..REQUESTS).for_each(|_| drop(server.predictions("m", &samples()))));
        }
    });
    let lines = trail(&one.data_dir());
    assert_eq!(lines.iter().filter(|line| line["operation"] == "prediction").count(), 4 * REQUESTS);
}

#[test]
#[cfg(debug_assertions)]
fn a_change_that_cannot_be_recorded_is_refused_before_it_begins() {
    let server = start_and_prune(Launch::new().with_faults());
    server.train("m", &separable(40, false));
    let mut statuses = Vec::new();
    // Each step of the first line and of the deletion; the last line is not needed.
    for (step, error) in (0..30).zip([28, 5].into_iter().cycle()) {
        inject_fault(&server, &format!("{error} {step}"));
        let reply = delete(&server);
        let fired = crate::common::fired_failpoint(&server.orders()).unwrap_or_default();
        if fired.contains("audit trail") && reply.status != 200 {
            statuses.push((error, reply.status));
            server.predictions("m", &samples());
        }
        if reply.status == 200 {
            break;
        }
    }
    assert!(statuses.contains(&(28, 507)) || statuses.contains(&(5, 500)), "{statuses:?}");
    assert!(statuses.iter().all(|status| [(28, 507), (5, 500)].contains(status)), "{statuses:?}");
}

#[test]
fn without_a_trail_nothing_changes_and_predictions_are_answered() {
    let server = TestServer::start();
    server.train("m", &separable(40, false));
    let before = server.predictions("m", &samples());
    let file = trail_of_today(&server.data_dir());
    fs::remove_file(&file).unwrap();
    fs::create_dir(&file).unwrap();
    for reply in [delete(&server), train(&server, &separable(60, true)), server.import("m", b"x")] {
        assert_eq!(reply.status, 500, "{}", reply.text());
        assert!(!reply.text().contains("audit"), "{}", reply.text());
    }
    assert_eq!(server.predictions("m", &samples()), before);
    server.export("m");
    let log = server.log();
    assert!(log.contains("a line of the audit trail could not be written"), "{log}");
    fs::remove_dir(&file).unwrap();
    delete(&server).expect(200, "Ok");
    assert_eq!(summary(&trail(&server.data_dir())), ["began deletion -", "ended deletion ok"]);
}

#[test]
fn a_link_is_not_followed() {
    let server = TestServer::start();
    let outside = server.path("outside");
    fs::write(&outside, "").unwrap();
    let file = trail_of_today(&server.data_dir());
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::os::unix::fs::symlink(&outside, &file).unwrap();
    assert_eq!(train(&server, &separable(40, false)).status, 500);
    assert_eq!(fs::read_to_string(outside).unwrap(), "");
}

#[test]
fn an_incomplete_line_is_reported_and_spoils_no_other() {
    let server = TestServer::start();
    server.train("m", &separable(40, false));
    let file = trail_of_today(&server.data_dir());
    OpenOptions::new().append(true).open(&file).unwrap().write_all(b"{\"time\":\"20").unwrap();
    delete(&server).expect(200, "Ok");
    let data = server.data_dir();
    assert_eq!(trail_text(&data).lines().count(), 5);
    let shown = run_on(&data, "audit", &[]);
    let name = file.file_name().unwrap().to_str().unwrap();
    assert!(shown.stderr.contains(&format!("{name}: line 3 is damaged")), "{}", shown.stderr);
    assert!(shown.stdout.contains("2 operations."), "{}", shown.stdout);
    let checked = run_on(&data, "check", &[]).expect_code(0);
    assert!(checked.contains("line 3 is damaged"), "{checked}");
}

#[test]
fn lines_are_removed_after_the_days_of_the_setting() {
    let days = |server: &TestServer| {
        let entries = fs::read_dir(trail_dir(&server.data_dir())).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = names.filter(|name| name != "processes").collect();
        names.sort();
        names
    };
    let launch = Launch::new().env("MOODLE_MLBACKEND_KEEP_AUDIT_DAYS", "0");
    let dir = trail_dir(&launch.dir().join("data"));
    fs::create_dir_all(&dir).unwrap();
    fs::write(dir.join("2020-02-29.jsonl"), "").unwrap();
    let recent = jiff::Timestamp::now().strftime("%Y-%m-%d.jsonl").to_string();
    fs::write(dir.join(&recent), "").unwrap();
    let server = start_and_prune(launch);
    assert_eq!(days(&server), ["2020-02-29.jsonl", &recent]);

    let shown = run_on(&server.data_dir(), "prune", &["--dry-run"]).expect_code(0);
    assert!(
        shown.contains("audit/2020-02-29.jsonl") && shown.contains("1 day of the audit trail"),
        "{shown}"
    );
    assert_eq!(days(&server).len(), 2);
    let server = start_and_prune(Launch::again(server.terminate().1));
    assert_eq!(days(&server), [recent]);
}

#[test]
fn a_rollback_and_a_download_of_samples_have_their_lines() {
    let server = Launch::new().env("MOODLE_MLBACKEND_ADMINS", "a").start();
    train(&server, &separable(40, false));
    train(&server, &separable(60, true));
    assert_eq!(server.post("/models/m/d/rollback", &Form::new()).status, 200);
    assert_eq!(server.post("/models/m/d/rollback?generation=9", &Form::new()).status, 409);
    assert_eq!(server.get("/models/m/d/samples").status, 200);
    let lines = trail(&server.data_dir());
    let lines = &lines[4..];
    let expected = [
        "began rollback -",
        "ended rollback ok",
        "began rollback -",
        "ended rollback refused",
        "done sample-download ok",
    ];
    assert_eq!(summary(lines), expected);
    assert_eq!((&lines[1]["generation"], &lines[1]["samples"]), (&json!(3), &json!(40)));
    assert_eq!((&lines[4]["uniqueid"], &lines[4]["samples"]), (&json!("m"), &json!(40)));
}
