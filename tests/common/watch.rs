//! Watches a directory for processes that open, read or change something in it.

use std::fs;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::inotify::{self, CreateFlags, Reader, WatchFlags};

/// Everything that is below a directory when this is made, and the directory itself.
pub struct Watch(OwnedFd);

impl Watch {
    pub fn over(directory: &Path) -> Self {
        let watch = Self(inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK).expect("a watch"));
        watch.add(directory);
        // What was opened for it.
        watch.seen();
        watch
    }

    fn add(&self, directory: &Path) {
        inotify::add_watch(&self.0, directory, WatchFlags::ALL_EVENTS).expect("a directory to watch");
        for path in fs::read_dir(directory).expect("readable").map(|entry| entry.expect("an entry").path()) {
            if path.is_dir() {
                self.add(&path);
            }
        }
    }

    /// What was done to whatever of it since this was last asked.
    pub fn seen(&self) -> Vec<String> {
        let mut buffer = [MaybeUninit::uninit(); 4096];
        let mut reader = Reader::new(&self.0, &mut buffer);
        let mut seen = Vec::new();
        while let Ok(event) = reader.next() {
            seen.push(format!("{:?} of {:?}", event.events(), event.file_name()));
        }
        seen
    }
}
