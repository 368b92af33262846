//! What every fuzz target has around it.

#[allow(dead_code)]
#[path = "targets.rs"]
pub mod targets;

/// Aborts, which is a finding, when the product asks for more memory than this together. libFuzzer's own
/// limits see single allocations only with a sanitizer, and the process's memory once a second.
#[global_allocator]
static MEMORY: cap::Cap<std::alloc::System> = cap::Cap::new(std::alloc::System, 512 << 20);
