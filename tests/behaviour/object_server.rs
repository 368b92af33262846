//! What the store needs of an object store, checked with a real server: conditional puts, and data that survive its end.
//!
//! Must not know the program: these tests show that the server of the other tests is a fair one.

use std::sync::Barrier;
use std::thread;
use std::time::Duration;

use object_store::Error;

use crate::common::{ObjectClient, ObjectServer};

const WRITERS: usize = 16;

#[test]
fn of_sixteen_writers_that_create_the_same_object_one_wins() {
    let Some(server) = ObjectServer::shared("of_sixteen_writers_that_create_the_same_object_one_wins") else {
        return;
    };
    let bucket = server.bucket();
    let clients: Vec<ObjectClient> = (0..WRITERS).map(|_| server.client(&bucket)).collect();
    for round in 0..8 {
        let key = format!("round/{round}");
        let start = Barrier::new(WRITERS);
        let results: Vec<_> = thread::scope(|scope| {
            let (start, key) = (&start, &key);
            let writers: Vec<_> = clients
                .iter()
                .enumerate()
                .map(|(number, client)| {
                    scope.spawn(move || {
                        start.wait();
                        client.create(key, vec![number as u8; 100])
                    })
                })
                .collect();
            writers.into_iter().map(|writer| writer.join().unwrap()).collect()
        });
        let winners: Vec<usize> = (0..WRITERS).filter(|&number| results[number].is_ok()).collect();
        assert_eq!(winners.len(), 1, "{results:?}");
        for result in results.iter().flat_map(|result| result.as_ref().err()) {
            assert!(matches!(result, Error::AlreadyExists { .. }), "{result:?}");
        }
        assert_eq!(clients[0].get(&key).unwrap(), Some(vec![winners[0] as u8; 100]));
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
        let start = Barrier::new(WRITERS);
        let results: Vec<_> = thread::scope(|scope| {
            let (start, tag) = (&start, &tag);
            let writers: Vec<_> = clients
                .iter()
                .enumerate()
                .map(|(number, client)| {
                    scope.spawn(move || {
                        start.wait();
                        client.replace("pointer", format!("{round} {number}").into_bytes(), tag)
                    })
                })
                .collect();
            writers.into_iter().map(|writer| writer.join().unwrap()).collect()
        });
        let winners: Vec<usize> = (0..WRITERS).filter(|&number| results[number].is_ok()).collect();
        assert_eq!(winners.len(), 1, "{results:?}");
        let content = format!("{round} {}", winners[0]).into_bytes();
        assert_eq!(clients[0].get("pointer").unwrap(), Some(content));
        tag = results[winners[0]].as_ref().unwrap().clone();
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
