//! Checks of a server's address, as Moodle sees it: the connection, the certificate, and what a proxy changes.
//!
//! Must not know Moodle. Sends no password, except to measure the read timeout: a made-up one shows the same.

use jiff::fmt::rfc2822;
use jiff::{Timestamp, Unit};

use super::checks::{AUTHORIZATION, BODY_SIZE, CERTIFICATE, CLOCK, SERVER};
use super::finding::Finding;
use super::probe::{Login, Response, Target};
use super::read_timeout;
use super::tls::Seen;
use crate::cli::local::PROTOCOL_VERSION;

/// The largest upload of the default settings.
const UPLOAD_BYTES: u64 = 1 << 30;

/// Clocks may differ by this many seconds: more, and times in logs mislead.
const MAX_SECONDS_APART: i64 = 60;

/// A login that no server accepts. A few failed logins are far from the limit.
const NO_LOGIN: Login<'static> = Login { user: "doctor", password: "not-a-password" };

/// The server's answer to a login that it refuses.
pub(super) const REFUSED: &str = "Incorrect user and/or password provided by Moodle.";
/// The server's answer to a request without a login.
const NO_HEADER: &str = "No user and/or password included in the request.";
/// The server's answer while it has no users.
const NO_USERS: &str = "environment var is not set in the server";

/// Checks an address; `login` is that of a user of this address. Stops at the first problem that makes the other answers meaningless.
pub(super) fn examine(target: &Target, login: Option<Login<'_>>) -> Vec<Finding> {
    let url = target.url();
    let version = match target.get("/version") {
        Ok(version) => version,
        Err(error) => return vec![Finding::red(&SERVER, format!("{url} cannot be reached: {error}"))],
    };
    let mut findings = vec![server(&url, &version)];
    findings.extend(version.certificate.as_ref().map(certificate));
    findings.extend(version.date.as_deref().map(clock));
    if is_version(&version) {
        findings.push(authorization(target));
        findings.push(body_size(target));
        findings.push(read_timeout::examine(target, login));
    }
    findings
}

fn is_version(version: &Response) -> bool {
    version.status == 200 && version.body == PROTOCOL_VERSION
}

fn server(url: &str, version: &Response) -> Finding {
    if is_version(version) {
        return Finding::green(&SERVER, format!("{url} responds with {PROTOCOL_VERSION}"));
    }
    let begin: String = version.body.trim().chars().take(80).collect();
    let detail = match version.status {
        200 => format!(
            "{url}/version responds with \"{begin}\" instead of {PROTOCOL_VERSION}: it is another program"
        ),
        301 | 302 | 307 | 308 => {
            format!("{url} redirects (status {}): give the address that it redirects to", version.status)
        }
        502..=504 => format!("the proxy at {url} does not reach the server (status {})", version.status),
        status => format!("{url}/version responds with status {status}: {begin}"),
    };
    Finding::red(&SERVER, detail)
}

fn certificate(seen: &Seen) -> Finding {
    // Moodle accepts every certificate, so only the connection's privacy suffers.
    match seen {
        Seen { other_name: Some(problem), .. } => Finding::yellow(&CERTIFICATE, problem.clone()),
        Seen { no_authorities: true, .. } => {
            Finding::yellow(&CERTIFICATE, "this system has no list of authorities (package ca-certificates)")
        }
        Seen { invalid_now: Some(problem), .. } if problem.contains("xpired") => {
            Finding::red(&CERTIFICATE, problem.clone())
        }
        Seen { invalid_now: Some(problem), .. } => Finding::yellow(&CERTIFICATE, problem.clone()),
        Seen { invalid_soon: Some(_), .. } => Finding::yellow(&CERTIFICATE, "it ends in less than two weeks"),
        _ => Finding::green(&CERTIFICATE, "it is valid for two more weeks or longer"),
    }
}

