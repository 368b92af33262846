//! All routes of the server, and a complete request for each.

use super::client::{Form, Request};
use super::data::{separable, unlabelled};

/// A route.
#[derive(Debug, Clone, Copy)]
pub struct Route {
    pub method: &'static str,
    /// With ids of a model in the place of `{…}`.
    pub path: &'static str,
    /// The path as it is registered, where that is another.
    pub pattern: Option<&'static str>,
    /// The header `Allow` of responses about methods.
    pub allow: &'static str,
    /// Whether it needs credentials.
    pub protected: bool,
    /// The required parameters, in the order in which the server checks them.
    pub parameters: &'static [&'static str],
    /// The required file.
    pub file: Option<&'static str>,
}

const GET: Route = Route {
    method: "GET",
    path: "",
    pattern: None,
    allow: "GET, HEAD, OPTIONS",
    protected: true,
    parameters: &["uniqueid", "dirhash"],
    file: None,
};
const POST: Route = Route { method: "POST", allow: "OPTIONS, POST", file: Some("dataset"), ..GET };

/// One entry for each file of `src/http/routes` that registers a route; a test of `methods_and_paths` compares them. Tests
/// of methods, credentials, parameters and isolation send requests to each of them.
pub const ROUTES: [Route; 22] = [
    Route { path: "/version", protected: false, parameters: &[], ..GET },
    Route { path: "/health/live", protected: false, parameters: &[], ..GET },
    Route { path: "/health/ready", protected: false, parameters: &[], ..GET },
    Route { path: "/metrics", parameters: &[], ..GET },
    Route { path: "/diagnostics/keepalive", parameters: &["seconds"], ..GET },
    Route { path: "/evaluationlog", parameters: &["uniqueid", "dirhash", "runid"], ..GET },
    Route { path: "/export", ..GET },
    Route { path: "/training", ..POST },
    Route { path: "/prediction", ..POST },
    Route { path: "/explanation", ..POST },
    Route {
        path: "/evaluation",
        parameters: &["uniqueid", "dirhash", "minscore", "maxdeviation", "niterations"],
        ..POST
    },
    Route { path: "/import", file: Some("importzip"), ..POST },
    Route { path: "/deletemodel", parameters: &["uniqueid"], file: None, ..POST },
    Route { path: "/openapi.json", protected: false, parameters: &[], ..GET },
    Route { path: "/docs", protected: false, parameters: &[], ..GET },
    Route { path: "/models", parameters: &[], ..GET },
    Route { path: "/models/m/d", pattern: Some("/models/{uniqueid}/{dirhash}"), parameters: &[], ..GET },
    Route {
        path: "/models/m/d/samples",
        pattern: Some("/models/{uniqueid}/{dirhash}/samples"),
        parameters: &[],
        ..GET
    },
    Route {
        path: "/models/m/d/audit-bundle",
        pattern: Some("/models/{uniqueid}/{dirhash}/audit-bundle"),
        parameters: &[],
        ..GET
    },
    Route {
        path: "/models/m/d/rollback",
        pattern: Some("/models/{uniqueid}/{dirhash}/rollback"),
        parameters: &[],
        file: None,
        ..POST
    },
    Route { path: "/jobs", parameters: &[], ..GET },
    // It also accepts DELETE, see the tests of asynchronous jobs.
    Route {
        path: "/jobs/00000000000000000000000000000000",
        pattern: Some("/jobs/{id}"),
        allow: "DELETE, GET, HEAD, OPTIONS",
        parameters: &[],
        ..GET
    },
];

/// The routes that need credentials.
pub fn protected_routes() -> impl Iterator<Item = Route> {
    ROUTES.into_iter().filter(|route| route.protected)
}

impl Route {
    /// Whether its errors are problem details instead of plain sentences.
    pub fn has_problems(&self) -> bool {
        self.path.starts_with("/models") || self.path.starts_with("/jobs")
    }

    /// A request without credentials, with the first `count` parameters and without a file.
    pub fn request_with(&self, count: usize) -> Request {
        let parameters = self.parameters[..count].iter().map(|&name| (name, value(name)));
        if self.method == "GET" {
            let query: Vec<String> = parameters.map(|(name, value)| format!("{name}={value}")).collect();
            return Request::new("GET", &format!("{}?{}", self.path, query.join("&")));
        }
        Request::new(self.method, self.path).form(&form(parameters))
    }

    /// A complete request without credentials; the model is `m`, its directory `d`.
    pub fn request(&self) -> Request {
        let parameters = self.parameters.iter().map(|&name| (name, value(name)));
        match self.file {
            None => self.request_with(self.parameters.len()),
            Some(name) => {
                Request::new(self.method, self.path).form(&form(parameters).file(name, &self.content()))
            }
        }
    }

    fn content(&self) -> Vec<u8> {
        if matches!(self.path, "/prediction" | "/explanation") {
            unlabelled(&["1-0,1,-1,-1"])
        } else {
            separable(40, false)
        }
    }
}

fn value(parameter: &str) -> &'static str {
    match parameter {
        "uniqueid" => "m",
        "dirhash" => "d",
        "minscore" => "0.7",
        "maxdeviation" => "0.05",
        "niterations" => "2",
        "runid" => "1",
        "seconds" => "0",
        _ => panic!("no value of the parameter {parameter}"),
    }
}

fn form<'a>(parameters: impl Iterator<Item = (&'a str, &'a str)>) -> Form {
    parameters.fold(Form::new(), |form, (name, value)| form.field(name, value))
}
