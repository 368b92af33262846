//! A page in the browser: opening, reading and using it as a person does, and what it did.
//!
//! Clicks and keys are real input events at the place of an element, so an element that is covered or hidden cannot be used.
//! Must not know what is on a page.
#![allow(clippy::disallowed_methods, reason = "these tests prepare files of their own")]

use std::fs;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use super::devtools::DevTools;
use crate::common::tools::TIMEOUT;

/// The variable with the directory of the pictures.
const PICTURES: &str = "MLBACKEND_TEST_PICTURES";

/// A tab with cookies of its own.
pub struct Page<'a> {
    devtools: &'a DevTools,
    session: String,
}

/// Light or dark, on a screen or on paper.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Media {
    Light,
    Dark,
    Print,
}

impl<'a> Page<'a> {
    /// An empty tab without the cookies of others.
    pub(super) fn open(devtools: &'a DevTools) -> Self {
        let context = devtools.call(None, "Target.createBrowserContext", &json!({}));
        let params = json!({"url": "about:blank", "browserContextId": context["browserContextId"]});
        let target = devtools.call(None, "Target.createTarget", &params);
        let params = json!({"targetId": target["targetId"], "flatten": true});
        let attached = devtools.call(None, "Target.attachToTarget", &params);
        let session = attached["sessionId"].as_str().expect("a session").to_owned();
        let page = Self { devtools, session };
        for domain in ["Page", "Runtime", "Log", "Network"] {
            page.call(&format!("{domain}.enable"), json!({}));
        }
        page.viewport(900, 900);
        page
    }

    #[track_caller]
    #[allow(clippy::needless_pass_by_value, reason = "callers write the parameters in place")]
    fn call(&self, method: &str, params: Value) -> Value {
        self.devtools.call(Some(&self.session), method, &params)
    }

    /// Opens an address, and waits until the page and its parts are loaded.
    #[track_caller]
    pub fn goto(&self, url: &str) {
        self.load(|| {
            let reply = self.call("Page.navigate", json!({"url": url}));
            assert_eq!(reply["errorText"], Value::Null, "{url}");
        });
    }

    /// Does what opens another page, and waits until that is loaded.
    #[track_caller]
    pub fn load(&self, action: impl FnOnce()) {
        let seen = self.devtools.events(&self.session).len();
        action();
        self.devtools.wait_for_event(&self.session, seen, "Page.loadEventFired");
    }

    /// Clicks on a link or button that opens another page.
    #[track_caller]
    pub fn follow(&self, selector: &str) {
        self.load(|| self.click(selector));
    }

    /// The value of a JavaScript expression; of a promise, what it becomes.
    #[track_caller]
    pub fn value(&self, expression: &str) -> Value {
        self.try_value(expression).unwrap_or_else(|error| panic!("{expression}: {error}"))
    }

    fn try_value(&self, expression: &str) -> Result<Value, String> {
        let params = json!({"expression": expression, "awaitPromise": true, "returnByValue": true});
        let mut reply = self.devtools.try_call(Some(&self.session), "Runtime.evaluate", &params)?;
        match reply.get("exceptionDetails") {
            Some(error) => Err(error.to_string()),
            None => Ok(reply["result"]["value"].take()),
        }
    }

