//! Processes that are killed while they publish, and disks that are full.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use moodle_mlbackend::store::{DirHash, ModelHome, ModelId, NewGeneration, Store};
use serde_json::json;

/// Names the data directory for a test that plays another process.
const DIRECTORY: &str = "STORE_CRASH_DIRECTORY";

fn home(store: &Store) -> ModelHome {
    store.model(&ModelId::new("model").unwrap(), &DirHash::new("dirhash", "hash").unwrap())
}

fn content(number: u64) -> Vec<u8> {
    number.to_string().repeat(20_000).into_bytes()
}

fn publish_next(home: &ModelHome) -> Result<u64, moodle_mlbackend::store::StoreError> {
    let lock = home.lock()?;
    let number = home.current()?.map_or(0, |current| current.facts()["number"].as_u64().unwrap()) + 1;
    let (bytes, facts) = (content(number), json!({ "number": number }));
    home.publish(&lock, &NewGeneration { model: &bytes, samples: Some(&bytes), facts: &facts })?;
    Ok(number)
}

/// The number of the current generation, once all its parts have been compared.
fn whole(home: &ModelHome) -> u64 {
    let Some(current) = home.current().unwrap() else { return 0 };
    let number = current.facts()["number"].as_u64().unwrap();
    assert_eq!(current.model().unwrap(), content(number));
    assert_eq!(current.samples().unwrap().unwrap(), content(number));
    number
}

fn nothing_half_made_is_left(dir: &Path) {
    let sessions = dir.join(".mlbackend/sessions");
    let others = sessions.read_dir().unwrap().count();
    assert_eq!(others, 1, "only the session of this process");
    let session = sessions.read_dir().unwrap().next().unwrap().unwrap().path();
    assert_eq!(session.read_dir().unwrap().count(), 1, "only its lock");
    assert_eq!(dir.join(".mlbackend/locks").read_dir().map_or(0, Iterator::count), 0);
}

#[test]
#[ignore = "played by a process that the test below kills"]
fn as_the_victim() {
    let Some(dir) = std::env::var_os(DIRECTORY) else { return };
    let home = home(&Store::open(Path::new(&dir)).unwrap());
    loop {
        println!("published {}", publish_next(&home).unwrap());
        home.begin_run().unwrap().publish().unwrap();
    }
}

fn victim(dir: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "store_crash::as_the_victim", "--ignored", "--nocapture"])
        .env(DIRECTORY, dir)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

#[test]
fn a_process_killed_at_any_moment_leaves_the_old_or_the_new_generation_whole() {
    let dir = tempfile::tempdir().unwrap();
    for round in 0..40u64 {
        let mut victim = victim(dir.path());
        let mut lines = BufReader::new(victim.stdout.take().unwrap()).lines();
        // It is at work from its first line on; then any moment will do.
        let promised = |line: String| line.rsplit_once("published ").map(|(_, n)| n.parse::<u64>().unwrap());
        let mut last = lines.find_map(|line| promised(line.unwrap())).unwrap();
        thread::sleep(Duration::from_micros(round * 1_370 % 20_000));
        victim.kill().unwrap();
        victim.wait().unwrap();
        last = lines.map_while(Result::ok).filter_map(promised).last().unwrap_or(last);

        let store = Store::open(dir.path()).unwrap();
        nothing_half_made_is_left(dir.path());
        let found = whole(&home(&store));
        assert!(found == last || found == last + 1, "promised {last}, found {found}");
        assert_eq!(publish_next(&home(&store)).unwrap(), found + 1);
    }
}
