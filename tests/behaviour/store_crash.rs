//! The store when its process is killed, and when the disk is full.

use std::fs::File;
use std::io::{BufRead, BufReader, ErrorKind, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use moodle_mlbackend::store::{DirHash, ModelDir, ModelId, NewGeneration, Store};
use serde_json::json;

use crate::common::skip;

/// The variable with the data directory for a test that runs in another process.
const DIRECTORY: &str = "STORE_CRASH_DIRECTORY";

fn model_dir(store: &Store) -> ModelDir {
    store.model(&ModelId::new("model").unwrap(), &DirHash::new("dirhash", "hash").unwrap())
}

fn content(number: u64) -> Vec<u8> {
    number.to_string().repeat(20_000).into_bytes()
}

fn publish_next(model_dir: &ModelDir) -> Result<u64, moodle_mlbackend::store::StoreError> {
    let lock = model_dir.lock()?;
    let number = model_dir.current()?.map_or(0, |current| current.facts()["number"].as_u64().unwrap()) + 1;
    let (bytes, facts) = (content(number), json!({ "number": number }));
    model_dir.publish(&lock, &NewGeneration { model: &bytes, samples: Some(&bytes), facts: &facts })?;
    Ok(number)
}

/// Verifies all parts of the current generation and returns its number, or 0 if there is none.
fn verified_number(model_dir: &ModelDir) -> u64 {
    let Some(current) = model_dir.current().unwrap() else { return 0 };
    let number = current.facts()["number"].as_u64().unwrap();
    assert_eq!(current.model().unwrap(), content(number));
    assert_eq!(current.samples().unwrap().unwrap(), content(number));
    number
}

fn assert_nothing_incomplete(dir: &Path) {
    let sessions: Vec<_> = dir.join(".mlbackend/sessions").read_dir().unwrap().flatten().collect();
    assert_eq!(sessions.len(), 1, "only the session of this process");
    assert_eq!(sessions[0].path().read_dir().unwrap().count(), 1, "only its lock");
    assert_eq!(dir.join(".mlbackend/locks").read_dir().map_or(0, Iterator::count), 0);
}

#[test]
#[ignore = "runs in a process that the test below kills"]
fn publishing_process() {
    let Some(dir) = std::env::var_os(DIRECTORY) else { return };
    let model_dir = model_dir(&Store::open(Path::new(&dir)).unwrap());
    loop {
        println!("published {}", publish_next(&model_dir).unwrap());
        model_dir.begin_run().unwrap().publish().unwrap();
    }
}

fn start_publishing(dir: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "store_crash::publishing_process", "--ignored", "--nocapture"])
        .env(DIRECTORY, dir)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

#[test]
fn a_process_killed_at_any_moment_leaves_the_old_or_the_new_generation_intact() {
    let dir = tempfile::tempdir().unwrap();
    for round in 0..40u64 {
        let mut process = start_publishing(dir.path());
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        // It publishes from its first line on.
        let published = |line: String| line.rsplit_once("published ").map(|(_, n)| n.parse::<u64>().unwrap());
        let mut last = lines.find_map(|line| published(line.unwrap())).unwrap();
        thread::sleep(Duration::from_micros(round * 1_370 % 20_000));
        process.kill().unwrap();
        process.wait().unwrap();
        last = lines.map_while(Result::ok).filter_map(published).last().unwrap_or(last);

        let store = Store::open(dir.path()).unwrap();
        assert_nothing_incomplete(dir.path());
        let found = verified_number(&model_dir(&store));
        assert!(found == last || found == last + 1, "reported {last}, found {found}");
        assert_eq!(publish_next(&model_dir(&store)).unwrap(), found + 1);
    }
}

/// The file size limit of [`process_with_file_size_limit`], in blocks of 512 bytes.
const MAX_FILE_SIZE: &str = "64";

#[test]
#[ignore = "runs in a process that the test below starts"]
fn process_with_file_size_limit() {
    let Some(dir) = std::env::var_os(DIRECTORY) else { return };
    let model_dir = model_dir(&Store::open(Path::new(&dir)).unwrap());
    // The first fits (20,000 bytes), the hundredth does not.
    let error = (0..100).find_map(|_| publish_next(&model_dir).err()).unwrap();
    assert!(error.is_no_space(), "{error}");
    assert!(verified_number(&model_dir) > 0);
}

#[test]
fn a_file_that_becomes_too_long_is_a_lack_of_space_and_keeps_the_old_generation() {
    let dir = tempfile::tempdir().unwrap();
    // The signal would end the process; a server ignores it and gets the error.
    let limited = format!("trap '' XFSZ; ulimit -f {MAX_FILE_SIZE}; exec \"$@\"");
    let status = Command::new("sh")
        .args(["-c", &limited, "sh"])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "store_crash::process_with_file_size_limit", "--ignored"])
        .env(DIRECTORY, dir.path())
        .stdout(Stdio::null())
        .status()
        .unwrap();
    assert!(status.success());
    let store = Store::open(dir.path()).unwrap();
    assert_nothing_incomplete(dir.path());
    assert_eq!(verified_number(&model_dir(&store)), 9, "one digit fits, two do not");
}

#[test]
#[ignore = "runs in a process that the test below starts"]
fn process_with_a_small_disk() {
    let Some(dir) = std::env::var_os(DIRECTORY) else { return };
    let dir = Path::new(&dir);
    let store = Store::open(dir).unwrap();
    let model_dir = model_dir(&store);
    let before = publish_next(&model_dir).unwrap();
    let full = fill(&dir.join("filler"));
    assert_eq!(full.kind(), ErrorKind::StorageFull);

    let error = publish_next(&model_dir).unwrap_err();
    assert!(error.is_no_space(), "{error}");
    assert_eq!(verified_number(&model_dir), before);
    assert_nothing_incomplete(dir);

    store.delete(&ModelId::new("model").unwrap()).unwrap();
    assert_eq!(verified_number(&model_dir), 0, "a deletion works on a full disk");
    assert_eq!(publish_next(&model_dir).unwrap(), 1, "the deletion has freed space");
}

/// Writes until the disk is full; returns the error.
fn fill(path: &Path) -> std::io::Error {
    let mut filler = File::options().write(true).create_new(true).open(path).unwrap();
    loop {
        if let Err(error) = filler.write_all(&[0; 512]) {
            return error;
        }
    }
}

#[test]
fn a_full_disk_keeps_the_old_generation_and_can_be_deleted_from() {
    let dir = tempfile::tempdir().unwrap();
    // A tmpfs in a mount namespace, which ends with the process.
    let own_disk = "mount -t tmpfs -o size=256k none \"$0\" && touch \"$0/mounted\" || exit 99; exec \"$@\"";
    let output = Command::new("unshare")
        .args(["--user", "--map-root-user", "--mount", "sh", "-c", own_disk])
        .arg(dir.path())
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "store_crash::process_with_a_small_disk", "--ignored"])
        .env(DIRECTORY, dir.path())
        .output();
    match output.as_ref().map(|output| output.status.code()) {
        // unshare exits with 1 without permission: nothing was mounted and no test ran.
        Err(_) | Ok(Some(1 | 99)) => {
            let test = "a_full_disk_keeps_the_old_generation_and_can_be_deleted_from";
            skip(test, "this user may not mount a small disk");
        }
        Ok(_) => {
            let text = String::from_utf8(output.unwrap().stdout).unwrap();
            assert!(text.contains("1 passed"), "{text}");
        }
    }
}
