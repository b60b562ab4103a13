//! A small 1.1 bundle: what 1.1 says differently ends up in the same place.

use domain::Role;
use oneroster::{RoleType, RosterRole, SchoolRoster, SessionType, Status, Version, WarningCode};

use crate::support::{Files, found, odd, read};

fn ids<'a, T: 'a>(rows: impl IntoIterator<Item = &'a &'a oneroster::Row<T>>) -> Vec<&'a str> {
    rows.into_iter().map(|row| row.sourced_id.as_str()).collect()
}

fn people(school: &SchoolRoster<'_>) -> Vec<String> {
    let roles = |p: &oneroster::Person<'_>| p.roles.iter().map(|r| r.role.as_str()).collect::<Vec<_>>().join("+");
    school.people.iter().map(|p| format!("{} {}", p.user.sourced_id, roles(p))).collect()
}

#[test]
fn a_1_1_users_role_and_orgs_become_roles_with_the_first_org_primary() {
    let bundle = Files::small().read().unwrap();
    assert_eq!(bundle.version, Version::V1_1);
    let teacher: Vec<_> = bundle.roles.iter().filter(|role| role.user == "t1").collect();
    assert_eq!(
        teacher.iter().map(|r| (r.org.as_str(), r.kind, r.line)).collect::<Vec<_>>(),
        [("s1", RoleType::Primary, 5), ("s2", RoleType::Secondary, 5)]
    );
    assert_eq!(bundle.users[3].primary_org.as_deref(), Some("s1"));
    assert_eq!(bundle.users[0].user_ids, ["{LDAP:learner.one}", "{card:0001}"]);
    assert_eq!((bundle.users[4].family_name.as_str(), bundle.users[6].enabled), ("Two, Senior", false));
}

#[test]
fn each_school_gets_its_own_rows_and_what_it_shares() {
    let bundle = Files::small().read().unwrap();
    let schools = bundle.schools();
    let [north, south] = &schools[..] else { panic!("{} schools", schools.len()) };
    // t2's role is in the district: a person of the school where t2 is enrolled, of no other.
    assert_eq!(people(north), ["u1 student", "p1 parent", "t1 teacher", "t2 teacher", "a1 administrator"]);
    // p1's role is in the other school: here by the child.
    assert_eq!(people(south), ["u2 student", "p1 parent", "t1 teacher", "h1 aide"]);
    assert_eq!(ids(&north.courses), ["c2", "c1"]);
    assert_eq!(ids(&south.courses), ["c3"]);
    assert_eq!(ids(&north.enrollments), ["e1", "e2", "e4", "e6"]);
    assert_eq!(ids(&south.enrollments), ["e3", "e5", "e7", "e8"]);
    let terms = |s: &SchoolRoster<'_>| s.terms.iter().map(|t| t.session.sourced_id.clone()).collect::<Vec<_>>();
    assert_eq!((terms(north), terms(south)), (vec!["h1".into(), "h2".into()], vec!["h1".into(), "g1".into()]));
    let quarter = south.terms[1];
    assert_eq!(quarter.session.kind, SessionType::GradingPeriod);
    assert_eq!((quarter.parent.unwrap().sourced_id.as_str(), quarter.year.unwrap().sourced_id.as_str()), ("h1", "y27"));
    assert_eq!(north.people[0].demographics.unwrap().birth_date.unwrap().to_string(), "2015-03-01");
}

#[test]
fn a_class_without_subjects_has_its_courses_and_one_without_course_or_term_has_none() {
    let bundle = Files::small().read().unwrap();
    let schools = bundle.schools();
    let class = |id: &str| schools.iter().flat_map(|s| &s.classes).find(|c| c.class.sourced_id == id).unwrap();
    assert_eq!(class("k1").subjects, ["Mathematics"]);
    assert_eq!(class("k3").subjects, ["Science", "Biology"]);
    let bare = class("k4");
    assert!(bare.subjects.is_empty() && bare.course.is_none() && bare.terms.is_empty() && bare.year.is_none());
    // Without a term a class takes its course's year.
    let bundle = Files::small().swap("classes.csv", "s1,h1,", "s1,,").read().unwrap();
    let first = &bundle.schools()[0].classes[0];
    assert_eq!((first.terms.len(), first.year.unwrap().sourced_id.as_str()), (0, "y27"));
}

