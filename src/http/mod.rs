//! The nine routes that Moodle calls.
