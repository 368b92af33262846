//! A small HTTP client that writes requests byte for byte as given.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

const BOUNDARY: &str = "------------------------77b5be6958680597";
/// Far longer than any response takes; a test must not hang for ever.
const TIMEOUT: Duration = Duration::from_mins(5);

/// A request, written as Moodle's libcurl writes it.
pub struct Request {
    method: String,
    target: String,
    headers: Vec<(String, String)>,
    body: Option<Vec<u8>>,
}

impl Request {
    pub fn new(method: &str, target: &str) -> Self {
        let headers = vec![
            ("Host".to_owned(), "127.0.0.1".to_owned()),
            ("Accept".to_owned(), "*/*".to_owned()),
            ("Accept-Encoding".to_owned(), "deflate, gzip, br, zstd".to_owned()),
        ];
        Self { method: method.to_owned(), target: target.to_owned(), headers, body: None }
    }

    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub fn credentials(self, user: &str, password: &str) -> Self {
        let value = format!("Basic {}", base64(format!("{user}:{password}").as_bytes()));
        self.header("Authorization", &value)
    }

    pub fn form(self, form: &Form) -> Self {
        let kind = format!("multipart/form-data; boundary={BOUNDARY}");
        self.body("Content-Type", &kind, form.bytes())
    }

    pub fn urlencoded(self, text: &str) -> Self {
        self.body("Content-Type", "application/x-www-form-urlencoded", text.as_bytes().to_vec())
    }

    pub fn body(mut self, header: &str, value: &str, body: Vec<u8>) -> Self {
        self.body = Some(body);
        self.header(header, value)
    }

    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = format!("{} {} HTTP/1.1\r\n", self.method, self.target).into_bytes();
        for (name, value) in &self.headers {
            bytes.extend(format!("{name}: {value}\r\n").bytes());
        }
        if let Some(body) = &self.body {
            bytes.extend(format!("Content-Length: {}\r\n", body.len()).bytes());
        }
        bytes.extend(b"\r\n");
        bytes.extend(self.body.iter().flatten());
        bytes
    }
}

/// A `multipart/form-data` body.
#[derive(Default)]
pub struct Form(Vec<u8>);

impl Form {
    pub fn new() -> Self {
        Self::default()
    }

    /// The fields of every request on one model.
    pub fn model(id: &str, dir: &str) -> Self {
        Self::new().field("uniqueid", id).field("dirhash", dir)
    }

    pub fn field(mut self, name: &str, value: &str) -> Self {
        let head = format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n");
        self.0.extend(head.bytes().chain(value.bytes()).chain(*b"\r\n"));
        self
    }

    pub fn file(self, name: &str, content: &[u8]) -> Self {
        self.file_called(name, "1795231297.2977.csv", content)
    }

    /// A file with a given file name.
    pub fn file_called(mut self, name: &str, called: &str, content: &[u8]) -> Self {
        let head = format!(
            "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"; filename=\"{called}\"\r\n\
             Content-Type: application/octet-stream\r\n\r\n"
        );
        self.0.extend(head.bytes().chain(content.iter().copied()).chain(*b"\r\n"));
        self
    }

    fn bytes(&self) -> Vec<u8> {
        [&self.0[..], format!("--{BOUNDARY}--\r\n").as_bytes()].concat()
    }
}

/// A response.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Reply {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("the body is text")
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(self.text()).unwrap_or_else(|error| panic!("{error} in {:?}", self.text()))
    }

    /// Checks status and body together, so that a failure shows both.
    #[track_caller]
    pub fn expect(&self, status: u16, body: &str) {
        assert_eq!((self.status, String::from_utf8_lossy(&self.body).as_ref()), (status, body));
    }
}

/// Writes bytes to a new connection and reads one response.
pub fn exchange(address: SocketAddr, bytes: &[u8]) -> Reply {
    let mut stream = TcpStream::connect(address).expect("the server accepts connections");
    stream.set_read_timeout(Some(TIMEOUT)).expect("a timeout can be set");
    let mut writer = stream.try_clone().expect("a second handle");
    let copy = bytes.to_vec();
    // The server may respond before it has read everything, so reading and writing run in parallel.
    let sending = std::thread::spawn(move || writer.write_all(&copy).is_ok());
    let reply = read_reply(&mut stream, bytes.starts_with(b"HEAD "));
    let _ = stream.shutdown(Shutdown::Both);
    let _ = sending.join();
    reply
}

/// Like [`exchange`], with a server that may end before it responds: `None` then.
pub fn try_exchange(address: SocketAddr, bytes: &[u8]) -> Option<Reply> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(TIMEOUT)).ok()?;
    stream.write_all(bytes).ok()?;
    let mut all = Vec::new();
    // A response is complete or missing: it is small, and written at once.
    let mut buffer = [0; 16_384];
    loop {
        let end = all.windows(4).position(|window| window == b"\r\n\r\n");
        if let Some(end) = end {
            let (status, headers) = parse_head(&all[..end]);
            let length = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
            let length: usize = length.and_then(|(_, length)| length.parse().ok())?;
            if all.len() >= end + 4 + length {
                return Some(Reply { status, headers, body: all.split_off(end + 4) });
            }
        }
        match stream.read(&mut buffer) {
            Ok(0) | Err(_) => return None,
            Ok(count) => all.extend(&buffer[..count]),
        }
    }
}

fn read_reply(stream: &mut TcpStream, head: bool) -> Reply {
    let mut bytes = Vec::new();
    loop {
        let end = loop {
            if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
                break end;
            }
            assert!(
                more(stream, &mut bytes),
                "the server closed the connection without a response: {bytes:?}"
            );
        };
        let (status, headers) = parse_head(&bytes[..end]);
        bytes.drain(..end + 4);
        if (100..200).contains(&status) {
            // An interim response, such as 100; the final one follows.
            continue;
        }
        let length = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
        let length: usize = length.and_then(|(_, length)| length.parse().ok()).expect("a Content-Length");
        while !head && bytes.len() < length && more(stream, &mut bytes) {}
        assert!(bytes.len() <= length, "more than the announced {length} bytes");
        return Reply { status, headers, body: bytes };
    }
}

fn more(stream: &mut TcpStream, bytes: &mut Vec<u8>) -> bool {
    let mut buffer = [0; 16_384];
    match stream.read(&mut buffer) {
        Ok(count) => {
            bytes.extend(&buffer[..count]);
            count > 0
        }
        Err(error) if error.kind() == ErrorKind::Interrupted => true,
        Err(error) => panic!("no response: {error}"),
    }
}

fn parse_head(head: &[u8]) -> (u16, Vec<(String, String)>) {
    let head = std::str::from_utf8(head).expect("the head is text");
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok()).expect("a status line");
    let headers = lines.filter_map(|line| line.split_once(": "));
    (status, headers.map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
}

pub fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for group in bytes.chunks(3) {
        let number =
            group.iter().fold(0_u32, |sum, byte| sum << 8 | u32::from(*byte)) << (8 * (3 - group.len()));
        for place in 0..4 {
            let digit = DIGITS[(number >> (18 - 6 * place)) as usize & 63] as char;
            text.push(if place <= group.len() { digit } else { '=' });
        }
    }
    text
}
