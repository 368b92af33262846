//! Makes the C library give memory back after a large training or evaluation.
//!
//! glibc starts by taking blocks of 128 KiB and more from the system one by one, and gives each back
//! when it is freed. But with every large block that is freed it raises that size, up to 32 MiB; later
//! blocks are cut from its heaps, one for each thread, where a small block that stays keeps all below
//! it. A size that is set is not raised (mallopt(3)). It is read from the environment before a program
//! begins, and setting it later takes code that is not safe: so the program begins anew, once.

/// Blocks as large as those of datasets are taken and given back one by one; those that predictions need
/// again and again are not, for that would take more time than predicting. Of fewer heaps less stays.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const SIZES: [(&str, &str); 3] =
    [("MALLOC_MMAP_THRESHOLD_", "4194304"), ("MALLOC_TRIM_THRESHOLD_", "4194304"), ("MALLOC_ARENA_MAX", "3")];

/// Starts this program anew, as the same process and with the same arguments, unless the sizes are set
/// already, by this or by the operator. Where that is not possible everything goes on as it was.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub(super) fn give_back() {
    use std::env;
    use std::os::unix::process::CommandExt as _;
    use std::process::Command;

    if SIZES.iter().any(|(name, _)| env::var_os(name).is_some()) {
        return;
    }
    let Ok(program) = env::current_exe() else { return };
    let mut args = env::args_os();
    let mut command = Command::new(program);
    if let Some(name) = args.next() {
        command.arg0(name);
    }
    let error = command.args(args).envs(SIZES).exec();
    tracing::debug!(%error, "memory is kept after large trainings");
}

/// Other C libraries give memory back by themselves, or cannot be asked.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub(super) fn give_back() {}
