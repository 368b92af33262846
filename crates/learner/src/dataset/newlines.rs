//! Makes every line end with `\n`, so that the line numbers of errors are those of an editor, for files of every
//! operating system.
//!
//! Must not know CSV beyond its quotes.

use std::io::{self, Read};

/// Turns `\r\n` and lone `\r` outside of quotes into `\n`; quoted fields stay the same.
pub(super) struct Newlines<R> {
    source: R,
    quoted: bool,
    after_return: bool,
    /// Whether the last byte returned was a newline.
    pub(super) ends_line: bool,
}

impl<R: Read> Newlines<R> {
    pub(super) fn new(source: R) -> Self {
        Self { source, quoted: false, after_return: false, ends_line: false }
    }

    /// Rewrites the bytes in place; returns how many are left.
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
            // Only the second half of a `\r\n` was read: that is not the end of the file.
            if kept > 0 {
                self.ends_line = buffer[kept - 1] == b'\n';
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
    fn all_line_ends_become_newlines_in_pieces_of_any_size() {
        let file = b"a,\"x\r\ny\"\r\nb\rc\r\r\n\nd\r";
        for piece in 1..file.len() {
            let mut read = Vec::new();
            Newlines::new(Pieces(file, piece)).read_to_end(&mut read).expect("readable");
            assert_eq!(read, b"a,\"x\r\ny\"\nb\nc\n\n\nd\n", "in pieces of {piece}");
        }
    }
}
