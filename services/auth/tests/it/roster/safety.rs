//! One school's import leaves other schools alone, and imports at once don't meet.

use auth::roster::{ImportError, Outcome, Scope};
use domain::SchoolId;

use super::stage::{Files, Stage};

#[tokio::test]
async fn another_schools_office_can_neither_touch_nor_take_this_school() {
    let stage = Stage::set().await;
    stage.import(&Files::contoso()).await.unwrap();
    let before = stage.snapshot().await;
    let other = stage.school("OTHER").await;
    let error = stage.import_as(other, &Files::contoso()).await.unwrap_err();
    assert!(matches!(error, ImportError::Ambiguous(ref orgs) if orgs.len() == 2), "{error}");
    let taken = stage.try_out(&Files::contoso(), Scope::Own { school: other, org: Some("10001".into()) }, false).await;
    assert!(matches!(taken, Err(ImportError::Bound)), "{taken:?}");
    let unknown = stage.try_out(&Files::contoso(), Scope::Own { school: other, org: Some("nowhere".into()) }, false).await;
    assert!(matches!(unknown, Err(ImportError::NotInBundle(_))), "{unknown:?}");
    let nobody = stage.import_as(SchoolId::generate(), &Files::contoso()).await;
    assert!(matches!(nobody, Err(ImportError::NoSchool)), "{nobody:?}");
    let differing = stage.differing(&before).await;
    assert_eq!(differing.len(), 1, "only the school that was just made: {differing:#?}");
}

#[tokio::test]
async fn an_office_imports_its_own_school_of_a_bundle_and_no_other() {
    let stage = Stage::set().await;
    let own = stage.school("NORTH").await;
    let report = stage.try_out(&Files::small(), Scope::Own { school: own, org: Some("s1".into()) }, false).await.unwrap();
    assert_eq!(report.schools.len(), 1);
    assert_eq!(report.schools[0].school.changed, 0);
    assert!(report.warnings.iter().any(|warning| warning.file == "orgs.csv" && warning.rows == 1), "{:#?}", report.warnings);
    let row = stage.row(&format!("SELECT to_jsonb(s) FROM schools s WHERE id = '{own}'")).await;
    assert_eq!((&row["source_id"], &row["name"]), (&serde_json::Value::Null, &"NORTH".into()));
    assert_eq!(stage.count(&format!("SELECT count(*) FROM students WHERE school_id <> '{own}'")).await, 0);
    // Only the operator binds a school to an org: the office says each time which one it is.
    let again = stage.try_out(&Files::small(), Scope::Own { school: own, org: Some("s1".into()) }, false).await.unwrap();
    assert!(!again.schools[0].moved());
    assert!(matches!(stage.import_as(own, &Files::small()).await, Err(ImportError::Ambiguous(_))));
    // And the operator's import of that org makes a school of its own instead of filling this one.
    stage.import(&Files::small()).await.unwrap();
    assert_eq!(stage.count("SELECT count(*) FROM schools WHERE source_id = 's1'").await, 1);
    assert_ne!(stage.row("SELECT to_jsonb(s) FROM schools s WHERE source_id = 's1'").await["id"], own.to_string());
}

#[tokio::test]
async fn an_office_can_not_rename_or_readdress_an_account_that_opens_another_school() {
    let stage = Stage::set().await;
    stage.import(&Files::contoso()).await.unwrap();
    stage
        .run("INSERT INTO users (id, email, full_name, is_super_admin) VALUES (gen_random_uuid(), 'root@platform.example', 'Root', true)")
        .await;
    let school = stage.school("NORTH").await;
    let own = |org: &str| Scope::Own { school, org: Some(org.to_owned()) };
    let files = Files::small().swap("users.csv", "learner.one@north.example", "oklein@contoso.example").swap(
        "users.csv",
        "office.one@north.example",
        "root@platform.example",
    );
    let report = stage.try_out(&files, own("s1"), false).await.unwrap();
    assert_eq!(report.schools[0].outcome, Outcome::Imported);
    let named = |message: &str| {
        report.warnings.iter().filter(|w| w.file == "users.csv" && w.message.contains(message)).map(|w| w.rows).sum::<usize>()
    };
    assert_eq!(named("opens other schools"), 1, "{:#?}", report.warnings);
    let name = |email: &str| format!("SELECT count(*) FROM users WHERE email = '{email}'");
    assert_eq!(stage.count(&(name("oklein@contoso.example") + " AND full_name = 'Ora Klein' AND version = 1")).await, 1);
    assert_eq!(stage.count(&(name("root@platform.example") + " AND full_name = 'Root' AND version = 1")).await, 1);
    // And once they are members here, a new address does not become theirs either.
    let files = files.swap("users.csv", "oklein@contoso.example", "thief@north.example").swap(
        "users.csv",
        "root@platform.example",
        "thief2@north.example",
    );
    stage.try_out(&files, own("s1"), false).await.unwrap();
    assert_eq!(stage.count(&(name("oklein@contoso.example") + " AND version = 1")).await, 1);
    assert_eq!(stage.count("SELECT count(*) FROM users WHERE email LIKE 'thief%'").await, 0);
}

