//! The program: everything is in the library.

use std::process::ExitCode;

use mimalloc::MiMalloc;

/// glibc's allocator keeps much of the memory of a large training or evaluation for later use; this one returns it to
/// the system (tests/behaviour/memory.rs).
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    moodle_mlbackend::cli::run()
}
