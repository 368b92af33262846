//! The languages of the pages.
//!
//! Owns their names and files, and which one a browser prefers. Must not know what is written in them.

use fluent_bundle::FluentValue;
use intl_memoizer::concurrent::IntlLangMemoizer;

/// A language.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::http) enum Language {
    English,
    German,
    French,
    Spanish,
    Portuguese,
}

impl Language {
    pub(in crate::http) const ALL: [Self; 5] =
        [Self::English, Self::German, Self::French, Self::Spanish, Self::Portuguese];

    /// Its tag (BCP 47).
    pub(in crate::http) const fn code(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::German => "de",
            Self::French => "fr",
            Self::Spanish => "es",
            Self::Portuguese => "pt",
        }
    }

    /// Its name in itself.
    pub(in crate::http) const fn name(self) -> &'static str {
        match self {
            Self::English => "English",
            Self::German => "Deutsch",
            Self::French => "Français",
            Self::Spanish => "Español",
            Self::Portuguese => "Português",
        }
    }

    /// The language of a tag, which may have a region.
    pub(in crate::http) fn of_tag(tag: &str) -> Option<Self> {
        let primary = tag.trim().split('-').next()?;
        Self::ALL.into_iter().find(|language| language.code().eq_ignore_ascii_case(primary))
    }

    /// The one that the header `Accept-Language` prefers (RFC 9110, section 12.5.4); English if it has none of them.
    pub(in crate::http) fn preferred(accept_language: &str) -> Self {
        let mut best: Option<(f32, Self)> = None;
        for range in accept_language.split(',') {
            let mut parts = range.split(';');
            let tag = parts.next().unwrap_or_default();
            let quality =
                parts.find_map(|part| part.trim().strip_prefix("q=")?.parse::<f32>().ok()).unwrap_or(1.0);
            if let Some(language) = Self::of_tag(tag)
                && quality > 0.0
                && best.is_none_or(|(known, _)| quality > known)
            {
                best = Some((quality, language));
            }
        }
        best.map_or(Self::English, |(_, language)| language)
    }

    /// The file with its texts.
    pub(super) const fn file(self) -> &'static str {
        match self {
            Self::English => include_str!("en.ftl"),
            Self::German => include_str!("de.ftl"),
            Self::French => include_str!("fr.ftl"),
            Self::Spanish => include_str!("es.ftl"),
            Self::Portuguese => include_str!("pt.ftl"),
        }
    }

    /// Writes the numbers in its texts.
    pub(super) const fn formatter(self) -> fn(&FluentValue<'_>, &IntlLangMemoizer) -> Option<String> {
        match self {
            Self::English => |value, _| Self::English.variable(value),
            Self::German => |value, _| Self::German.variable(value),
            Self::French => |value, _| Self::French.variable(value),
            Self::Spanish => |value, _| Self::Spanish.variable(value),
            Self::Portuguese => |value, _| Self::Portuguese.variable(value),
        }
    }

    fn variable(self, value: &FluentValue<'_>) -> Option<String> {
        match value {
            FluentValue::Number(number) => {
                let decimals = number.options.minimum_fraction_digits.unwrap_or(0);
                Some(self.number(number.value, decimals))
            }
            _ => None,
        }
    }
}
