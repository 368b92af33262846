//! Puts a user's entry into the file that the server reads its users from: a file of users, or systemd's file of variables.
//!
//! Owns replacing the entry of the same user. Must not know passwords: an entry contains a hash.

use std::fs::{self, Permissions};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, fchown};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::config::USERS;

/// A new file is for its owner alone.
const NEW_FILE_MODE: u32 = 0o600;

/// Far longer than any file of users.
const MAX_BYTES: u64 = 1 << 20;

/// Where an entry goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Destination {
    /// Entries, one per line or separated by commas.
    Users(PathBuf),
    /// Variables, one per line, of which one has the entries.
    Environment(PathBuf),
}

impl Destination {
    pub(super) fn path(&self) -> &Path {
        match self {
            Self::Users(path) | Self::Environment(path) => path,
        }
    }

    /// Writes the entry in place of the user's former one. The file keeps its owner and mode.
    ///
    /// # Errors
    /// Those of the system.
    pub(super) fn write(&self, entry: &str) -> io::Result<()> {
        // The target of a link is changed, not the link.
        let path = fs::canonicalize(self.path()).unwrap_or_else(|_| self.path().to_owned());
        let before = match crate::fs::read_small(&path, MAX_BYTES) {
            Ok(bytes) => String::from_utf8(bytes).map_err(|_| ErrorKind::InvalidData)?,
            Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
            Err(error) => return Err(error),
        };
        let after = match self {
            Self::Users(_) => in_users(&before, entry),
            Self::Environment(_) => in_variables(&before, entry),
        };
        replace(&path, &after)
    }
}

/// The name of an entry's user.
fn name(entry: &str) -> &str {
    entry.split(':').next().unwrap_or_default().trim()
}

fn in_users(before: &str, entry: &str) -> String {
    let others = |line: &str| {
        let kept: Vec<&str> = line.split(',').filter(|old| name(old) != name(entry)).collect();
        kept.join(",")
    };
    let lines = before.lines().map(|line| if line.starts_with('#') { line.to_owned() } else { others(line) });
    let mut lines: Vec<String> = lines
        .zip(before.lines())
        .filter(|(new, old)| old.is_empty() || !new.is_empty())
        .map(|(new, _)| new)
        .collect();
    lines.push(entry.to_owned());
    lines.join("\n") + "\n"
}

fn in_variables(before: &str, entry: &str) -> String {
    let value_of =
        |line: &str| Some(line.trim().strip_prefix(USERS)?.trim_start().strip_prefix('=')?.trim().to_owned());
    let old = before.lines().find_map(value_of).unwrap_or_default();
    let old = old.trim_matches(['"', '\'']);
    let mut entries: Vec<&str> =
        old.split(',').filter(|old| !old.is_empty() && name(old) != name(entry)).collect();
    entries.push(entry);
    let mut lines: Vec<String> =
        before.lines().filter(|line| value_of(line).is_none()).map(str::to_owned).collect();
    lines.push(format!("{USERS}=\"{}\"", entries.join(",")));
    lines.join("\n") + "\n"
}

/// Replaces a file by a rename, so that the server never reads half of it.
fn replace(path: &Path, content: &str) -> io::Result<()> {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut new = NamedTempFile::new_in(directory)?;
    new.write_all(content.as_bytes())?;
    let mode = match fs::metadata(path) {
        Ok(old) => {
            // Only root can give a file to another user; otherwise it already belongs to this one.
            let _ = fchown(new.as_file(), Some(old.uid()), Some(old.gid()));
            old.mode() & 0o777
        }
        Err(_) => NEW_FILE_MODE,
    };
    new.as_file().set_permissions(Permissions::from_mode(mode))?;
    new.as_file().sync_all()?;
    new.persist(path).map_err(|error| error.error)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    const ENTRY: &str = "moodle:argon2id:new";

    #[rstest]
    #[case("", "moodle:argon2id:new\n")]
    #[case("# users\nmoodle:argon2id:old\n", "# users\nmoodle:argon2id:new\n")]
    #[case("school:x,moodle:old\n\nother:y", "school:x\n\nother:y\nmoodle:argon2id:new\n")]
    #[case("moodle2:x\n", "moodle2:x\nmoodle:argon2id:new\n")]
    fn an_entry_replaces_the_one_of_the_same_user(#[case] before: &str, #[case] after: &str) {
        assert_eq!(in_users(before, ENTRY), after);
        assert_eq!(in_users(after, ENTRY).matches("moodle:").count(), 1);
    }

    #[rstest]
    #[case("", "MOODLE_MLBACKEND_PYTHON_USERS=\"moodle:argon2id:new\"\n")]
    #[case(
        "A=1\nMOODLE_MLBACKEND_PYTHON_USERS=school:x,moodle:old\nB=2\n",
        "A=1\nB=2\nMOODLE_MLBACKEND_PYTHON_USERS=\"school:x,moodle:argon2id:new\"\n"
    )]
    #[case(
        "#MOODLE_MLBACKEND_PYTHON_USERS=\"example\"\nMOODLE_MLBACKEND_PYTHON_USERS_FILE=/x\n",
        "#MOODLE_MLBACKEND_PYTHON_USERS=\"example\"\nMOODLE_MLBACKEND_PYTHON_USERS_FILE=/x\n\
         MOODLE_MLBACKEND_PYTHON_USERS=\"moodle:argon2id:new\"\n"
    )]
    fn the_variable_of_systemd_keeps_other_users_and_other_variables(
        #[case] before: &str,
        #[case] after: &str,
    ) {
        assert_eq!(in_variables(before, ENTRY), after);
        assert_eq!(in_variables(after, ENTRY), after);
    }

    #[test]
    #[allow(clippy::disallowed_methods, reason = "a file of the test")]
    fn the_file_keeps_its_mode_and_a_new_one_is_private() {
        let directory = tempfile::tempdir().expect("a directory");
        let (old, new) = (directory.path().join("old"), directory.path().join("new"));
        fs::write(&old, "school:x\n").expect("written");
        fs::set_permissions(&old, Permissions::from_mode(0o640)).expect("set");
        Destination::Users(old.clone()).write(ENTRY).expect("written");
        Destination::Environment(new.clone()).write(ENTRY).expect("written");
        let mode = |path| fs::metadata(path).expect("a file").mode() & 0o777;
        assert_eq!((mode(&old), mode(&new)), (0o640, 0o600));
        assert_eq!(fs::read_to_string(&old).expect("text"), "school:x\nmoodle:argon2id:new\n");
    }
}
