//! Turns an evaluation into the files that an administrator reads.
