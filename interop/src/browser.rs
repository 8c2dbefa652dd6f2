//! A real browser: headless Chromium, steered over WebDriver (W3C) by the ChromeDriver that Debian ships with it. That is a few
//! JSON requests, so that no second language and no package comes between a test and what it looks at.
//!
//! Every browser has a profile of its own: two of them are two people. It resolves no name but `localhost`.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::{Program, http, tools};

/// A running browser with one page. It is closed when this is dropped.
pub struct Browser {
    session: String,
    _driver: Program,
    _profile: tempfile::TempDir,
}

/// For elements and pages to appear; a loaded machine with two cores needs a while.
const PATIENCE: Duration = Duration::from_secs(20);
/// How ChromeDriver says that an element is of a page that has gone: in WebDriver's words, and, where the page went within the command, in
/// those of the browser's inspector.
const GONE: [&str; 3] = ["stale element reference", "does not belong to the document", "Cannot find context with specified id"];
/// How ChromeDriver says that the port which it was given for one family of addresses is somebody's in the other.
const TAKEN: &str = "Address already in use";
/// How often it is started for that.
const TRIES: usize = 5;
/// The name under which WebDriver gives elements (§11).
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

impl Browser {
    /// Starts a browser; `None` after saying that the test is skipped.
    ///
    /// # Panics
    /// If the browser is there but does not start.
    pub fn start() -> Option<Self> {
        let (chromium, driver) = tools::chromium()?;
        let (driver, port) = started(&driver);
        let base = format!("http://localhost:{}", port.trim_end_matches('.'));
        let profile = tempfile::tempdir().expect("a folder");
        let answer = command("POST", &format!("{base}/session"), &capabilities(&chromium, profile.path()));
        let id = answer["sessionId"].as_str().unwrap_or_else(|| panic!("no session: {answer}"));
        Some(Self { session: format!("{base}/session/{id}"), _driver: driver, _profile: profile })
    }

    /// Opens a URL and waits until it is loaded.
    pub fn open(&self, url: &str) {
        self.post("url", &json!({ "url": url }));
    }

    /// The address bar.
    pub fn url(&self) -> String {
        text(&self.get("url"))
    }

