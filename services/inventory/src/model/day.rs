//! Days in a file. chrono reads `+12026-01-01`, and PostgreSQL keeps it; then no list that it stands in can be read. So a day has a year near our own, as
//! in every request.

use chrono::{Datelike, NaiveDate};

const OTHER_YEAR: &str = "must be within the years 1900 to 2200";

/// A day as people write it in a file: `2026-03-31`, and in no other way.
pub fn read(cell: &str) -> Result<NaiveDate, String> {
    // chrono takes more than it writes.
    let day = cell.parse::<NaiveDate>().ok().filter(|day| day.to_string() == cell);
    let day = day.ok_or_else(|| "must be a day such as 2026-03-31".to_owned())?;
    if (1900..=2200).contains(&day.year()) { Ok(day) } else { Err(OTHER_YEAR.to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_written_in_one_way_and_has_a_year_of_ours() {
        for fine in ["2026-03-31", "1900-01-01", "2200-12-31"] {
            assert_eq!(read(fine).unwrap().to_string(), fine);
        }
        for strange in
            ["+12026-01-01", "-2026-01-01", "2026-1-1", "2026-02-30", "1899-12-31", "2201-01-01", "+2026-1-01", "0000-01-01", "soon", ""]
        {
            assert!(read(strange).is_err(), "{strange}");
        }
    }
}
