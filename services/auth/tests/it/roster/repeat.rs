//! The same file again changes nothing; another file changes what differs.

use auth::roster::{Counts, Outcome};

use super::stage::{Files, Stage};

#[tokio::test]
async fn a_second_import_of_the_same_file_moves_no_row_and_says_so() {
    let stage = Stage::set().await;
    let first = stage.import(&Files::contoso()).await.unwrap();
    let before = stage.snapshot().await;
    let second = stage.import(&Files::contoso()).await.unwrap();
    assert_eq!(stage.snapshot().await, before);
    for (first, second) in first.schools.iter().zip(&second.schools) {
        assert_eq!(first.school_id, second.school_id);
        for (first, second) in first.counts().into_iter().zip(second.counts()) {
            assert_eq!(second, Counts { unchanged: first.created, ..Counts::default() });
        }
    }
    assert_eq!(stage.count("SELECT count(*) FROM outbox").await, 2, "nothing happened, so nothing is told");
}

#[tokio::test]
async fn a_changed_name_updates_one_row() {
    let stage = Stage::set().await;
    stage.import(&Files::contoso()).await.unwrap();
    let before = stage.snapshot().await;
    let files = Files::contoso().swap("users.csv", ",Ora,Klein,", ",Orla,Klein,");
    let report = stage.import(&files).await.unwrap();
    let differing = stage.differing(&before).await;
    let [(table, row)] = &differing[..] else { panic!("{differing:#?}") };
    assert_eq!((table.as_str(), &row["full_name"], &row["version"]), ("users", &"Orla Klein".into(), &2.into()));
    assert_eq!(report.schools[0].users, Counts { changed: 1, unchanged: 66, ..Counts::default() });
    assert!(!report.schools[1].moved());
}

#[tokio::test]
async fn numbers_may_change_hands_within_one_file() {
    let stage = Stage::set().await;
    stage.import(&Files::small()).await.unwrap();
    let files =
        Files::small().append("users.csv", "u3,,,true,s1,student,learner.three,,Learner,Three,,1003,learner.three@north.example,,,,05,\n");
    stage.import(&files).await.unwrap();
    let files = files.swap("users.csv", ",One,,1001,", ",One,,1003,").swap("users.csv", ",Three,,1003,", ",Three,,1001,");
    let report = stage.import(&files).await.unwrap();
    assert_eq!(report.schools[0].students, Counts { changed: 2, ..Counts::default() }, "{report:#?}");
    assert_eq!(stage.count("SELECT count(*) FROM students WHERE source_id || admission_number IN ('u11003', 'u31001')").await, 2);
}

#[tokio::test]
async fn a_removed_enrolment_is_withdrawn_and_comes_back_when_the_file_brings_it_back() {
    let stage = Stage::set().await;
    stage.import(&Files::contoso()).await.unwrap();
    let before = stage.snapshot().await;
    let gone = Files::contoso().swap("enrollments.csv", "E11001-13001,active", "E11001-13001,tobedeleted");
    let report = stage.import(&gone).await.unwrap();
    assert_eq!((report.schools[0].enrollments.removed, report.schools[0].enrollments.changed), (1, 0));
    let differing = stage.differing(&before).await;
    let [(table, row)] = &differing[..] else { panic!("{differing:#?}") };
    assert_eq!((table.as_str(), &row["status"], &row["source_id"]), ("enrollments", &"withdrawn".into(), &"E11001-13001".into()));
    let before = stage.snapshot().await;
    assert!(!stage.import(&gone).await.unwrap().schools[0].moved());
    assert_eq!(stage.snapshot().await, before);
    let back = stage.import(&Files::contoso()).await.unwrap();
    assert_eq!(back.schools[0].enrollments.changed, 1);
}

