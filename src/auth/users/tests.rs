//! The users variable, and checking passwords.

use proptest::prelude::*;
use rstest::rstest;

use super::{Users, UsersError};
use crate::auth::argon2id_entry;

fn users(text: &str) -> Users {
    text.parse().expect("the users are well-formed")
}

#[test]
fn plain_passwords_authenticate() {
    let users = users("ann:pw1,bob:pw2");
    assert!(users.verify("ann", "pw1") && users.verify("bob", "pw2"));
    assert!(!users.verify("ann", "pw2") && !users.verify("ann", "") && !users.verify("cho", "pw1"));
}

#[test]
fn salted_hashes_authenticate() {
    use sha2::{Digest, Sha256, Sha512};
    let short = hex::encode(Sha256::digest("saltpw"));
    let long = hex::encode_upper(Sha512::digest("sältpw"));
    let users = users(&format!("ann:sha256:salt:{short},bob:sha512:sält:{long}"));
    assert!(users.verify("ann", "pw") && users.verify("bob", "pw"));
    assert!(!users.verify("ann", "saltpw") && !users.verify("bob", &long));
}

#[test]
fn new_users_keep_the_verified_passwords_of_the_entries_that_stay_the_same() {
    let (ann, bob) = ("ann:pw1", "bob:pw2");
    let before = users(&format!("{ann},{bob},cho:pw3"));
    for (name, password) in [("ann", "pw1"), ("bob", "pw2"), ("cho", "pw3")] {
        assert!(before.verify(name, password));
    }
    let after = users(&format!("cho:changed,{bob},dan:pw1")).with_verified(&before);
    assert!(after.remembered("bob", "pw2") && !after.remembered("bob", "pw1"));
    for (name, password) in [("ann", "pw1"), ("cho", "pw3"), ("cho", "changed"), ("dan", "pw1")] {
        assert!(!after.remembered(name, password), "{name}");
    }
    assert!(!after.verify("cho", "pw3") && after.verify("cho", "changed"));
}

#[test]
fn an_argon2id_entry_authenticates_and_is_cached() {
    let entry = argon2id_entry("ann", "a good password").expect("an entry");
    assert!(entry.starts_with("ann:argon2id:v19.m19456.t2.p1."), "{entry}");
    assert!(!entry.contains([',', '$', ' ', '\'', '"']), "{entry}");
    let users = users(&format!("bob:pw,{entry}"));
    assert!(!users.remembered("ann", "a good password"));
    assert!(!users.verify("ann", "a bad password"));
    assert!(users.verify("ann", "a good password"));
    assert!(users.remembered("ann", "a good password"));
    assert!(!users.remembered("ann", "a bad password"));
}

#[test]
fn accepts_an_entry_of_the_argon2_reference_implementation() {
    // echo -n password | argon2 somesalt -id -t 2 -k 256 -p 1 -l 32 -e
    let users = users(
        "ann:argon2id:v19.m256.t2.p1.736f6d6573616c74:\
         9dfeb910e80bad0311fee20f9c0e2b12c17987b4cac90c2ef54d5b3021c68bfe",
    );
    assert!(users.verify("ann", "password") && !users.verify("ann", "Password"));
}

#[test]
fn two_entries_for_one_password_differ() {
    assert_ne!(argon2id_entry("ann", "pw"), argon2id_entry("ann", "pw"));
}

#[rstest]
fn refuses_an_entry_for_an_invalid_name(#[values("an,n", "an:n", "an\nn", "")] name: &str) {
    assert!(matches!(argon2id_entry(name, "pw"), Err(UsersError::Name(_))), "{name:?}");
}

#[rstest]
#[case("", "entry 1: it is empty")]
#[case("ann:pw,", "entry 2: it is empty")]
#[case("ann", "entry 1: it has no colon")]
#[case(":secret", "entry 1: the user name is empty")]
#[case("ann:", "entry 1 (user \"ann\"): the password is empty")]
#[case("ann:pw,bob:sha256:secret", "entry 2 (user \"bob\"): it has the wrong number of fields")]
#[case("ann:sha256:a:b:secret", "entry 1 (user \"ann\"): it has the wrong number of fields")]
#[case("ann:md5:a:secret", "entry 1 (user \"ann\"): the hash is of an unknown kind")]
#[case("ann:sha256:a:secret", "entry 1 (user \"ann\"): a sha256 hash is 64 hexadecimal digits")]
#[case("ann:sha512:a:53df", "entry 1 (user \"ann\"): a sha512 hash is 128 hexadecimal digits")]
#[case("ann:argon2id:m1:secret", "entry 1 (user \"ann\"): the argon2id hash is malformed")]
#[case("ann:pw,ann:secret", "entry 2 (user \"ann\"): the name appears twice")]
#[case("a\nb:pw", "entry 1: a user name may not contain a line break")]
fn refuses_a_malformed_variable_without_showing_its_password(#[case] text: &str, #[case] begin: &str) {
    let error = text.parse::<Users>().expect_err("it is malformed").to_string();
    assert!(error.starts_with(begin), "{error}");
    assert!(!error.contains("secret") && !error.contains("53df"), "{error}");
}

#[test]
fn refuses_an_argon2id_entry_with_excessive_parameters() {
    let hash = "9d".repeat(32);
    let error = format!("ann:argon2id:v19.m4294967295.t1.p1.736f6d6573616c74:{hash}").parse::<Users>();
    assert!(error.expect_err("it is too expensive").to_string().contains("too large"));
    assert!(format!("ann:argon2id:v19.m1.t1.p16.736f6d6573616c74:{hash}").parse::<Users>().is_err());
    assert!(format!("ann:argon2id:v16.m64.t1.p1.736f6d6573616c74:{hash}").parse::<Users>().is_err());
    assert!(format!("ann:argon2id:v19.m64.t1.p1.736f6d6573616c74.x:{hash}").parse::<Users>().is_err());
}

#[test]
fn debug_output_shows_only_user_names() {
    let shown = format!("{:?}", users(&format!("ann:secret,bob:sha256:grain:{}", "53df".repeat(16))));
    assert_eq!(shown, r#"["ann", "bob"]"#);
}

proptest! {
    #[test]
    fn any_text_is_parsed_or_refused_without_a_panic(text in "[\\PC\n,:.$a-f0-9]{0,120}") {
        if let Err(error) = text.parse::<Users>() {
            prop_assert!(error.to_string().starts_with("entry "));
        }
    }

    #[test]
    fn text_close_to_an_argon2id_entry_never_panics(
        settings in "v19\\.m[0-9]{1,11}\\.t[0-9]{1,11}\\.p[0-9]{1,11}\\.[0-9a-f]{0,130}",
        hash in "[0-9a-f]{0,130}",
    ) {
        let _ = format!("ann:argon2id:{settings}:{hash}").parse::<Users>();
    }

    #[test]
    fn text_without_comma_and_colon_is_a_password(
        name in "[^,:=<({$%\\[\\p{Cc}\"'`\\s\u{2018}-\u{201e}\u{feff}]{1,20}", password in "[^,:\\p{Cc}\"'\\s${}]{1,20}",
    ) {
        let users: Users = format!("{name}:{password}").parse().expect("well-formed");
        prop_assert!(users.verify(&name, &password));
        let wrong = format!("{password}x");
        prop_assert!(!users.verify(&name, &wrong));
    }
}
