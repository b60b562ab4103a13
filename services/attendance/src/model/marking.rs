//! Marking a register: what one request says about a class, held against the class list, the school's codes, and what stands there already.
//!
//! All or nothing: either every row is right and a new version of the whole register comes out, or every fault is named. Nobody's mark is ever removed: whom a
//! request doesn't name keeps theirs, and who has none yet must be named, unless the request says what the `others` get.

use std::collections::{BTreeMap, HashSet};

use domain::{Fault, StudentId, Timestamp, UserId, Version};

use super::code::{Code, CodeBook, CountsAs};
use super::register::{Mark, Register, State};

/// The most minutes that anybody is late: a day.
pub const MAX_MINUTES_LATE: u16 = 1440;

/// What a request says about one student.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Where in the request it stands: `/records/3`, `/rows/4`.
    pub at: String,
    /// What names the student there: `student_id`, `admission_number`.
    pub named_by: &'static str,
    /// The student.
    pub student_id: StudentId,
    /// The code.
    pub code: String,
    /// How late the student came.
    pub minutes_late: Option<u16>,
    /// What there is to say.
    pub note: Option<String>,
}

/// What a request says about a class.
#[derive(Debug, Clone, Default)]
pub struct Sheet {
    /// Student by student.
    pub entries: Vec<Entry>,
    /// The code of everybody else who has no mark yet; who is on leave gets the leave code instead.
    pub others: Option<String>,
}

/// What the request is held against.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// The school's codes.
    pub codes: &'a CodeBook,
    /// Who is to be marked.
    pub pupils: &'a [StudentId],
    /// Who of them has leave on that day.
    pub on_leave: &'a HashSet<StudentId>,
    /// Who marks.
    pub by: UserId,
    /// Whether for the office.
    pub for_office: bool,
    /// Whether the register comes into being with these marks: then they are its first version.
    pub is_new: bool,
    /// The time.
    pub now: Timestamp,
}

impl Context<'_> {
    /// Judges a code that is new to the student's mark.
    fn code(&self, code: &str, at: &str, faults: &mut Vec<Fault>) -> Option<&Code> {
        let known = self.codes.get(self.codes.spelt(code)).filter(|known| known.is_active);
        match known {
            None => faults.push(Fault::new(at, "is no code of this school that is in use")),
            Some(known) if known.office_only && !self.for_office => faults.push(Fault::new(at, "is for the office to give")),
            Some(known) => return Some(known),
        }
        None
    }
}

/// The register with what `sheet` says, in its next version; the same version if it says nothing new.
pub fn mark(register: &Register, sheet: &Sheet, context: &Context<'_>) -> Result<Register, Vec<Fault>> {
    let version = if context.is_new { register.version } else { register.version.next() };
    let mut faults = Vec::new();
    let mut marks: BTreeMap<StudentId, Mark> = register.marks.iter().map(|mark| (mark.student_id, mark.clone())).collect();
    let mut seen = HashSet::new();
    let pupils: HashSet<StudentId> = context.pupils.iter().copied().collect();
    for entry in &sheet.entries {
        let entry = &Entry { code: context.codes.spelt(&entry.code).to_owned(), ..entry.clone() };
        if !seen.insert(entry.student_id) {
            faults.push(Fault::new(format!("{}/{}", entry.at, entry.named_by), "is given more than once"));
            continue;
        }
        let before = register.mark(entry.student_id);
        if before.is_none() && !pupils.contains(&entry.student_id) {
            faults.push(Fault::new(format!("{}/{}", entry.at, entry.named_by), "is not to be marked in this class on that day"));
        }
        if is_sound(entry, before, context, &mut faults) {
            marks.insert(entry.student_id, merged(entry, before, context, version));
        }
    }
    fill(&mut marks, &seen, sheet, context, version, &mut faults);
    if !faults.is_empty() {
        return Err(faults);
    }
    let marks: Vec<Mark> = marks.into_values().collect();
    if register.state != State::Open && marks == register.marks {
        return Ok(register.clone());
    }
    let first = register.state == State::Open;
    Ok(Register {
        marks,
        state: if first { State::Taken } else { register.state },
        taken_by: register.taken_by.or(Some(context.by)),
        taken_at: register.taken_at.or(Some(context.now)),
        version,
        updated_at: context.now,
        ..register.clone()
    })
}

