//! The texts of the pages, in the languages that a reader can choose.
//!
//! Owns the languages and the choice between them. The texts are in the files beside this one, in Fluent's format, for
//! translators: <https://projectfluent.org/fluent/guide/>. A test compares their keys and variables. Must not know the pages.

mod language;
mod numbers;
#[cfg(test)]
mod tests;

use std::sync::LazyLock;

use fluent_bundle::{FluentArgs, FluentError, FluentResource, FluentValue};
use intl_memoizer::concurrent::IntlLangMemoizer;

pub(in crate::http) use language::Language;

type Bundle = fluent_bundle::bundle::FluentBundle<FluentResource, IntlLangMemoizer>;

static BUNDLES: LazyLock<Vec<(Language, Bundle)>> =
    LazyLock::new(|| Language::ALL.iter().map(|language| (*language, bundle(*language))).collect());

/// The texts of one language.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::http) struct Texts(pub(in crate::http) Language);

impl Texts {
    /// A text without variables.
    pub(in crate::http) fn text(self, key: &'static str) -> String {
        self.text_with(key, &[])
    }

    /// A text with variables. A number selects the plural form and is written as usual in the language.
    pub(in crate::http) fn text_with(
        self,
        key: &'static str,
        variables: &[(&'static str, FluentValue<'static>)],
    ) -> String {
        let text = self.find(key, variables);
        // A test finds keys that no file has.
        debug_assert!(text.is_some(), "no text {key}");
        text.or_else(|| Self(Language::English).find(key, variables)).unwrap_or_else(|| key.to_owned())
    }

    fn find(self, key: &str, variables: &[(&'static str, FluentValue<'static>)]) -> Option<String> {
        let (_, bundle) = BUNDLES.iter().find(|(language, _)| *language == self.0)?;
        let mut arguments = FluentArgs::new();
        for (name, value) in variables {
            arguments.set(*name, value.clone());
        }
        let mut errors: Vec<FluentError> = Vec::new();
        let pattern = bundle.get_message(key)?.value()?;
        let text = bundle.format_pattern(pattern, Some(&arguments), &mut errors).into_owned();
        debug_assert!(errors.is_empty(), "{key}: {errors:?}");
        Some(text)
    }
}

/// A count for a text with a plural form.
pub(in crate::http) fn count(number: impl TryInto<u32>) -> FluentValue<'static> {
    f64::from(number.try_into().unwrap_or(u32::MAX)).into()
}

fn bundle(language: Language) -> Bundle {
    // What could be read of a file with an error is used; a test refuses such a file.
    let resource = FluentResource::try_new(language.file().to_owned());
    let resource = resource.unwrap_or_else(|(resource, _)| resource);
    let identifier = language.code().parse().unwrap_or_default();
    let mut bundle = Bundle::new_concurrent(vec![identifier]);
    // Characters that isolate directions of writing would be copied along; the pages mark up foreign text instead.
    bundle.set_use_isolating(false);
    bundle.set_formatter(Some(language.formatter()));
    // Only a key that the file has twice is an error.
    bundle.add_resource_overriding(resource);
    bundle
}
