//! A register as a file: what a spreadsheet says about a class, and a class list to fill in.
//!
//! The first row names the columns; they may come in any order:
//!
//! | column | |
//! |---|---|
//! | `student_id` or `admission_number` | who; one of the two |
//! | `code` | the attendance code |
//! | `minutes_late` | a whole number, or empty |
//! | `note` | text, or empty |
//! | `name`, `roll_number` | for people; not read |
//!
//! A fault's pointer is the file's own line: `/rows/4/code` is the cell in line 4, the heading being line 1. A cell in a column without a name is pointed at by the
//! column's number: `/rows/4/6`.

use std::collections::HashMap;

use directory::Seat;
use domain::{Fault, StudentId, Text};
use spreadsheet::safe::meant;
use spreadsheet::{Line, MAX_ROWS};

use super::marking::{Entry, MAX_MINUTES_LATE};

/// Columns that are read, and those that may be there.
const COLUMNS: [&str; 7] = ["student_id", "admission_number", "code", "minutes_late", "note", "name", "roll_number"];
/// Those that are read.
const READ: [&str; 5] = ["student_id", "admission_number", "code", "minutes_late", "note"];
const UNCALCULATED: &str = "is a formula without a value; write the value itself, or let a spreadsheet work it out and save the file";
const NAMELESS: &str = "stands in a column that the heading has no name for";

/// Where each column stands.
struct Columns(HashMap<&'static str, usize>);

impl Columns {
    /// From the heading. Names are matched without regard to case and to spaces for underscores.
    fn read(heading: &Line) -> Result<Self, Vec<Fault>> {
        let (mut places, mut faults) = (HashMap::new(), Vec::new());
        for (place, cell) in heading.cells.iter().enumerate() {
            let name = cell.trim().to_lowercase().replace([' ', '-'], "_");
            if name.is_empty() {
                continue;
            }
            match COLUMNS.iter().find(|known| **known == name) {
                Some(known) if places.insert(*known, place).is_some() => {
                    faults.push(Fault::new(format!("/rows/{}/{known}", heading.number), "is there more than once"));
                }
                Some(_) => {}
                None => {
                    let detail = format!("column {} is not known; the columns are {}", place + 1, COLUMNS.join(", "));
                    faults.push(Fault::new(format!("/rows/{}", heading.number), detail));
                }
            }
        }
        for place in &heading.uncalculated {
            faults.push(Fault::new(format!("/rows/{}", heading.number), format!("column {} {UNCALCULATED}", place + 1)));
        }
        if !places.contains_key("student_id") && !places.contains_key("admission_number") {
            faults.push(Fault::new(format!("/rows/{}", heading.number), "needs a column student_id or admission_number"));
        }
        if !places.contains_key("code") {
            faults.push(Fault::new(format!("/rows/{}", heading.number), "needs a column code"));
        }
        if faults.is_empty() { Ok(Self(places)) } else { Err(faults) }
    }

    /// The column that names a student, where none of a line's cells does.
    fn who(&self) -> &'static str {
        if self.0.contains_key("student_id") { "student_id" } else { "admission_number" }
    }

    /// The columns that are read and whose cell in `line` is a formula that was never worked out.
    fn uncalculated(&self, line: &Line) -> impl Iterator<Item = &'static str> {
        READ.into_iter().filter(|column| self.0.get(column).is_some_and(|place| line.uncalculated.contains(place)))
    }

    fn cell<'l>(&self, line: &'l Line, column: &str) -> &'l str {
        let cell = self.0.get(column).and_then(|place| line.cells.get(*place)).map(String::as_str).unwrap_or_default();
        meant(cell.trim())
    }
}

