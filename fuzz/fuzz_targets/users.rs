#![no_main]
#[path = "../door.rs"]
mod door;

libfuzzer_sys::fuzz_target!(|data: &[u8]| door::targets::users(data));
