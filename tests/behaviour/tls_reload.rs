//! The certificate changes while the server runs: by SIGHUP, and by Certbot's hook.

use std::fs::{self, Permissions};
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use crate::common::{
    Authority, CertificateFiles, Launch, Output, Request, TestServer, certificate_in, exchange_over, long,
    until,
};

/// In the long form, as in the acceptance of a release; otherwise what some seconds allow.
const REQUESTS: (usize, usize) = (10_000, 400);
const CLIENTS: usize = 4;
/// On fast machines, there are more requests until the certificate has changed this often.
const MIN_CHANGES: usize = 5;

const HOOK: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/certbot-deploy-hook.sh");

fn replace(current: &CertificateFiles, by: &CertificateFiles) {
    for (from, to) in [(&by.cert, &current.cert), (&by.key, &current.key)] {
        let next = to.with_extension("next");
        fs::copy(from, &next).expect("copied");
        fs::rename(&next, to).expect("renamed");
    }
}

/// The certificate that a new connection gets.
fn certificate(authority: &Authority, server: &TestServer) -> Vec<u8> {
    let mut stream = authority.client().connect(server.address).expect("a connection");
    let request = Request::new("GET", "/version").header("Connection", "close");
    exchange_over(&mut stream, &request.bytes()).expect("a response").expect(200, "3.0.5");
    stream.certificate().expect("the handshake was complete")
}

#[test]
fn sighup_replaces_the_certificate_and_open_connections_stay() {
    let Some(authority) = Authority::new("sighup_replaces_the_certificate_and_open_connections_stay") else {
        return;
    };
    let (current, next) = (authority.issue("current", 90), authority.issue("next", 90));
    let server = Launch::new().with_tls(&authority, &current).start();
    let mut open = server.connect();
    let version = |stream: &mut dyn ReadWrite| {
        exchange_over(stream, &Request::new("GET", "/version").bytes())
            .expect("a response")
            .expect(200, "3.0.5");
    };
    version(&mut open);
    replace(&current, &next);
    assert_ne!(
        certificate(&authority, &server),
        certificate_in(&next.cert),
        "without a signal nothing changes"
    );
    server.signal("HUP");
    until("the certificate is replaced", || server.log().contains("TLS certificate loaded"));
    assert_eq!(certificate(&authority, &server), certificate_in(&next.cert));
    version(&mut open);
}

trait ReadWrite: Read + Write {}
impl<T: Read + Write> ReadWrite for T {}

#[test]
fn a_reload_with_unusable_files_is_logged_and_keeps_the_certificate() {
    let test = "a_reload_with_unusable_files_is_logged_and_keeps_the_certificate";
    let Some(authority) = Authority::new(test) else { return };
    let (current, other) = (authority.issue("current", 90), authority.issue("other", 90));
    let before = certificate_in(&current.cert);
    let mismatch = CertificateFiles { cert: other.cert.clone(), key: current.key.clone() };
    let mut server = Launch::new().with_tls(&authority, &current).start();
    let mut refused = 0;
    let mut expect_refusal = |server: &mut TestServer, problem: &str| {
        server.signal("HUP");
        refused += 1;
        let refusals = |log: &str| log.matches("the TLS certificate was not replaced").count();
        until("the reload is refused", || refusals(&server.log()) == refused);
        assert!(server.log().contains(problem), "{}", server.log());
        assert_eq!(certificate(&authority, server), before);
    };
    let key = fs::read(&current.key).expect("a key");
    let saved = current.key.with_extension("saved");
    fs::copy(&current.key, &saved).expect("copied");
    replace(&current, &mismatch);
    expect_refusal(&mut server, "does not belong to the certificate");
    replace(&current, &authority.issue_expired("expired"));
    expect_refusal(&mut server, "expired on 2020-02-01");
    fs::remove_file(&current.cert).expect("removed");
    expect_refusal(&mut server, "cannot read the file");
    assert!(!server.log().contains(String::from_utf8_lossy(&key).lines().nth(1).expect("a line of the key")));
    replace(&current, &other);
    server.signal("HUP");
    until("the certificate is replaced", || server.log().contains("TLS certificate loaded"));
    assert_eq!(certificate(&authority, &server), certificate_in(&other.cert));
}

