//! What the program does, seen from outside: one file per behaviour, all through the real binary.

mod cli_demo;
mod cli_local;
mod cli_passwd;
