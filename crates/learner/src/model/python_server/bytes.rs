//! Reads numbers and slices from the front of bytes, never beyond their end.
//!
//! Owns the message about a truncated file. Must not know any file format.

/// The bytes that have not been read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bytes<'a>(pub &'a [u8]);

impl<'a> Bytes<'a> {
    /// The next `count` bytes.
    pub(crate) fn take(&mut self, count: usize) -> Result<&'a [u8], String> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or("it is truncated")?;
        self.0 = rest;
        Ok(taken)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], String> {
        let (taken, rest) = self.0.split_first_chunk().ok_or("it is truncated")?;
        self.0 = rest;
        Ok(*taken)
    }

    pub(crate) fn byte(&mut self) -> Result<u8, String> {
        self.array::<1>().map(|[byte]| byte)
    }

    /// As many bytes as the next byte says.
    pub(crate) fn counted(&mut self) -> Result<&'a [u8], String> {
        let count = self.byte()?;
        self.take(count.into())
    }

    /// A little-endian number of 32 bits.
    pub(crate) fn u32(&mut self) -> Result<u32, String> {
        self.array().map(u32::from_le_bytes)
    }

    /// The bytes up to the next line feed, which is skipped.
    pub(crate) fn line(&mut self) -> Result<&'a [u8], String> {
        let end = memchr::memchr(b'\n', self.0).ok_or("it is truncated")?;
        let line = self.take(end)?;
        self.byte()?;
        Ok(line)
    }

    /// A number in groups of seven bits, the lowest first.
    pub(crate) fn varint(&mut self) -> Result<u64, String> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err("a number in it does not end".to_owned())
    }

    /// A number in groups of seven bits, as a size in memory.
    pub(crate) fn size(&mut self) -> Result<usize, String> {
        usize::try_from(self.varint()?).map_err(|_| "a size in it is too large".to_owned())
    }
}
