//! Who am I, and the list that people come for, at the most used providers: the request, and the table made of an answer of the documented
//! shape (the data is made up).

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::LazyLock;

use http::Method;
use keyfob_providers::{Action, Catalogue, Cell};
use serde_json::{Value, json};

static CATALOGUE: LazyLock<Catalogue> = LazyLock::new(Catalogue::embedded);

/// The action, with its arguments in the order of the file's parameters.
fn action(provider: &str, name: &str, words: &[&str]) -> (Action, BTreeMap<String, String>) {
    let action = CATALOGUE.get(provider).expect("embedded").action(name).expect("there").clone();
    let named = action.parameters.iter().zip(words).map(|(parameter, word)| (parameter.name.clone(), (*word).to_owned()));
    let arguments = named.collect();
    (action, arguments)
}

/// `METHOD target`, and the body, if there is one.
fn sent(provider: &str, name: &str, words: &[&str]) -> String {
    let (action, arguments) = action(provider, name, words);
    let request = action.request(&arguments, &BTreeMap::new()).expect("a request");
    let body = request.body.map(|(_, bytes)| format!(" {}", String::from_utf8(bytes).expect("text"))).unwrap_or_default();
    format!("{} {}{body}", request.method, request.target)
}

/// The rows as text; empty cells are `-`.
fn rows(provider: &str, name: &str, words: &[&str], answer: &Value) -> Vec<String> {
    let (action, arguments) = action(provider, name, words);
    let table = action.table(&arguments, answer).expect("a table");
    let cell = |cell: &Cell| if *cell == Cell::Empty { "-".to_owned() } else { cell.to_string() };
    table.rows.iter().map(|row| row.cells.iter().map(cell).collect::<Vec<_>>().join(" | ")).collect()
}

#[test]
fn github() {
    assert_eq!(sent("github", "me", &[]), "GET /user");
    let me = json!({"login": "ada", "id": 7, "name": "Ada Berg", "email": null, "company": null, "public_repos": 12, "followers": 3,
        "created_at": "2015-02-03T04:05:06Z"});
    assert_eq!(rows("github", "me", &[], &me), ["ada | Ada Berg | - | - | 12 | 3 | 2015-02-03 04:05:06Z | 7"]);
    assert_eq!(sent("github", "repos", &[]), "GET /user/repos?sort=pushed&per_page=100");
    let repos = json!([{"full_name": "ada/loom", "private": true, "language": "Rust", "stargazers_count": 5, "open_issues_count": 1,
        "pushed_at": "2026-01-02T00:00:00Z", "html_url": "https://github.example/ada/loom"}]);
    assert_eq!(
        rows("github", "repos", &[], &repos),
        ["ada/loom | yes | Rust | 5 | 1 | 2026-01-02 00:00:00Z | https://github.example/ada/loom"]
    );
    let issues = json!([{"repository": {"full_name": "ada/loom"}, "number": 4, "title": "A knot", "state": "open",
        "updated_at": "2026-01-02T00:00:00Z", "html_url": "https://github.example/4"}]);
    assert_eq!(rows("github", "issues", &[], &issues), ["ada/loom | 4 | A knot | open | 2026-01-02 00:00:00Z | https://github.example/4"]);
}

#[test]
fn gitlab() {
    let me = json!({"id": 9, "username": "ada", "name": "Ada Berg", "email": "ada@mail.example", "state": "active",
        "created_at": "2015-02-03T04:05:06.789Z", "web_url": "https://gitlab.example/ada"});
    assert_eq!(
        rows("gitlab", "me", &[], &me),
        ["ada | Ada Berg | ada@mail.example | active | 2015-02-03 04:05:06Z | https://gitlab.example/ada | 9"]
    );
    assert_eq!(sent("gitlab", "projects", &[]), "GET /api/v4/projects?membership=true&order_by=last_activity_at&per_page=100");
    let projects = json!([{"id": 3, "path_with_namespace": "ada/loom", "visibility": "private", "star_count": 1, "open_issues_count": 2,
        "last_activity_at": "2026-01-02T00:00:00.000Z", "web_url": "https://gitlab.example/ada/loom"}]);
    assert_eq!(
        rows("gitlab", "projects", &[], &projects),
        ["ada/loom | private | 1 | 2 | 2026-01-02 00:00:00Z | https://gitlab.example/ada/loom | 3"]
    );
}

#[test]
fn google() {
    assert_eq!(sent("google", "me", &[]), "GET /oauth2/v3/userinfo");
    let me = json!({"sub": "1234", "name": "Ada Berg", "email": "ada@mail.example", "email_verified": true});
    assert_eq!(rows("google", "me", &[], &me), ["Ada Berg | ada@mail.example | yes | 1234"]);
    let calendars = json!({"kind": "calendar#calendarList", "items": [
        {"id": "ada@mail.example", "summary": "Ada", "primary": true, "accessRole": "owner", "timeZone": "Europe/Stockholm"},
        {"id": "h", "summary": "Holidays", "accessRole": "reader", "timeZone": "Europe/Stockholm"}]});
    assert_eq!(
        rows("google", "calendars", &[], &calendars),
        ["Ada | yes | owner | Europe/Stockholm | ada@mail.example", "Holidays | - | reader | Europe/Stockholm | h"]
    );
    assert!(sent("google", "files", &[]).contains("fields=nextPageToken%2Cfiles%28id%2Cname"), "{}", sent("google", "files", &[]));
    let files = json!({"files": [{"id": "f", "name": "Plan", "mimeType": "text/plain", "size": "1200", "modifiedTime": "2026-01-02T00:00:00.000Z"}]});
    assert_eq!(rows("google", "files", &[], &files), ["Plan | text/plain | 1200 | 2026-01-02 00:00:00Z | f"]);
    let identity = json!({"name": "users/me/identity", "legacyUserId": "22ABCD", "healthUserId": "h1"});
    assert_eq!(rows("google-health", "me", &[], &identity), ["users/me/identity | 22ABCD | h1"]);
}

