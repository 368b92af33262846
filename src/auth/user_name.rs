//! Which user names the users variable can hold.

/// Straight and typographic quotation marks.
pub(super) const QUOTES: [char; 8] =
    ['"', '\'', '`', '\u{2018}', '\u{2019}', '\u{201c}', '\u{201d}', '\u{201e}'];

/// Checks a user name.
///
/// # Errors
/// The problem and the remedy.
pub(crate) fn check_name(name: &str) -> Result<(), &'static str> {
    match name {
        "" => Err("the user name is empty: write user:password"),
        _ if name.contains([',', ':']) => Err("a user name may contain neither a comma nor a colon"),
        _ if name.starts_with("MOODLE_MLBACKEND_PYTHON_USERS=") => {
            Err("it begins with the name of the variable: write only user:password")
        }
        _ if name.starts_with(['[', '{', '(', '<']) => {
            Err("it begins with a bracket: write only user:password, several separated by commas")
        }
        _ if name.starts_with("- ") || name.starts_with("* ") => {
            Err("it begins with the mark of a list: write only user:password, several separated by commas")
        }
        _ if name.starts_with("export ") || name.starts_with("set ") => {
            Err("it begins with a command of the shell: write only user:password")
        }
        _ if name.contains('=') => Err(
            "the user name contains an equals sign: write only user:password, without the name of a variable",
        ),
        _ if name.starts_with('$') || name.starts_with('%') => Err(
            "the user name is the name of a variable that was not replaced by its value: write user:password",
        ),
        _ if name.trim() != name => {
            Err("the user name begins or ends with a blank: write user:password without blanks")
        }
        _ if name.starts_with(QUOTES) || name.ends_with(QUOTES) => {
            Err("the user name begins or ends with a quotation mark: write user:password without quotes")
        }
        _ if name.contains(char::is_control) => {
            Err("a user name may not contain a line break or a control character")
        }
        _ => Ok(()),
    }
}
