//! Where the value of a setting comes from.
//!
//! Must not know how values are read.

use std::fmt;
use std::path::PathBuf;

/// Where the value of a setting comes from, by descending precedence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// A flag of the command line.
    Flag,
    /// An environment variable.
    Variable(String),
    /// A file that an environment variable names.
    VariableFile {
        /// The variable, which ends with `_FILE`.
        variable: String,
        /// The file.
        path: PathBuf,
    },
    /// A credential that systemd passed to the service.
    Credential(PathBuf),
    /// A line of the TOML file.
    Toml {
        /// The TOML file.
        path: PathBuf,
        /// From 1.
        line: usize,
    },
    /// A file that a line of the TOML file names.
    TomlFile {
        /// The named file.
        path: PathBuf,
        /// The TOML file.
        toml: PathBuf,
        /// From 1.
        line: usize,
    },
    /// The program's default.
    Default,
    /// There is no value and no default.
    Unset,
}

impl Origin {
    /// One word for programs.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Flag => "flag",
            Self::Variable(_) => "variable",
            Self::VariableFile { .. } => "variable-file",
            Self::Credential(_) => "credential",
            Self::Toml { .. } => "toml",
            Self::TomlFile { .. } => "toml-file",
            Self::Default => "default",
            Self::Unset => "unset",
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag => f.write_str("command line"),
            Self::Variable(variable) => write!(f, "variable {variable}"),
            Self::VariableFile { variable, path } => write!(f, "{} (variable {variable})", path.display()),
            Self::Credential(path) => write!(f, "credential {}", path.display()),
            Self::Toml { path, line } => write!(f, "{}, line {line}", path.display()),
            Self::TomlFile { path, toml, line } => {
                write!(f, "{} ({}, line {line})", path.display(), toml.display())
            }
            Self::Default => f.write_str("default"),
            Self::Unset => f.write_str("not set"),
        }
    }
}