fn clock(date: &str) -> Finding {
    let Ok(theirs) = rfc2822::parse(date) else {
        return Finding::yellow(&CLOCK, "the response has no valid time");
    };
    let apart =
        (Timestamp::now() - theirs.timestamp()).total(Unit::Second).map_or(0, |seconds| seconds as i64).abs();
    if apart <= MAX_SECONDS_APART {
        Finding::green(&CLOCK, "this machine and the server agree")
    } else {
        Finding::yellow(&CLOCK, format!("this machine and the server differ by {apart} seconds"))
    }
}

fn authorization(target: &Target) -> Finding {
    match target.post("/training", Some(&NO_LOGIN)) {
        Err(error) => Finding::yellow(&AUTHORIZATION, format!("a request failed: {error}")),
        Ok(reply) if reply.body.contains(REFUSED) => {
            Finding::green(&AUTHORIZATION, "the header arrives at the server")
        }
        Ok(reply) if reply.body.contains(NO_HEADER) => {
            Finding::red(&AUTHORIZATION, "the header does not arrive at the server: something removes it")
        }
        Ok(reply) if reply.body.contains(NO_USERS) => Finding::red(
            &super::checks::USERS,
            "the server has no users, so it refuses every request of Moodle",
        ),
        Ok(reply) if reply.status == 401 => {
            Finding::red(&AUTHORIZATION, "the proxy itself asks for a password (401, with its own text)")
        }
        Ok(reply) if reply.status == 429 => {
            Finding::yellow(&AUTHORIZATION, "too many failed logins: try again in some minutes")
        }
        Ok(reply) => {
            Finding::yellow(&AUTHORIZATION, format!("a login was answered with status {}", reply.status))
        }
    }
}

/// Announces the largest upload: a proxy with a lower limit refuses it before the body comes.
fn body_size(target: &Target) -> Finding {
    match target.announce("/training", &NO_LOGIN, UPLOAD_BYTES) {
        Err(error) => Finding::yellow(&BODY_SIZE, format!("a request failed: {error}")),
        Ok(reply) if reply.status == 413 => {
            Finding::red(&BODY_SIZE, "an upload of 1 GiB is refused (status 413)")
        }
        Ok(_) => Finding::green(&BODY_SIZE, "an upload of 1 GiB would be accepted"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::Level;
    use super::*;
    use rstest::rstest;
    use std::time::Duration;

    fn response(status: u16, body: &str) -> Response {
        Response { status, date: None, body: body.to_owned(), certificate: None, begun: Duration::ZERO }
    }

    #[rstest]
    #[case(200, "3.0.5", Level::Green, "3.0.5")]
    #[case(200, "3.0.5\n", Level::Red, "another program")]
    #[case(301, "", Level::Red, "redirects")]
    #[case(502, "<html>", Level::Red, "does not reach")]
    fn only_the_exact_version_is_green(
        #[case] status: u16,
        #[case] body: &str,
        #[case] level: Level,
        #[case] says: &str,
    ) {
        let finding = server("http://ml", &response(status, body));
        assert!(finding.level == level && finding.detail.contains(says), "{finding:?}");
    }

    #[rstest]
    #[case(Seen::default(), Level::Green)]
    #[case(Seen { invalid_soon: Some("Expired".to_owned()), ..Seen::default() }, Level::Yellow)]
    #[case(Seen { invalid_now: Some("certificate expired".to_owned()), ..Seen::default() }, Level::Red)]
    #[case(Seen { invalid_now: Some("UnknownIssuer".to_owned()), ..Seen::default() }, Level::Yellow)]
    #[case(Seen { other_name: Some("not valid for name".to_owned()), ..Seen::default() }, Level::Yellow)]
    fn an_expired_certificate_is_worse_than_an_unknown_authority(#[case] seen: Seen, #[case] level: Level) {
        assert_eq!(certificate(&seen).level, level);
    }

    #[test]
    fn clocks_may_differ_by_a_minute() {
        let now = Timestamp::now();
        let date = |time: Timestamp| {
            rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&time).expect("a date")
        };
        assert_eq!(clock(&date(now)).level, Level::Green);
        assert_eq!(clock(&date(now - jiff::SignedDuration::from_mins(10))).level, Level::Yellow);
        assert_eq!(clock("yesterday").level, Level::Yellow);
    }
}