#[test]
fn microsoft() {
    let me = json!({"displayName": "Ada Berg", "mail": null, "userPrincipalName": "ada@mail.example", "jobTitle": "Weaver", "id": "g"});
    assert_eq!(rows("microsoft", "me", &[], &me), ["Ada Berg | ada@mail.example | Weaver | ada@mail.example | g"]);
    assert_eq!(sent("microsoft", "mail", &[]), "GET /v1.0/me/messages?%24top=50&%24select=subject%2Cfrom%2CreceivedDateTime%2CisRead");
    let mail = json!({"value": [{"receivedDateTime": "2026-01-02T00:00:00Z", "from": {"emailAddress": {"name": "Cy", "address": "cy@mail.example"}},
        "subject": "Yarn", "isRead": false}]});
    assert_eq!(rows("microsoft", "mail", &[], &mail), ["2026-01-02 00:00:00Z | cy@mail.example | Yarn | no"]);
    let files = json!({"value": [{"name": "Plans", "folder": {"childCount": 2}, "size": 10, "lastModifiedDateTime": "2026-01-02T00:00:00Z", "webUrl": "u"},
        {"name": "a.txt", "file": {}, "size": 3, "lastModifiedDateTime": "2026-01-02T00:00:00Z", "webUrl": "v"}]});
    assert_eq!(
        rows("microsoft", "files", &[], &files),
        ["Plans | yes | 10 | 2026-01-02 00:00:00Z | u", "a.txt | no | 3 | 2026-01-02 00:00:00Z | v"]
    );
}

#[test]
fn spotify() {
    let me = json!({"display_name": "Ada", "email": "ada@mail.example", "country": "SE", "product": "premium", "followers": {"total": 4}, "id": "ada"});
    assert_eq!(rows("spotify", "me", &[], &me), ["Ada | ada@mail.example | SE | premium | 4 | ada"]);
    assert_eq!(sent("spotify", "playlists", &[]), "GET /v1/me/playlists?limit=50");
    let playlists = json!({"items": [{"name": "Loom", "tracks": {"total": 30}, "owner": {"display_name": "Ada"}, "public": false, "id": "p"}], "next": null});
    assert_eq!(rows("spotify", "playlists", &[], &playlists), ["Loom | 30 | Ada | no | p"]);
    // Apps without extended quota, since February 2026.
    assert_eq!(rows("spotify", "me", &[], &json!({"display_name": "Ada", "id": "ada"})), ["Ada | - | - | - | - | ada"]);
    let renamed =
        json!({"items": [{"name": "Loom", "items": {"total": 31}, "owner": {"display_name": "Ada"}, "public": false, "id": "p"}]});
    assert_eq!(rows("spotify", "playlists", &[], &renamed), ["Loom | 31 | Ada | no | p"]);
    let played = json!({"items": [{"played_at": "2026-01-02T00:00:00.123Z",
        "track": {"name": "Warp", "artists": [{"name": "The Wefts"}, {"name": "Cy"}], "album": {"name": "Cloth"}}}]});
    assert_eq!(rows("spotify", "played", &[], &played), ["2026-01-02 00:00:00Z | Warp | The Wefts, Cy | Cloth"]);
}

#[test]
fn strava() {
    let me = json!({"id": 5, "username": "ada", "firstname": "Ada", "lastname": "Berg", "city": "Lund", "country": "Sweden", "weight": 60.0,
        "created_at": "2015-02-03T04:05:06Z"});
    assert_eq!(rows("strava", "me", &[], &me), ["Ada Berg | ada | Lund | Sweden | 60 | 2015-02-03 04:05:06Z | 5"]);
    assert_eq!(sent("strava", "activities", &[]), "GET /api/v3/athlete/activities?per_page=100");
    let activities = json!([{"start_date": "2026-01-02T00:00:00Z", "name": "Morning", "type": "Ride", "sport_type": "GravelRide", "distance": 12345.6,
        "moving_time": 3000, "total_elevation_gain": 80.4, "average_heartrate": 130.2, "id": 11},
        {"start_date": "2026-01-01T00:00:00Z", "name": "Walk", "type": "Walk", "distance": 0.0, "moving_time": 60, "total_elevation_gain": 0, "id": 10}]);
    assert_eq!(
        rows("strava", "activities", &[], &activities),
        [
            "2026-01-02 00:00:00Z | Morning | GravelRide | 12.35 | 50 | 80 | 130 | 11",
            "2026-01-01 00:00:00Z | Walk | Walk | 0 | 1 | 0 | - | 10"
        ]
    );
}

