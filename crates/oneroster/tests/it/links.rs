//! Every kind of fault between rows names the row that points, and is the only one.

use oneroster::{FaultCode as F, WarningCode};

use crate::faults::expect;
use crate::support::{Files, odd};

#[test]
fn a_reference_that_leads_nowhere_is_named_where_it_stands() {
    let cases = [
        ("orgs.csv", "S-1,d1", "S-1,d9", 4, "parentSourcedId"),
        ("academicSessions.csv", "2026-08-31,h1", "2026-08-31,h9", 5, "parentSourcedId"),
        ("courses.csv", "c3,,,y27", "c3,,,y99", 4, "schoolYearSourcedId"),
        ("courses.csv", "E5,05,s1", "E5,05,s9", 3, "orgSourcedId"),
        ("classes.csv", "05,c2", "05,c9", 3, "courseSourcedId"),
        ("classes.csv", "\"h1,h2\"", "\"h1,h9\"", 3, "termSourcedIds"),
        ("users.csv", ",p1,05", ",p9,05", 2, "agentSourcedIds"),
        ("users.csv", "\"s1,s2\"", "\"s1,s2,s9\"", 5, "orgSourcedIds"),
        ("enrollments.csv", "e7,,,k4", "e7,,,k9", 8, "classSourcedId"),
        ("enrollments.csv", "k4,s2,u2", "k4,s2,u9", 8, "userSourcedId"),
        ("demographics.csv", "u1,", "u9,", 2, "sourcedId"),
    ];
    for (file, from, to, line, column) in cases {
        let spoilt = Files::small().swap(file, from, to);
        expect(&spoilt, &[(file, Some(line), Some(column), F::DanglingReference)]);
    }
    let roles = Files::contoso().swap("roles.csv", ",13001,primary", ",99,primary");
    let report = roles.read().unwrap_err();
    assert!(crate::support::found(&report).contains(&("roles.csv", Some(2), Some("userSourcedId"), F::DanglingReference)));
    let org = Files::contoso().swap("users.csv", "9,,,,,,,10001,", "9,,,,,,,19999,");
    expect(&org, &[("users.csv", Some(2), Some("primaryOrgSourcedId"), F::DanglingReference)]);
}

#[test]
fn references_to_a_refused_row_are_no_second_fault() {
    let files = Files::small().swap("classes.csv", "M5A,scheduled", "M5A,never");
    expect(&files, &[("classes.csv", Some(2), Some("classType"), F::UnknownValue)]);
    let files = Files::small().swap("orgs.csv", "s1,,,North", "s1,,,\"North");
    expect(&files, &[("orgs.csv", Some(3), None, F::BrokenQuotes)]);
    let files = Files::small().swap("users.csv", "sourcedId,", "userId,");
    expect(&files, &[("users.csv", Some(1), Some("sourcedId"), F::MissingColumn)]);
}

#[test]
fn two_different_rows_of_one_id_are_a_fault_at_the_second() {
    let files = Files::small().append("orgs.csv", "s2,,,Another School,school,,d1\n");
    expect(&files, &[("orgs.csv", Some(5), Some("sourcedId"), F::DuplicateId)]);
}

#[test]
fn nothing_ties_two_schools_together() {
    let place = |line, column| [("enrollments.csv", Some(line), Some(column), F::CrossSchool)];
    // A student of the other school; a class of the other school.
    expect(&Files::small().swap("enrollments.csv", "k4,s2,u2", "k4,s2,u1"), &place(8, "userSourcedId"));
    let report = Files::small().swap("enrollments.csv", "e2,,,k2,s1", "e2,,,k3,s1").read().unwrap_err();
    assert_eq!(crate::support::found(&report), place(3, "schoolSourcedId"));
    // A class whose course is the other school's; one whose school is a district.
    expect(&Files::small().swap("classes.csv", "06,c3", "06,c2"), &[("classes.csv", Some(4), Some("courseSourcedId"), F::CrossSchool)]);
    let district = Files::small().swap("classes.csv", "homeroom,,s2", "homeroom,,d1");
    let report = district.swap("enrollments.csv", "e7,,,k4,s2,u2,student,,,\ne8,,,k4,s2,h1,aide,,,\n", "").read().unwrap_err();
    assert_eq!(crate::support::found(&report), [("classes.csv", Some(5), Some("schoolSourcedId"), F::NotASchool)]);
}