#[test]
fn family_ties_are_found_whichever_side_names_the_other() {
    let bundle = Files::small().read().unwrap();
    let ties = |school: &SchoolRoster<'_>| {
        let tie = |t: &oneroster::Guardianship<'_>| (t.student.sourced_id.clone(), t.guardian.sourced_id.clone(), t.relation);
        school.guardianships.iter().map(tie).collect::<Vec<_>>()
    };
    let schools = bundle.schools();
    // u1 and p1 name each other: one tie. u2 is named by p1 only.
    assert_eq!(ties(&schools[0]), [("u1".into(), "p1".into(), RosterRole::Parent)]);
    assert_eq!(ties(&schools[1]), [("u2".into(), "p1".into(), RosterRole::Parent)]);
}

#[test]
fn what_the_standard_requires_but_real_files_lack_is_a_warning() {
    use WarningCode as W;
    let bundle = Files::small().read().unwrap();
    assert_eq!(
        odd(&bundle),
        [
            ("classes.csv", Some("courseSourcedId"), W::EmptyRequired, Some(5), 1),
            ("classes.csv", Some("termSourcedIds"), W::EmptyRequired, Some(5), 1),
            ("users.csv", Some("username"), W::EmptyRequired, Some(8), 1),
            ("users.csv", Some("familyName"), W::EmptyRequired, Some(8), 1),
            ("classes.csv", None, W::NoTeacher, Some(5), 1),
        ]
    );
}

#[test]
fn a_1_1_bundle_written_back_is_1_2_and_reads_the_same() {
    let bundle = Files::small().read().unwrap();
    let zip = bundle.write_zip(std::io::Cursor::new(Vec::new())).unwrap().into_inner();
    let again = read(&zip).unwrap();
    assert_eq!(again.version, Version::V1_2);
    assert_eq!((&again.users, &again.classes, &again.enrollments), (&bundle.users, &bundle.classes, &bundle.enrollments));
    let roles = |b: &oneroster::Bundle| b.roles.iter().map(|r| (r.sourced_id.clone(), r.fields.clone())).collect::<Vec<_>>();
    assert_eq!(roles(&again), roles(&bundle));
}

#[test]
fn a_roster_never_raises_anyone_to_school_admin() {
    let bundle = Files::small().read().unwrap();
    assert_eq!(bundle.roles.iter().find(|r| r.user == "a1").unwrap().role.in_school(), Role::Admin);
    for role in [RosterRole::Principal, RosterRole::DistrictAdministrator, RosterRole::SystemAdministrator] {
        assert!(!matches!(role.in_school(), Role::SchoolAdmin | Role::SuperAdmin));
    }
}

#[test]
fn a_delta_bundle_is_read_row_by_row_and_what_it_refers_to_may_be_elsewhere() {
    let header = |file: &str| Files::small().text(file).lines().next().unwrap().to_owned();
    let mut delta = Files::small();
    for file in ["orgs", "academicSessions", "courses", "demographics", "classes"] {
        delta = delta.without(&format!("{file}.csv")).swap("manifest.csv", &format!("file.{file},bulk"), &format!("file.{file},absent"));
    }
    for file in ["users", "enrollments"] {
        delta = delta.swap("manifest.csv", &format!("file.{file},bulk"), &format!("file.{file},delta"));
    }
    let modified = "2026-06-02T10:00:00.000Z";
    let delta = delta
        .set("users.csv", format!("{}\nu9,active,{modified},true,s1,student,learner.nine,,Learner,Nine,,,,,,,,\n", header("users.csv")))
        .set("enrollments.csv", format!("{}\ne1,tobedeleted,{modified},k1,s1,u1,student,,,\n", header("enrollments.csv")));
    let bundle = delta.read().unwrap();
    assert_eq!(bundle.enrollments[0].status, Status::ToBeDeleted);
    assert!(bundle.users[0].modified.is_some() && bundle.schools().is_empty());
    let report = delta.swap("users.csv", "active", "").read().unwrap_err();
    assert_eq!(found(&report), [("users.csv", Some(2), Some("status"), oneroster::FaultCode::MissingValue)]);
}

#[test]
fn rows_to_be_deleted_are_listed_by_school_and_left_out_of_it() {
    let files =
        Files::small().swap("users.csv", "h1,,,false", "h1,tobedeleted,,false").swap("enrollments.csv", "e8,,,", "e8,inactive,2026-06-05,");
    let bundle = files.read().unwrap();
    let south = &bundle.schools()[1];
    assert_eq!(people(south), ["u2 student", "p1 parent", "t1 teacher"]);
    let removed: Vec<_> = south.removed.iter().map(|r| (r.file.stem(), r.sourced_id)).collect();
    assert_eq!(removed, [("roles", "h1:s2:aide"), ("users", "h1"), ("enrollments", "e8")]);
}