#[test]
fn oura_and_whoop() {
    let me = json!({"id": "o", "age": 40, "weight": 60.5, "height": 1.7, "biological_sex": "female", "email": "ada@mail.example"});
    assert_eq!(rows("oura", "me", &[], &me), ["40 | 1.7 | 60.5 | ada@mail.example | o"]);
    assert_eq!(
        sent("oura", "sleep", &["2026-01-01", "2026-01-02"]),
        "GET /v2/usercollection/daily_sleep?start_date=2026-01-01&end_date=2026-01-02"
    );
    assert_eq!(sent("oura", "sleep", &[]), "GET /v2/usercollection/daily_sleep");
    let sleep = json!({"data": [{"id": "s", "day": "2026-01-02", "score": 81, "contributors": {"deep_sleep": 90, "rem_sleep": 70, "efficiency": 88}}], "next_token": null});
    assert_eq!(rows("oura", "sleep", &[], &sleep), ["2026-01-02 | 81 | 90 | 70 | 88"]);
    let activity =
        json!({"data": [{"day": "2026-01-02", "score": 75, "steps": 8123, "active_calories": 300, "equivalent_walking_distance": 7000}]});
    assert_eq!(rows("oura", "activity", &[], &activity), ["2026-01-02 | 8123 | 75 | 300 | 7000"]);
    let me = json!({"user_id": 6, "email": "ada@mail.example", "first_name": "Ada", "last_name": "Berg"});
    assert_eq!(rows("whoop", "me", &[], &me), ["Ada Berg | ada@mail.example | 6"]);
    let sleeps = json!({"records": [{"id": "s", "start": "2026-01-01T22:00:00.000Z", "end": "2026-01-02T06:00:00.000Z", "nap": false, "score_state": "SCORED",
        "score": {"sleep_performance_percentage": 92.0, "sleep_efficiency_percentage": 95.4}}, {"id": "t", "start": "2026-01-03T22:00:00Z", "score_state": "PENDING_SCORE"}]});
    assert_eq!(
        rows("whoop", "sleep", &[], &sleeps),
        ["2026-01-01 22:00:00Z | 2026-01-02 06:00:00Z | no | 92 | 95 | SCORED", "2026-01-03 22:00:00Z | - | - | - | - | PENDING_SCORE"]
    );
}

