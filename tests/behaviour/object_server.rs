//! What the store needs of an object store, checked with a real server: conditional puts, and data that survive its end.
//!
//! Must not know the program: these tests show that the server of the other tests is a fair one.

use std::sync::Barrier;
use std::thread;
use std::time::Duration;

use object_store::Error;

use crate::common::{ObjectClient, ObjectServer};

const WRITERS: usize = 16;

/// Lets all clients write at the same time; the one that has succeeded, with its result.
fn race(
    clients: &[ObjectClient],
    write: impl Fn(usize, &ObjectClient) -> Result<String, Error> + Sync,
) -> (usize, String) {
    let start = Barrier::new(clients.len());
    let one = |number: usize| {
        start.wait();
        write(number, &clients[number])
    };
    let results: Vec<Result<String, Error>> = thread::scope(|scope| {
        let one = &one;
        let writers: Vec<_> = (0..clients.len()).map(|number| scope.spawn(move || one(number))).collect();
        writers.into_iter().map(|writer| writer.join().unwrap()).collect()
    });
    let mut winners =
        results.iter().enumerate().filter_map(|(number, result)| Some((number, result.as_ref().ok()?)));
    let (Some((winner, tag)), None) = (winners.next(), winners.next()) else { panic!("{results:?}") };
    for error in results.iter().filter_map(|result| result.as_ref().err()) {
        assert!(matches!(error, Error::AlreadyExists { .. } | Error::Precondition { .. }), "{error:?}");
    }
    (winner, tag.clone())
}

#[test]
fn of_sixteen_writers_that_create_the_same_object_one_wins() {
    let Some(server) = ObjectServer::shared("of_sixteen_writers_that_create_the_same_object_one_wins") else {
        return;
    };
    let bucket = server.bucket();
    let clients: Vec<ObjectClient> = (0..WRITERS).map(|_| server.client(&bucket)).collect();
    for round in 0..8 {
        let key = format!("round/{round}");
        let content = |number: usize| format!("writer {number}").into_bytes();
        let (winner, _) = race(&clients, |number, client| client.create(&key, content(number)));
        assert_eq!(clients[0].get(&key).unwrap(), Some(content(winner)));
    }
}

#[test]
fn of_sixteen_writers_that_replace_the_same_version_one_wins() {
    let Some(server) = ObjectServer::shared("of_sixteen_writers_that_replace_the_same_version_one_wins")
    else {
        return;
    };
    let bucket = server.bucket();
    let clients: Vec<ObjectClient> = (0..WRITERS).map(|_| server.client(&bucket)).collect();
    let mut tag = clients[0].create("pointer", b"first".to_vec()).unwrap();
    for round in 0..8 {
        // An ETag is a digest of the content, which no two writes may share.
        let content = |number: usize| format!("round {round}, writer {number}").into_bytes();
        let (winner, new) = race(&clients, |number, client| client.replace("pointer", content(number), &tag));
        assert_eq!(clients[0].get("pointer").unwrap(), Some(content(winner)));
        tag = new;
    }
}

#[test]
fn an_object_is_replaced_only_by_a_writer_that_knows_its_version() {
    let Some(server) = ObjectServer::shared("an_object_is_replaced_only_by_a_writer_that_knows_its_version")
    else {
        return;
    };
    let client = server.client(&server.bucket());
    let first = client.create("pointer", b"first".to_vec()).unwrap();
    let second = client.replace("pointer", b"second".to_vec(), &first).unwrap();
    let late = client.replace("pointer", b"late".to_vec(), &first);
    assert!(matches!(late, Err(Error::Precondition { .. })), "{late:?}");
    assert_eq!(client.get("pointer").unwrap(), Some(b"second".to_vec()));
    client.replace("pointer", b"third".to_vec(), &second).unwrap();
    assert_eq!(client.keys().unwrap(), ["pointer"]);
}

#[test]
fn objects_survive_the_end_of_the_server_and_a_pause_is_a_timeout() {
    let test = "objects_survive_the_end_of_the_server_and_a_pause_is_a_timeout";
    let Some(server) = ObjectServer::own(test) else { return };
    let bucket = server.bucket();
    let client = server.client(&bucket);
    let large = vec![7; 3 << 20];
    client.put("small", b"x".to_vec()).unwrap();
    client.put("large", large.clone()).unwrap();

    server.kill();
    assert!(client.get("small").is_err());
    server.start_again();
    assert_eq!(client.get("small").unwrap(), Some(b"x".to_vec()));
    assert_eq!(client.get("large").unwrap(), Some(large));

    server.pause();
    let impatient = ObjectClient::with_timeout(&server.url(), &bucket, Duration::from_millis(200));
    assert!(impatient.get("small").is_err());
    server.resume();
    assert_eq!(client.get("small").unwrap(), Some(b"x".to_vec()));
}