/// Requests on new and on open connections while the certificate changes every second.
#[test]
fn no_request_is_lost_while_the_certificate_changes() {
    let Some(authority) = Authority::new("no_request_is_lost_while_the_certificate_changes") else { return };
    let requests = if long() { REQUESTS.0 } else { REQUESTS.1 };
    let interval = if long() { Duration::from_secs(1) } else { Duration::from_millis(100) };
    let current = authority.issue("current", 90);
    let certificates =
        [authority.issue("first", 90), authority.issue("second", 90), authority.issue("third", 90)];
    let server = Launch::new().with_tls(&authority, &current).start();
    let (client, request) = (authority.client(), Request::new("GET", "/version").bytes());
    let (next, is_over, reloads) = (AtomicUsize::new(0), AtomicBool::new(false), AtomicUsize::new(0));
    let failures: Vec<String> = thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Ordering::SeqCst) {
                let reload = reloads.fetch_add(1, Ordering::SeqCst);
                replace(&current, &certificates[reload % certificates.len()]);
                server.signal("HUP");
                thread::sleep(interval);
            }
        });
        let clients: Vec<_> = (0..CLIENTS)
            .map(|_| {
                scope.spawn(|| {
                    let mut failures = Vec::new();
                    let mut open = None;
                    while let at = next.fetch_add(1, Ordering::SeqCst)
                        && (at < requests || reloads.load(Ordering::SeqCst) < MIN_CHANGES)
                    {
                        // Ten requests on each connection.
                        if at.is_multiple_of(10) {
                            open = None;
                        }
                        let sent = match &mut open {
                            Some(stream) => exchange_over(stream, &request),
                            none => client
                                .connect(server.address)
                                .and_then(|s| exchange_over(none.insert(s), &request)),
                        };
                        match sent {
                            Ok(reply) if reply.status == 200 && reply.body == b"3.0.5" => {}
                            Ok(reply) => failures.push(format!("{at}: {reply:?}")),
                            Err(error) => failures.push(format!("{at}: {error}")),
                        }
                    }
                    failures
                })
            })
            .collect();
        let failures = clients.into_iter().flat_map(|client| client.join().expect("no panic")).collect();
        is_over.store(true, Ordering::SeqCst);
        failures
    });
    let (reloads, requests) = (reloads.into_inner(), next.into_inner() - CLIENTS);
    println!("{requests} requests, {reloads} changes, {} lost", failures.len());
    assert!(failures.is_empty(), "{failures:?}");
    let loaded = || server.log().matches("TLS certificate loaded").count();
    // The system may deliver two signals as one.
    until("certificates were loaded", || loaded() >= 3);
    assert!(!server.log().contains("was not replaced"), "{}", server.log());
}

/// Certbot runs the hook as root with `RENEWED_LINEAGE`. `systemctl reload` sends SIGHUP (`ExecReload`), which a program of
/// the same name does here, because no systemd runs in a test.
#[test]
fn certbots_hook_installs_the_renewed_certificate_and_reloads_the_server() {
    let test = "certbots_hook_installs_the_renewed_certificate_and_reloads_the_server";
    let Some(authority) = Authority::new(test) else { return };
    let (first, renewed) = (authority.issue("first", 20), authority.issue("renewed", 90));
    let directory = |name: &str| {
        let path = authority.path(name);
        fs::create_dir(&path).expect("a directory");
        path
    };
    let (lineage, programs, target) = (directory("lineage"), directory("programs"), authority.path("tls"));
    let put = |files: &CertificateFiles| {
        fs::copy(&files.cert, lineage.join("fullchain.pem")).expect("copied");
        fs::copy(&files.key, lineage.join("privkey.pem")).expect("copied");
    };
    let pid = authority.path("pid");
    let reload = format!(
        "#!/bin/sh\n[ \"$*\" = 'try-reload-or-restart moodle-mlbackend.service' ] || exit 1\n\
         [ ! -e '{pid}' ] || kill -s HUP \"$(cat '{pid}')\"\n",
        pid = pid.display()
    );
    authority.write("programs/systemctl", &reload);
    fs::set_permissions(programs.join("systemctl"), Permissions::from_mode(0o755)).expect("it is executable");
    let renew = |files: &CertificateFiles| {
        put(files);
        let path = std::env::var("PATH").expect("a path");
        let mut command = Command::new("sh");
        command
            .arg(HOOK)
            .env("RENEWED_LINEAGE", &lineage)
            .env("PATH", format!("{}:{path}", programs.display()));
        command.env("MLBACKEND_TLS_DIR", &target).env("MLBACKEND_TLS_GROUP", group());
        Output::of(&mut command).expect_code(0);
    };
    renew(&first);
    let installed = CertificateFiles { cert: target.join("fullchain.pem"), key: target.join("privkey.pem") };
    let mode = |path: &Path| fs::metadata(path).expect("it is there").permissions().mode() & 0o777;
    assert_eq!((mode(&target), mode(&installed.cert), mode(&installed.key)), (0o750, 0o640, 0o640));

    let server = Launch::new().with_tls(&authority, &installed).start();
    authority.write("pid", &server.pid().to_string());
    assert_eq!(certificate(&authority, &server), certificate_in(&first.cert));
    renew(&renewed);
    until("the certificate is replaced", || server.log().contains("TLS certificate loaded"));
    assert_eq!(certificate(&authority, &server), certificate_in(&renewed.cert));
}

/// The group of this user, so that the test needs no other.
fn group() -> String {
    Output::of(Command::new("id").arg("-gn")).stdout.trim().to_owned()
}
