//! Single requests, over plain TCP or TLS, with what the HTTP client of this program hides: the certificate, and an answer that
//! comes before the body is sent.
//!
//! Must not know what an answer means.

use std::io::{self, Read, Write};
use std::net::{IpAddr, TcpStream, ToSocketAddrs as _};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ureq::http::Uri;

use super::tls::{self, Seen};

/// How long each step of a request may take.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Heads and bodies are read up to this size.
const MAX_RESPONSE_BYTES: u64 = 64 << 10;

/// A server's base address.
#[derive(Debug, Clone)]
pub(super) struct Target {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) https: bool,
    prefix: String,
}

/// The login of a request.
#[derive(Clone, Copy)]
pub(super) struct Login<'a> {
    pub(super) user: &'a str,
    pub(super) password: &'a str,
}

/// A response, of which the body may be cut.
#[derive(Debug)]
pub(super) struct Response {
    pub(super) status: u16,
    pub(super) date: Option<String>,
    pub(super) body: String,
    pub(super) certificate: Option<Seen>,
    /// The time from the request to the first byte.
    pub(super) begun: Duration,
}

trait Stream: Read + Write {}
impl<T: Read + Write> Stream for T {}

impl Target {
    /// The address in a URL; without a scheme it is plain HTTP.
    ///
    /// # Errors
    /// A text for the user.
    pub(super) fn parse(url: &str) -> Result<Self, String> {
        let url = if url.contains("://") { url.to_owned() } else { format!("http://{url}") };
        let uri: Uri = url.parse().map_err(|error| format!("{url} is not a URL: {error}"))?;
        let https = match uri.scheme_str() {
            Some("http") => false,
            Some("https") => true,
            _ => return Err(format!("{url} is not a URL: begin with http:// or https://")),
        };
        let host = uri.host().ok_or_else(|| format!("{url} has no host"))?;
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let port = uri.port_u16().unwrap_or(if https { 443 } else { 80 });
        Ok(Self { host, port, https, prefix: uri.path().trim_end_matches('/').to_owned() })
    }

    /// The address of Moodle's settings.
    pub(super) fn new(host: &str, port: u16, https: bool) -> Self {
        Self { host: host.to_owned(), port, https, prefix: String::new() }
    }

    /// As a URL.
    pub(super) fn url(&self) -> String {
        let scheme = if self.https { "https" } else { "http" };
        format!("{scheme}://{}:{}{}", self.shown_host(), self.port, self.prefix)
    }

    /// Whether it is an address of this machine that others do not reach.
    pub(super) fn is_loopback(&self) -> bool {
        self.host == "localhost" || self.host.parse().is_ok_and(|address: IpAddr| address.is_loopback())
    }

    fn shown_host(&self) -> String {
        if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() }
    }

    /// `GET` of a path.
    pub(super) fn get(&self, path: &str) -> io::Result<Response> {
        self.send("GET", path, &[], TIMEOUT)
    }

    /// `GET` of a path that may respond late: nothing may arrive for `silence`.
    pub(super) fn get_slowly(
        &self,
        path: &str,
        login: &Login<'_>,
        silence: Duration,
    ) -> io::Result<Response> {
        self.send("GET", path, &[authorization(Some(login))], silence + TIMEOUT)
    }

    /// `POST` without a body.
    pub(super) fn post(&self, path: &str, login: Option<&Login<'_>>) -> io::Result<Response> {
        self.send("POST", path, &[authorization(login), "Content-Length: 0\r\n".to_owned()], TIMEOUT)
    }

    /// `POST` that announces a body of a length but sends none: the response is the refusal, or 100.
    pub(super) fn announce(&self, path: &str, login: &Login<'_>, length: u64) -> io::Result<Response> {
        let headers = format!(
            "Content-Type: multipart/form-data; boundary=doctor\r\nContent-Length: {length}\r\nExpect: 100-continue\r\n"
        );
        self.send("POST", path, &[authorization(Some(login)), headers], TIMEOUT)
    }

    fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[String],
        read_timeout: Duration,
    ) -> io::Result<Response> {
        let (mut stream, certificate) = self.connect(read_timeout)?;
        let host = self.shown_host();
        let request = format!(
            "{method} {}{path} HTTP/1.1\r\nHost: {host}:{}\r\nUser-Agent: moodle-mlbackend-doctor\r\nConnection: close\r\n{}\r\n",
            self.prefix,
            self.port,
            headers.concat()
        );
        stream.write_all(request.as_bytes())?;
        stream.flush()?;
        let mut response = read(stream.as_mut())?;
        response.certificate = certificate.map(tls::Recorded::take);
        Ok(response)
    }

    fn connect(&self, read_timeout: Duration) -> io::Result<(Box<dyn Stream>, Option<tls::Recorded>)> {
        let mut last = io::Error::other("the name has no address");
        for address in (self.host.as_str(), self.port).to_socket_addrs()? {
            match TcpStream::connect_timeout(&address, TIMEOUT) {
                Ok(stream) => {
                    stream.set_read_timeout(Some(read_timeout))?;
                    stream.set_write_timeout(Some(TIMEOUT))?;
                    if self.https {
                        let (stream, seen) = tls::connect(stream, &self.host)?;
                        return Ok((Box::new(stream), Some(seen)));
                    }
                    return Ok((Box::new(stream), None));
                }
                Err(error) => last = error,
            }
        }
        Err(last)
    }
}

