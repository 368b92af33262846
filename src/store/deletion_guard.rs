//! The start of a job that will publish, so that a deletion during the job prevents its publishing.
//!
//! The guard remembers two things: the inode of the directory, and a *mark*, a file in the session of this process. A
//! deletion removes the directory and the marks of all sessions under its model id, also where there is no directory
//! yet. A job whose mark is gone, or whose directory was replaced, publishes nothing.

use std::fs::File;

use super::error::{During, StoreError};
use super::files;
use super::files::existing;
use super::workspace::{Temporary, Workspace};
use crate::fs::nofollow::NoFollowPath;

/// A job that has started and will publish under one model id.
#[derive(Debug)]
pub struct DeletionGuard {
    /// The directory that a deletion takes away; open, so that its inode cannot come back as another one's.
    tree: Option<File>,
    /// Removed when the job ends.
    mark: Temporary,
}

impl DeletionGuard {
    /// The job starts now. The names of the marks under this `tree` are derived from `name`.
    pub fn now(workspace: &Workspace, name: &str, tree: &NoFollowPath) -> Result<Self, StoreError> {
        // The mark first: a deletion between the two steps then removes it.
        let mark = workspace.mark(name)?;
        let tree = existing(files::open(tree)).during("open", tree)?;
        Ok(Self { tree, mark })
    }

    /// Whether what is at `tree` was deleted since. Call it behind the tree lock.
    pub fn is_void(&self, tree: &NoFollowPath) -> Result<bool, StoreError> {
        let is_there = self.tree.as_ref().map_or(Ok(true), |dir| tree.holds(dir)).during("look at", tree)?;
        Ok(!is_there || self.mark.was_taken()?)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_tree_made_anew_is_not_the_tree_it_was() {
        let dir = tempfile::tempdir().unwrap();
        let top = NoFollowPath::top(dir.path());
        let (workspace, tree, path) = (Workspace::of(&top), top.join("model"), dir.path().join("model"));
        let begin = || DeletionGuard::now(&workspace, "model", &tree).unwrap();
        let before = begin();
        fs::create_dir(&path).unwrap();
        assert!(!before.is_void(&tree).unwrap());
        let first = begin();
        assert!(!first.is_void(&tree).unwrap());
        fs::remove_dir(&path).unwrap();
        assert!(first.is_void(&tree).unwrap());
        fs::create_dir(&path).unwrap();
        assert!(first.is_void(&tree).unwrap());
    }

    #[test]
    fn a_deletion_takes_the_marks_of_one_id_in_all_sessions() {
        let dir = tempfile::tempdir().unwrap();
        let top = NoFollowPath::top(dir.path());
        let (one, other) = (Workspace::of(&top), Workspace::of(&top));
        let (tree, beside) = (top.join("model"), top.join("model2"));
        let begun = [&one, &other].map(|workspace| DeletionGuard::now(workspace, "model", &tree).unwrap());
        let unconcerned = DeletionGuard::now(&other, "model2", &beside).unwrap();
        one.take_marks("model").unwrap();
        assert!(begun.iter().all(|begun| begun.is_void(&tree).unwrap()));
        assert!(!unconcerned.is_void(&beside).unwrap());
        assert!(!DeletionGuard::now(&one, "model", &tree).unwrap().is_void(&tree).unwrap());
    }

    #[test]
    fn work_whose_session_was_cleared_fails_as_nobody_knows_whether_a_deletion_came() {
        let dir = tempfile::tempdir().unwrap();
        let top = NoFollowPath::top(dir.path());
        let (workspace, tree) = (Workspace::of(&top), top.join("model"));
        let begun = DeletionGuard::now(&workspace, "model", &tree).unwrap();
        fs::remove_dir_all(dir.path().join(crate::store::workspace::NAME)).unwrap();
        assert!(matches!(begun.is_void(&tree), Err(StoreError::Ended { .. })));
    }
}