    /// Waits until a JavaScript expression is true, also while a page is being loaded.
    #[track_caller]
    pub fn until(&self, expression: &str) {
        let begun = Instant::now();
        // While another page is being loaded, the browser refuses the expression.
        while self.try_value(expression) != Ok(Value::Bool(true)) {
            let page = || self.text();
            assert!(begun.elapsed() < TIMEOUT, "timeout while waiting until {expression}, on: {}", page());
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// The text that is visible on the page.
    #[track_caller]
    pub fn text(&self) -> String {
        self.value("document.body.innerText").as_str().unwrap_or_default().to_owned()
    }

    /// The address of the page.
    #[track_caller]
    pub fn address(&self) -> String {
        self.value("location.href").as_str().unwrap_or_default().to_owned()
    }

    /// The source of the page, as the server sent it.
    #[track_caller]
    pub fn source(&self) -> String {
        let address = self.address();
        let is_it = |event: &&Value| {
            let params = &event["params"];
            event["method"] == "Network.responseReceived"
                && params["type"] == "Document"
                && params["response"]["url"] == address.as_str()
        };
        let events = self.devtools.events(&self.session);
        let response = events.iter().rev().find(is_it).expect("the response of the page");
        let request = json!({"requestId": response["params"]["requestId"]});
        self.call("Network.getResponseBody", request)["body"].as_str().expect("text").to_owned()
    }

    /// Whether the page has an element.
    #[track_caller]
    pub fn has(&self, selector: &str) -> bool {
        self.value(&format!("document.querySelector({}) !== null", quoted(selector))) == true
    }

    /// Clicks in the middle of an element.
    #[track_caller]
    pub fn click(&self, selector: &str) {
        let place = self.value(&format!(
            "(() => {{ const element = document.querySelector({}); if (!element) return null; \
             element.scrollIntoView({{block: 'center', behavior: 'instant'}}); \
             const box = element.getBoundingClientRect(); \
             return [box.x + box.width / 2, box.y + box.height / 2, box.width * box.height]; }})()",
            quoted(selector)
        ));
        assert!(place[2].as_f64().is_some_and(|area| area > 0.0), "{selector} is not visible: {place}");
        for kind in ["mousePressed", "mouseReleased"] {
            let at = json!({"type": kind, "x": place[0], "y": place[1], "button": "left", "clickCount": 1});
            self.call("Input.dispatchMouseEvent", at);
        }
    }

    /// Replaces the text of a field.
    #[track_caller]
    pub fn fill(&self, selector: &str, text: &str) {
        self.click(selector);
        self.value(&format!("document.querySelector({}).select()", quoted(selector)));
        self.call("Input.insertText", json!({"text": text}));
    }

    /// Selects an option by its value.
    #[track_caller]
    pub fn select(&self, selector: &str, value: &str) {
        let (field, wanted) = (quoted(selector), quoted(value));
        let script = format!(
            "(() => {{ const field = document.querySelector({field}); field.value = {wanted}; \
             field.dispatchEvent(new Event('change', {{bubbles: true}})); return field.value; }})()"
        );
        assert_eq!(self.value(&script), value, "{selector} has this option");
    }

    /// Chooses the file of a file field.
    #[track_caller]
    pub fn choose_file(&self, selector: &str, file: &Path) {
        let document = self.call("DOM.getDocument", json!({}));
        let params = json!({"nodeId": document["root"]["nodeId"], "selector": selector});
        let field = self.call("DOM.querySelector", params);
        self.call("DOM.setFileInputFiles", json!({"files": [file], "nodeId": field["nodeId"]}));
    }

    /// Presses and releases a key, such as `Tab` or `Enter`.
    #[track_caller]
    pub fn press(&self, key: &str) {
        let (code, text) = match key {
            "Tab" => (9, ""),
            "Enter" => (13, "\r"),
            "Escape" => (27, ""),
            " " => (32, " "),
            other => panic!("add the code of {other}"),
        };
        for kind in ["keyDown", "keyUp"] {
            let mut event = json!({"type": kind, "key": key, "windowsVirtualKeyCode": code});
            if kind == "keyDown" {
                event["text"] = text.into();
            }
            self.call("Input.dispatchKeyEvent", event);
        }
    }

    /// The size of the window in CSS pixels.
    #[track_caller]
    pub fn viewport(&self, width: u32, height: u32) {
        let size = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false});
        self.call("Emulation.setDeviceMetricsOverride", size);
    }

    #[track_caller]
    pub fn media(&self, media: Media) {
        let scheme = if media == Media::Dark { "dark" } else { "light" };
        let medium = if media == Media::Print { "print" } else { "screen" };
        // Without transitions: colours halfway between two schemes have other contrasts.
        let still = json!({"name": "prefers-reduced-motion", "value": "reduce"});
        let features = json!([{"name": "prefers-color-scheme", "value": scheme}, still]);
        self.call("Emulation.setEmulatedMedia", json!({"media": medium, "features": features}));
    }

    /// Runs no script of the pages that are opened from now on.
    #[track_caller]
    pub fn without_script(&self) {
        self.call("Emulation.setScriptExecutionDisabled", json!({"value": true}));
    }

