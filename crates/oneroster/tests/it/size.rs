//! Big and hostile bundles: time and answer stay small.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use oneroster::{FaultCode, WarningCode};

use crate::support::{Files, found};

const ROWS: usize = 100_000;

fn enrollments(rows: usize, user: impl Fn(usize) -> String) -> String {
    let mut text = Files::small().text("enrollments.csv").lines().next().unwrap().to_owned() + "\n";
    for row in 0..rows {
        writeln!(text, "e{row},,,k1,s1,{},student,false,2026-06-01,2026-11-30", user(row)).unwrap();
    }
    text
}

fn many_students() -> Files {
    let mut rows = String::new();
    for student in 0..50_000 {
        writeln!(rows, "m{student},,,true,s1,student,m{student},,Learner,Number {student},,,,,,,,").unwrap();
    }
    Files::small().append("users.csv", &rows)
}

fn within_seconds<T>(work: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let out = work();
    // Generous for a loaded machine; anything quadratic takes minutes.
    assert!(start.elapsed() < Duration::from_secs(30), "{:?}", start.elapsed());
    out
}

#[test]
fn a_hundred_thousand_enrolments_are_read_and_sorted_in_seconds() {
    let files = many_students().set("enrollments.csv", enrollments(ROWS, |row| format!("m{}", row % 50_000)));
    let files = files.swap("enrollments.csv", "e99999,,,k1,s1,", "e99999,,,k2,s1,");
    let zip = files.zip();
    let bundle = within_seconds(|| crate::support::read(&zip)).unwrap();
    assert_eq!(bundle.enrollments.len(), ROWS);
    let schools = within_seconds(|| bundle.schools());
    // Each student twice in one class: the second is a repetition, but for the one in another class.
    assert_eq!(schools[0].enrollments.len(), 50_001);
    let repeated = bundle.warnings.iter().find(|w| w.code == WarningCode::DuplicateEnrollment).unwrap();
    assert_eq!((repeated.rows, repeated.lines.len()), (49_999, 20));
}

#[test]
fn one_row_too_many_is_refused_at_its_line() {
    let report = Files::small().set("enrollments.csv", enrollments(ROWS + 1, |_| "u1".into())).read().unwrap_err();
    assert_eq!(found(&report), [("enrollments.csv", Some(100_002), None, FaultCode::TooManyRows)]);
}

#[test]
fn a_hundred_thousand_faults_make_a_small_answer_that_still_names_the_other_files_faults() {
    let files = Files::small().set("enrollments.csv", enrollments(ROWS, |row| format!("nobody{row}"))).swap(
        "orgs.csv",
        "North School,school",
        "North School,shop",
    );
    let report = within_seconds(|| files.read()).unwrap_err();
    assert_eq!(report.total, ROWS + 1);
    assert_eq!(report.faults.len(), 101);
    assert!(report.faults.iter().any(|fault| fault.file == "orgs.csv" && fault.line == Some(3)));
}

#[test]
fn a_hundred_thousand_lines_of_junk_are_refused_in_seconds() {
    for junk in ["\"\n", "\"\"\"\n", ",,,,,,,,,,,,,x\n", "\u{0}\n", "x\n", "\"a\"b\n"] {
        let header = Files::small().text("enrollments.csv").lines().next().unwrap().to_owned() + "\n";
        let files = Files::small().set("enrollments.csv", header + &junk.repeat(ROWS));
        let report = within_seconds(|| files.read()).unwrap_err();
        assert!(report.total >= ROWS / 2 && report.faults.len() < 500, "{junk:?}: {}", report.total);
    }
}

#[test]
fn a_chain_of_parents_however_long_or_round_ends() {
    let header = Files::small().text("orgs.csv").lines().next().unwrap().to_owned();
    let mut long = header.clone() + "\ns1,,,North School,school,,o0\ns2,,,South School,school,,o0\nd1,,,District,district,,\n";
    for org in 0..50_000 {
        writeln!(long, "o{org},,,Level {org},district,,o{}", (org + 1) % 50_000).unwrap();
    }
    let report = within_seconds(|| Files::small().set("orgs.csv", long).read()).unwrap_err();
    assert!(report.counts.iter().any(|c| c.code == FaultCode::ParentCycle && c.count == 50_002));
}