fn authorization(login: Option<&Login<'_>>) -> String {
    login.map_or_else(String::new, |Login { user, password }| {
        format!("Authorization: Basic {}\r\n", STANDARD.encode(format!("{user}:{password}")))
    })
}

fn read(stream: &mut dyn Stream) -> io::Result<Response> {
    let (mut bytes, mut piece) = (Vec::new(), [0; 4096]);
    let sent = Instant::now();
    let mut begun = Duration::ZERO;
    // A response without a body, such as 100, does not end the connection.
    while !is_complete(&bytes) && (bytes.len() as u64) < MAX_RESPONSE_BYTES {
        match stream.read(&mut piece) {
            Ok(0) => break,
            Ok(length) => {
                if bytes.is_empty() {
                    begun = sent.elapsed();
                }
                bytes.extend_from_slice(&piece[..length]);
            }
            // TLS without its closing message, or a connection that is reset after the response.
            Err(error) if bytes.is_empty() => return Err(error),
            Err(_) => break,
        }
    }
    let text = String::from_utf8_lossy(&bytes);
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let status =
        head.split(' ').nth(1).and_then(|status| status.get(..3)).and_then(|status| status.parse().ok());
    let status = status.filter(|_| head.starts_with("HTTP/")).ok_or_else(|| {
        io::Error::other(if text.is_empty() {
            "it closed the connection"
        } else {
            "its response is not HTTP"
        })
    })?;
    Ok(Response { status, date: header(head, "date"), body: body.to_owned(), certificate: None, begun })
}

/// Whether a head has come, and as much of the body as it announces.
fn is_complete(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    head.split(' ').nth(1) == Some("100")
        || header(head, "content-length")
            .is_some_and(|length| length.parse().is_ok_and(|length: usize| body.len() >= length))
}

fn header(head: &str, name: &str) -> Option<String> {
    head.lines().skip(1).find_map(|line| {
        let (found, value) = line.split_once(':')?;
        found.eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("https://ml.example.org", "https://ml.example.org:443")]
    #[case("http://[::1]:5000/", "http://[::1]:5000")]
    #[case("127.0.0.1:5000", "http://127.0.0.1:5000")]
    #[case("https://www.example.org/mlbackend/", "https://www.example.org:443/mlbackend")]
    fn a_url_names_scheme_host_port_and_prefix(#[case] url: &str, #[case] expected: &str) {
        assert_eq!(Target::parse(url).expect("a URL").url(), expected);
    }

    #[rstest]
    #[case("ftp://ml.example.org")]
    #[case("http://")]
    #[case("http://a b")]
    fn refuses_what_is_not_a_url(#[case] url: &str) {
        assert!(Target::parse(url).is_err(), "{url}");
    }

    #[test]
    fn a_response_is_complete_with_its_announced_body_or_as_100() {
        assert!(is_complete(b"HTTP/1.1 100 Continue\r\n\r\n"));
        assert!(is_complete(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\nno"));
        assert!(!is_complete(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 3\r\n\r\nno"));
        assert!(!is_complete(b"HTTP/1.1 200 OK\r\n"));
    }
}
