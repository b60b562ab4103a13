//! iCalendar (RFC 5545) as it is written: components, their properties, and content lines of at most 75 octets.
//!
//! Nothing that a value holds ends its line: [`text`] writes a line break as `\n`, and [`write`] leaves out control characters that still stand in a value. What
//! a file means is its author's to say; this knows no events.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing))]

use chrono::{DateTime, NaiveDate, Utc};

/// The most octets of a line, its break not counted (RFC 5545, 3.1).
pub const LONGEST_LINE: usize = 75;

/// One property of a component.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Property {
    /// What it is called, such as `SUMMARY`.
    pub name: &'static str,
    /// Its parameters and their values, such as `VALUE` and `DATE`.
    pub parameters: Vec<(&'static str, String)>,
    /// Its value as it stands in the file: text is escaped.
    pub value: String,
}

/// What stands between a `BEGIN` and its `END`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Component {
    /// What it is called, such as `VEVENT`.
    pub name: &'static str,
    /// Its properties, in the order in which they are written.
    pub properties: Vec<Property>,
    /// The components in it.
    pub components: Vec<Component>,
}

/// A property. `value` stands as it is.
#[must_use]
pub fn property(name: &'static str, parameters: &[(&'static str, &str)], value: impl Into<String>) -> Property {
    let parameters = parameters.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
    Property { name, parameters, value: value.into() }
}

/// A component.
#[must_use]
pub const fn component(name: &'static str, properties: Vec<Property>, components: Vec<Component>) -> Component {
    Component { name, properties, components }
}

/// Text as a value (3.3.11). A line break of any kind is `\n`; of other control characters only the tabulator may stand in text.
#[must_use]
pub fn text(value: &str) -> String {
    let mut escaped = String::with_capacity(value.len() + 8);
    for character in value.replace("\r\n", "\n").chars() {
        match character {
            '\\' | ';' | ',' => escaped.extend(['\\', character]),
            '\n' | '\r' => escaped.push_str("\\n"),
            character if character.is_control() && character != '\t' => {}
            character => escaped.push(character),
        }
    }
    escaped
}

/// An instant as a value, in UTC (3.3.5).
#[must_use]
pub fn stamp(time: DateTime<Utc>) -> String {
    time.format("%Y%m%dT%H%M%SZ").to_string()
}

/// A property whose value is a date (3.3.4).
#[must_use]
pub fn day(name: &'static str, day: NaiveDate) -> Property {
    property(name, &[("VALUE", "DATE")], day.format("%Y%m%d").to_string())
}

/// The component with all that is in it, each line ended by CRLF.
#[must_use]
pub fn write(component: &Component) -> String {
    let mut written = String::new();
    append(component, &mut written);
    written
}

fn append(component: &Component, to: &mut String) {
    fold(&format!("BEGIN:{}", component.name), to);
    for Property { name, parameters, value } in &component.properties {
        let mut line = (*name).to_owned();
        for (name, value) in parameters {
            line.extend([";", name, "=", value]);
        }
        line.extend([":", value]);
        fold(&line, to);
    }
    for part in &component.components {
        append(part, to);
    }
    fold(&format!("END:{}", component.name), to);
}

/// A content line in pieces of at most [`LONGEST_LINE`] octets, none of which cuts a character in two.
fn fold(line: &str, to: &mut String) {
    let mut length = 0;
    for character in line.chars().filter(|character| !character.is_control() || *character == '\t') {
        if length + character.len_utf8() > LONGEST_LINE {
            to.push_str("\r\n ");
            length = 1;
        }
        to.push(character);
        length += character.len_utf8();
    }
    to.push_str("\r\n");
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn lines_are_short_and_unfold_to_what_they_were(line in "[\\PC\t]{0,400}") {
            let mut folded = String::new();
            fold(&line, &mut folded);
            prop_assert!(folded.split("\r\n").all(|piece| piece.len() <= LONGEST_LINE));
            prop_assert_eq!(folded.strip_suffix("\r\n").unwrap().replace("\r\n ", ""), line);
        }

        #[test]
        fn no_value_makes_a_line_of_its_own(value in "[a-z:;\\r\\n\\t\\x07é]{0,300}", is_text in any::<bool>()) {
            let value = if is_text { text(&value) } else { value };
            let file = write(&component("VEVENT", vec![property("SUMMARY", &[], value)], Vec::new()));
            let unfolded = file.replace("\r\n ", "");
            let lines: Vec<&str> = unfolded.strip_suffix("\r\n").unwrap().split("\r\n").collect();
            prop_assert_eq!(lines.len(), 3);
            prop_assert!(lines.iter().all(|line| !line.contains(['\r', '\n'])));
            prop_assert!(file.split("\r\n").all(|line| line.len() <= LONGEST_LINE));
        }
    }

    #[test]
    fn text_is_escaped_and_can_not_end_its_line() {
        assert_eq!(text("a,b;c\\d\r\ne\nf\rg\th\u{7}"), "a\\,b\\;c\\\\d\\ne\\nf\\ng\th");
    }

    #[test]
    fn a_component_holds_its_properties_and_then_its_components() {
        let date = day("DTSTART", NaiveDate::from_ymd_opt(2026, 11, 24).unwrap());
        let at = property("DTSTAMP", &[], stamp(DateTime::UNIX_EPOCH));
        let file = write(&component("VCALENDAR", vec![at], vec![component("VEVENT", vec![date], Vec::new())]));
        assert_eq!(
            file,
            "BEGIN:VCALENDAR\r\nDTSTAMP:19700101T000000Z\r\nBEGIN:VEVENT\r\nDTSTART;VALUE=DATE:20261124\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
        );
    }
}
