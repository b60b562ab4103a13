//! Words: wildcards, capitals, blanks.

use crate::model::question::Accepted;

/// The first answer that fits what was given.
pub(super) fn first<'q>(accepted: &'q [Accepted], given: &str, case_sensitive: bool) -> Option<&'q Accepted> {
    accepted.iter().find(|answer| matches(&answer.text, given, case_sensitive))
}

/// Whether `given` fits `pattern`, in which `*` stands for any characters, none included, and `\*` for an asterisk. Blanks at the ends don't count, and
/// several in a row count as one. Takes time in proportion to the product of both lengths at worst, whatever they are.
#[must_use]
pub fn matches(pattern: &str, given: &str, case_sensitive: bool) -> bool {
    let given: Vec<char> = plain(given, case_sensitive).chars().collect();
    let pattern = parts(&plain(pattern, case_sensitive));
    // The place after the last star, and how much that star has taken so far: on a mismatch it takes one more.
    let (mut p, mut g) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    loop {
        match (pattern.get(p), given.get(g)) {
            (Some(Part::Any), _) => {
                star = Some((p + 1, g));
                p += 1;
            }
            (Some(Part::One(wanted)), Some(found)) if wanted == found => {
                p += 1;
                g += 1;
            }
            (None, None) => return true,
            (_, Some(_)) => {
                let Some((after, taken)) = star else { return false };
                star = Some((after, taken + 1));
                (p, g) = (after, taken + 1);
            }
            (Some(Part::One(_)), None) => return false,
        }
    }
}

enum Part {
    Any,
    One(char),
}

fn parts(pattern: &str) -> Vec<Part> {
    let mut parts = Vec::with_capacity(pattern.len());
    let mut chars = pattern.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\\' if chars.peek() == Some(&'*') => {
                chars.next();
                parts.push(Part::One('*'));
            }
            '*' => parts.push(Part::Any),
            c => parts.push(Part::One(c)),
        }
    }
    parts
}

fn plain(text: &str, case_sensitive: bool) -> String {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if case_sensitive { text } else { text.to_lowercase() }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn stars_blanks_and_capitals() {
        for (pattern, given, fits) in [
            ("paris", " PARIS ", true),
            ("p*s", "Paris", true),
            ("*", "", true),
            ("a*b*c", "aXbYbZc", true),
            ("a*b*c", "aXbYbZ", false),
            ("New  York", "new york", true),
            (r"2\*3", "2*3", true),
            (r"2\*3", "2x3", false),
            ("क*", "कमल", true),
        ] {
            assert_eq!(matches(pattern, given, false), fits, "{pattern} {given}");
        }
        assert!(!matches("Paris", "paris", true));
        let (pattern, given) = (format!("{}b", "a*".repeat(250)), "a".repeat(1_000));
        assert!(!matches(&pattern, &given, true), "the worst case ends");
    }

    proptest! {
        #[test]
        fn a_text_without_stars_fits_itself_and_stars_only_widen(text in "[a-zA-Z0-9 ]{1,30}", at in 0_usize..30) {
            prop_assert!(matches(&text, &text, true));
            let at = at.min(text.len());
            let starred = format!("{}*{}", &text[..at], &text[at..]);
            // A star between two blanks, or at the edge, keeps a blank that would otherwise be folded away.
            prop_assume!(!starred.contains(" *") && !starred.contains("* "));
            prop_assert!(matches(&starred, &text, true));
        }
    }
}
