//! Which user names the users variable can hold.

/// Checks a user name.
///
/// # Errors
/// The problem and the remedy.
pub(crate) fn check_name(name: &str) -> Result<(), &'static str> {
    match name {
        "" => Err("the user name is empty: write user:password"),
        _ if name.contains([',', ':']) => Err("a user name may contain neither a comma nor a colon"),
        _ if name.contains(char::is_control) => {
            Err("a user name may not contain a line break or a control character")
        }
        _ => Ok(()),
    }
}
