//! Watches a directory with inotify: reports every process that opens, reads or changes something in it.

use std::fs;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::inotify::{self, CreateFlags, Reader, WatchFlags};

/// A watch on a directory and everything that is below it now.
pub struct Watch(OwnedFd);

impl Watch {
    pub fn over(directory: &Path) -> Self {
        let watch = Self(inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK).expect("a watch"));
        watch.add(directory);
        // Discards the events that adding the watches caused.
        watch.events();
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

    /// The events since the last call.
    pub fn events(&self) -> Vec<String> {
        let mut buffer = [MaybeUninit::uninit(); 4096];
        let mut reader = Reader::new(&self.0, &mut buffer);
        let mut events = Vec::new();
        while let Ok(event) = reader.next() {
            events.push(format!("{:?} of {:?}", event.events(), event.file_name()));
        }
        events
    }
}
