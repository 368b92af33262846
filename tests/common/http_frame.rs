//! Where requests and responses of HTTP/1.1 end, for a proxy that passes their bytes on unchanged.
//!
//! Must not know what a header means that does not say where a message ends.

use std::io::{BufRead, BufReader, Error, ErrorKind, Read, Result};
use std::net::TcpStream;

/// The bytes of a whole request or response.
pub struct Message {
    pub bytes: Vec<u8>,
    /// Whether the connection ends after it.
    pub closes: bool,
    first_line: String,
}

impl Message {
    /// The method and the target of a request.
    pub fn name(&self) -> String {
        self.first_line.trim_end().trim_end_matches(" HTTP/1.1").to_owned()
    }

    /// The status of a response.
    pub fn status(&self) -> Option<u16> {
        self.first_line.split(' ').nth(1)?.parse().ok()
    }
}

/// Reads the messages of a connection.
pub struct FrameReader(BufReader<TcpStream>);

impl FrameReader {
    pub fn new(stream: TcpStream) -> Self {
        Self(BufReader::new(stream))
    }

    /// The next request; `None` at the end of the connection.
    pub fn request(&mut self) -> Result<Option<Message>> {
        let Some((mut message, head)) = self.head()? else { return Ok(None) };
        let length = if head.length.is_none() && !head.is_chunked { Some(0) } else { head.length };
        self.body(&mut message, length, head.is_chunked)?;
        Ok(Some(message))
    }

    /// The response to a request; `None` if the connection ends before. Interim responses are left out.
    pub fn response(&mut self, request: &Message) -> Result<Option<Message>> {
        loop {
            let Some((mut message, head)) = self.head()? else { return Ok(None) };
            let status = message.status().ok_or_else(invalid)?;
            if (100..200).contains(&status) {
                continue;
            }
            let has_body = !request.first_line.starts_with("HEAD ") && !matches!(status, 204 | 304);
            message.closes |= has_body && head.length.is_none() && !head.is_chunked;
            let length = if has_body { head.length } else { Some(0) };
            self.body(&mut message, length, has_body && head.is_chunked)?;
            return Ok(Some(message));
        }
    }

    fn head(&mut self) -> Result<Option<(Message, Head)>> {
        let (mut bytes, mut first_line) = (Vec::new(), String::new());
        let (mut head, mut closes) = (Head { length: None, is_chunked: false }, false);
        loop {
            let start = bytes.len();
            if self.0.read_until(b'\n', &mut bytes)? == 0 {
                return if start == 0 { Ok(None) } else { Err(ErrorKind::UnexpectedEof.into()) };
            }
            let line = std::str::from_utf8(&bytes[start..]).map_err(|_| invalid())?.trim_end();
            if start == 0 {
                line.clone_into(&mut first_line);
                continue;
            }
            if line.is_empty() {
                return Ok(Some((Message { bytes, closes, first_line }, head)));
            }
            let (name, value) = line.split_once(':').ok_or_else(invalid)?;
            match (name.to_ascii_lowercase().as_str(), value.trim().to_ascii_lowercase().as_str()) {
                ("content-length", value) => head.length = Some(value.parse().map_err(|_| invalid())?),
                ("transfer-encoding", "chunked") => head.is_chunked = true,
                ("connection", "close") => closes = true,
                _ => {}
            }
        }
    }

    /// Without a length and chunks, the body ends with the connection.
    fn body(&mut self, message: &mut Message, length: Option<u64>, is_chunked: bool) -> Result<()> {
        if is_chunked {
            return self.chunks(&mut message.bytes);
        }
        let Some(length) = length else { return self.0.read_to_end(&mut message.bytes).map(|_| ()) };
        self.exactly(length, &mut message.bytes)
    }

    fn chunks(&mut self, bytes: &mut Vec<u8>) -> Result<()> {
        loop {
            let start = bytes.len();
            self.0.read_until(b'\n', bytes)?;
            let line = std::str::from_utf8(&bytes[start..]).map_err(|_| invalid())?;
            let size = line.split(';').next().unwrap_or_default().trim();
            let size = u64::from_str_radix(size, 16).map_err(|_| invalid())?;
            if size == 0 {
                break;
            }
            self.exactly(size + 2, bytes)?;
        }
        // Trailers, and the empty line.
        loop {
            let start = bytes.len();
            if self.0.read_until(b'\n', bytes)? <= 2 && bytes[start..].ends_with(b"\n") {
                return Ok(());
            }
            if bytes.len() == start {
                return Err(ErrorKind::UnexpectedEof.into());
            }
        }
    }

    fn exactly(&mut self, length: u64, bytes: &mut Vec<u8>) -> Result<()> {
        let read = self.0.by_ref().take(length).read_to_end(bytes)?;
        if read as u64 == length { Ok(()) } else { Err(ErrorKind::UnexpectedEof.into()) }
    }
}

/// What says where a message ends.
struct Head {
    length: Option<u64>,
    is_chunked: bool,
}

fn invalid() -> Error {
    Error::new(ErrorKind::InvalidData, "not a message of HTTP/1.1")
}
