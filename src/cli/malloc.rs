//! Makes the C library return memory to the system after a large training or evaluation.
//!
//! Owns the allocator's settings. Must not know what allocates.
//!
//! glibc starts with a threshold of 128 KiB: larger blocks are mapped one by one, and each is unmapped when it is freed.
//! Freeing a mapped block raises the threshold, up to 32 MiB; later blocks are cut from heaps, one for each thread, where
//! one small live block keeps all memory below it. A threshold that is set stays fixed (mallopt(3)). glibc reads it from
//! the environment before `main`, and setting it later needs unsafe code, so the program executes itself once more.
//! (mimalloc as the global allocator was measured: 108 MiB idle after a training, against 31 MiB.)

/// Blocks of the size of datasets are mapped one by one. The smaller blocks of predictions are not, because mapping
/// takes longer than predicting. Fewer malloc arenas retain less memory.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const SETTINGS: [(&str, &str); 3] =
    [("MALLOC_MMAP_THRESHOLD_", "4194304"), ("MALLOC_TRIM_THRESHOLD_", "4194304"), ("MALLOC_ARENA_MAX", "3")];

/// Executes this program again, as the same process with the same arguments, unless one of the variables is already set
/// by this program or by the operator. On an error the program continues without the settings.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub(super) fn restart_with_settings() {
    use std::env;
    use std::os::unix::process::CommandExt as _;
    use std::process::Command;

    if SETTINGS.iter().any(|(name, _)| env::var_os(name).is_some()) {
        return;
    }
    let Ok(program) = env::current_exe() else { return };
    let mut args = env::args_os();
    let mut command = Command::new(program);
    if let Some(name) = args.next() {
        command.arg0(name);
    }
    let error = command.args(args).envs(SETTINGS).exec();
    tracing::debug!(%error, "memory is retained after large trainings");
}

/// Other C libraries return memory by themselves, or have no such settings.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub(super) fn restart_with_settings() {}
