//! The setting for error reports, in a program without the feature `sentry`; with it, see `tests/error_reports.rs`.

#[cfg(not(feature = "sentry"))]
use crate::common::Launch;

#[test]
#[cfg(not(feature = "sentry"))]
fn a_program_without_error_reports_says_so() {
    let server = Launch::new().env("MOODLE_MLBACKEND_SENTRY_DSN", "http://secretkey@127.0.0.1:9/1").start();
    let log = server.log();
    assert!(
        log.contains("MOODLE_MLBACKEND_SENTRY_DSN is ignored") && log.contains("--features sentry"),
        "{log}"
    );
    assert!(!log.contains("secretkey"), "{log}");
}