#[tokio::test]
async fn two_imports_of_one_file_at_once_queue_up_and_the_second_finds_nothing_to_do() {
    let stage = Stage::set().await;
    let (contoso, small) = (Files::contoso(), Files::small());
    let (first, second, other) = tokio::join!(stage.import(&contoso), stage.import(&contoso), stage.import(&small));
    let (first, second) = (first.unwrap(), second.unwrap());
    for (one, two) in first.schools.iter().zip(&second.schools) {
        assert_eq!(one.school_id, two.school_id);
        assert!(one.moved() != two.moved(), "exactly one of them made the school");
    }
    assert!(!other.unwrap().refused());
    for (table, count) in [("schools", 4), ("students", 88), ("enrollments", 606)] {
        assert_eq!(stage.count(&format!("SELECT count(*) FROM {table}")).await, count, "{table}");
    }
}

#[tokio::test]
async fn an_import_that_is_given_up_half_way_leaves_nothing_behind() {
    let stage = Stage::set().await;
    let before = stage.snapshot().await;
    // Nearly done, and stuck: enrolments come last.
    let mut blocker = stage.database.superuser().await;
    sqlx::raw_sql("BEGIN; LOCK TABLE enrollments IN EXCLUSIVE MODE").execute(&mut blocker).await.unwrap();
    let files = Files::small();
    let given_up = tokio::time::timeout(std::time::Duration::from_secs(3), stage.import(&files)).await;
    assert!(given_up.is_err(), "it can't have finished: {given_up:?}");
    sqlx::raw_sql("ROLLBACK").execute(&mut blocker).await.unwrap();
    // The next one waits for whatever is left of it.
    assert_eq!(stage.snapshot().await, before);
    let report = stage.import(&files).await.unwrap();
    assert!(report.schools.iter().all(|school| school.students.created == 1), "{report:#?}");
}

#[tokio::test]
async fn a_conflict_that_only_the_database_sees_is_traced_to_its_row() {
    let stage = Stage::set().await;
    let files = Files::small()
        .append("academicSessions.csv", "y28,,,2027-28,schoolYear,2027-06-01,2028-05-31,,2028\n")
        .append("classes.csv", "k9,,,Mathematics 6A,06,c1,M6A,scheduled,,s1,y28,,,\n");
    stage.import(&files).await.unwrap();
    let before = stage.snapshot().await;
    // Two years that trade names: each row alone would do.
    let files =
        files.swap("academicSessions.csv", "y27,,,2026-27", "y27,,,2027-28").swap("academicSessions.csv", "y28,,,2027-28", "y28,,,2026-27");
    let report = stage.import(&files).await.unwrap();
    let faults = &report.schools[0].faults;
    assert_eq!((report.schools[0].outcome, faults.len()), (Outcome::Refused, 1), "{report:#?}");
    assert_eq!(faults[0].pointer(), "academicSessions.csv:2");
    assert!(faults[0].message.contains("academic_years_school_id_name_key"), "{}", faults[0].message);
    let differing = stage.differing(&before).await;
    let north = serde_json::json!(report.schools[0].school_id);
    assert!(differing.iter().all(|(_, row)| row["school_id"] != north), "the refused school is as it was: {differing:#?}");
}

#[tokio::test]
async fn what_the_school_has_already_and_can_not_hold_twice_is_a_fault_at_its_row() {
    let stage = Stage::set().await;
    stage.import(&Files::small()).await.unwrap();
    stage
        .run(
            "UPDATE terms SET status = 'tobedeleted' WHERE source_id = 'g1';
             INSERT INTO terms (school_id, id, academic_year_id, kind, name, starts_on, ends_on)
                SELECT school_id, gen_random_uuid(), id, 'grading_period', 'Monsoon', '2026-08-15', '2026-10-01' FROM academic_years",
        )
        .await;
    let before = stage.snapshot().await;
    let report = stage.import(&Files::small()).await.unwrap();
    // Only the southern school uses the quarter.
    assert_eq!((report.schools[0].outcome, report.schools[1].outcome), (Outcome::Imported, Outcome::Refused));
    assert_eq!(report.schools[1].faults[0].pointer(), "academicSessions.csv:5/startDate");
    assert_eq!(stage.snapshot().await, before);
}
