//! Cells that a spreadsheet would run instead of show (OWASP, "CSV injection"): on the way out such a cell gets an apostrophe in front, on the way in it loses it.

use std::borrow::Cow;

/// What makes a spreadsheet take a cell for a formula, and the sign that says it is none.
fn is_armed(cell: &str) -> bool {
    cell.trim_start_matches('\'').starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}'])
}

/// The cell as it may stand in a file.
#[must_use]
pub fn harmless(cell: &str) -> Cow<'_, str> {
    if is_armed(cell) { Cow::Owned(format!("'{cell}")) } else { Cow::Borrowed(cell) }
}

/// The cell as it was meant.
#[must_use]
pub fn meant(cell: &str) -> &str {
    if is_armed(cell) { cell.strip_prefix('\'').unwrap_or(cell) } else { cell }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn formulas_become_text() {
        for formula in ["=HYPERLINK(\"http://x\")", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "＝1"] {
            assert!(harmless(formula).starts_with('\''), "{formula}");
        }
        assert_eq!(harmless("Fever - better soon"), "Fever - better soon");
        assert_eq!(harmless("'tis late"), "'tis late");
    }

    proptest! {
        #[test]
        fn what_goes_out_comes_back_and_is_never_run(cell in "['=+@a-]{0,4}.*") {
            let out = harmless(&cell).into_owned();
            prop_assert_eq!(meant(&out), cell.as_str());
            prop_assert!(!out.starts_with(['=', '+', '-', '@', '\t', '\r']));
        }
    }
}
