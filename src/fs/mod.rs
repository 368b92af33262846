//! File access: paths that follow no symbolic link, small files that an administrator names, and failpoints for tests.
//!
//! Must not know what is stored.

pub(crate) mod failpoints;
pub(crate) mod nofollow;
pub(crate) mod recording;
pub(crate) mod shared_file;

use std::fs::OpenOptions;
use std::io::{self, ErrorKind, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use rustix::fs::OFlags;

/// How long the writer of a pipe, such as a shell's `<(command)`, may take.
const MAX_PIPE_TIME: Duration = Duration::from_secs(5);
/// The time between two looks at a pipe.
const PIPE_INTERVAL: Duration = Duration::from_millis(10);

/// Reads a file that an administrator names, of at most `max` bytes. It may be a pipe; one without a writer is empty, because
/// opening it otherwise would wait for ever.
///
/// # Errors
/// Those of the system; [`ErrorKind::FileTooLarge`] for a longer file, and [`ErrorKind::WouldBlock`] for a pipe whose writer
/// takes too long.
pub(crate) fn read_small(path: &Path, max: u64) -> io::Result<Vec<u8>> {
    let flags = OFlags::NONBLOCK.bits().cast_signed();
    let mut file = OpenOptions::new().read(true).custom_flags(flags).open(path)?.take(max + 1);
    let (mut bytes, begun) = (Vec::new(), Instant::now());
    loop {
        match file.read_to_end(&mut bytes) {
            Ok(_) if bytes.len() as u64 > max => return Err(ErrorKind::FileTooLarge.into()),
            Ok(_) => return Ok(bytes),
            // What was read so far is kept.
            Err(error) if error.kind() == ErrorKind::WouldBlock && begun.elapsed() < MAX_PIPE_TIME => {
                thread::sleep(PIPE_INTERVAL);
            }
            Err(error) => return Err(error),
        }
    }
}

/// Whether a full disk, a quota or the limit of a file's size caused an error of the system.
pub(crate) fn is_no_space(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge)
}

/// The bytes that this user can still write to the file system of `directory`.
pub(crate) fn free_bytes(directory: &Path) -> io::Result<u64> {
    let found = rustix::fs::statvfs(directory)?;
    Ok(found.f_bavail.saturating_mul(found.f_frsize))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write as _;

    use rustix::fs::{CWD, FileType, Mode, mknodat};

    use super::*;

    #[test]
    fn reads_files_up_to_a_size() {
        let dir = tempfile::tempdir().expect("a directory");
        let mut file = tempfile::NamedTempFile::new_in(dir.path()).expect("a file");
        file.write_all(b"12345").expect("written");
        assert_eq!(read_small(file.path(), 5).expect("it fits"), b"12345");
        assert_eq!(read_small(file.path(), 4).expect_err("too long").kind(), ErrorKind::FileTooLarge);
        assert_eq!(
            read_small(Path::new("/dev/zero"), 1000).expect_err("endless").kind(),
            ErrorKind::FileTooLarge
        );
        read_small(dir.path(), 5).expect_err("a directory");
    }

    #[test]
    fn a_pipe_without_a_writer_is_empty_and_one_with_a_slow_writer_is_read_to_its_end() {
        let dir = tempfile::tempdir().expect("a directory");
        let pipe = dir.path().join("pipe");
        mknodat(CWD, &pipe, FileType::Fifo, Mode::RWXU, 0).expect("a pipe");
        assert_eq!(read_small(&pipe, 10).expect("it does not wait"), b"");
        // Open for both, so that the writer need not wait for a reader.
        let mut writer = OpenOptions::new().read(true).write(true).open(&pipe).expect("open");
        let writing = thread::spawn(move || {
            for part in ["ab", "cd"] {
                thread::sleep(Duration::from_millis(50));
                writer.write_all(part.as_bytes()).expect("written");
            }
        });
        assert_eq!(read_small(&pipe, 10).expect("read"), b"abcd");
        writing.join().expect("no panic");
        assert!(fs::exists(&pipe).expect("known"));
    }
}
