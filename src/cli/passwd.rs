//! `moodle-mlbackend passwd`: hashed entries for the users variable.
//!
//! Owns prompting for passwords and generating them. A password is never an argument, which other users of the machine
//! could read, and never on stdout, which carries only the value. Must not know how the server checks passwords.

use std::collections::HashSet;
use std::io::{BufRead, IsTerminal};
use std::process::ExitCode;

use clap::ValueEnum;
use serde_json::json;
use sha2::{Digest, Sha256, Sha512};

use super::exit_code::exit_code;
use super::output::{print, print_json};
use crate::auth::{self, Weakness};
use crate::config::USERS;

/// Passwords below this length get a warning.
const SHORT: usize = 12;

/// The length of a generated password: 32 characters of 64 possible ones make 192 bits.
const GENERATED_LENGTH: usize = 32;

/// Every character that Moodle's settings page accepts in a user's name and a password; 64 of them.
const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";

/// Make the value of `MOODLE_MLBACKEND_PYTHON_USERS`, with hashed passwords.
///
/// Prompts for each user's password twice on a terminal, or reads one line per user from standard input. Prints the
/// complete value on standard output.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The user names that Moodle sites log in with, in the order of the value.
    #[arg(required = true, value_name = "USER", value_parser = user)]
    users: Vec<String>,

    /// Generate strong passwords and show each once, on standard error.
    #[arg(long)]
    generate: bool,

    /// The hash function. The Python server accepts sha256 and sha512, but not argon2id.
    #[arg(long, value_enum, default_value_t = Scheme::Argon2id)]
    scheme: Scheme,

    /// Print JSON, for programs
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Scheme {
    Argon2id,
    Sha256,
    Sha512,
}

