//! The pages, one file each.

pub(super) mod delete;
pub(super) mod downloads;
pub(super) mod import;
pub(super) mod live;
pub(super) mod model;
pub(super) mod models;
pub(super) mod overview;
pub(super) mod predictions;
pub(super) mod roll_back;
pub(super) mod run;
pub(super) mod sign_in;
pub(super) mod sign_out;
