//! All routes of the server.

/// A route.
#[derive(Debug, Clone, Copy)]
pub struct Route {
    pub method: &'static str,
    pub path: &'static str,
    /// The header `Allow` of responses about methods.
    pub allow: &'static str,
    /// Whether it needs credentials.
    pub protected: bool,
}

const GET: Route = Route { method: "GET", path: "", allow: "GET, HEAD, OPTIONS", protected: true };
const POST: Route = Route { method: "POST", allow: "OPTIONS, POST", ..GET };

/// One entry for each route that `src/http/routes/mod.rs` registers; a test of `methods_and_paths` compares them.
pub const ROUTES: [Route; 8] = [
    Route { path: "/version", protected: false, ..GET },
    Route { path: "/evaluationlog", ..GET },
    Route { path: "/export", ..GET },
    Route { path: "/training", ..POST },
    Route { path: "/prediction", ..POST },
    Route { path: "/evaluation", ..POST },
    Route { path: "/import", ..POST },
    Route { path: "/deletemodel", ..POST },
];

/// The routes that need credentials.
pub fn protected_routes() -> impl Iterator<Item = Route> {
    ROUTES.into_iter().filter(|route| route.protected)
}
