//! The faults of the proxy between a client and an object store: what the client sees, and what the store has done.
//!
//! Must not know the program: these tests show that the faults of the other tests are what their names say.

use std::time::Duration;

use object_store::Error;
use rstest::rstest;

use crate::common::{Fault, FaultyProxy, ObjectClient, ObjectServer, Passed};

/// A bucket, reached directly and through a proxy.
struct Path {
    direct: ObjectClient,
    faulty: ObjectClient,
    proxy: FaultyProxy,
}

impl Path {
    fn new(test: &str) -> Option<Self> {
        let server = ObjectServer::shared(test)?;
        let (bucket, proxy) = (server.bucket(), FaultyProxy::before(server.port()));
        let faulty = ObjectClient::new(&proxy.url(), &bucket);
        Some(Self { direct: server.client(&bucket), faulty, proxy })
    }
}

#[rstest]
#[case::refused(Fault::Refuse, false, false)]
#[case::cut_request(Fault::CutRequest, false, false)]
#[case::lost_response(Fault::LoseResponse, true, false)]
#[case::cut_response(Fault::CutResponse, true, false)]
#[case::delayed(Fault::Delay(Duration::from_millis(50)), true, true)]
#[case::none(Fault::None, true, true)]
fn a_put_with_a_fault_is_stored_or_not_as_its_name_says(
    #[case] fault: Fault,
    #[case] is_stored: bool,
    #[case] is_confirmed: bool,
) {
    let Some(path) = Path::new("a_put_with_a_fault_is_stored_or_not_as_its_name_says") else { return };
    // On a connection that is kept.
    path.faulty.create("before", vec![1]).unwrap();
    path.proxy.next("PUT /", fault);
    let put = path.faulty.create("key", vec![2; 1_000]);
    assert_eq!(put.is_ok(), is_confirmed, "{put:?}");
    assert_eq!(path.direct.get("key").unwrap().is_some(), is_stored);
    // The fault was that of one request.
    path.faulty.create("after", vec![3]).unwrap();
    assert_eq!(path.faulty.get("after").unwrap(), Some(vec![3]));
}

#[test]
fn a_creation_that_is_sent_twice_is_refused_although_it_is_stored() {
    let Some(path) = Path::new("a_creation_that_is_sent_twice_is_refused_although_it_is_stored") else {
        return;
    };
    path.proxy.next("PUT /", Fault::SendTwice);
    let put = path.faulty.create("key", vec![2]);
    assert!(matches!(put, Err(Error::AlreadyExists { .. })), "{put:?}");
    assert_eq!(path.direct.get("key").unwrap(), Some(vec![2]));
    let passed = path.proxy.passed();
    let [Passed { request, fault: Fault::SendTwice, status: Some(412) }] = &passed[..] else {
        panic!("{passed:?}");
    };
    assert!(request.starts_with("PUT /bucket-") && request.ends_with("/key"), "{request}");
}

#[test]
fn while_connections_are_refused_no_request_arrives_and_afterwards_all_do() {
    let test = "while_connections_are_refused_no_request_arrives_and_afterwards_all_do";
    let Some(path) = Path::new(test) else { return };
    path.proxy.set(Fault::Refuse);
    for _ in 0..3 {
        assert!(path.faulty.put("key", vec![1]).is_err());
    }
    assert_eq!(path.direct.get("key").unwrap(), None);
    path.proxy.set(Fault::None);
    crate::common::until("the proxy listens", || path.faulty.put("key", vec![1]).is_ok());
    assert_eq!(path.direct.get("key").unwrap(), Some(vec![1]));
}

#[test]
fn the_same_seed_gives_the_same_faults() {
    let Some(path) = Path::new("the_same_seed_gives_the_same_faults") else { return };
    let faults = |seed: u64| {
        path.proxy.randomly(seed, 3);
        let before = path.proxy.passed().len();
        for number in 0..40 {
            let _ = path.faulty.put("key", vec![number]);
        }
        path.proxy.set(Fault::None);
        let passed = path.proxy.passed().split_off(before);
        passed.into_iter().map(|passed| passed.fault).collect::<Vec<_>>()
    };
    let first = faults(1);
    assert_eq!(first, faults(1));
    assert_ne!(first, faults(2));
    assert!(first.contains(&Fault::None) && first.contains(&Fault::LoseResponse), "{first:?}");
}