#[test]
fn nobody_is_enrolled_as_what_they_are_not() {
    let place = |line| [("enrollments.csv", Some(line), Some("role"), F::RoleMismatch)];
    // A student as a teacher, a parent as a teacher, a teacher as a student.
    expect(&Files::small().swap("enrollments.csv", "k4,s2,u2,student", "k4,s2,u2,teacher"), &place(8));
    expect(&Files::small().append("enrollments.csv", "e9,,,k1,s1,p1,teacher,,,\n"), &place(10));
    expect(&Files::small().append("enrollments.csv", "e9,,,k1,s1,t2,student,,,\n"), &place(10));
    assert!(Files::small().append("enrollments.csv", "e9,,,k1,s1,a1,teacher,,,\n").read().is_ok());
}

#[test]
fn a_row_that_is_its_own_ancestor_is_named() {
    let orgs = Files::small().swap("orgs.csv", "district,,", "district,,s1");
    expect(
        &orgs,
        &[
            ("orgs.csv", Some(2), Some("parentSourcedId"), F::ParentCycle),
            ("orgs.csv", Some(3), Some("parentSourcedId"), F::ParentCycle),
            ("orgs.csv", Some(4), Some("parentSourcedId"), F::ParentCycle),
        ],
    );
    let sessions = Files::small().swap("academicSessions.csv", "2026-12-01,2027-05-31,y27", "2026-12-01,2027-05-31,h2");
    expect(&sessions, &[("academicSessions.csv", Some(4), Some("parentSourcedId"), F::ParentCycle)]);
}

#[test]
fn an_active_row_must_not_need_one_that_is_to_be_deleted() {
    let files = Files::small().swap("classes.csv", "k4,,", "k4,tobedeleted,");
    expect(
        &files,
        &[
            ("enrollments.csv", Some(8), Some("classSourcedId"), F::DeletedReference),
            ("enrollments.csv", Some(9), Some("classSourcedId"), F::DeletedReference),
        ],
    );
}

#[test]
fn what_is_only_odd_between_rows_is_a_warning() {
    use WarningCode as W;
    let cases = [
        (
            "enrollments.csv",
            "u1,student,false,2026-06-01",
            "u1,student,false,2026-05-01",
            ("enrollments.csv", Some("beginDate"), W::OutsideParent, 2),
        ),
        ("enrollments.csv", "u1,student,false", "u1,student,true", ("enrollments.csv", Some("primary"), W::OddPrimary, 2 + 3)),
        ("enrollments.csv", "e2,,,k2,s1,u1", "e2,,,k1,s1,u1", ("enrollments.csv", None, W::DuplicateEnrollment, 3)),
        ("academicSessions.csv", "2026-08-31,h1", "2026-12-31,h1", ("academicSessions.csv", Some("endDate"), W::OutsideParent, 5)),
        ("academicSessions.csv", "2026-11-30,y27", "2026-11-30,", ("academicSessions.csv", Some("parentSourcedId"), W::NoYear, 3)),
        ("users.csv", "a1,,,true,s1,", "a1,,,true,,", ("users.csv", None, W::NoRole, 7)),
    ];
    for (file, from, to, (place, column, code, line)) in cases {
        let bundle = Files::small().swap(file, from, to).read().unwrap();
        let hit = odd(&bundle).iter().any(|w| (w.0, w.1, w.2) == (place, column, code));
        let lines: Vec<u64> = bundle.warnings.iter().filter(|w| w.code == code).flat_map(|w| w.lines.clone()).collect();
        assert!(hit && lines.contains(&line), "{code:?}: {:?}", odd(&bundle));
    }
    let bundle = Files::contoso().swap("users.csv", "9,,,,,,,10001,", "9,,,,,,,10002,").read().unwrap();
    assert!(odd(&bundle).iter().any(|w| w.2 == W::PrimaryOrg && w.3 == Some(2)));
}

#[test]
fn extension_values_are_read_as_other_in_1_2_only() {
    let bundle = Files::contoso().swap("orgs.csv", "district,,", "ext:trust,,").read().unwrap();
    assert!(odd(&bundle).iter().any(|w| w.2 == WarningCode::ExtensionValue));
    let files = Files::small().swap("orgs.csv", "district,,", "ext:trust,,");
    expect(&files, &[("orgs.csv", Some(2), Some("type"), F::UnknownValue)]);
}