/// The entries that `lines` hold, against the class list. A student who isn't on it is not named, whoever else they may be.
pub fn interpret(lines: &[Line], seats: &[Seat]) -> Result<Vec<Entry>, Vec<Fault>> {
    let Some((heading, rows)) = lines.split_first() else {
        return Err(vec![Fault::new("", "is empty")]);
    };
    let columns = Columns::read(heading)?;
    let by_number: HashMap<&str, StudentId> = seats.iter().map(|seat| (seat.admission_number.as_str(), seat.student_id)).collect();
    let (mut entries, mut faults) = (Vec::new(), Vec::new());
    if rows.len() > MAX_ROWS {
        faults.push(Fault::new("", format!("has more than {MAX_ROWS} rows")));
    }
    for line in rows {
        let at = format!("/rows/{}", line.number);
        let mut wrong = |column: &str, detail: &str| faults.push(Fault::new(format!("{at}/{column}"), detail));
        for place in line.unnamed(heading) {
            wrong(&(place + 1).to_string(), NAMELESS);
        }
        let uncalculated: Vec<&str> = columns.uncalculated(line).collect();
        if !uncalculated.is_empty() {
            for column in uncalculated {
                wrong(column, UNCALCULATED);
            }
            continue;
        }
        let student = student(&columns, line, seats, &by_number).map_err(|(column, detail)| wrong(column, detail)).ok();
        let code = columns.cell(line, "code");
        if code.is_empty() {
            wrong("code", "is required");
        }
        let late = columns.cell(line, "minutes_late");
        let minutes_late = if late.is_empty() { Some(None) } else { minutes(late).map(Some) };
        if minutes_late.is_none() {
            wrong("minutes_late", "must be a whole number from 0 to 1440");
        }
        let note = columns.cell(line, "note");
        let note = if note.is_empty() { Ok(None) } else { Text::<1000>::try_from(note).map(|text| Some(String::from(text))) };
        if let Err(error) = &note {
            wrong("note", &error.to_string());
        }
        if let (Some((named_by, student_id)), Some(minutes_late), Ok(note), false) = (student, minutes_late, note, code.is_empty()) {
            entries.push(Entry { at, named_by, student_id, code: code.to_owned(), minutes_late, note });
        }
    }
    if faults.is_empty() { Ok(entries) } else { Err(faults) }
}

/// Whom a line is about, and the column that says so.
fn student(
    columns: &Columns,
    line: &Line,
    seats: &[Seat],
    by_number: &HashMap<&str, StudentId>,
) -> Result<(&'static str, StudentId), (&'static str, &'static str)> {
    const UNKNOWN: &str = "is nobody of this class";
    let (id, number) = (columns.cell(line, "student_id"), columns.cell(line, "admission_number"));
    let by_number = || by_number.get(number).map(|id| ("admission_number", *id)).ok_or(("admission_number", UNKNOWN));
    match (id.is_empty(), number.is_empty()) {
        (true, true) => Err((columns.who(), "is required: who is it?")),
        (true, false) => by_number(),
        (false, _) => {
            let id: StudentId = id.parse().map_err(|_| ("student_id", "must be a UUID"))?;
            let seat = seats.iter().find(|seat| seat.student_id == id).ok_or(("student_id", UNKNOWN))?;
            if number.is_empty() || seat.admission_number == number {
                Ok(("student_id", id))
            } else {
                Err(("admission_number", "is another student's"))
            }
        }
    }
}

