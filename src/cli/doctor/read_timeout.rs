//! Measures whether the proxies in front of a server wait as long as the server is silent. The server begins a response after
//! `MOODLE_MLBACKEND_KEEPALIVE_SECONDS`, and sends white space after the same time again: the response that is asked for takes a
//! little longer than both.
//!
//! Must not know which proxy it is. Sends the login to the checked address alone.

use std::io::{self, IsTerminal as _};
use std::time::{Duration, Instant};

use serde::Deserialize;

use super::checks::READ_TIMEOUT;
use super::finding::Finding;
use super::probe::{Login, Response, Target};

/// The longest response that the server's route gives.
const MAX_SECONDS: u64 = 75;

/// So much longer than the silence is the response, so that its beginning and its end are distinguishable.
const MARGIN_SECONDS: u64 = 3;

/// The server's reply.
#[derive(Debug, Deserialize)]
struct Waited {
    seconds: u64,
    keepalive_seconds: u64,
}

/// Measures it if there is a login.
pub(super) fn examine(target: &Target, login: Option<Login<'_>>) -> Finding {
    let Some(login) = login else {
        return if target.is_loopback() {
            let detail = "the address is this machine's own, probably without a proxy; --user measures it";
            Finding::green(&READ_TIMEOUT, detail)
        } else {
            Finding::yellow(&READ_TIMEOUT, "not measured: name a user of the server with --user")
        };
    };
    let silence = match ask(target, &login, 0).map(|reply| (waited(&reply), reply)) {
        Ok((Some(waited), _)) => waited.keepalive_seconds,
        Ok((None, reply)) => {
            return Finding::yellow(&READ_TIMEOUT, format!("not measured: {}", refusal(&reply)));
        }
        Err(error) => return Finding::yellow(&READ_TIMEOUT, format!("not measured: {error}")),
    };
    let seconds = seconds_to_ask(silence);
    if io::stderr().is_terminal() {
        eprintln!("Measuring the read timeout takes {seconds} seconds.");
    }
    let begin = Instant::now();
    let reply = ask(target, &login, seconds);
    judge(silence, seconds, reply.as_ref(), begin.elapsed())
}

/// The server's white space arrives before the end, or the whole time is silent.
fn seconds_to_ask(silence: u64) -> u64 {
    if silence == 0 {
        MAX_SECONDS
    } else {
        silence.saturating_mul(2).saturating_add(MARGIN_SECONDS).min(MAX_SECONDS)
    }
}

fn ask(target: &Target, login: &Login<'_>, seconds: u64) -> io::Result<Response> {
    let path = format!("/diagnostics/keepalive?seconds={seconds}");
    target.get_slowly(&path, login, Duration::from_secs(seconds))
}

/// The reply in a response, which may have white space, and lengths of chunks, around it.
fn waited(response: &Response) -> Option<Waited> {
    let (begin, end) = (response.body.find('{')?, response.body.rfind('}')?);
    serde_json::from_str(response.body.get(begin..=end)?).ok().filter(|_| response.status == 200)
}

fn refusal(reply: &Response) -> String {
    match reply.status {
        401 => "the server refuses the user or the password".to_owned(),
        403 => "the user is a viewer, which may not send requests of Moodle".to_owned(),
        404 => "the server is older than this program".to_owned(),
        503 => "the server is busy: try again in a minute".to_owned(),
        status => format!("the server responds with status {status}"),
    }
}

/// `silence` is the server's interval of white space, 0 without; `asked` the length of the response in seconds.
fn judge(silence: u64, asked: u64, reply: Result<&Response, &io::Error>, took: Duration) -> Finding {
    let took = took.as_secs();
    let reply = match reply {
        Ok(reply) => reply,
        Err(error) => {
            return Finding::red(&READ_TIMEOUT, format!("the connection ended after {took} s: {error}"));
        }
    };
    match waited(reply) {
        Some(waited) if waited.seconds != asked => {
            Finding::yellow(&READ_TIMEOUT, "not measured: a proxy responds from its cache")
        }
        Some(_) if silence == 0 => Finding::yellow(
            &READ_TIMEOUT,
            format!(
                "the proxy waits {asked} s or longer, but longer work may fail: MOODLE_MLBACKEND_KEEPALIVE_SECONDS is 0"
            ),
        ),
        Some(_) if asked <= silence => {
            Finding::green(&READ_TIMEOUT, format!("the proxy waits {asked} s or longer"))
        }
        Some(_) if reply.begun.as_secs() >= asked => Finding::yellow(
            &READ_TIMEOUT,
            format!(
                "a response of {asked} s has arrived, but a proxy held its beginning back until its end, so another proxy could \
                 time out"
            ),
        ),
        Some(_) => Finding::green(
            &READ_TIMEOUT,
            format!("a response of {asked} s has arrived, which began after {} s", reply.begun.as_secs()),
        ),
        None if reply.status == 200 => {
            Finding::red(&READ_TIMEOUT, format!("the response was cut after {took} s"))
        }
        None if reply.body.contains("The server is ") => {
            Finding::yellow(&READ_TIMEOUT, format!("not measured: {}", refusal(reply)))
        }
        None => Finding::red(
            &READ_TIMEOUT,
            format!("the proxy ended the request after {took} s of silence (status {})", reply.status),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::Level;
    use super::*;
    use rstest::rstest;

    fn response(status: u16, body: &str, begun: u64) -> Response {
        let (body, begun) = (body.to_owned(), Duration::from_secs(begun));
        Response { status, date: None, body, certificate: None, begun }
    }

    #[rstest]
    #[case(0, 75)]
    #[case(20, 43)]
    #[case(300, 75)]
    fn the_response_is_longer_than_the_silence_if_the_server_permits_it(
        #[case] silence: u64,
        #[case] seconds: u64,
    ) {
        assert_eq!(seconds_to_ask(silence), seconds);
    }

    #[rstest]
    #[case::white_space(
        20,
        43,
        200,
        "1\r\n \r\n24\r\n{\"seconds\":43,\"keepalive_seconds\":20}\r\n0\r\n",
        20,
        Level::Green
    )]
    #[case::held_back(20, 43, 200, " {\"seconds\":43,\"keepalive_seconds\":20}", 43, Level::Yellow)]
    #[case::long_silence(300, 75, 200, "{\"seconds\":75,\"keepalive_seconds\":300}", 75, Level::Green)]
    #[case::no_white_space(0, 75, 200, "{\"seconds\":75,\"keepalive_seconds\":0}", 75, Level::Yellow)]
    #[case::cached(20, 43, 200, "{\"seconds\":0,\"keepalive_seconds\":20}", 0, Level::Yellow)]
    #[case::cut(20, 43, 200, " ", 20, Level::Red)]
    #[case::timed_out(20, 43, 504, "<html>504 Gateway Time-out</html>", 5, Level::Red)]
    #[case::busy(20, 43, 503, "The server is busy: 2 requests are already queued.", 0, Level::Yellow)]
    fn only_a_response_that_begins_before_its_end_is_green(
        #[case] silence: u64,
        #[case] asked: u64,
        #[case] status: u16,
        #[case] body: &str,
        #[case] begun: u64,
        #[case] level: Level,
    ) {
        let response = response(status, body, begun);
        let finding = judge(silence, asked, Ok(&response), Duration::from_secs(begun));
        assert_eq!(finding.level, level, "{finding:?}");
    }

    #[test]
    fn a_lost_connection_is_red() {
        let error = io::Error::from(io::ErrorKind::ConnectionReset);
        assert_eq!(judge(20, 43, Err(&error), Duration::from_secs(5)).level, Level::Red);
    }
}