/// Why the value could not be made.
#[derive(Debug, thiserror::Error)]
pub(super) enum PasswdError {
    #[error("{0} is named twice: name each user once.")]
    DuplicateUser(String),
    #[error("The two passwords for {0} differ: start again.")]
    Differ(String),
    #[error("The password for {0} is well known: choose another, or use --generate.")]
    WellKnown(String),
    #[error("The password for {0} is empty: give at least one character, better {SHORT}.")]
    Empty(String),
    #[error(
        "The password for {0} has characters that Moodle's settings page does not accept: use A-Z a-z 0-9 _ - only."
    )]
    InvalidCharacter(String),
    #[error(
        "There is no password for {0} on standard input: give one line per user, in the order of the users."
    )]
    MissingLine(String),
    #[error("A password could not be read: {0}.")]
    Read(#[from] std::io::Error),
    #[error("The system's source of randomness failed: {0}.")]
    Random(#[from] getrandom::Error),
    #[error(transparent)]
    Entry(#[from] auth::UsersError),
}

/// Prints the value.
#[must_use]
pub fn run(args: &Args) -> ExitCode {
    exit_code(value(args), |value| {
        if args.json {
            print_json(&json!({ "variable": USERS, "value": value }));
            return true;
        }
        if std::io::stdout().is_terminal() {
            eprintln!("\nSet this for the server, quoted:\n");
        }
        print(&value);
        true
    })
}

fn value(args: &Args) -> Result<String, PasswdError> {
    let mut seen = HashSet::new();
    if let Some(user) = args.users.iter().find(|user| !seen.insert(*user)) {
        return Err(PasswdError::DuplicateUser(user.clone()));
    }
    let mut source = Source::choose(args.generate);
    let entries: Result<Vec<_>, _> =
        args.users.iter().map(|user| entry(args.scheme, user, &source.password(user)?)).collect();
    Ok(entries?.join(","))
}

/// Where passwords come from.
enum Source {
    Generated,
    Terminal,
    Lines(std::io::Lines<std::io::StdinLock<'static>>),
}

impl Source {
    fn choose(generate: bool) -> Self {
        let stdin = std::io::stdin();
        match (generate, stdin.is_terminal()) {
            (true, _) => Self::Generated,
            (false, true) => Self::Terminal,
            (false, false) => Self::Lines(stdin.lock().lines()),
        }
    }

    fn password(&mut self, user: &str) -> Result<String, PasswdError> {
        let password = match self {
            Self::Generated => {
                let password = generate()?;
                eprintln!("{user}: {password}");
                return Ok(password);
            }
            Self::Terminal => prompt_twice(user)?,
            Self::Lines(lines) => lines.next().ok_or_else(|| PasswdError::MissingLine(user.to_owned()))??,
        };
        check(user, &password)?;
        Ok(password)
    }
}

/// Asks for a user's password, or reads the next line of standard input.
pub(super) fn ask(user: &str) -> Result<String, PasswdError> {
    Source::choose(false).password(user)
}

fn prompt_twice(user: &str) -> Result<String, PasswdError> {
    let password = rpassword::prompt_password(format!("Password for {user}: "))?;
    let again = rpassword::prompt_password(format!("Password for {user}, again: "))?;
    if password == again { Ok(password) } else { Err(PasswdError::Differ(user.to_owned())) }
}

fn check(user: &str, password: &str) -> Result<(), PasswdError> {
    if password.is_empty() {
        return Err(PasswdError::Empty(user.to_owned()));
    }
    if !password.bytes().all(|byte| ALPHABET.contains(&byte)) {
        return Err(PasswdError::InvalidCharacter(user.to_owned()));
    }
    if Weakness::of_password(user, password) == Some(Weakness::WellKnown) {
        return Err(PasswdError::WellKnown(user.to_owned()));
    }
    if password.len() < SHORT {
        eprintln!(
            "The password for {user} is short: {SHORT} characters or more are better, or use --generate."
        );
    }
    Ok(())
}

/// A random password of characters that Moodle accepts.
pub(super) fn generate() -> Result<String, getrandom::Error> {
    let mut random = [0; GENERATED_LENGTH];
    getrandom::fill(&mut random)?;
    // 64 divides 256, so every character is equally likely.
    Ok(random.iter().map(|byte| char::from(ALPHABET[usize::from(byte % 64)])).collect())
}

fn entry(scheme: Scheme, user: &str, password: &str) -> Result<String, PasswdError> {
    match scheme {
        Scheme::Argon2id => Ok(auth::argon2id_entry(user, password)?),
        Scheme::Sha256 => salted::<Sha256>("sha256", user, password),
        Scheme::Sha512 => salted::<Sha512>("sha512", user, password),
    }
}

/// The Python server's form `user:scheme:SALT:HEX`. HEX is the hash of the salt's text and the password.
fn salted<H: Digest>(scheme: &str, user: &str, password: &str) -> Result<String, PasswdError> {
    let mut random = [0; 16];
    getrandom::fill(&mut random)?;
    let salt = hex::encode(random);
    let hash = H::new().chain_update(&salt).chain_update(password).finalize();
    Ok(format!("{user}:{scheme}:{salt}:{}", hex::encode(hash)))
}

/// A user's name that Moodle accepts.
pub(super) fn user(name: &str) -> Result<String, String> {
    if !name.is_empty() && name.bytes().all(|byte| ALPHABET.contains(&byte)) {
        Ok(name.to_owned())
    } else {
        Err("Moodle's settings page accepts only A-Z a-z 0-9 _ - in a user's name".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generated_passwords_are_long_unique_and_accepted_by_moodle() {
        let (one, other) = (generate().expect("random"), generate().expect("random"));
        assert_ne!(one, other);
        for password in [one, other] {
            assert_eq!(password.len(), GENERATED_LENGTH);
            assert!(password.bytes().all(|byte| ALPHABET.contains(&byte)), "{password}");
        }
    }

    #[test]
    fn a_sha256_entry_is_the_hash_of_salt_and_password() {
        let entry = entry(Scheme::Sha256, "moodle", "secret").expect("an entry");
        let parts: Vec<_> = entry.split(':').collect();
        assert_eq!(parts[..2], ["moodle", "sha256"]);
        assert_eq!(parts[3], hex::encode(Sha256::digest(format!("{}secret", parts[2]))));
    }
}