    /// The address bar, once it begins so: a click that sends a form has not arrived yet when it returns.
    pub fn arrives(&self, origin: &str) -> String {
        let until = Instant::now() + PATIENCE;
        loop {
            let url = self.url();
            if url.starts_with(origin) {
                return url;
            }
            assert!(Instant::now() < until, "{url} is not at {origin}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// The page's title.
    pub fn title(&self) -> String {
        text(&self.get("title"))
    }

    /// The visible text of the first element that a CSS selector finds, waiting for it.
    pub fn text(&self, css: &str) -> String {
        text(&self.of_element("css selector", css, "GET", "text", &Value::Null))
    }

    /// Waits until the first element that a CSS selector finds shows this text: until a page has gone, its elements are there to be read.
    pub fn shows(&self, css: &str, expected: &str) {
        let until = Instant::now() + PATIENCE;
        loop {
            let found = self.text(css);
            if found.contains(expected) {
                return;
            }
            assert!(Instant::now() < until, "{css} shows no \"{expected}\": {found}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// The visible texts of all elements, without waiting.
    pub fn texts(&self, css: &str) -> Vec<String> {
        self.elements(css).iter().map(|id| text(&self.get(&format!("element/{id}/text")))).collect()
    }

    /// An attribute of the first element, waiting for it.
    pub fn attribute(&self, css: &str, name: &str) -> Option<String> {
        self.of_element("css selector", css, "GET", &format!("attribute/{name}"), &Value::Null).as_str().map(str::to_owned)
    }

    /// Whether there is such an element now.
    pub fn has(&self, css: &str) -> bool {
        !self.elements(css).is_empty()
    }

    /// Clicks the first element, waiting for it.
    pub fn click(&self, css: &str) {
        self.of_element("css selector", css, "POST", "click", &json!({}));
    }

    /// Clicks the link with this text.
    pub fn follow(&self, link: &str) {
        self.of_element("link text", link, "POST", "click", &json!({}));
    }

    /// Types into the first element.
    pub fn fill(&self, css: &str, value: &str) {
        self.of_element("css selector", css, "POST", "value", &json!({ "text": value }));
    }

    /// Runs JavaScript in the page; what it returns.
    pub fn run(&self, script: &str) -> Value {
        self.post("execute/sync", &json!({ "script": script, "args": [] }))
    }

    /// The page as it is now.
    pub fn source(&self) -> String {
        text(&self.get("source"))
    }

    /// Makes the window this big, in CSS pixels.
    pub fn resize(&self, width: u32, height: u32) {
        self.post("window/rect", &json!({ "width": width, "height": height }));
    }

    /// A picture of the page, as PNG in base64.
    pub fn screenshot(&self) -> String {
        text(&self.get("screenshot"))
    }

    /// A picture of the first element, as PNG in base64, waiting for it.
    pub fn picture(&self, css: &str) -> String {
        text(&self.of_element("css selector", css, "GET", "screenshot", &Value::Null))
    }

    /// How many colours there are in a picture; and how many dots are of another one than the most frequent. (The browser decodes it: the page that
    /// was there is gone afterwards.)
    pub fn colours(&self, picture: &str) -> (u64, u64) {
        self.open("about:blank");
        let found = self.post(
            "execute/sync",
            &json!({ "args": [picture], "script": "
                const picture = new Image();
                picture.src = 'data:image/png;base64,' + arguments[0];
                return picture.decode().then(() => {
                    const canvas = new OffscreenCanvas(picture.width, picture.height).getContext('2d');
                    canvas.drawImage(picture, 0, 0);
                    const dots = new Uint32Array(canvas.getImageData(0, 0, picture.width, picture.height).data.buffer);
                    const counts = new Map();
                    for (const dot of dots) counts.set(dot, (counts.get(dot) || 0) + 1);
                    return [counts.size, dots.length - Math.max(...counts.values())];
                });" }),
        );
        (found[0].as_u64().unwrap_or_default(), found[1].as_u64().unwrap_or_default())
    }

    /// Presses at a place of the first element, draws to another one, and lets go. In parts of its width, at half its height.
    pub fn draw_across(&self, css: &str, from: f64, to: f64) {
        let id = self.element(css);
        let width = self.get(&format!("element/{id}/rect"))["width"].as_f64().unwrap_or_default();
        let place = |part: f64| json!({ "type": "pointerMove", "duration": 50, "x": ((part - 0.5) * width) as i64, "y": 0, "origin": { ELEMENT: id } });
        let (down, up) = (json!({ "type": "pointerDown", "button": 0 }), json!({ "type": "pointerUp", "button": 0 }));
        let actions = [place(from), down, place(f64::midpoint(from, to)), place(to), up];
        self.post("actions", &json!({ "actions": [{ "type": "pointer", "id": "mouse", "actions": actions }] }));
    }

    /// A command of the browser's own (the DevTools protocol), for what WebDriver has no word for.
    pub fn devtools(&self, command: &str, parameters: &Value) -> Value {
        self.post("goog/cdp/execute", &json!({ "cmd": command, "params": parameters }))
    }

    /// A screen of this width and height, in CSS pixels: smaller than any window.
    pub fn screen(&self, width: u32, height: u32) {
        let size = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600 });
        self.devtools("Emulation.setDeviceMetricsOverride", &size);
    }

    /// Pages run their scripts, or they do not.
    pub fn scripts(&self, run: bool) {
        self.devtools("Emulation.setScriptExecutionDisabled", &json!({ "value": !run }));
    }

    /// What the page wrote to the console at level `SEVERE`: blocked by CSP, not found, an exception.
    pub fn complaints(&self) -> Vec<String> {
        let log = self.post("se/log", &json!({ "type": "browser" }));
        let entries = log.as_array().map_or(&[][..], Vec::as_slice);
        entries.iter().filter(|entry| entry["level"] == "SEVERE").map(|entry| text(&entry["message"])).collect()
    }

    /// A command about the first such element, waiting for it. Where it was found on the page that was there, and that page had gone before the
    /// command reached it, nothing was done: it is looked for on the page that came.
    fn of_element(&self, using: &str, value: &str, method: &str, command: &str, body: &Value) -> Value {
        let until = Instant::now() + PATIENCE;
        loop {
            let url = format!("{}/element/{}/{command}", self.session, self.wait_for(using, value));
            match attempt(method, &url, body) {
                Ok(done) => return done,
                Err(failed) if GONE.iter().any(|words| failed.contains(words)) && Instant::now() < until => {}
                Err(failed) => panic!("{failed}"),
            }
        }
    }

    fn element(&self, css: &str) -> String {
        self.wait_for("css selector", css)
    }

    /// # Panics
    /// If it does not appear; says what page there is instead.
    fn wait_for(&self, using: &str, value: &str) -> String {
        let until = Instant::now() + PATIENCE;
        loop {
            if let Some(first) = self.find(using, value).into_iter().next() {
                return first;
            }
            assert!(Instant::now() < until, "no {value} on {}:\n{}", self.url(), self.source());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn elements(&self, css: &str) -> Vec<String> {
        self.find("css selector", css)
    }

    fn find(&self, using: &str, value: &str) -> Vec<String> {
        let found = self.post("elements", &json!({ "using": using, "value": value }));
        found.as_array().map_or(&[][..], Vec::as_slice).iter().map(|element| text(&element[ELEMENT])).collect()
    }

    fn get(&self, path: &str) -> Value {
        command("GET", &format!("{}/{path}", self.session), &Value::Null)
    }

    fn post(&self, path: &str, body: &Value) -> Value {
        command("POST", &format!("{}/{path}", self.session), body)
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // The driver would leave the browser running if it were only killed.
        let _ = http::send("DELETE", &self.session, &[], b"");
    }
}

/// The driver, and its port.
fn started(driver: &Path) -> (Program, String) {
    let mut tried = 1;
    loop {
        let mut program = Program::start(driver, &["--port=0"], &[]);
        match program.says_within("ChromeDriver was started successfully on port", crate::program::PATIENCE) {
            Ok(port) => return (program, port),
            Err(why) => assert!(why.contains(TAKEN) && tried < TRIES, "{why}"),
        }
        tried += 1;
    }
}

fn capabilities(chromium: &Path, profile: &Path) -> Value {
    let profile: PathBuf = profile.join("profile");
    let arguments = [
        "--headless=new".to_owned(),
        // Chromium's own sandbox needs what containers lack; it opens our own pages alone.
        "--no-sandbox".to_owned(),
        "--disable-dev-shm-usage".to_owned(),
        "--disable-gpu".to_owned(),
        "--no-first-run".to_owned(),
        "--no-proxy-server".to_owned(),
        "--disable-background-networking".to_owned(),
        "--disable-component-update".to_owned(),
        "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE localhost , EXCLUDE 127.0.0.1 , EXCLUDE [::1]".to_owned(),
        "--window-size=1000,800".to_owned(),
        format!("--user-data-dir={}", profile.display()),
    ];
    json!({ "capabilities": { "alwaysMatch": {
        "browserName": "chrome",
        "goog:chromeOptions": { "binary": chromium, "args": arguments },
        "goog:loggingPrefs": { "browser": "ALL" },
        "timeouts": { "pageLoad": PATIENCE.as_millis() as u64 },
    }}})
}

/// Sends a command; the `value` of its answer.
///
/// # Panics
/// With WebDriver's own words if it fails.
fn command(method: &str, url: &str, body: &Value) -> Value {
    attempt(method, url, body).unwrap_or_else(|failed| panic!("{failed}"))
}

/// The same, with WebDriver's words as an error.
fn attempt(method: &str, url: &str, body: &Value) -> Result<Value, String> {
    let bytes = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
    let headers = [("Content-Type", "application/json; charset=utf-8")];
    let answer = http::send(method, url, &headers, &bytes).map_err(|problem| format!("{method} {url}: {problem}"))?;
    let mut json = answer.json();
    if answer.status != 200 {
        return Err(format!("{method} {url}: {}: {}", json["value"]["error"], json["value"]["message"]));
    }
    Ok(json["value"].take())
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
