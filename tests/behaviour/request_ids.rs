//! The id of a request: in the header, the error body and the log, taken over from a trusted proxy.

use rstest::rstest;

use crate::common::{Launch, Reply, Request, TestServer};

fn behind_proxy() -> TestServer {
    Launch::new().env("MOODLE_MLBACKEND_TRUSTED_PROXIES", "127.0.0.1").start()
}

fn with_id(server: &TestServer, id: &str) -> Reply {
    server.send(&Request::new("GET", "/export?uniqueid=m&dirhash=d").header("X-Request-Id", id))
}

#[rstest]
#[case::nginx("4bf92f3577b34da6a3ce929d0e0e4736")]
#[case::uuid("0af76519-16cd-43dd-8448-eb211c80319c")]
#[case::apache("ZxY@AbC-1_2.3+4/5=")]
#[case::longest(&"a".repeat(128))]
fn a_trusted_proxy_names_the_request_in_the_header_and_the_log(#[case] id: &str) {
    let server = behind_proxy();
    let reply = with_id(&server, id);
    assert_eq!((reply.status, reply.header("x-request-id")), (401, Some(id)));
    assert!(server.log().contains(&format!("id=\"{id}\"")), "{}", server.log());
}

#[rstest]
#[case::empty("")]
#[case::too_long(&"a".repeat(129))]
#[case::a_space("a b")]
#[case::a_quote("a\"b")]
#[case::an_escape_sequence("a\u{1b}[31mb")]
#[case::a_field_of_the_log("a,level=ERROR")]
fn an_unsuitable_id_is_replaced(#[case] id: &str) {
    let server = behind_proxy();
    let reply = with_id(&server, id);
    // Control characters make the whole request malformed.
    if reply.status != 400 {
        let own = reply.header("x-request-id").expect("every response has an id");
        assert!(own != id && own.len() == 16 && own.bytes().all(|byte| byte.is_ascii_hexdigit()), "{own}");
    }
    assert!(id.is_empty() || !server.log().contains(id), "{}", server.log());
}

#[test]
fn a_client_cannot_name_its_requests() {
    let server = TestServer::start();
    let reply = with_id(&server, "4bf92f3577b34da6a3ce929d0e0e4736");
    assert_ne!(reply.header("x-request-id"), Some("4bf92f3577b34da6a3ce929d0e0e4736"));
    assert!(!server.log().contains("4bf92f3577b34da6a3ce929d0e0e4736"), "{}", server.log());
}
