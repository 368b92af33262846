//! A real Chromium: pages are opened, used and checked as a person's browser does.
//!
//! Must not know which pages there are.

mod devtools;
mod page;
mod validators;

use std::path::PathBuf;

use devtools::DevTools;

use super::skip::skip;
use super::tools::find;

pub use page::{Media, Page};
pub use validators::Validators;

/// The names under which distributions install it.
const NAMES: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/// A running browser, killed on drop.
pub struct Browser(DevTools);

impl Browser {
    /// Starts it; where it is not installed, reports a skipped test and returns `None`.
    pub fn start(test: &str) -> Option<Self> {
        let program = NAMES.into_iter().find_map(find);
        if program.is_none() {
            skip(test, "chromium is not installed");
        }
        program.map(|program| Self(DevTools::launch(&program)))
    }

    /// A new page, with cookies of its own.
    pub fn page(&self) -> Page<'_> {
        Page::open(&self.0)
    }

    /// A directory for files of a test, removed with the browser.
    pub fn directory(&self) -> PathBuf {
        self.0.directory()
    }
}
