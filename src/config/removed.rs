//! Variables of earlier versions that no longer have an effect.
//!
//! Owns the list and the warning. Must not know the settings that exist.

use std::env;

/// Limits that are constants now.
pub(super) const REMOVED: [&str; 7] = [
    "MOODLE_MLBACKEND_MAX_FIELD_BYTES",
    "MOODLE_MLBACKEND_MAX_PARTS",
    "MOODLE_MLBACKEND_MAX_REQUEST_LINE_BYTES",
    "MOODLE_MLBACKEND_MAX_HEADER_LINES",
    "MOODLE_MLBACKEND_MAX_HEADER_BYTES",
    "MOODLE_MLBACKEND_MAX_LINE_BYTES",
    "MOODLE_MLBACKEND_MAX_ARCHIVE_ENTRIES",
];

/// Logs a warning for each variable in the environment that no longer has an effect.
pub fn warn_about_removed_variables() {
    for variable in REMOVED.into_iter().filter(|variable| env::var_os(variable).is_some()) {
        tracing::warn!("{variable} is ignored: this limit is fixed now. Remove the variable");
    }
}
