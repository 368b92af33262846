//! `targetclasses`: the classes of a target as JSON, in every form that PHP's `json_encode` gives such an array.
//!
//! Owns these forms. Must not know where in a file the text is.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::header::Class;

/// The classes of a target.
#[derive(Debug, Default, PartialEq)]
pub(super) struct TargetClasses {
    pub(super) classes: Vec<Class>,
    /// Whether one of them is `false`, which PHP writes as an empty cell.
    pub(super) has_false: bool,
}

impl TargetClasses {
    /// Reads a list (`[0,1]`, `["0","1"]`, `[false,true]`), or an object, which PHP makes of an array whose keys are not
    /// 0, 1, 2, …: its values are the classes, or its keys when the values are their names.
    ///
    /// # Errors
    /// What is wrong.
    pub(super) fn parse(raw: &[u8]) -> Result<Self, &'static str> {
        let List { values, keys } = serde_json::from_slice(raw).map_err(|_| "it is not such a list")?;
        let [values, keys] = [values, keys].map(Self::of);
        values.or_else(|problem| keys.ok().filter(|keys| !keys.classes.is_empty()).ok_or(problem))
    }

    fn of(entries: Vec<Entry>) -> Result<Self, &'static str> {
        let mut found = Self::default();
        for entry in entries {
            let number = match entry {
                Entry::Number(number) => number,
                Entry::False => {
                    found.has_false = true;
                    0.0
                }
                Entry::Text => return Err("a class is not a number"),
            };
            found.classes.push(Class::new(number).ok_or("a class is not a finite number")?);
        }
        Ok(found)
    }
}

/// One class.
enum Entry {
    Number(f64),
    False,
    /// Anything but a number.
    Text,
}

impl Entry {
    /// A number in a string, as it is in a column of the database.
    fn of_text(text: &str) -> Self {
        text.trim().parse().map_or(Self::Text, Self::Number)
    }
}

/// The values of a list or an object, and the keys of an object, in the order of the file.
#[derive(Default)]
struct List {
    values: Vec<Entry>,
    keys: Vec<Entry>,
}

impl<'de> Deserialize<'de> for List {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ListVisitor)
    }
}

struct ListVisitor;

impl<'de> Visitor<'de> for ListVisitor {
    type Value = List;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of classes")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<List, A::Error> {
        let mut list = List::default();
        while let Some(entry) = items.next_element()? {
            list.values.push(entry);
        }
        Ok(list)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut items: A) -> Result<List, A::Error> {
        let mut list = List::default();
        while let Some((key, value)) = items.next_entry::<Entry, Entry>()? {
            list.keys.push(key);
            list.values.push(value);
        }
        Ok(list)
    }
}

impl<'de> Deserialize<'de> for Entry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(EntryVisitor)
    }
}

struct EntryVisitor;

impl<'de> Visitor<'de> for EntryVisitor {
    type Value = Entry;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a class")
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Entry, E> {
        Ok(if value { Entry::Number(1.0) } else { Entry::False })
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Entry, E> {
        Ok(Entry::Number(value as f64))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Entry, E> {
        Ok(Entry::Number(value as f64))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Entry, E> {
        Ok(Entry::Number(value))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Entry, E> {
        Ok(Entry::of_text(value))
    }

    fn visit_unit<E: Error>(self) -> Result<Entry, E> {
        Ok(Entry::Text)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Entry, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Entry::Text)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut items: A) -> Result<Entry, A::Error> {
        while items.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Entry::Text)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::numbers("[0,1]", &[0.0, 1.0], false)]
    #[case::decimals("[0.0, -1.5e0]", &[0.0, -1.5], false)]
    #[case::strings(r#"["0","1"]"#, &[0.0, 1.0], false)]
    #[case::numbers_and_strings(r#"[0," 1 ","-2.5"]"#, &[0.0, 1.0, -2.5], false)]
    #[case::booleans("[false,true]", &[0.0, 1.0], true)]
    #[case::an_array_with_keys(r#"{"1":1,"2":2}"#, &[1.0, 2.0], false)]
    #[case::a_filtered_array(r#"{"3":"5","0":0}"#, &[5.0, 0.0], false)]
    #[case::keys_with_their_names(r#"{"1":"on track","2":"at risk"}"#, &[1.0, 2.0], false)]
    fn reads_what_php_writes(#[case] json: &str, #[case] numbers: &[f64], #[case] has_false: bool) {
        let found = TargetClasses::parse(json.as_bytes()).expect("classes");
        assert_eq!(found.classes.iter().map(|class| class.number()).collect::<Vec<_>>(), numbers);
        assert_eq!(found.has_false, has_false);
    }

    #[rstest]
    #[case::names(r#"["on track","at risk"]"#, "a class is not a number")]
    #[case::a_list_of_lists("[[0],[1]]", "a class is not a number")]
    #[case::an_object_of_names(r#"{"a":"x","b":"y"}"#, "a class is not a number")]
    #[case::null_in_a_list("[0,1,null]", "a class is not a number")]
    #[case::infinity(r#"["inf","1"]"#, "a class is not a finite number")]
    #[case::no_list("null", "it is not such a list")]
    #[case::no_json("0,1", "it is not such a list")]
    #[case::text_after_the_list("[0,1] x", "it is not such a list")]
    fn refuses_other_json(#[case] json: &str, #[case] problem: &str) {
        assert_eq!(TargetClasses::parse(json.as_bytes()), Err(problem));
    }
}