/// A whole number of minutes; spreadsheets write `12` as `12.0` too.
fn minutes(text: &str) -> Option<u16> {
    let whole = text.strip_suffix(".0").unwrap_or(text);
    let digits = !whole.is_empty() && whole.len() <= 4 && whole.bytes().all(|byte| byte.is_ascii_digit());
    whole.parse().ok().filter(|minutes| digits && *minutes <= MAX_MINUTES_LATE)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use spreadsheet::csv_file;

    use super::*;

    fn seat(number: &str) -> Seat {
        Seat {
            student_id: StudentId::generate(),
            name: "Mira Rao".to_owned(),
            admission_number: number.to_owned(),
            roll_number: None,
            home_class_id: None,
            attends: Vec::new(),
        }
    }

    fn pointers(text: &str, seats: &[Seat]) -> Vec<String> {
        let lines = csv_file::read(text.as_bytes()).unwrap();
        interpret(&lines, seats).unwrap_err().into_iter().map(|fault| fault.pointer).collect()
    }

    #[test]
    fn columns_come_in_any_order_and_lines_keep_their_numbers() {
        let seats = [seat("A-1"), seat("A-2")];
        let text = "\u{feff}Code;Admission Number;Minutes late;note;name\r\nP;A-1;;;x\r\n\r\nL;A-2;12.0;\"'=late\";y\r\n";
        let entries = interpret(&csv_file::read(text.as_bytes()).unwrap(), &seats).unwrap();
        assert_eq!(entries.iter().map(|entry| entry.at.as_str()).collect::<Vec<_>>(), ["/rows/2", "/rows/4"]);
        let last = &entries[1];
        assert_eq!((last.student_id, last.minutes_late, last.note.as_deref()), (seats[1].student_id, Some(12), Some("=late")));
    }

    #[test]
    fn every_fault_has_its_line_and_column() {
        let seats = [seat("A-1")];
        assert_eq!(pointers("code,colour\nP,red", &seats), ["/rows/1", "/rows/1"]);
        assert_eq!(pointers("admission_number,code,code\n", &seats), ["/rows/1/code"]);
        let text = "admission_number,code,minutes_late\nA-9,,NaN\nA-1,L,-1\n,P,\nA-1,L,99999";
        assert_eq!(
            pointers(text, &seats),
            [
                "/rows/2/admission_number",
                "/rows/2/code",
                "/rows/2/minutes_late",
                "/rows/3/minutes_late",
                "/rows/4/admission_number",
                "/rows/5/minutes_late"
            ]
        );
        assert_eq!(pointers("admission_number,student_id,code\n,,P", &seats), ["/rows/2/student_id"]);
        assert_eq!(interpret(&[], &seats).unwrap_err().len(), 1);
        assert_eq!(pointers("admission_number,code,\nA-1,P,,\nA-1,P,5,ill", &seats), ["/rows/3/3", "/rows/3/4"]);
        let other = format!("student_id,admission_number,code\n{},A-2,P", seats[0].student_id);
        assert_eq!(pointers(&other, &seats), ["/rows/2/admission_number"]);
    }

    #[test]
    fn who_is_named_is_named_by_the_column_of_the_file() {
        let seats = [seat("A-1")];
        let named_by = |text: &str| interpret(&csv_file::read(text.as_bytes()).unwrap(), &seats).unwrap()[0].named_by;
        assert_eq!(named_by("admission_number,code\nA-1,P"), "admission_number");
        assert_eq!(named_by(&format!("student_id,admission_number,code\n{},A-1,P", seats[0].student_id)), "student_id");
        assert_eq!(named_by("student_id,admission_number,code\n,A-1,P"), "admission_number");
    }

    #[test]
    fn a_formula_without_a_value_is_a_fault_of_its_own() {
        let seats = [seat("A-1")];
        let line = |number, cells: [&str; 4], uncalculated: &[usize]| Line {
            number,
            cells: cells.map(str::to_owned).to_vec(),
            uncalculated: uncalculated.to_vec(),
        };
        let heading = line(1, ["admission_number", "code", "note", "name"], &[]);
        let faults = |lines: &[Line]| interpret(lines, &seats).unwrap_err().into_iter().map(|fault| fault.pointer).collect::<Vec<_>>();
        assert_eq!(faults(&[heading.clone(), line(2, ["A-1", "P", "", ""], &[2])]), ["/rows/2/note"]);
        assert_eq!(faults(&[heading.clone(), line(2, ["", "", "", ""], &[0, 1])]), ["/rows/2/admission_number", "/rows/2/code"]);
        assert_eq!(faults(&[line(1, ["admission_number", "code", "", ""], &[2])]), ["/rows/1"]);
        assert_eq!(interpret(&[heading, line(2, ["A-1", "P", "", ""], &[3])], &seats).unwrap().len(), 1, "names are not read");
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            if let Ok(lines) = csv_file::read(&bytes) {
                let _ = interpret(&lines, &[seat("A-1")]);
            }
        }

        #[test]
        fn what_is_written_reads_back(note in "[ -~]{1,40}", code in "[A-Z]{1,3}", late in prop::option::of(0..=1440_u16)) {
            prop_assume!(!note.trim().is_empty());
            let seats = [seat("=A-1")];
            let rows = vec![
                vec!["admission_number".to_owned(), "code".to_owned(), "minutes_late".to_owned(), "note".to_owned()],
                vec!["=A-1".to_owned(), code.clone(), late.map(|late| late.to_string()).unwrap_or_default(), note.trim().to_owned()],
            ];
            let lines = csv_file::read(&csv_file::write(rows).unwrap()).unwrap();
            let entries = interpret(&lines, &seats).unwrap();
            let entry = &entries[0];
            prop_assert_eq!((entry.code.as_str(), entry.minutes_late, entry.note.as_deref()), (code.as_str(), late, Some(note.trim())));
        }
    }
}
