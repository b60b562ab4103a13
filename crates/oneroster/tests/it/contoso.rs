//! The two-school sample that real importers meet, odd rows and all.

use std::collections::HashSet;
use std::io::Cursor;

use oneroster::{FileKind, Mode, RosterRole, SessionType, Version, WarningCode, write_csv_zip};

use crate::support::{Files, odd, read};

#[test]
fn the_sample_reads_as_two_schools_with_all_their_people_classes_and_enrolments() {
    let bundle = Files::contoso().read().unwrap();
    assert_eq!((bundle.version, bundle.source.system_code.as_deref()), (Version::V1_2, Some("contoso")));
    assert_eq!(bundle.modes[&FileKind::Users], Mode::Bulk);
    let schools = bundle.schools();
    assert_eq!(schools.len(), 2);
    let count = |role| schools.iter().flat_map(|s| &s.people).filter(|person| person.is(role)).count();
    assert_eq!((count(RosterRole::Student), count(RosterRole::Teacher)), (86, 12));
    let people: HashSet<_> = schools.iter().flat_map(|s| &s.people).map(|p| &p.user.sourced_id).collect();
    assert_eq!(people.len(), 98);
    assert_eq!(schools.iter().map(|s| s.classes.len()).collect::<Vec<_>>(), [14, 14]);
    assert_eq!(schools.iter().map(|s| s.people.len()).collect::<Vec<_>>(), [67, 31]);
    assert_eq!(schools.iter().map(|s| s.enrollments.len()).sum::<usize>(), 630);
    for school in &schools {
        assert_eq!((school.years.len(), school.terms.len(), school.courses.len()), (1, 1, 14));
        assert_eq!(school.years[0].kind, SessionType::SchoolYear);
        assert_eq!(school.terms[0].year, Some(school.years[0]));
        assert!(school.classes.iter().all(|class| class.course.is_some() && class.year == Some(school.years[0])));
        assert!(school.people.iter().filter(|p| p.is(RosterRole::Student)).all(|p| p.demographics.is_some()));
        assert!(school.guardianships.is_empty() && school.removed.is_empty());
    }
}

#[test]
fn its_odd_rows_are_warnings_and_these_are_all_of_them() {
    use WarningCode as W;
    let bundle = Files::contoso().read().unwrap();
    let bulk = |file, rows| (file, Some("status"), W::StatusInBulk, Some(2), rows);
    let expected = [
        ("README.md", None, W::IgnoredFile, None, 1),
        bulk("orgs.csv", 3),
        bulk("academicSessions.csv", 2),
        bulk("courses.csv", 28),
        bulk("classes.csv", 28),
        ("classes.csv", Some("title"), W::ExtraSpaces, Some(12), 4),
        bulk("users.csv", 98),
        bulk("roles.csv", 98),
        bulk("enrollments.csv", 630),
        ("demographics.csv", None, W::MissingOptionalColumns, Some(1), 1),
        bulk("demographics.csv", 86),
        ("classes.csv", None, W::NoStudents, Some(23), 7),
    ];
    assert_eq!(odd(&bundle), expected);
}

#[test]
fn in_one_top_folder_in_other_case_and_with_what_a_mac_adds_it_reads_the_same() {
    let plain = Files::contoso();
    let mut names = plain.0.clone();
    let foldered = |name: String| format!("Roster/{}", if name == "users.csv" { "Users.CSV".to_owned() } else { name });
    let mut files: Vec<_> = std::mem::take(&mut names).into_iter().map(|(name, bytes)| (foldered(name), bytes)).collect();
    files.push(("__MACOSX/Roster/._users.csv".into(), b"\0\x05\x16\x07".to_vec()));
    files.push(("Roster/.DS_Store".into(), b"\0\0\0\x01Bud1".to_vec()));
    let zip = write_csv_zip(Cursor::new(Vec::new()), files).unwrap().into_inner();
    assert_eq!(read(&zip), plain.read());
}

#[test]
fn written_back_as_a_zip_it_reads_the_same_but_for_its_odd_spelling() {
    let bundle = Files::contoso().read().unwrap();
    let zip = bundle.write_zip(Cursor::new(Vec::new())).unwrap().into_inner();
    let mut again = read(&zip).unwrap();
    again.warnings.clone_from(&bundle.warnings);
    assert_eq!(again, bundle);
    assert_eq!(bundle.write_zip(Cursor::new(Vec::new())).unwrap().into_inner(), zip);
}