#[tokio::test]
async fn a_removed_person_is_deactivated_with_all_that_hangs_on_them_and_keeps_the_account() {
    let stage = Stage::set().await;
    stage.import(&Files::small()).await.unwrap();
    let files = Files::small().swap("users.csv", "u2,,,true", "u2,tobedeleted,,true");
    let enrollments = files.text("enrollments.csv").replace("e3,,,", "e3,tobedeleted,,").replace("e7,,,", "e7,tobedeleted,,");
    let files = files.set("enrollments.csv", enrollments).swap("users.csv", "\"u1,u2\"", "u1");
    let south = &stage.import(&files).await.unwrap().schools[1];
    assert_eq!((south.students.removed, south.memberships.removed, south.enrollments.removed), (1, 1, 2), "{south:#?}");
    assert_eq!(stage.count("SELECT count(*) FROM students WHERE source_id = 'u2' AND status = 'tobedeleted'").await, 1);
    assert_eq!(stage.count("SELECT count(*) FROM memberships WHERE source_id = 'u2' AND NOT is_active").await, 1);
    assert_eq!(stage.count("SELECT count(*) FROM users WHERE email = 'learner.two@south.example' AND is_active").await, 1);
}

#[tokio::test]
async fn moved_terms_and_enrolments_may_swap_their_days() {
    let stage = Stage::set().await;
    stage.import(&Files::small()).await.unwrap();
    let files = Files::small().swap("academicSessions.csv", "2026-06-01,2026-11-30,y27", "2026-12-01,2027-05-31,y27").swap(
        "academicSessions.csv",
        "h2,,,Second half,semester,2026-12-01,2027-05-31",
        "h2,,,Second half,semester,2026-06-01,2026-11-30",
    );
    let north = &stage.import(&files).await.unwrap().schools[0];
    assert_eq!((north.outcome, north.terms.changed), (Outcome::Imported, 2), "{north:#?}");
}

#[tokio::test]
async fn rows_made_by_hand_are_taken_over_by_name_address_and_place() {
    let stage = Stage::set().await;
    let school = stage.school("NORTH").await;
    stage
        .run(&format!(
            "INSERT INTO academic_years (school_id, id, name, starts_on, ends_on) VALUES ('{school}', gen_random_uuid(), '2026-27', '2026-06-01', '2027-05-31');
             INSERT INTO classes (school_id, id, academic_year_id, name, code) SELECT '{school}', gen_random_uuid(), id, 'Mathematics 5A', 'M5A' FROM academic_years;
             INSERT INTO users (id, email, full_name) VALUES (gen_random_uuid(), 'learner.one@north.example', 'Learner One');
             INSERT INTO students (school_id, id, user_id, admission_number) SELECT '{school}', gen_random_uuid(), id, '7' FROM users;
             INSERT INTO enrollments (school_id, id, class_id, student_id, begin_date)
                SELECT '{school}', gen_random_uuid(), c.id, s.id, '2026-06-15' FROM classes c, students s"
        ))
        .await;
    let scope = auth::roster::Scope::Own { school, org: Some("s1".into()) };
    let report = &stage.try_out(&Files::small(), scope, false).await.unwrap().schools[0];
    assert_eq!((report.school_id, report.outcome), (school, Outcome::Imported), "{report:#?}");
    assert_eq!((report.academic_years.changed, report.academic_years.created), (1, 0));
    assert_eq!((report.classes.changed, report.classes.created), (1, 1));
    assert_eq!((report.students.changed, report.students.created), (1, 0));
    assert_eq!((report.enrollments.changed, report.enrollments.created), (1, 1));
    assert_eq!(report.users.created, 4);
}

#[tokio::test]
async fn what_is_removed_makes_room_for_what_takes_its_place_in_the_same_file() {
    let stage = Stage::set().await;
    stage.import(&Files::small()).await.unwrap();
    let files = Files::small()
        .swap("enrollments.csv", "e1,,,k1,", "e1,tobedeleted,,k1,")
        .swap("enrollments.csv", "e4,,,k1,", "e4,tobedeleted,,k1,")
        .append("enrollments.csv", "n1,,,k1,s1,u1,student,false,2026-06-01,2026-11-30\nn4,,,k1,s1,t1,teacher,true,,\n");
    let north = &stage.import(&files).await.unwrap().schools[0];
    assert_eq!((north.outcome, north.enrollments.removed, north.enrollments.created), (Outcome::Imported, 1, 1), "{north:#?}");
    assert_eq!(stage.count("SELECT count(*) FROM class_subjects WHERE source_id = 'n4' AND status = 'active'").await, 1);
    let before = stage.snapshot().await;
    assert!(!stage.import(&files).await.unwrap().schools[0].moved());
    assert_eq!(stage.snapshot().await, before);
}
