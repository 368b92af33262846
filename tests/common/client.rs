//! A small HTTP client that writes requests byte for byte as given.

use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

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
        self.header("Authorization", &format!("Basic {}", STANDARD.encode(format!("{user}:{password}"))))
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

    /// The parameters of an evaluation with thresholds that nearly all results pass.
    pub fn evaluation(self, iterations: usize) -> Self {
        let form = self.field("minscore", "0.1").field("maxdeviation", "0.9");
        form.field("niterations", &iterations.to_string())
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
    fn with_head(head: &str) -> Self {
        let mut lines = head.trim_end().split("\r\n");
        let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok());
        let headers = lines.filter_map(|line| line.split_once(": "));
        let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        Self { status: status.expect("a status line"), headers, body: Vec::new() }
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("the body is text")
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(self.text()).unwrap_or_else(|error| panic!("{error} in {:?}", self.text()))
    }

    /// The sentence of an error, which problem details have in a field.
    pub fn sentence(&self) -> String {
        if self.header("content-type") == Some("application/problem+json") {
            return self.json()["detail"].as_str().expect("a sentence").to_owned();
        }
        self.text().to_owned()
    }

    /// Checks the status and the sentence of an error, plain or in problem details.
    #[track_caller]
    pub fn expect_error(&self, status: u16, sentence: &str) {
        assert_eq!((self.status, self.sentence().as_str()), (status, sentence));
    }

    /// Checks status and body together, so that a failure shows both.
    #[track_caller]
    pub fn expect(&self, status: u16, body: &str) {
        assert_eq!((self.status, String::from_utf8_lossy(&self.body).as_ref()), (status, body));
    }
}

/// A connection to a server: TCP, a Unix socket, or TLS.
pub trait Connection: Read + Write + Send {
    /// Whether reading and writing wait.
    fn set_nonblocking(&self, nonblocking: bool);
    /// How long writing waits.
    fn set_write_timeout(&self, timeout: Duration);
}

impl Connection for TcpStream {
    fn set_nonblocking(&self, nonblocking: bool) {
        TcpStream::set_nonblocking(self, nonblocking).expect("a socket need not block");
    }

    fn set_write_timeout(&self, timeout: Duration) {
        TcpStream::set_write_timeout(self, Some(timeout)).expect("a time-out can be set");
    }
}

impl Connection for UnixStream {
    fn set_nonblocking(&self, nonblocking: bool) {
        UnixStream::set_nonblocking(self, nonblocking).expect("a socket need not block");
    }

    fn set_write_timeout(&self, timeout: Duration) {
        UnixStream::set_write_timeout(self, Some(timeout)).expect("a time-out can be set");
    }
}

/// Writes bytes to a connection, all at once, and reads one response.
pub fn exchange_over(mut stream: impl Read + Write, bytes: &[u8]) -> io::Result<Reply> {
    // The server may respond, and close the connection, before it has read everything.
    let sent = stream.write_all(bytes).and_then(|()| stream.flush());
    let reply = read_reply(stream, bytes.starts_with(b"HEAD "));
    match sent {
        Err(error) if reply.is_err() => Err(error),
        _ => reply,
    }
}

/// Writes bytes to a new connection and reads one response.
pub fn exchange(address: SocketAddr, bytes: &[u8]) -> Reply {
    let stream = connect(address).expect("the server accepts connections");
    let mut writer = stream.try_clone().expect("a second handle");
    let copy = bytes.to_vec();
    // The server may respond before it has read everything, so reading and writing run in parallel.
    let sending = std::thread::spawn(move || writer.write_all(&copy).is_ok());
    let reply = read_reply(&stream, bytes.starts_with(b"HEAD "));
    let _ = stream.shutdown(Shutdown::Both);
    let _ = sending.join();
    reply.unwrap_or_else(|error| panic!("no response: {error}"))
}

/// Like [`exchange`], with a server that may end before it responds: `None` then.
pub fn try_exchange(address: SocketAddr, bytes: &[u8]) -> Option<Reply> {
    let mut stream = connect(address).ok()?;
    stream.write_all(bytes).ok()?;
    read_reply(&stream, false).ok()
}

/// The rest of a response that has begun; `None` if the connection ends before it.
pub fn rest_of_response(begun: &[u8], stream: impl Read) -> Option<Reply> {
    read_reply(begun.chain(stream), false).ok()
}

pub fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    Ok(stream)
}

fn read_reply(stream: impl Read, is_head: bool) -> io::Result<Reply> {
    let mut reader = BufReader::new(stream);
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if reader.read_line(&mut head)? == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
        }
        let mut reply = Reply::with_head(&head);
        // After an interim response, such as 100, the final one follows.
        if reply.status >= 200 {
            if let Some(length) = reply.header("content-length") {
                reply.body = vec![0; if is_head { 0 } else { length.parse().expect("a number") }];
                reader.read_exact(&mut reply.body)?;
            } else if reply.header("transfer-encoding") == Some("chunked") {
                reply.body = read_chunks(&mut reader)?;
            } else if reply.status != 204 {
                // The body of an HTTP/1.0 response ends with the connection.
                assert!(head.starts_with("HTTP/1.0 "), "{head}");
                reader.read_to_end(&mut reply.body)?;
            }
            assert!(reader.buffer().is_empty(), "bytes after the body: {:?}", reader.buffer());
            return Ok(reply);
        }
    }
}

fn read_chunks(reader: &mut impl BufRead) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let mut size = String::new();
        reader.read_line(&mut size)?;
        let size = usize::from_str_radix(size.trim_end(), 16).map_err(|_| ErrorKind::UnexpectedEof)?;
        let mut chunk = vec![0; size + "\r\n".len()];
        reader.read_exact(&mut chunk)?;
        if size == 0 {
            return Ok(body);
        }
        body.extend_from_slice(&chunk[..size]);
    }
}
