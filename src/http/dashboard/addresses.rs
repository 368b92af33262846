//! The addresses of the dashboard's pages.
//!
//! Owns their form below the path at which a proxy publishes the server. Must not know what the pages show.

use serde::{Deserialize, Serialize};

/// Where pages are published.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(in crate::http) struct Addresses {
    prefix: String,
}

/// A model as addresses name it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(in crate::http) struct ModelName {
    pub(in crate::http) id: String,
    pub(in crate::http) dir: String,
    /// For users that see whose a model is; empty for a model without an owner.
    pub(in crate::http) user: Option<String>,
}

impl Addresses {
    pub(in crate::http) fn new(prefix: &str) -> Self {
        Self { prefix: prefix.to_owned() }
    }

    /// The address of a path that begins with `/dashboard`.
    pub(in crate::http) fn of(&self, path: &str) -> String {
        format!("{}{path}", self.prefix)
    }

    /// The page of a model, or one below it, such as `/delete`.
    pub(in crate::http) fn model(&self, model: &ModelName, below: &str) -> String {
        self.model_with(model, below, &[])
    }

    /// The same with parameters.
    pub(in crate::http) fn model_with(
        &self,
        model: &ModelName,
        below: &str,
        parameters: &[(&str, &str)],
    ) -> String {
        let user = model.user.as_deref().map(|user| ("user", user));
        let query: Vec<(&str, &str)> = user.into_iter().chain(parameters.iter().copied()).collect();
        self.with_query(&format!("/dashboard/models/{}/{}{below}", model.id, model.dir), &query)
    }

    /// The address of a path, with parameters.
    pub(in crate::http) fn with_query(&self, path: &str, parameters: &[(&str, &str)]) -> String {
        let query = serde_urlencoded::to_string(parameters).unwrap_or_default();
        let separator = if query.is_empty() { "" } else { "?" };
        format!("{}{path}{separator}{query}", self.prefix)
    }
}

/// Whether a text from a request is a path of the dashboard, so that redirecting to it leads nowhere else.
pub(in crate::http) fn is_page(path: &str) -> bool {
    let rest = path.strip_prefix("/dashboard");
    let is_below = rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '?']));
    is_below && path.len() < 2000 && path.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\')
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("/dashboard", true)]
    #[case("/dashboard/models?q=a&sort=-id", true)]
    #[case("/dashboards", false)]
    #[case("https://evil.example/dashboard", false)]
    #[case("//evil.example/dashboard", false)]
    #[case("/dashboard\\@evil.example", false)]
    #[case("/dashboard\r\nSet-Cookie: a=b", false)]
    #[case("", false)]
    fn only_paths_of_the_dashboard_are_followed(#[case] path: &str, #[case] expected: bool) {
        assert_eq!(is_page(path), expected);
    }

    #[test]
    fn a_user_of_any_name_is_encoded() {
        let model = ModelName { id: "m".to_owned(), dir: "d".to_owned(), user: Some("a&b=c \"<".to_owned()) };
        let address = Addresses::new("/ml").model(&model, "/delete");
        assert_eq!(address, "/ml/dashboard/models/m/d/delete?user=a%26b%3Dc+%22%3C");
    }
}
