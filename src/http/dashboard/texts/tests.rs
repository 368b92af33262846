//! Compares the files of texts with each other and with the sources of the dashboard.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use fluent_bundle::FluentResource;
use rstest::rstest;

use super::*;

/// The keys of a file, with the names of the variables of each.
fn keys(language: Language) -> BTreeMap<String, BTreeSet<String>> {
    let resource = FluentResource::try_new(language.file().to_owned());
    assert!(resource.is_ok(), "{}: {:?}", language.code(), resource.err().map(|(_, errors)| errors));
    let mut keys: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut current = String::new();
    for line in language.file().lines() {
        let starts_message = line.starts_with(|c: char| c.is_ascii_lowercase());
        if starts_message {
            current = line.split(' ').next().unwrap_or_default().to_owned();
            let before = keys.insert(current.clone(), BTreeSet::new());
            assert!(before.is_none(), "{}: {current} appears twice", language.code());
        }
        let variables =
            line.match_indices("{ $").filter_map(|(at, _)| line[at + 3..].split([' ', '}']).next());
        if let Some(known) = keys.get_mut(&current) {
            known.extend(variables.map(str::to_owned));
        }
    }
    keys
}

/// The texts of string literals in the sources of the dashboard, and those of them that are arguments of `text` and `text_with`.
fn literals(dir: &Path, all: &mut BTreeSet<String>, asked: &mut BTreeSet<String>) {
    for entry in fs::read_dir(dir).expect("a directory").flatten() {
        let path = entry.path();
        if path.is_dir() {
            literals(&path, all, asked);
        } else if path.extension().is_some_and(|extension| extension == "rs") && !path.ends_with("tests.rs") {
            let source = fs::read_to_string(&path).expect("text");
            let pieces: Vec<&str> = source.split('"').collect();
            for pair in pieces.windows(2) {
                let (before, literal) = (pair[0].trim_end(), pair[1]);
                let is_key = literal.starts_with(|c: char| c.is_ascii_lowercase())
                    && literal.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
                if is_key {
                    all.insert(literal.to_owned());
                    if before.ends_with("texts.text(") || before.ends_with("texts.text_with(") {
                        asked.insert(literal.to_owned());
                    }
                }
            }
        }
    }
}

#[rstest]
#[case(Language::German)]
#[case(Language::French)]
#[case(Language::Spanish)]
#[case(Language::Portuguese)]
fn every_language_has_the_keys_and_variables_of_english(#[case] language: Language) {
    let (english, other) = (keys(Language::English), keys(language));
    let names = |keys: &BTreeMap<String, BTreeSet<String>>| keys.keys().cloned().collect::<BTreeSet<_>>();
    let (expected, found) = (names(&english), names(&other));
    assert_eq!(
        expected.difference(&found).collect::<Vec<_>>(),
        [""; 0],
        "missing in {}.ftl",
        language.code()
    );
    assert_eq!(found.difference(&expected).collect::<Vec<_>>(), [""; 0], "only in {}.ftl", language.code());
    for (key, variables) in &english {
        assert_eq!(&other[key], variables, "the variables of {key} in {}.ftl", language.code());
    }
}

#[test]
fn no_key_is_missing_or_unused() {
    let (mut all, mut asked) = (BTreeSet::new(), BTreeSet::new());
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/http/dashboard");
    literals(&sources, &mut all, &mut asked);
    assert!(asked.len() > 20, "{asked:?}");
    let keys: BTreeSet<String> = keys(Language::English).into_keys().collect();
    assert_eq!(asked.difference(&keys).collect::<Vec<_>>(), [""; 0], "no file has these keys");
    assert_eq!(keys.difference(&all).collect::<Vec<_>>(), [""; 0], "no page uses these keys");
}

#[test]
fn every_text_of_every_language_can_be_written_for_any_number() {
    for language in Language::ALL {
        let (_, bundle) = BUNDLES.iter().find(|(known, _)| *known == language).expect("all languages");
        for (key, variables) in keys(language) {
            for number in [0.0, 1.0, 2.0, 5.0, 1234.0, 1_000_000.0] {
                let mut arguments = FluentArgs::new();
                for name in &variables {
                    arguments.set(name.clone(), number);
                }
                let message = bundle.get_message(&key).and_then(|message| message.value());
                let pattern = message.unwrap_or_else(|| panic!("{key} has no text"));
                let mut errors = Vec::new();
                let text = bundle.format_pattern(pattern, Some(&arguments), &mut errors);
                assert!(errors.is_empty() && !text.trim().is_empty(), "{key}: {errors:?}");
                assert!(!text.contains(['{', '<']), "{key}: {text}");
            }
        }
    }
}

#[rstest]
#[case(Language::English, 1, "1 model", 1234, "1,234 models")]
#[case(Language::German, 1, "1 Modell", 1234, "1.234 Modelle")]
#[case(Language::French, 0, "0 modèle", 2, "2 modèles")]
#[case(Language::Spanish, 1, "1 modelo", 2, "2 modelos")]
#[case(Language::Portuguese, 1, "1 modelo", 2, "2 modelos")]
fn counts_have_the_plural_form_and_the_digits_of_the_language(
    #[case] language: Language,
    #[case] one: usize,
    #[case] singular: &str,
    #[case] many: usize,
    #[case] plural: &str,
) {
    let models = |number: usize| Texts(language).text_with("models-count", &[("count", count(number))]);
    assert_eq!((models(one).as_str(), models(many).as_str()), (singular, plural));
}

#[rstest]
#[case("", Language::English)]
#[case("de", Language::German)]
#[case("de-AT,en;q=0.8", Language::German)]
#[case("nl, fr;q=0.7, en;q=0.3", Language::French)]
#[case("en;q=0.2, PT-br;q=0.9", Language::Portuguese)]
#[case("es;q=0, en", Language::English)]
#[case("zh, ja", Language::English)]
#[case("\u{1f600};q=x,,;", Language::English)]
fn the_browser_prefers_a_language(#[case] header: &str, #[case] expected: Language) {
    assert_eq!(Language::preferred(header), expected);
}
