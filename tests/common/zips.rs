//! Zip files written byte by byte, so that each field can have a wrong value.

use std::collections::BTreeMap;
use std::io::{Cursor, Read as _, Write as _};

/// One entry; its local header and its central directory record can differ.
#[derive(Clone)]
pub struct Entry {
    pub name: Vec<u8>,
    /// As stored in the archive.
    pub data: Vec<u8>,
    pub method: u16,
    pub flags: u16,
    pub crc: u32,
    pub size: u32,
    pub compressed: u32,
    /// The local header's name and method, where they differ from the central directory's.
    pub local_name: Option<Vec<u8>>,
    pub local_method: Option<u16>,
    pub extra: Vec<u8>,
    /// External attributes: Unix mode and file type in the upper half.
    pub attributes: u32,
    /// Whether the central directory lists it.
    pub listed: bool,
}

impl Entry {
    pub fn stored(name: &str, data: &[u8]) -> Self {
        let mut crc = flate2::Crc::new();
        crc.update(data);
        Self {
            name: name.as_bytes().to_vec(),
            data: data.to_vec(),
            method: 0,
            flags: 0,
            crc: crc.sum(),
            size: data.len() as u32,
            compressed: data.len() as u32,
            local_name: None,
            local_method: None,
            extra: Vec::new(),
            attributes: 0o100_644 << 16,
            listed: true,
        }
    }

    pub fn deflated(name: &str, data: &[u8]) -> Self {
        let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::new(9));
        encoder.write_all(data).expect("memory can be written to");
        let deflated = encoder.finish().expect("memory can be written to");
        let compressed = deflated.len() as u32;
        Self { data: deflated, method: 8, compressed, ..Self::stored(name, data) }
    }

    pub fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    pub fn local(&self) -> Vec<u8> {
        let name = self.local_name.as_ref().unwrap_or(&self.name);
        let mut header = b"PK\x03\x04".to_vec();
        for field in [20, self.flags, self.local_method.unwrap_or(self.method), 0, 33] {
            header.extend(field.to_le_bytes());
        }
        for field in [self.crc, self.compressed, self.size] {
            header.extend(field.to_le_bytes());
        }
        header.extend((name.len() as u16).to_le_bytes());
        header.extend((self.extra.len() as u16).to_le_bytes());
        [&header, name, &self.extra[..], &self.data].concat()
    }

    fn directory_record(&self, offset: u32) -> Vec<u8> {
        let mut header = b"PK\x01\x02".to_vec();
        for field in [0x031e, 20, self.flags, self.method, 0, 33] {
            header.extend(u16::to_le_bytes(field));
        }
        for field in [self.crc, self.compressed, self.size] {
            header.extend(field.to_le_bytes());
        }
        for field in [self.name.len() as u16, self.extra.len() as u16, 0, 0, 0] {
            header.extend(field.to_le_bytes());
        }
        header.extend(self.attributes.to_le_bytes());
        header.extend(offset.to_le_bytes());
        [&header, &self.name[..], &self.extra].concat()
    }
}

/// An archive; the fields of its end record can be changed before it is written.
#[derive(Default)]
pub struct RawZip {
    entries: Vec<Entry>,
    /// Wrong offsets in the central directory, by the number of the entry; such an entry has no local header.
    pub offsets: Vec<(usize, u32)>,
    pub comment: Vec<u8>,
    pub disk: u16,
    pub announced: Option<u16>,
    pub directory_bytes: Option<u32>,
    pub directory_at: Option<u32>,
}

impl RawZip {
    pub fn of(entries: impl IntoIterator<Item = Entry>) -> Self {
        Self { entries: entries.into_iter().collect(), ..Self::default() }
    }

    pub fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut directory = Vec::new();
        let mut listed = 0_u16;
        for (number, entry) in self.entries.iter().enumerate() {
            let wrong_offset =
                self.offsets.iter().find(|(index, _)| *index == number).map(|(_, offset)| *offset);
            if entry.listed {
                directory.extend(entry.directory_record(wrong_offset.unwrap_or(bytes.len() as u32)));
                listed = listed.wrapping_add(1);
            }
            if wrong_offset.is_none() {
                bytes.extend(entry.local());
            }
        }
        let at = self.directory_at.unwrap_or(bytes.len() as u32);
        let length = self.directory_bytes.unwrap_or(directory.len() as u32);
        let announced = self.announced.unwrap_or(listed);
        bytes.extend(directory);
        bytes.extend(b"PK\x05\x06");
        for field in [self.disk, self.disk, announced, announced] {
            bytes.extend(field.to_le_bytes());
        }
        bytes.extend(length.to_le_bytes());
        bytes.extend(at.to_le_bytes());
        bytes.extend((self.comment.len() as u16).to_le_bytes());
        bytes.extend(&self.comment);
        bytes
    }
}

/// The files of a valid zip.
pub fn unzipped(bytes: &[u8]) -> BTreeMap<String, Vec<u8>> {
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).expect("a zip");
    let mut files = BTreeMap::new();
    for at in 0..archive.len() {
        let mut file = archive.by_index(at).expect("a file");
        let name = file.name().expect("a readable name").into_owned();
        let mut content = Vec::new();
        file.read_to_end(&mut content).expect("readable");
        files.insert(name, content);
    }
    files
}
