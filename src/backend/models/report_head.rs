//! What a list shows of a report, read from its beginning.
//!
//! A list of all models reads the report of each, and a report is a hundred times as long as what is read here. So parsing ends
//! with the last of these values, most of which are in the first few hundred bytes. Must not know where reports are stored.

use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};

use super::evaluation::EvaluationResult;

/// What was read so far. The outer option is about the field, the inner one about its value.
#[derive(Debug, Default)]
struct Head {
    finished: Option<String>,
    status: Option<u8>,
    rated_trained_model: Option<bool>,
    #[allow(clippy::option_option, reason = "see above")]
    samples: Option<Option<u64>>,
    #[allow(clippy::option_option, reason = "see above")]
    score: Option<Option<f64>>,
    /// Whether something was read after the last value: a number at the end may have been cut.
    is_certain: bool,
}

#[derive(Deserialize)]
struct Dataset {
    samples: Option<u64>,
}

/// Parses `report.json`, or a part of it that begins with its first byte; `None` if more of it is needed, or if it is damaged
/// before the last value.
pub(super) fn parse(bytes: &[u8]) -> Option<EvaluationResult> {
    let mut head = Head::default();
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let is_whole = json.deserialize_map(Document(&mut head)).is_ok();
    // An early end is an error of the parser. Versions before these fields had none of them.
    if !is_whole && !head.is_certain {
        return None;
    }
    Some(EvaluationResult {
        finished: head.finished?,
        status: head.status?,
        score: head.score.flatten(),
        samples: head.samples.flatten(),
        rated_trained_model: head.rated_trained_model.unwrap_or_default(),
    })
}

impl Head {
    const fn is_complete(&self) -> bool {
        self.finished.is_some()
            && self.status.is_some()
            && self.rated_trained_model.is_some()
            && self.samples.is_some()
            && self.score.is_some()
    }
}

/// The whole document.
struct Document<'h>(&'h mut Head);

impl<'de> Visitor<'de> for Document<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a report")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(name) = map.next_key::<String>()? {
            if self.0.is_complete() {
                self.0.is_certain = true;
                return Ok(());
            }
            match name.as_str() {
                "finished" => self.0.finished = Some(map.next_value()?),
                "status" => self.0.status = Some(map.next_value()?),
                "rated_trained_model" => self.0.rated_trained_model = Some(map.next_value()?),
                "dataset" => {
                    let dataset: Option<Dataset> = map.next_value()?;
                    self.0.samples = Some(dataset.and_then(|dataset| dataset.samples));
                }
                "evaluation" => map.next_value_seed(Evaluation(self.0))?,
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(())
    }
}

/// The results, or `null`.
struct Evaluation<'h>(&'h mut Head);

impl<'de> DeserializeSeed<'de> for Evaluation<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_option(self)
    }
}

impl<'de> Visitor<'de> for Evaluation<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("results or null")
    }

    fn visit_none<E>(self) -> Result<(), E> {
        self.0.score = Some(None);
        Ok(())
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(name) = map.next_key::<String>()? {
            if self.0.is_complete() {
                self.0.is_certain = true;
                return Ok(());
            }
            if name == "score" {
                self.0.score = Some(map.next_value()?);
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;
    use serde_json::json;

    const FINISHED: &str = "2026-11-27T23:04:17Z";

    fn report() -> serde_json::Value {
        json!({
            "format": 1, "finished": FINISHED, "status": 4, "info": ["{\"status\": 0"], "rated_trained_model": true,
            "dataset": {"samples": 12, "quality": {"samples": 3}},
            "evaluation": {"classes": ["0", "1"], "score": 0.25, "iterations": [{"score": 1.0}]}
        })
    }

    #[test]
    fn what_follows_the_last_value_is_not_parsed() {
        let text = format!(
            "{{\"finished\": \"{FINISHED}\", \"status\": 4, \"rated_trained_model\": true, \"dataset\": {{\"samples\": 12}}, \
             \"evaluation\": {{\"classes\": [], \"score\": 0.25, \"iterations\": [{{\"sc"
        );
        let result = parse(text.as_bytes()).expect("its values are there");
        assert_eq!((result.finished.as_str(), result.status, result.score), (FINISHED, 4, Some(0.25)));
        assert_eq!((result.samples, result.rated_trained_model), (Some(12), true));
        let next = "\"iterations\"";
        let needed = text.find(next).expect("the field after the score") + next.len();
        assert!(parse(&text.as_bytes()[..needed]).is_some());
        // A part of the score would be another score.
        for length in 0..needed {
            assert_eq!(parse(&text.as_bytes()[..length]), None, "{length}");
        }
    }

    #[test]
    fn the_order_of_the_fields_does_not_matter() {
        // serde_json's map sorts them, so that the evaluation is before the status.
        let result = parse(report().to_string().as_bytes()).expect("a report");
        assert_eq!((result.status, result.score, result.samples), (4, Some(0.25), Some(12)));
    }

    #[rstest]
    #[case::null("evaluation", json!(null))]
    #[case::no_score("evaluation", json!({"classes": []}))]
    #[case::not_finite("evaluation", json!({"score": null}))]
    fn a_score_may_be_missing(#[case] field: &str, #[case] value: serde_json::Value) {
        let mut report = report();
        report[field] = value;
        assert_eq!(parse(report.to_string().as_bytes()).expect("a report").score, None);
    }

    #[test]
    fn earlier_versions_have_fewer_fields() {
        let text = format!("{{\"finished\": \"{FINISHED}\", \"status\": 0}}");
        let result = parse(text.as_bytes()).expect("a report");
        assert_eq!((result.score, result.samples, result.rated_trained_model), (None, None, false));
        assert_eq!(parse(b"{\"status\": 0}"), None);
        assert_eq!(parse(b"[]"), None);
    }
}
