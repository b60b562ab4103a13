//! Roster import, on real stores.

mod http;
mod repeat;
mod safety;
mod size;
mod stage;

use serde_json::Value;
use sqlx::Row;

use auth::roster::{Counts, Outcome, Scope};
use stage::{Files, Stage};

fn created(count: usize) -> Counts {
    Counts { created: count, ..Counts::default() }
}

#[tokio::test]
async fn the_sample_becomes_two_schools_with_all_their_people_classes_and_enrolments() {
    let stage = Stage::set().await;
    let report = stage.import(&Files::contoso()).await.unwrap();
    let [contoso, fabrikam] = &report.schools[..] else { panic!("{report:#?}") };
    assert_eq!((contoso.name.as_str(), contoso.source_id.as_str()), ("Contoso High School", "10001"));
    assert_eq!((contoso.classes, fabrikam.classes), (created(14), created(14)));
    assert_eq!(contoso.students.created + fabrikam.students.created, 86);
    assert_eq!(contoso.teachers.created + fabrikam.teachers.created, 12);
    assert_eq!(contoso.users.created + fabrikam.users.created, 98);
    let rows = |school: &auth::roster::SchoolReport| school.enrollments.created + school.class_subjects.created;
    assert_eq!(rows(contoso) + rows(fabrikam), 630);
    let counts = [
        ("schools", 2),
        ("users", 98),
        ("memberships", 98),
        ("students", 86),
        ("teachers", 12),
        ("staff", 0),
        ("classes", 28),
        ("subjects", 28),
        ("academic_years", 2),
        ("terms", 2),
        ("enrollments", 602),
        ("class_subjects", 28),
        ("credentials", 0),
        ("outbox", 2),
    ];
    for (table, count) in counts {
        assert_eq!(stage.count(&format!("SELECT count(*) FROM {table}")).await, count, "{table}");
    }
    let student = stage
        .row(
            "SELECT jsonb_build_object('code', c.code, 'email', u.email, 'name', u.full_name, 'number', s.admission_number, 'born', s.date_of_birth,
                    'classes', (SELECT count(*) FROM enrollments e WHERE e.student_id = s.id), 'role', m.role, 'verified', u.email_verified)
             FROM students s JOIN users u ON u.id = s.user_id JOIN schools c ON c.id = s.school_id JOIN memberships m ON m.user_id = u.id
             WHERE s.source_id = '13001'",
        )
        .await;
    assert_eq!(student["name"], "Ora Klein");
    assert_eq!(
        (&student["email"], &student["number"], &student["role"]),
        (&"oklein@contoso.example".into(), &"13001".into(), &"student".into())
    );
    assert_eq!((&student["born"], &student["verified"]), (&Value::from("2011-04-02"), &Value::from(false)));
    assert_eq!(student["classes"], 7);
    let event = stage.row("SELECT event FROM outbox ORDER BY id LIMIT 1").await;
    assert_eq!((&event["type"], &event["school_id"]), (&"roster:imported".into(), &contoso.school_id.to_string().into()));
}

#[tokio::test]
async fn a_dry_run_reports_what_an_import_then_does_and_leaves_nothing() {
    let stage = Stage::set().await;
    for files in [Files::contoso(), Files::small()] {
        let mut dry = stage.try_out(&files, Scope::All, true).await.unwrap();
        assert!(dry.dry_run);
        let mut real = stage.import(&files).await.unwrap();
        dry.dry_run = false;
        for school in dry.schools.iter_mut().chain(&mut real.schools) {
            school.school_id = domain::SchoolId::from_uuid(uuid::Uuid::nil());
        }
        assert_eq!(dry, real);
    }
}

#[tokio::test]
async fn a_dry_run_leaves_nothing() {
    let stage = Stage::set().await;
    let before = stage.snapshot().await;
    stage.try_out(&Files::contoso(), Scope::All, true).await.unwrap();
    assert_eq!(stage.snapshot().await, before);
    assert_eq!(stage.count("SELECT count(*) FROM outbox").await, 0);
    stage.import(&Files::contoso()).await.unwrap();
    let before = stage.snapshot().await;
    let files = Files::contoso().swap("users.csv", ",Ora,Klein,", ",Orla,Klein,");
    let report = stage.try_out(&files, Scope::All, true).await.unwrap();
    assert_eq!(report.schools[0].users.changed, 1);
    assert_eq!(stage.snapshot().await, before);
}

