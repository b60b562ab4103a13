//! Instants and dates as serde writes them, as numbers: `2026-11-21T08:30:00.250Z` takes 7 bytes instead of 24.
//!
//! Only the one spelling that chrono has for an instant is taken, so that the text comes back exactly as it was.

/// Microseconds since 1970 of an instant in chrono's spelling: `Z`, and three or six digits after the second, or none if they are zero.
pub(super) fn parse(text: &[u8]) -> Option<i64> {
    let (day, rest) = text.split_first_chunk::<10>()?;
    let (time, rest) = rest.split_first_chunk::<9>()?;
    let days = parse_date(day)?;
    let [b'T', h1, h2, b':', m1, m2, b':', s1, s2] = *time else { return None };
    let (hour, minute, second) = (number(&[h1, h2])?, number(&[m1, m2])?, number(&[s1, s2])?);
    let micros = match rest {
        b"Z" => 0,
        [b'.', digits @ .., b'Z'] if digits.len() == 3 => number(digits).filter(|millis| *millis > 0)? * 1_000,
        [b'.', digits @ .., b'Z'] if digits.len() == 6 => number(digits).filter(|micros| micros % 1_000 > 0)?,
        _ => return None,
    };
    // A leap second has no number of its own.
    (hour < 24 && minute < 60 && second < 60).then(|| ((days * 24 + hour) * 60 + minute) * 60_000_000 + second * 1_000_000 + micros)
}

/// Writes what [`parse`] read. None if the year does not have four digits.
pub(super) fn format(micros: i64, text: &mut Vec<u8>) -> Option<()> {
    let seconds = micros.div_euclid(1_000_000);
    format_date(seconds.div_euclid(86_400), text)?;
    let second = seconds.rem_euclid(86_400);
    text.push(b'T');
    digits(second / 3_600, 2, text);
    text.push(b':');
    digits(second / 60 % 60, 2, text);
    text.push(b':');
    digits(second % 60, 2, text);
    match micros.rem_euclid(1_000_000) {
        0 => {}
        micros if micros % 1_000 == 0 => {
            text.push(b'.');
            digits(micros / 1_000, 3, text);
        }
        micros => {
            text.push(b'.');
            digits(micros, 6, text);
        }
    }
    text.push(b'Z');
    Some(())
}

/// Days since 1970 of `2026-11-21`.
pub(super) fn parse_date(text: &[u8; 10]) -> Option<i64> {
    let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = *text else { return None };
    let (year, month, day) = (number(&[y1, y2, y3, y4])?, number(&[m1, m2])?, number(&[d1, d2])?);
    let days = days_from_civil(year, month, day);
    // There is no 31 February: the way back would lead to another date.
    (civil_from_days(days) == (year, month, day)).then_some(days)
}

/// Writes what [`parse_date`] read. None if the year does not have four digits.
pub(super) fn format_date(days: i64, text: &mut Vec<u8>) -> Option<()> {
    let (year, month, day) = civil_from_days(days);
    if !(0..=9_999).contains(&year) {
        return None;
    }
    digits(year, 4, text);
    text.push(b'-');
    digits(month, 2, text);
    text.push(b'-');
    digits(day, 2, text);
    Some(())
}

fn number(digits: &[u8]) -> Option<i64> {
    digits.iter().try_fold(0, |number, digit| digit.is_ascii_digit().then(|| number * 10 + i64::from(digit - b'0')))
}

fn digits(number: i64, places: u32, text: &mut Vec<u8>) {
    for place in (0..places).rev() {
        let digit = number / 10_i64.pow(place) % 10;
        text.push(b'0' + u8::try_from(digit).unwrap_or_default());
    }
}

/// Days since 1970 in the Gregorian calendar; Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms".
const fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// Year, month and day; the way back.
const fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let (month, year) = (if month < 10 { month + 3 } else { month - 9 }, year_of_era + era * 400);
    (if month <= 2 { year + 1 } else { year }, month, day)
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, NaiveDate};
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn an_instant_in_the_spelling_of_chrono_comes_back_as_it_was(seconds in -62_167_219_200_i64..253_402_300_799, micros in prop_oneof![Just(0), (0_u32..1_000).prop_map(|millis| millis * 1_000), 0_u32..1_000_000]) {
            let instant = DateTime::from_timestamp(seconds, micros * 1_000).unwrap();
            let spelled: String = serde_json::from_value(serde_json::to_value(instant).unwrap()).unwrap();
            let parsed = parse(spelled.as_bytes());
            prop_assert_eq!(parsed, Some(instant.timestamp_micros()));
            let mut back = Vec::new();
            format(parsed.unwrap(), &mut back).unwrap();
            prop_assert_eq!(String::from_utf8(back).unwrap(), spelled);
        }

        #[test]
        fn whatever_is_taken_for_an_instant_or_a_date_comes_back_as_it_was(text in "[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9]{2}:[0-9]{2}:[0-9]{2}(\\.[0-9]{1,9})?Z)?") {
            let mut back = Vec::new();
            if let Some(micros) = parse(text.as_bytes()) {
                format(micros, &mut back).unwrap();
                prop_assert_eq!(&back, text.as_bytes());
            }
            if let Some(days) = text.as_bytes().try_into().ok().and_then(parse_date) {
                back.clear();
                format_date(days, &mut back).unwrap();
                prop_assert_eq!(&back, text.as_bytes());
                prop_assert!(text.parse::<NaiveDate>().is_ok());
            }
        }
    }

    #[test]
    fn what_only_looks_like_an_instant_stays_text() {
        for text in [
            "2026-02-31T08:00:00Z",
            "2026-11-21T24:00:00Z",
            "2026-11-21T23:59:60Z",
            "2026-11-21T08:00:00+00:00",
            "2026-11-21T08:00:00.000Z",
            "2026-11-21T08:00:00.5Z",
        ] {
            assert_eq!(parse(text.as_bytes()), None, "{text}");
        }
    }
}