#[test]
fn dropbox_and_box() {
    assert_eq!(sent("dropbox", "me", &[]), "POST /2/users/get_current_account");
    let me = json!({"account_id": "dbid:x", "name": {"display_name": "Ada Berg"}, "email": "ada@mail.example", "country": "SE", "account_type": {".tag": "basic"}});
    assert_eq!(rows("dropbox", "me", &[], &me), ["Ada Berg | ada@mail.example | basic | SE | dbid:x"]);
    assert_eq!(sent("dropbox", "files", &[]), r#"POST /2/files/list_folder {"limit":1000,"path":""}"#);
    assert_eq!(sent("dropbox", "files", &["/Looms"]), r#"POST /2/files/list_folder {"limit":1000,"path":"/Looms"}"#);
    let files = json!({"entries": [{".tag": "folder", "name": "Looms", "path_display": "/Looms", "id": "id:1"},
        {".tag": "file", "name": "a.txt", "size": 12, "server_modified": "2026-01-02T00:00:00Z", "path_display": "/a.txt"}], "cursor": "c", "has_more": false});
    assert_eq!(
        rows("dropbox", "files", &[], &files),
        ["Looms | folder | - | - | /Looms", "a.txt | file | 12 | 2026-01-02 00:00:00Z | /a.txt"]
    );
    assert_eq!(sent("box", "files", &[]), "GET /folders/0/items?fields=name%2Csize%2Cmodified_at&limit=1000&usemarker=true");
    let files = json!({"total_count": 1, "entries": [{"type": "file", "id": "7", "name": "a.txt", "size": 12, "modified_at": "2026-01-02T00:00:00-08:00"}]});
    assert_eq!(rows("box", "files", &[], &files), ["a.txt | file | 12 | 2026-01-02 08:00:00Z | 7"]);
}

#[test]
fn discord() {
    assert_eq!(sent("discord", "me", &[]), "GET /users/@me");
    let me = json!({"id": "80", "username": "ada", "global_name": null, "email": "ada@mail.example", "locale": "sv-SE"});
    assert_eq!(rows("discord", "me", &[], &me), ["ada | ada | ada@mail.example | sv-SE | 80"]);
    assert_eq!(rows("discord", "servers", &[], &json!([{"id": "81", "name": "Weavers", "owner": false}])), ["Weavers | no | 81"]);
}

#[test]
fn notion() {
    let me = json!({"object": "user", "id": "n", "name": "Loom", "type": "bot",
        "bot": {"owner": {"type": "user", "user": {"name": "Ada Berg", "person": {"email": "ada@mail.example"}}}, "workspace_name": "Mill"}});
    assert_eq!(rows("notion", "me", &[], &me), ["Loom | Ada Berg | ada@mail.example | Mill | n"]);
    assert_eq!(sent("notion", "pages", &[]), r#"POST /v1/search {"page_size":100}"#);
    assert_eq!(sent("notion", "pages", &["yarn"]), r#"POST /v1/search {"page_size":100,"query":"yarn"}"#);
    let pages = json!({"object": "list", "results": [
        {"object": "page", "id": "p", "last_edited_time": "2026-01-02T00:00:00.000Z", "url": "u",
         "properties": {"Name": {"id": "title", "type": "title", "title": [{"plain_text": "Yarn "}, {"plain_text": "list"}]}, "Done": {"type": "checkbox", "checkbox": true}}},
        {"object": "database", "id": "d", "last_edited_time": "2026-01-02T00:00:00.000Z", "url": "v", "title": [{"plain_text": "Looms"}], "properties": {}}]});
    assert_eq!(
        rows("notion", "pages", &[], &pages),
        ["Yarn list | page | 2026-01-02 00:00:00Z | u | p", "Looms | database | 2026-01-02 00:00:00Z | v | d"]
    );
}

#[test]
fn reddit() {
    let me = json!({"name": "ada", "total_karma": 30, "link_karma": 10, "comment_karma": 20, "created_utc": 1423582025.0, "id": "r"});
    assert_eq!(rows("reddit", "me", &[], &me), ["ada | 30 | 10 | 20 | 2015-02-10 15:27:05Z | r"]);
    let list = json!({"kind": "Listing", "data": {"children": [{"kind": "t5", "data": {"display_name_prefixed": "r/weaving", "title": "Weaving", "subscribers": 900, "over18": false}}]}});
    assert_eq!(rows("reddit", "subreddits", &[], &list), ["r/weaving | Weaving | 900 | no"]);
}

#[test]
fn twitch() {
    let me = json!({"data": [{"id": "12", "login": "ada", "display_name": "Ada", "broadcaster_type": "", "email": "ada@mail.example", "created_at": "2015-02-03T04:05:06Z"}]});
    assert_eq!(rows("twitch", "me", &[], &me), ["Ada | ada | ada@mail.example | - | 2015-02-03 04:05:06Z | 12"]);
    assert_eq!(sent("twitch", "following", &["12"]), "GET /channels/followed?user_id=12&first=100");
    let channels = json!({"total": 1, "data": [{"broadcaster_id": "5", "broadcaster_login": "cy", "broadcaster_name": "Cy", "followed_at": "2026-01-02T00:00:00Z"}]});
    assert_eq!(rows("twitch", "following", &["12"], &channels), ["Cy | 2026-01-02 00:00:00Z | 5"]);
}

#[test]
fn x_by_both_protocols() {
    for provider in ["twitter", "twitter-oauth1"] {
        assert_eq!(sent(provider, "me", &[]), "GET /2/users/me?user.fields=created_at%2Cpublic_metrics");
        let me = json!({"data": {"id": "3", "name": "Ada", "username": "ada", "created_at": "2015-02-03T04:05:06.000Z",
            "public_metrics": {"followers_count": 1, "following_count": 2, "tweet_count": 3}}});
        assert_eq!(rows(provider, "me", &[], &me), ["Ada | ada | 1 | 2 | 3 | 2015-02-03 04:05:06Z | 3"]);
        let posts = json!({"data": [{"id": "9", "text": "Warp.", "created_at": "2026-01-02T00:00:00.000Z", "public_metrics": {"like_count": 4}}], "meta": {}});
        assert_eq!(rows(provider, "posts", &["3"], &posts), ["2026-01-02 00:00:00Z | Warp. | 4 | 9"]);
        assert!(rows(provider, "posts", &["3"], &json!({"meta": {"result_count": 0}})).is_empty(), "nobody has to post");
    }
}

#[test]
fn flickr() {
    assert_eq!(sent("flickr", "me", &[]), "GET /services/rest?method=flickr.test.login&format=json&nojsoncallback=1");
    let me = json!({"user": {"id": "12@N00", "username": {"_content": "ada"}}, "stat": "ok"});
    assert_eq!(rows("flickr", "me", &[], &me), ["ada | 12@N00"]);
    let photos = json!({"photos": {"page": 1, "photo": [{"id": "1", "title": "Loom", "ispublic": 1, "datetaken": "2025-12-31 10:00:00", "dateupload": "1767312000", "views": "7"}]}, "stat": "ok"});
    assert_eq!(rows("flickr", "photos", &[], &photos), ["Loom | 2025-12-31 10:00:00 | 2026-01-02 00:00:00Z | 7 | yes | 1"]);
    let failed = &CATALOGUE.get("flickr").expect("embedded").settings(&|_| None).expect("settings").api.failed[0];
    assert!(failed.given(http::StatusCode::OK, br#"{"stat":"fail","code":98,"message":"Invalid auth token"}"#));
    assert!(!failed.given(http::StatusCode::OK, br#"{"stat":"ok"}"#));
}

#[test]
fn tumblr_by_both_protocols() {
    for provider in ["tumblr", "tumblr-oauth1"] {
        let info = json!({"meta": {"status": 200, "msg": "OK"}, "response": {"user": {"name": "ada", "likes": 1, "following": 2, "blogs": [
            {"name": "ada", "title": "Threads", "posts": 5, "followers": 6, "primary": true, "url": "u"}]}}});
        assert_eq!(rows(provider, "me", &[], &info), ["ada | 1 | 2 | 1"]);
        assert_eq!(rows(provider, "blogs", &[], &info), ["ada | Threads | 5 | 6 | yes | u"]);
    }
}

#[test]
fn trello() {
    let me = json!({"id": "t", "fullName": "Ada Berg", "username": "ada", "email": null, "url": "u"});
    assert_eq!(rows("trello", "me", &[], &me), ["Ada Berg | ada | - | u | t"]);
    assert_eq!(sent("trello", "boards", &[]), "GET /1/members/me/boards?fields=name%2Cclosed%2CdateLastActivity%2Curl");
    let boards = json!([{"id": "b", "name": "Loom", "closed": false, "dateLastActivity": "2026-01-02T00:00:00.000Z", "url": "v"}]);
    assert_eq!(rows("trello", "boards", &[], &boards), ["Loom | no | 2026-01-02 00:00:00Z | v | b"]);
    let cards = json!([{"id": "c", "name": "Warp", "due": null, "labels": [{"name": "red"}, {"name": "soon"}], "dateLastActivity": "2026-01-02T00:00:00.000Z", "url": "w"}]);
    assert_eq!(rows("trello", "cards", &["b"], &cards), ["Warp | - | red, soon | 2026-01-02 00:00:00Z | w | c"]);
}

#[test]
fn discogs() {
    assert_eq!(
        rows("discogs", "me", &[], &json!({"id": 1, "username": "ada", "consumer_name": "Loom", "resource_url": "u"})),
        ["ada | Loom | 1"]
    );
    assert_eq!(
        sent("discogs", "collection", &["ada", "2"]),
        "GET /users/ada/collection/folders/0/releases?per_page=100&page=2&sort=added&sort_order=desc"
    );
    let releases = json!({"pagination": {"pages": 1}, "releases": [{"id": 8, "date_added": "2026-01-02T00:00:00-00:00",
        "basic_information": {"title": "Cloth", "year": 1979, "artists": [{"name": "The Wefts"}], "formats": [{"name": "Vinyl", "qty": "1"}]}}]});
    assert_eq!(rows("discogs", "collection", &["ada"], &releases), ["The Wefts | Cloth | 1979 | Vinyl | 2026-01-02 00:00:00Z | 8"]);
}

#[test]
fn homes_and_cars() {
    let appliances = json!({"data": {"homeappliances": [{"haId": "BOSCH-1", "name": "Washer", "type": "Washer", "brand": "BOSCH", "vib": "W1", "connected": true}]}});
    assert_eq!(rows("home-connect", "appliances", &[], &appliances), ["Washer | Washer | BOSCH | W1 | yes | BOSCH-1"]);
    let status = json!({"data": {"status": [{"key": "BSH.Common.Status.DoorState", "value": "BSH.Common.EnumType.DoorState.Open"}]}});
    assert_eq!(rows("home-connect", "status", &["BOSCH-1"], &status), ["DoorState | BSH.Common.EnumType.DoorState.Open | -"]);
    assert_eq!(rows("smartcar", "vehicles", &[], &json!({"paging": {"count": 1}, "vehicles": ["v-1"]})), ["v-1"]);
    assert_eq!(sent("smartcar", "vehicle", &["v-1"]), "GET /v2.0/vehicles/v-1");
    assert_eq!(
        rows("smartcar", "vehicle", &["v-1"], &json!({"id": "v-1", "make": "TESLA", "model": "Model 3", "year": 2019})),
        ["TESLA | Model 3 | 2019 | v-1"]
    );
    let mowers = json!({"data": [{"type": "mower", "id": "m", "attributes": {"system": {"name": "Lawn", "model": "430X"}, "battery": {"batteryPercent": 80},
        "mower": {"activity": "PARKED_IN_CS", "state": "RESTRICTED"}, "metadata": {"connected": true}}}]});
    assert_eq!(rows("husqvarna", "mowers", &[], &mowers), ["Lawn | 430X | parked_in_cs | restricted | 80 | yes | m"]);
    let (lights, arguments) = action("philips-hue", "lights", &["key-1"]);
    let request = lights.request(&arguments, &BTreeMap::new()).expect("a request");
    assert!(request.headers.iter().any(|(name, value)| name == "hue-application-key" && value == "key-1"), "{request:?}");
    let lamps = json!({"errors": [], "data": [{"id": "l", "metadata": {"name": "Desk", "archetype": "table_shade"}, "on": {"on": true}, "dimming": {"brightness": 50.2}}]});
    assert_eq!(rows("philips-hue", "lights", &["key-1"], &lamps), ["Desk | yes | 50 | table_shade | l"]);
    // Without the key the bridge refuses every call, and nothing is sent.
    assert!(lights.request(&BTreeMap::new(), &BTreeMap::new()).is_err());
    assert_eq!(sent("philips-hue", "press", &[]), "PUT /api/0/config {\"linkbutton\":true}");
    assert_eq!(sent("philips-hue", "make-key", &[]), "POST /api {\"devicetype\":\"keyfob\"}");
    assert_eq!(rows("philips-hue", "make-key", &[], &json!([{"success": {"username": "key-1"}}])), ["key-1 | -"]);
    let early = json!([{"error": {"type": 101, "address": "/", "description": "link button not pressed"}}]);
    assert_eq!(rows("philips-hue", "make-key", &[], &early), ["- | link button not pressed"]);
    let devices = json!({"devices": [{"name": "enterprises/p/devices/d", "type": "sdm.devices.types.THERMOSTAT", "parentRelations": [{"displayName": "Hall"}],
        "traits": {"sdm.devices.traits.Info": {"customName": ""}, "sdm.devices.traits.Temperature": {"ambientTemperatureCelsius": 20.46},
        "sdm.devices.traits.Humidity": {"ambientHumidityPercent": 35}, "sdm.devices.traits.ThermostatMode": {"mode": "HEAT"}, "sdm.devices.traits.Connectivity": {"status": "ONLINE"}}}]});
    assert_eq!(rows("nest-sdm", "devices", &[], &devices), ["Hall | THERMOSTAT | 20.5 | 35 | HEAT | ONLINE | d"]);
    let things =
        json!({"items": [{"deviceId": "d", "name": "plug", "label": "Lamp", "manufacturerName": "Loom", "type": "ZIGBEE", "roomId": "r"}]});
    assert_eq!(rows("smartthings", "devices", &[], &things), ["Lamp | ZIGBEE | Loom | d | r"]);
}

#[test]
fn xero() {
    let connections = json!([{"id": "c", "tenantId": "t", "tenantType": "ORGANISATION", "tenantName": "Mill Ltd", "createdDateUtc": "2025-01-02T00:00:00.1234560"}]);
    assert_eq!(rows("xero", "organisations", &[], &connections), ["Mill Ltd | ORGANISATION | 2025-01-02 00:00:00Z | t"]);
    let (invoices, arguments) = action("xero", "invoices", &["t"]);
    let request = invoices.request(&arguments, &BTreeMap::new()).expect("a request");
    assert_eq!(request.target, "/api.xro/2.0/Invoices?Statuses=AUTHORISED&page=1");
    assert!(request.headers.iter().any(|(name, value)| name == "xero-tenant-id" && value == "t"), "{request:?}");
    let answer = json!({"Invoices": [{"InvoiceID": "i", "InvoiceNumber": "INV-1", "Contact": {"Name": "Cy"}, "DateString": "2026-01-02T00:00:00",
        "DueDateString": "2026-02-02T00:00:00", "Total": 100.0, "AmountDue": 40.5, "CurrencyCode": "SEK"}]});
    assert_eq!(rows("xero", "invoices", &["t"], &answer), ["INV-1 | Cy | 2026-01-02 | 2026-02-02 | 100 | 40.5 | SEK | i"]);
}

/// GraphQL: braces of the query are not places of a template.
#[test]
fn linear_and_monday() {
    assert_eq!(sent("linear", "me", &[]), r#"POST /graphql {"query":"{ viewer { id name email organization { name } } }"}"#);
    let me = json!({"data": {"viewer": {"id": "l", "name": "Ada", "email": "ada@mail.example", "organization": {"name": "Mill"}}}});
    assert_eq!(rows("linear", "me", &[], &me), ["Ada | ada@mail.example | Mill | l"]);
    let issues = json!({"data": {"viewer": {"assignedIssues": {"nodes": [{"identifier": "ML-1", "title": "Knot", "priorityLabel": "High", "updatedAt": "2026-01-02T00:00:00.000Z",
        "url": "u", "state": {"name": "Todo"}}]}}}});
    assert_eq!(rows("linear", "issues", &[], &issues), ["ML-1 | Knot | Todo | High | 2026-01-02 00:00:00Z | u"]);
    assert_eq!(sent("monday", "me", &[]), r#"POST /v2 {"query":"{ me { id name email account { name } } }"}"#);
    let boards = json!({"data": {"boards": [{"id": "1", "name": "Mill", "state": "active", "items_count": 3, "updated_at": "2026-01-02T00:00:00Z"}]}});
    assert_eq!(rows("monday", "boards", &[], &boards), ["Mill | active | 3 | 2026-01-02 00:00:00Z | 1"]);
}

#[test]
fn work() {
    let me = json!({"data": {"gid": "1", "name": "Ada", "email": "ada@mail.example", "workspaces": [{"gid": "2", "name": "Mill"}]}});
    assert_eq!(rows("asana", "me", &[], &me), ["Ada | ada@mail.example | Mill | 1"]);
    let tasks = json!({"results": [{"id": "t", "content": "Warp", "due": {"date": "2026-01-02"}, "priority": 1, "labels": ["red"], "project_id": "p"},
        {"id": "u", "content": "Weft", "due": null, "priority": 4, "labels": [], "project_id": "p"}], "next_cursor": null});
    assert_eq!(rows("todoist", "tasks", &[], &tasks), ["Warp | 2026-01-02 | 1 | red | p | t", "Weft | - | 4 | - | p | u"]);
    let sites = json!([{"id": "s", "name": "Mill", "url": "https://mill.example", "scopes": ["read:jira-work"]}]);
    assert_eq!(rows("atlassian", "sites", &[], &sites), ["Mill | https://mill.example | read:jira-work | s"]);
    let bases = json!({"bases": [{"id": "app1", "name": "Yarn", "permissionLevel": "create"}]});
    assert_eq!(rows("airtable", "bases", &[], &bases), ["Yarn | create | app1"]);
    let accounts = json!({"totalSize": 1, "records": [{"attributes": {"type": "Account"}, "Id": "001", "Name": "Mill", "Industry": null, "LastModifiedDate": "2026-01-02T00:00:00.000+0000"}]});
    assert_eq!(rows("salesforce", "accounts", &[], &accounts), ["Mill | - | 2026-01-02 00:00:00Z | 001"]);
    let products = json!({"products": [{"id": 1, "title": "Scarf", "vendor": "Mill", "status": "active", "variants": [{}, {}], "updated_at": "2026-01-02T01:00:00+01:00"}]});
    assert_eq!(rows("shopify", "products", &[], &products), ["Scarf | Mill | active | 2 | 2026-01-02 00:00:00Z | 1"]);
    let meetings = json!({"meetings": [{"id": 1, "topic": "Loom", "start_time": "2026-01-02T00:00:00Z", "duration": 30, "join_url": "u"}]});
    assert_eq!(rows("zoom", "meetings", &[], &meetings), ["2026-01-02 00:00:00Z | Loom | 30 | u | 1"]);
}

/// Version 2 of its API has deals, and the people and organisations of them by number; who somebody is, version 1 alone.
#[test]
fn pipedrive() {
    assert_eq!(sent("pipedrive", "me", &[]), "GET /v1/users/me");
    assert_eq!(sent("pipedrive", "deals", &[]), "GET /v2/deals?status=open&limit=500");
    let deals = json!({"success": true, "data": [{"id": 1, "title": "Looms", "creator_user_id": 1, "owner_id": 1, "value": 200, "person_id": 7, "org_id": null,
        "currency": "SEK", "add_time": "2026-01-02T00:00:00Z", "status": "open", "expected_close_date": "2026-02-01", "custom_fields": {}}],
        "additional_data": {"next_cursor": "c"}});
    assert_eq!(rows("pipedrive", "deals", &[], &deals), ["Looms | 200 | SEK | 2026-02-01 | 7 | - | 1"]);
}

#[test]
fn withings() {
    assert_eq!(sent("withings", "devices", &[]), "GET /v2/user?action=getdevice");
    let devices = json!({"status": 0, "body": {"devices": [{"type": "Scale", "model": "Body+", "battery": "high", "deviceid": "d", "last_session_date": 1767312000}]}});
    assert_eq!(rows("withings", "devices", &[], &devices), ["Body+ | Scale | high | 2026-01-02 00:00:00Z | d"]);
    assert_eq!(sent("withings", "weight", &["2026-01-01"]), "GET /measure?action=getmeas&meastypes=1&category=1&startdate=1767225600");
    let weights = json!({"status": 0, "body": {"measuregrps": [{"date": 1767312000, "measures": [{"value": 60250, "type": 1, "unit": -3}]},
        {"date": 1767225600, "measures": [{"value": 605, "type": 1, "unit": -1}]}]}});
    assert_eq!(rows("withings", "weight", &[], &weights), ["2026-01-02 00:00:00Z | 60.25", "2026-01-01 00:00:00Z | 60.5"]);
    let settings = CATALOGUE.get("withings").expect("embedded").settings(&|_| None).expect("settings");
    assert!(
        settings.api.expired[0]
            .given(http::StatusCode::OK, br#"{"status":401,"body":{},"error":"XRequestID: Not provided invalid_token"}"#)
    );
    let keyfob_proto::Flow::OAuth2(flow) = settings.flow else { panic!("OAuth 2") };
    assert_eq!(flow.tokens_at.as_deref(), Some("/body"));
}

#[test]
fn tado() {
    let me = json!({"name": "Ada", "email": "ada@mail.example", "id": "u", "homes": [{"id": 1, "name": "Mill"}]});
    assert_eq!(rows("tado", "me", &[], &me), ["Ada | ada@mail.example | Mill | u"]);
    assert_eq!(rows("tado", "homes", &[], &me), ["Mill | 1"]);
    assert_eq!(sent("tado", "warmth", &["1"]), "GET /homes/1/zoneStates");
    let states = json!({"zoneStates": {"1": {"setting": {"type": "HEATING", "power": "ON", "temperature": {"celsius": 20.0}}, "activityDataPoints": {"heatingPower": {"percentage": 40.0}},
        "sensorDataPoints": {"insideTemperature": {"celsius": 19.46}, "humidity": {"percentage": 45.2}}}, "2": {"setting": {"power": "OFF", "temperature": null}, "sensorDataPoints": {}}}});
    assert_eq!(rows("tado", "warmth", &["1"], &states), ["1 | 19.5 | 20 | 45 | 40", "2 | - | - | - | -"]);
}

#[test]
fn tiktok_bitly_and_slack() {
    let settings = CATALOGUE.get("tiktok").expect("embedded").settings(&|_| None).expect("settings");
    let keyfob_proto::Flow::OAuth2(flow) = settings.flow else { panic!("OAuth 2") };
    assert_eq!(flow.parameter_names, [("client_id".to_owned(), "client_key".to_owned())]);
    let me = json!({"data": {"user": {"open_id": "o", "display_name": "Ada"}}, "error": {"code": "ok", "message": ""}});
    assert_eq!(rows("tiktok", "me", &[], &me), ["Ada | o"]);
    let me = json!({"name": "Ada", "login": "ada", "emails": [{"email": "x@mail.example", "is_primary": false}, {"email": "ada@mail.example", "is_primary": true}],
        "created": "2015-02-03T04:05:06+0000"});
    assert!(rows("bitly", "me", &[], &me)[0].starts_with("Ada | ada | ada@mail.example | 2015-02-03"));
    let me = json!({"ok": true, "sub": "U1", "name": "Ada", "email": "ada@mail.example", "https://slack.com/team_name": "Mill", "https://slack.com/user_id": "U1"});
    assert_eq!(rows("slack-openid", "me", &[], &me), ["Ada | ada@mail.example | Mill | U1"]);
}

/// By which names a key that may read would write, as the pages say that their files name (`sources`).
#[test]
fn l14_names_that_say_another_method_are_known() {
    for (provider, names) in [
        // In JSON it is a member of `options`.
        ("asana", &["opt_method", "options"][..]),
        ("deezer", &["request_method"]),
        ("facebook", &["method"]),
        ("google", &["$httpMethod"]),
        ("google-health", &["$httpMethod"]),
        ("instagram", &["method"]),
        ("nest-sdm", &["$httpMethod"]),
        ("salesforce", &["_HttpMethod"]),
    ] {
        assert_eq!(CATALOGUE.get(provider).expect(provider).method_overrides(), names, "{provider}");
    }
}

/// What a valet key must not do unless it may do everything, as the pages say that their files name (`sources`).
#[test]
fn l14_calls_that_carry_others_are_known() {
    let batch = |name: &str| CATALOGUE.get(name).expect(name).batch().clone();
    for (name, method, path) in [
        ("google", Method::POST, "/batch/calendar/v3"),
        ("google-health", Method::POST, "/batch"),
        ("microsoft", Method::POST, "/v1.0/$batch"),
        ("salesforce", Method::POST, "/services/data/v61.0/composite"),
        ("salesforce", Method::POST, "/services/data/v61.0/composite/batch"),
        ("salesforce", Method::POST, "/services/data/v61.0/composite/graph"),
        ("asana", Method::POST, "/batch"),
        ("quickbooks", Method::POST, "/batch"),
        ("mailchimp", Method::POST, "/batches"),
        ("zoho", Method::POST, "/crm/v8/__composite_requests"),
        ("trello", Method::GET, "/1/batch"),
        ("wordpress", Method::GET, "/batch/"),
        ("zoho", Method::POST, "/bigin/v2/__composite_requests"),
        ("todoist", Method::POST, "/sync"),
        ("plentymarkets", Method::GET, "/batch"),
        ("plentymarkets", Method::POST, "/batch"),
        ("schoology", Method::POST, "/multiget"),
        ("smartcar", Method::POST, "/v2.0/vehicles/7/batch"),
        ("woocommerce", Method::POST, "/orders/batch"),
        ("woocommerce", Method::PUT, "/products/7/variations/batch"),
        ("woocommerce", Method::PATCH, "/products/attributes/7/terms/batch"),
    ] {
        assert!(batch(name).calls.iter().any(|call| call.is(&method, path)), "{name} {method} {path}");
        assert!(!batch(name).calls.iter().any(|call| call.is(&method, "/me")), "{name}");
    }
    for (name, field) in [("facebook", "batch"), ("instagram", "batch"), ("woocommerce", "rest_route")] {
        assert_eq!(batch(name).fields, [field], "{name}");
    }
}

/// Files that tell of no such call. Of those that were there when this list was made, nobody looked each one up; a new one stands here once somebody has looked.
const NO_BATCH: &str = "\
    acme acme-oidc airtable alchemer apple atlassian august auth0 basecamp bitbucket bitly box calendly cognito deezer digitalocean \
    discogs discord docusign douban dropbox ebay ecobee etsy evernote figma fitbit fitbit-oauth1 fivehundredpx flickr freshbooks \
    garmin garmin-oauth1 github gitlab heroku home-connect honeywell hubspot husqvarna intercom kakao keycloak line-me linear linkedin \
    magento2 mastodon monday monzo nest-sdm netatmo netlify netsuite netsuite-tba notion okta openstreetmap openstreetmap-oauth1 osu \
    oura patreon paypal philips-hue pinterest pipedrive plurk polar-v3 polar-v4 projectplace ravelry reddit runkeeper \
    shopify slack slack-openid slack-user smartthings smugmug sonos soundcloud spotify squareup stackexchange strava stripe \
    tado telldus ticktick tiktok trakt tripit tumblr tumblr-oauth1 twitch twitter twitter-oauth1 typeform unsplash vimeo wahoo \
    wakatime wechat weibo whoop withings xero xing yahoo yale-global yandex zendesk zoom";

/// Nobody has to think of a file for it to be looked at: each says what was found, or stands above; and what is called as such calls are is one, or is named here.
#[test]
fn l14_no_file_is_forgotten_where_calls_may_carry_others() {
    let none: BTreeSet<&str> = NO_BATCH.split_whitespace().collect();
    for provider in CATALOGUE.iter() {
        let batch = provider.batch();
        let says = !batch.calls.is_empty() || !batch.fields.is_empty();
        let name = provider.name.as_str();
        assert!(
            says != none.contains(name),
            "{name}: look whether a call there can carry others; then say api.batch, or put it into NO_BATCH"
        );
    }
    assert!(none.iter().all(|name| CATALOGUE.get(name).is_ok()), "NO_BATCH names a file that is none");
    // What ends like this carries others at one provider or another.
    let telling =
        ["batch", "$batch", "batches", "sync", "bulk", "composite", "graph", "multi", "multiget", "__composite_requests", "jsonrpc"];
    let excepted: [(&str, &str); 0] = [];
    for provider in CATALOGUE.iter() {
        let batch = provider.batch();
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("data/{}.toml", provider.name));
        let text = std::fs::read_to_string(file).expect("a file");
        let paths = text.lines().filter_map(|line| line.trim().strip_prefix("path = \"")?.split('"').next()).map(str::to_owned);
        let urls = provider.endpoints().into_iter().map(|(_, url)| url);
        for path in paths.chain(urls) {
            let bare = path.split(['?', '#']).next().unwrap_or_default().trim_end_matches('/');
            let last = bare.rsplit('/').next().unwrap_or_default().to_lowercase();
            if !telling.contains(&last.as_str()) || excepted.contains(&(provider.name.as_str(), path.as_str())) {
                continue;
            }
            let is_one = [Method::GET, Method::POST, Method::PUT, Method::PATCH]
                .iter()
                .any(|method| batch.calls.iter().any(|call| call.is(method, bare)));
            assert!(is_one, "{}: {path} is called as a call is that carries others: say it in api.batch, or except it", provider.name);
        }
    }
}

#[test]
fn l14_names_that_change_the_method_are_known() {
    for (name, own) in [
        ("facebook", "method"),
        ("instagram", "method"),
        ("google", "$httpMethod"),
        ("google-health", "$httpMethod"),
        ("nest-sdm", "$httpMethod"),
    ] {
        assert_eq!(CATALOGUE.get(name).expect(name).method_overrides(), [own], "{name}");
    }
}
