//! Makes every line end with `\n`, so that lines are counted as editors count
//! them whatever system a file comes from.

use std::cell::Cell;
use std::io::{self, Read};
use std::rc::Rc;

/// Turns `\r\n` and lone `\r` outside of quotes into `\n`; what is quoted stays as it is.
pub(super) struct Newlines<R> {
    source: R,
    quoted: bool,
    after_return: bool,
    ends_line: Rc<Cell<bool>>,
}

impl<R: Read> Newlines<R> {
    /// Reads `source`; `ends_line` always tells whether the last byte given was a newline.
    pub(super) fn new(source: R, ends_line: Rc<Cell<bool>>) -> Self {
        Self { source, quoted: false, after_return: false, ends_line }
    }

    /// Rewrites the bytes in place; gives how many are left.
    fn rewrite(&mut self, bytes: &mut [u8]) -> usize {
        if !self.after_return && memchr::memchr(b'\r', bytes).is_none() {
            let quotes = memchr::memchr_iter(b'"', bytes).count();
            self.quoted ^= quotes % 2 == 1;
            return bytes.len();
        }
        let mut kept = 0;
        for at in 0..bytes.len() {
            let byte = bytes[at];
            if std::mem::take(&mut self.after_return) && byte == b'\n' {
                continue;
            }
            self.quoted ^= byte == b'"';
            self.after_return = byte == b'\r' && !self.quoted;
            bytes[kept] = if self.after_return { b'\n' } else { byte };
            kept += 1;
        }
        kept
    }
}

impl<R: Read> Read for Newlines<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let read = self.source.read(buffer)?;
            if read == 0 {
                return Ok(0);
            }
            let kept = self.rewrite(&mut buffer[..read]);
            // Nothing is left of the second half of a `\r\n`, but that is not the end.
            if kept > 0 {
                self.ends_line.set(buffer[kept - 1] == b'\n');
                return Ok(kept);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads in pieces of a given size.
    struct Pieces<'a>(&'a [u8], usize);

    impl Read for Pieces<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let length = self.1.min(buffer.len());
            (&mut self.0).take(length as u64).read(buffer)
        }
    }

    #[test]
    fn line_ends_of_every_system_become_newlines_however_the_bytes_arrive() {
        let file = b"a,\"x\r\ny\"\r\nb\rc\r\r\n\nd\r";
        for piece in 1..file.len() {
            let mut read = Vec::new();
            let mut source = Newlines::new(Pieces(file, piece), Rc::default());
            source.read_to_end(&mut read).expect("readable");
            assert_eq!(read, b"a,\"x\r\ny\"\nb\nc\n\n\nd\n", "in pieces of {piece}");
        }
    }
}