#[tokio::test]
async fn families_home_classes_staff_and_people_without_an_address_find_their_places() {
    let stage = Stage::set().await;
    let report = stage.import(&Files::small()).await.unwrap();
    let [north, south] = &report.schools[..] else { panic!("{report:#?}") };
    assert_eq!((north.outcome, south.outcome), (Outcome::Imported, Outcome::Imported), "{report:#?}");
    assert_eq!((north.guardians.created, south.guardians.created), (1, 1));
    assert_eq!((north.staff.created, south.staff.created), (1, 1));
    // The teacher of both schools and the parent of two children are one account each.
    assert_eq!((north.users, south.users), (created(5), Counts { created: 2, unchanged: 2, ..Counts::default() }));
    assert_eq!(
        stage
            .count("SELECT count(*) FROM memberships m JOIN users u ON u.id = m.user_id WHERE u.email = 'teacher.one@north.example'")
            .await,
        2
    );
    let child = stage
        .row(
            "SELECT jsonb_build_object('home', c.name, 'guardian', u.full_name, 'relation', g.relationship, 'primary', g.is_primary, 'school', o.code,
                    'begins', (SELECT min(begin_date) FROM enrollments e WHERE e.student_id = s.id AND e.class_id = c.id))
             FROM students s JOIN classes c ON c.id = s.class_id JOIN student_guardians g ON g.student_id = s.id JOIN users u ON u.id = g.guardian_user_id
             JOIN schools o ON o.id = s.school_id WHERE s.source_id = 'u2'",
        )
        .await;
    assert_eq!((&child["home"], &child["guardian"], &child["relation"]), (&"Homeroom 6A".into(), &"Family One".into(), &"parent".into()));
    assert_eq!((&child["primary"], &child["school"], &child["begins"]), (&true.into(), &"S-1".into(), &"2026-06-01".into()));
    let helper = stage
        .row("SELECT to_jsonb(m) || to_jsonb(u) FROM users u JOIN memberships m ON m.user_id = u.id WHERE m.source_id = 'h1' AND m.role = 'staff'")
        .await;
    assert!(helper["email"].as_str().unwrap().ends_with("@no-email.invalid"), "{helper}");
    assert_eq!(stage.count("SELECT count(*) FROM memberships WHERE source_id = 'h1' AND NOT is_active").await, 1);
    let again = stage.import(&Files::small()).await.unwrap();
    assert!(again.schools.iter().all(|school| !school.moved()), "{again:#?}");
}

#[tokio::test]
async fn one_broken_row_is_named_and_nothing_is_stored() {
    let stage = Stage::set().await;
    let before = stage.snapshot().await;
    let files = Files::contoso().swap("users.csv", "bmcmillan@contoso.example", "bmcmillan at contoso");
    let auth::roster::ImportError::Unreadable(report) = stage.import(&files).await.unwrap_err() else { panic!() };
    let fault = &report.faults[0];
    assert_eq!((&*fault.file, fault.line, fault.column, report.total), ("users.csv", Some(3), Some("email"), 1));
    assert_eq!(stage.snapshot().await, before);
}

#[tokio::test]
async fn a_school_that_does_not_fit_the_tables_is_refused_at_its_rows_and_the_other_stands() {
    let stage = Stage::set().await;
    let files = Files::contoso().swap("classes.csv", "Math - Algebra 1,,C11001", &format!("{},,C11001", "x".repeat(201))).swap(
        "courses.csv",
        ",Math 102,",
        &format!(",{},", "y".repeat(300)),
    );
    let report = stage.import(&files).await.unwrap();
    assert_eq!(report.schools[0].outcome, Outcome::Refused);
    let pointers: Vec<String> = report.schools[0].faults.iter().map(auth::roster::ImportFault::pointer).collect();
    assert_eq!(pointers, ["courses.csv:3/title", "classes.csv:2/title"]);
    assert_eq!((report.schools[1].outcome, report.schools[1].classes), (Outcome::Imported, created(14)));
    assert_eq!(stage.count("SELECT count(*) FROM schools").await, 1);
    let names = sqlx::query("SELECT name FROM schools").fetch_one(&mut stage.database.superuser().await).await.unwrap();
    assert_eq!(names.get::<String, _>(0), "Fabrikam High School");
}

#[tokio::test]
async fn a_file_of_changes_only_is_refused_and_named() {
    let stage = Stage::set().await;
    let files = Files::contoso().swap("manifest.csv", "file.demographics,bulk", "file.demographics,delta");
    let error = stage.import(&files).await.unwrap_err();
    assert!(matches!(error, auth::roster::ImportError::Delta(ref files) if files == &["demographics.csv"]), "{error}");
    assert_eq!(stage.count("SELECT count(*) FROM schools").await, 0);
}
