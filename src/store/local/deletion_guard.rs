//! Detects a deletion of a model during a job, so that the job publishes nothing after it.
//!
//! The guard holds the open directory and a *mark*, a file in the session of this process. A deletion removes the
//! directory and the marks of all sessions for its model id, also where there is no directory yet. A job whose mark is
//! gone, or whose directory was replaced, publishes nothing. Must not know what a job does.

use std::fs::File;

use super::files;
use super::workspace::{Temporary, Workspace};
use crate::fs::nofollow::NoFollowPath;
use crate::store::error::{IoContext, StoreError};

/// A running job that will publish for one model id.
#[derive(Debug)]
pub struct DeletionGuard {
    /// The directory that a deletion removes. It is open, so that its inode number is not reused.
    tree: Option<File>,
    /// Removed when the job ends.
    mark: Temporary,
}

impl DeletionGuard {
    /// Starts a job. All jobs for this `tree` use the same `name` for their marks.
    pub fn new(workspace: &Workspace, name: &str, tree: &NoFollowPath) -> Result<Self, StoreError> {
        // First the mark: a deletion between the two steps then removes it.
        let mark = workspace.mark(name)?;
        Ok(Self { tree: files::open(tree)?, mark })
    }

    /// Whether the `tree` was deleted since. Acquire the tree lock first.
    pub fn was_deleted(&self, tree: &NoFollowPath) -> Result<bool, StoreError> {
        let is_same =
            self.tree.as_ref().map_or(Ok(true), |dir| tree.leads_to(dir)).context("look at", tree)?;
        Ok(!is_same || self.mark.was_removed()?)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn detects_that_the_directory_was_replaced() {
        let dir = tempfile::tempdir().expect("a directory");
        let root = NoFollowPath::root(dir.path());
        let (workspace, tree, path) = (Workspace::of(&root), root.join("model"), dir.path().join("model"));
        let guard = || DeletionGuard::new(&workspace, "model", &tree).expect("marked");
        let before = guard();
        fs::create_dir(&path).expect("created");
        assert!(!before.was_deleted(&tree).expect("readable"));
        let first = guard();
        assert!(!first.was_deleted(&tree).expect("readable"));
        fs::remove_dir(&path).expect("removed");
        assert!(first.was_deleted(&tree).expect("readable"));
        fs::create_dir(&path).expect("created");
        assert!(first.was_deleted(&tree).expect("readable"));
    }

    #[test]
    fn a_deletion_removes_the_marks_of_one_id_in_all_sessions() {
        let dir = tempfile::tempdir().expect("a directory");
        let root = NoFollowPath::root(dir.path());
        let (one, other) = (Workspace::of(&root), Workspace::of(&root));
        let (tree, other_tree) = (root.join("model"), root.join("model2"));
        let guards =
            [&one, &other].map(|workspace| DeletionGuard::new(workspace, "model", &tree).expect("marked"));
        let unaffected = DeletionGuard::new(&other, "model2", &other_tree).expect("marked");
        one.remove_marks("model").expect("removed");
        assert!(guards.iter().all(|guard| guard.was_deleted(&tree).expect("readable")));
        assert!(!unaffected.was_deleted(&other_tree).expect("readable"));
        assert!(
            !DeletionGuard::new(&one, "model", &tree).expect("marked").was_deleted(&tree).expect("readable")
        );
    }

    #[test]
    fn fails_when_the_session_was_removed_with_the_marks() {
        let dir = tempfile::tempdir().expect("a directory");
        let root = NoFollowPath::root(dir.path());
        let (workspace, tree) = (Workspace::of(&root), root.join("model"));
        let guard = DeletionGuard::new(&workspace, "model", &tree).expect("marked");
        fs::remove_dir_all(dir.path().join(crate::store::WORKSPACE)).expect("removed");
        assert!(matches!(guard.was_deleted(&tree), Err(StoreError::SessionEnded { .. })));
    }
}
