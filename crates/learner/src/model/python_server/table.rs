//! The index of a TensorFlow checkpoint is a sorted table of keys and values, in the format of `LevelDB`'s files
//! (`doc/table_format.md` there): blocks of entries, each key as the difference from the one before; an index block with
//! the positions of the others; a footer with the position of the index block.
//!
//! Owns that format and its checksums. Must not know what keys and values mean.

use super::bytes::Bytes;

/// The last eight bytes of every table.
const MAGIC: [u8; 8] = [0x57, 0xfb, 0x80, 0x8b, 0x24, 0x75, 0x47, 0xdb];
/// Two handles, filled up with zeros, and the magic number.
const FOOTER_BYTES: usize = 48;
/// A byte for the compression of the block, and a checksum.
const TRAILER_BYTES: usize = 5;
/// The maximum length of a key; without a limit a few bytes could become many long keys.
const MAX_KEY_BYTES: usize = 1_024;
/// The maximum number of blocks; each has about 250 kB.
const MAX_BLOCKS: usize = 64;

/// Calls `visit` with every key and value, in the table's order.
pub(crate) fn for_each<'a>(
    table: &'a [u8],
    mut visit: impl FnMut(&[u8], &'a [u8]) -> Result<(), String>,
) -> Result<(), String> {
    let footer =
        table.len().checked_sub(FOOTER_BYTES).and_then(|at| table.get(at..)).ok_or("it is truncated")?;
    if !footer.ends_with(&MAGIC) {
        return Err("it is not an index of a TensorFlow checkpoint".to_owned());
    }
    let mut footer = Bytes(footer);
    Handle::read(&mut footer)?; // of a block that TensorFlow leaves empty
    let index = Handle::read(&mut footer)?.block(table)?;
    let mut blocks = Vec::new();
    entries(index, |_, handle| {
        blocks.push(Handle::read(&mut Bytes(handle))?);
        if blocks.len() > MAX_BLOCKS { Err("it has too many blocks".to_owned()) } else { Ok(()) }
    })?;
    blocks.into_iter().try_for_each(|block| entries(block.block(table)?, &mut visit))
}

/// The position of a block.
struct Handle {
    offset: usize,
    size: usize,
}

impl Handle {
    fn read(bytes: &mut Bytes<'_>) -> Result<Self, String> {
        Ok(Self { offset: bytes.size()?, size: bytes.size()? })
    }

    /// The block's content, when its checksum is right.
    fn block<'a>(&self, table: &'a [u8]) -> Result<&'a [u8], String> {
        let whole = || {
            let end = self.offset.checked_add(self.size)?;
            Some((
                table.get(self.offset..end)?,
                table.get(self.offset..=end)?,
                table.get(end..end + TRAILER_BYTES)?,
            ))
        };
        let (content, summed, trailer) = whole().ok_or("it is truncated")?;
        if trailer[0] != 0 {
            return Err("it is compressed, which TensorFlow does not do".to_owned());
        }
        if Bytes(&trailer[1..]).u32()? != masked_checksum(summed) {
            return Err(damaged());
        }
        Ok(content)
    }
}

fn entries<'a>(
    block: &'a [u8],
    mut visit: impl FnMut(&[u8], &'a [u8]) -> Result<(), String>,
) -> Result<(), String> {
    // At the end: the positions of complete keys, which are only needed for searching, and their number.
    let (rest, count) = block.split_last_chunk::<4>().ok_or("it is truncated")?;
    let restarts = (u32::from_le_bytes(*count) as usize).checked_mul(4);
    let end = restarts.and_then(|size| rest.len().checked_sub(size)).ok_or("it is truncated")?;
    let mut rest = Bytes(&rest[..end]);
    let mut key = Vec::new();
    while !rest.0.is_empty() {
        let (shared, more, value) = (rest.size()?, rest.size()?, rest.size()?);
        if shared > key.len() || shared.saturating_add(more) > MAX_KEY_BYTES {
            return Err("a name in it is too long".to_owned());
        }
        key.truncate(shared);
        key.extend_from_slice(rest.take(more)?);
        visit(&key, rest.take(value)?)?;
    }
    Ok(())
}

/// The checksum of TensorFlow's files: CRC-32C, rotated and with a constant added, because a CRC of data that contains
/// its CRC is weak.
pub(crate) fn masked_checksum(bytes: &[u8]) -> u32 {
    crc32c::crc32c(bytes).rotate_right(15).wrapping_add(0xa282_ead8)
}

pub(crate) fn damaged() -> String {
    "it is damaged: a checksum is wrong".to_owned()
}
