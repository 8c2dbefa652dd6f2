//! Icons, our own: lines in a square of 24, in the colour of the text beside them. They stand beside words and are nothing to a screen
//! reader.

/// The drawing of a name; nothing for a name that has none.
const DRAWINGS: &[(&str, &str)] = &[
    (
        "accounts",
        r#"<rect x="3.5" y="3.5" width="7" height="7" rx="2"/><rect x="13.5" y="3.5" width="7" height="7" rx="2"/><rect x="3.5" y="13.5" width="7" height="7" rx="2"/><rect x="13.5" y="13.5" width="7" height="7" rx="2"/>"#,
    ),
    ("activity", r#"<path d="M3 12h4l3-8 4 16 3-8h4"/>"#),
    ("arrow", r#"<path d="M5 12h14M13 6l6 6-6 6"/>"#),
    ("chart", r#"<path d="M4 4v14.5A1.5 1.5 0 0 0 5.5 20H20M8 14.5l3.5-4 3 2.5L20 7"/>"#),
    ("check", r#"<path d="m5 12.5 4.5 4.5L19 7.5"/>"#),
    ("clock", r#"<circle cx="12" cy="12" r="8.5"/><path d="M12 7.5V12l3 2"/>"#),
    ("connect", r#"<circle cx="12" cy="12" r="8.5"/><path d="M12 8v8M8 12h8"/>"#),
    (
        "copy",
        r#"<rect x="8.5" y="8.5" width="12" height="12" rx="2.5"/><path d="M15.5 8.5V6A2.5 2.5 0 0 0 13 3.5H6A2.5 2.5 0 0 0 3.5 6v7A2.5 2.5 0 0 0 6 15.5h2.5"/>"#,
    ),
    ("history", r#"<path d="M4 12a8 8 0 1 0 2.6-5.9L4 8.5M4 4v4.5h4.5M12 8v4l2.5 2"/>"#),
    ("keys", r#"<circle cx="8" cy="15.5" r="4.5"/><path d="m11.3 12.2 8.2-8.2M16 7.5l3 3"/>"#),
    ("leave", r#"<path d="M14 4.5H7A2.5 2.5 0 0 0 4.5 7v10A2.5 2.5 0 0 0 7 19.5h7M10 12h10.5M17 8.5l3.5 3.5-3.5 3.5"/>"#),
    ("next", r#"<path d="m9.5 6 6 6-6 6"/>"#),
    ("out", r#"<path d="M14 4.5h5.5V10M19 5l-8.5 8.5M10 5.5H7A2.5 2.5 0 0 0 4.5 8v9A2.5 2.5 0 0 0 7 19.5h9a2.5 2.5 0 0 0 2.5-2.5v-3"/>"#),
    (
        "people",
        r#"<circle cx="9" cy="8.5" r="3.5"/><path d="M2.5 19.5a6.5 6.5 0 0 1 13 0M15.5 5.3a3.5 3.5 0 0 1 0 6.4M18 14a6.5 6.5 0 0 1 3.5 5.5"/>"#,
    ),
    ("person", r#"<circle cx="12" cy="8" r="4"/><path d="M4.5 20a7.5 7.5 0 0 1 15 0"/>"#),
    ("refresh", r#"<path d="M20 11.5A8 8 0 0 0 5.5 7L4 9M4 4.5V9h4.5M4 12.5A8 8 0 0 0 18.5 17l1.5-2M20 19.5V15h-4.5"/>"#),
    ("search", r#"<circle cx="10.5" cy="10.5" r="6"/><path d="m15 15 5 5"/>"#),
    (
        "settings",
        r#"<path d="M4 7.5h9M17.5 7.5H20M4 16.5h2.5M11 16.5h9"/><circle cx="15.25" cy="7.5" r="2.25"/><circle cx="8.75" cy="16.5" r="2.25"/>"#,
    ),
    ("shield", r#"<path d="M12 3.5 5 6v5.5c0 4.3 2.9 7.6 7 9 4.1-1.4 7-4.7 7-9V6z"/><path d="m9 12 2.2 2.2L15.2 10"/>"#),
    ("warning", r#"<path d="M12 4.5 3.5 19h17zM12 10v4M12 16.5v.1"/>"#),
];

/// The icon with this name, as markup.
pub(crate) fn icon(name: &str) -> String {
    let drawing = DRAWINGS.iter().find(|(known, _)| *known == name).map(|(_, drawing)| *drawing).unwrap_or_default();
    format!(r#"<svg class="icon" viewBox="0 0 24 24" width="20" height="20" aria-hidden="true">{drawing}</svg>"#)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_icon_of_a_template_is_there() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("templates");
        for file in std::fs::read_dir(folder).expect("the templates").filter_map(Result::ok) {
            let text = std::fs::read_to_string(file.path()).expect("a template");
            for name in text.split("icon(\"").skip(1).filter_map(|rest| rest.split('"').next()) {
                assert!(DRAWINGS.iter().any(|(known, _)| *known == name), "{name} in {}", file.path().display());
            }
        }
    }
}