    /// The languages that the reader prefers, as in `Accept-Language`.
    #[track_caller]
    pub fn language(&self, languages: &str) {
        let version = self.devtools.call(None, "Browser.getVersion", &json!({}));
        let params = json!({"userAgent": version["userAgent"], "acceptLanguage": languages});
        self.call("Emulation.setUserAgentOverride", params);
    }

    /// The reader's time zone, such as `Europe/Paris`.
    #[track_caller]
    pub fn time_zone(&self, name: &str) {
        self.call("Emulation.setTimezoneOverride", json!({"timezoneId": name}));
    }

    /// Writes a picture of the whole page, as a PNG file.
    #[track_caller]
    pub fn screenshot(&self, file: &Path) {
        let size = &self.call("Page.getLayoutMetrics", json!({}))["cssContentSize"];
        let clip = json!({"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1});
        let params = json!({"format": "png", "captureBeyondViewport": true, "clip": clip});
        write(file, &self.call("Page.captureScreenshot", params)["data"]);
    }

    /// Keeps a picture of the page, `name`.png, in the directory that `MLBACKEND_TEST_PICTURES` names, if it names one: to be
    /// looked at.
    #[track_caller]
    pub fn picture(&self, name: &str) {
        if let Some(directory) = std::env::var_os(PICTURES).filter(|directory| !directory.is_empty()) {
            fs::create_dir_all(&directory).expect("a directory can be made");
            self.screenshot(&Path::new(&directory).join(name).with_extension("png"));
        }
    }

    /// Prints the page into a PDF file.
    #[track_caller]
    pub fn print(&self, file: &Path) {
        let reply = self.call("Page.printToPDF", json!({"printBackground": false}));
        write(file, &reply["data"]);
    }

    /// By how many CSS pixels the page is wider than the window.
    #[track_caller]
    pub fn overflow(&self) -> i64 {
        let width = "document.documentElement.scrollWidth - document.documentElement.clientWidth";
        self.value(width).as_i64().expect("a number")
    }

    /// The requests of all pages that were opened here.
    pub fn requests(&self) -> Vec<String> {
        let events = self.devtools.events(&self.session);
        let requests = events.iter().filter(|event| event["method"] == "Network.requestWillBeSent");
        requests.filter_map(|event| event["params"]["request"]["url"].as_str().map(str::to_owned)).collect()
    }

    /// Errors and warnings in the console, exceptions and dialogs of all pages that were opened here. Violations of the
    /// Content-Security-Policy and resources that could not be loaded are among them.
    pub fn problems(&self) -> Vec<String> {
        self.devtools.events(&self.session).iter().filter_map(problem).collect()
    }

    /// Checks that the pages caused no problem, and no request whose address does not begin with `origin`.
    #[track_caller]
    pub fn expect_quiet(&self, origin: &str) {
        assert_eq!(self.problems(), Vec::<String>::new());
        let others: Vec<String> =
            self.requests().into_iter().filter(|url| !url.starts_with(origin)).collect();
        assert_eq!(others, Vec::<String>::new(), "requests to other hosts");
    }
}

/// What an event says about a mistake of the page.
fn problem(event: &Value) -> Option<String> {
    let params = &event["params"];
    match event["method"].as_str()? {
        "Runtime.exceptionThrown" => Some(params["exceptionDetails"].to_string()),
        "Runtime.consoleAPICalled" => {
            let kind = params["type"].as_str()?;
            ["error", "warning", "assert"].contains(&kind).then(|| format!("{kind}: {}", params["args"]))
        }
        "Log.entryAdded" => {
            let level = params["entry"]["level"].as_str()?;
            ["error", "warning"].contains(&level).then(|| params["entry"].to_string())
        }
        "Page.javascriptDialogOpening" => Some(format!("a dialog: {params}")),
        _ => None,
    }
}

fn write(file: &Path, base64: &Value) {
    let bytes = BASE64_STANDARD.decode(base64.as_str().expect("text")).expect("base64");
    fs::write(file, bytes).expect("a file can be written");
}

/// A text as a JavaScript expression.
fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}
