//! The modules and the allocator that every fuzz target shares.

#[allow(dead_code)]
#[path = "targets.rs"]
pub mod targets;

/// Aborts, which libFuzzer reports, when the program holds more than 512 MiB. Without a sanitizer, libFuzzer's own
/// limits miss single allocations and check the memory of the process only once a second.
#[global_allocator]
static MEMORY: cap::Cap<std::alloc::System> = cap::Cap::new(std::alloc::System, 512 << 20);