fn is_sound(entry: &Entry, before: Option<&Mark>, context: &Context<'_>, faults: &mut Vec<Fault>) -> bool {
    let so_far = faults.len();
    // A code that went out of use meanwhile may stay where it stands.
    let stands = before.is_some_and(|mark| mark.code() == entry.code);
    let code = if stands { context.codes.get(&entry.code) } else { context.code(&entry.code, &format!("{}/code", entry.at), faults) };
    if let Some(minutes) = entry.minutes_late {
        if minutes > MAX_MINUTES_LATE {
            faults.push(Fault::new(format!("{}/minutes_late", entry.at), format!("must be from 0 to {MAX_MINUTES_LATE}")));
        } else if code.is_some_and(|code| code.counts_as != CountsAs::Late) {
            faults.push(Fault::new(format!("{}/minutes_late", entry.at), "goes only with a code that counts as late"));
        }
    }
    faults.len() == so_far
}

/// The mark after `entry`. What the office said stands above what a teacher says; the teacher's code is kept beside it.
fn merged(entry: &Entry, before: Option<&Mark>, context: &Context<'_>, version: Version) -> Mark {
    let new = |teacher_code: Option<String>, office_code: Option<String>| Mark {
        student_id: entry.student_id,
        teacher_code,
        office_code,
        minutes_late: entry.minutes_late,
        note: entry.note.clone(),
        marked_by: context.by,
        marked_at: context.now,
        version,
    };
    let code = Some(entry.code.clone());
    let Some(before) = before else {
        return if context.for_office { new(None, code) } else { new(code, None) };
    };
    let same = before.code() == entry.code && before.minutes_late == entry.minutes_late && before.note == entry.note;
    if same {
        return before.clone();
    }
    if context.for_office {
        // Back to what the teacher said: then nothing stands above it any more.
        let office_code = code.filter(|code| Some(code) != before.teacher_code.as_ref());
        return new(before.teacher_code.clone(), office_code);
    }
    if before.office_code.is_some() {
        if before.teacher_code == code {
            return before.clone();
        }
        return Mark { teacher_code: code, marked_by: context.by, marked_at: context.now, version, ..before.clone() };
    }
    new(code, None)
}

/// Marks those who are not named and have no mark yet.
fn fill(
    marks: &mut BTreeMap<StudentId, Mark>,
    named: &HashSet<StudentId>,
    sheet: &Sheet,
    context: &Context<'_>,
    version: Version,
    faults: &mut Vec<Fault>,
) {
    let others = sheet.others.as_deref().map(|code| context.code(code, "/others", faults));
    let left: Vec<StudentId> =
        context.pupils.iter().copied().filter(|student| !named.contains(student) && !marks.contains_key(student)).collect();
    match others {
        None if !left.is_empty() => {
            let detail = format!("leaves out {} of the class; name everybody, or say with `others` what the rest gets", left.len());
            faults.push(Fault::new("/records", detail));
        }
        None | Some(None) => {}
        Some(Some(code)) => {
            for student_id in left {
                let leave = context.codes.leave_code().filter(|_| context.on_leave.contains(&student_id));
                let code = leave.unwrap_or(code).code.clone();
                let entry = Entry { at: String::new(), named_by: "student_id", student_id, code, minutes_late: None, note: None };
                marks.insert(student_id, merged(&entry, None, context, version));
            }
        }
    }
}

#[cfg(test)]
#[path = "marking_tests.rs"]
mod tests;
