//! Runs that are cut short: they go on from where they were, and nobody is billed twice.

use std::sync::Arc;

use domain::SystemClock;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection, PgConnection};

use crate::school::{School, eventually};

/// Enough for three transactions of a run.
const STUDENTS: i64 = 250;

/// Fills the class.
async fn fill(school: &School) {
    let fill = format!(
        "WITH new AS (SELECT gen_random_uuid() AS id, n FROM generate_series(3, {STUDENTS}) n),
         people AS (INSERT INTO users (id, email, full_name) SELECT id, 'pupil' || n || '@a.example', 'Pupil ' || n FROM new),
         pupils AS (INSERT INTO students (school_id, id, user_id, admission_number) SELECT '{school}', id, id, 'P' || n FROM new)
         INSERT INTO enrollments (school_id, id, class_id, student_id, begin_date) SELECT '{school}', gen_random_uuid(), '{class}', id, current_date - 50 FROM new",
        school = school.school,
        class = school.class
    );
    sqlx::raw_sql(AssertSqlSafe(fill)).execute(&mut school.fleet.database.superuser().await).await.unwrap();
}

/// Holds the lock of a student whom the second transaction of a run comes to, as somebody who pays just now would.
async fn hold_up(school: &School) -> PgConnection {
    let mut connection = school.fleet.database.superuser().await;
    let lock = format!(
        "BEGIN; SELECT pg_advisory_xact_lock(hashtextextended(concat('{0}'::uuid, id), 17))
         FROM (SELECT id FROM students WHERE school_id = '{0}' ORDER BY id OFFSET 150 LIMIT 1) s",
        school.school
    );
    sqlx::raw_sql(AssertSqlSafe(lock)).execute(&mut connection).await.unwrap();
    connection
}

async fn invoices(school: &School) -> i64 {
    school.count("SELECT count(*) FROM invoices").await
}

#[tokio::test]
async fn a_run_whose_process_ends_in_the_middle_is_finished_by_another_and_bills_nobody_twice() {
    let mut school = School::open_with(&[("EVENTS_CLAIM_AFTER", "1"), ("SHUTDOWN_TIMEOUT_SECONDS", "1")]).await;
    fill(&school).await;
    let structure = school.structure("Fees").await;
    let held = hold_up(&school).await;
    let body = json!({"fee_structure_id": structure, "instalment": 1, "issue": true});
    let path = school.office.post("/api/v1/invoices/generate", &body).await.header("location").to_owned();
    assert_eq!(eventually(async || invoices(&school).await, |made| *made > 0).await, 100, "the first hundred are there for good");
    let run = school.office.get(&path).await.expect(200);
    assert_eq!((&run["status"], &run["students"], &run["created"]), (&json!("running"), &json!(100), &json!(100)), "{run:#}");

    // Its connection is cut in the middle of the second hundred; it tries again, and waits again.
    let waits = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'advisory'";
    assert_eq!(eventually(async || school.count(waits).await, |waiting| *waiting > 0).await, 1);
    let cut =
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'advisory'";
    assert_eq!(school.count(cut).await, 1);
    assert_eq!(eventually(async || school.count(waits).await, |waiting| *waiting > 0).await, 1, "it is at it again");
    assert_eq!(invoices(&school).await, 100, "nothing of the second hundred is left");

    // Its process goes, and another one takes over.
    school.fleet.restart(&[auth::SERVICE, fee::SERVICE], Arc::new(SystemClock)).await;
    let office = school.office.at(&school.fleet.url);
    school.office = office;
    held.close().await.unwrap();
    let done = eventually(async || school.office.get(&path).await.expect(200), |run: &Value| run["status"] != "running").await;
    assert_eq!(
        (&done["status"], &done["students"], &done["created"], &done["existing"]),
        (&json!("succeeded"), &json!(STUDENTS), &json!(STUDENTS), &json!(0)),
        "{done:#}"
    );
    let (students, numbers) =
        ("SELECT count(DISTINCT student_id) FROM invoices", "SELECT count(DISTINCT number) FROM invoices WHERE status = 'issued'");
    assert_eq!((invoices(&school).await, school.count(students).await, school.count(numbers).await), (STUDENTS, STUDENTS, STUDENTS));
    assert_eq!(school.count("SELECT last_number FROM invoice_counters").await, STUDENTS, "invoices have no gap either");

    // Whoever comes later is billed by the next run, and only they.
    let late = school.fleet.member(school.school, domain::Role::Student, "late@a.example").await;
    school.fleet.enrol(school.school, school.class, late, school.fleet.platform.clock().now().date_naive()).await;
    let again = school.run(&structure, 1).await;
    assert_eq!((&again["created"], &again["existing"]), (&json!(1), &json!(STUDENTS)), "{again:#}");
    school.books_agree().await;
}

#[tokio::test]
async fn a_run_that_can_not_go_on_fails_keeps_what_it_made_and_goes_on_when_asked_again() {
    let school = School::open().await;
    fill(&school).await;
    let structure = school.structure("Fees").await;
    let held = hold_up(&school).await;
    let body = json!({"fee_structure_id": structure, "instalment": 1, "issue": true});
    let path = school.office.post("/api/v1/invoices/generate", &body).await.header("location").to_owned();
    assert_eq!(eventually(async || invoices(&school).await, |made| *made > 0).await, 100);
    school.act(&school.office, &format!("/api/v1/fee-structures/{structure}"), "retire", &json!({})).await.expect(200);
    held.close().await.unwrap();
    // The second hundred had begun before.
    let failed = eventually(async || school.office.get(&path).await.expect(200), |run: &Value| run["status"] != "running").await;
    assert_eq!(failed["status"], json!("failed"), "{failed:#}");
    assert!(failed["error"].as_str().unwrap().contains("not active"), "{failed:#}");
    let made = invoices(&school).await;
    assert!((100..STUDENTS).contains(&made), "{made}");
    school.office.post("/api/v1/invoices/generate", &body).await.expect(409);
    school
        .count(&format!(
            "WITH back AS (UPDATE fee_structures SET status = 'active' WHERE id = '{structure}' RETURNING 1) SELECT count(*) FROM back"
        ))
        .await;
    let run = school.run(&structure, 1).await;
    assert_eq!(
        (&run["status"], &run["created"], &run["existing"]),
        (&json!("succeeded"), &json!(STUDENTS - made), &json!(made)),
        "{run:#}"
    );
    assert_eq!(invoices(&school).await, STUDENTS);
    school.books_agree().await;
}

/// Asks for a run, and waits until it is done.
async fn run_as(school: &School, structure: &str, issue: bool) -> Value {
    let body = json!({"fee_structure_id": structure, "instalment": 1, "issue": issue});
    let path = school.office.post("/api/v1/invoices/generate", &body).await.header("location").to_owned();
    eventually(
        async || school.office.get(&path).await.expect(200),
        |run: &Value| matches!(run["status"].as_str(), Some("succeeded" | "failed")),
    )
    .await
}

#[tokio::test]
async fn drafts_of_a_run_are_issued_by_the_next_one_that_issues_and_by_two_at_once_each_once() {
    let school = School::open().await;
    fill(&school).await;
    let issued = "SELECT count(*) FROM invoices WHERE status = 'issued' AND number IS NOT NULL";
    let structure = school.structure("Fees").await;
    let drafted = run_as(&school, &structure, false).await;
    assert_eq!((&drafted["created"], &drafted["issued"]), (&json!(STUDENTS), &json!(0)), "{drafted:#}");
    assert_eq!(school.count(issued).await, 0);
    let run = run_as(&school, &structure, true).await;
    assert_eq!(
        (&run["status"], &run["created"], &run["existing"], &run["issued"]),
        (&json!("succeeded"), &json!(0), &json!(STUDENTS), &json!(STUDENTS)),
        "{run:#}"
    );
    assert_eq!(school.count(issued).await, STUDENTS);
    assert_eq!(run_as(&school, &structure, true).await["issued"], json!(0), "nobody owes it twice");
    // Drafts and issues asked for at once: whoever comes first to a student, all are made once and issued once.
    let other = school.structure("More fees").await;
    let (drafting, issuing) = tokio::join!(run_as(&school, &other, false), run_as(&school, &other, true));
    assert_eq!((&drafting["status"], &issuing["status"]), (&json!("succeeded"), &json!("succeeded")), "{drafting:#} {issuing:#}");
    assert_eq!(drafting["created"].as_i64().unwrap() + issuing["created"].as_i64().unwrap(), STUDENTS);
    assert_eq!((&issuing["issued"], school.count(issued).await), (&json!(STUDENTS), 2 * STUDENTS));
    assert_eq!(school.count("SELECT count(DISTINCT number) FROM invoices").await, 2 * STUDENTS);
    school.books_agree().await;
}

#[tokio::test]
async fn whose_invoice_was_cancelled_is_billed_again_only_if_whoever_cancelled_it_said_so() {
    let school = School::open().await;
    let structure = school.structure("Fees").await;
    let tally = |run: &Value| ["students", "created", "existing", "skipped"].map(|name| run[name].as_i64().unwrap());
    assert_eq!(tally(&school.run(&structure, 1).await), [2, 2, 0, 0]);
    let own = async |student: domain::StudentId| {
        let list = school.office.get(&format!("/api/v1/invoices?student_id={student}&status=issued")).await.expect(200);
        format!("/api/v1/invoices/{}", crate::school::id(&list["items"][0]))
    };
    let (left, returned) = (own(school.student_id).await, own(school.classmate_id).await);
    let cancelled = school.act(&school.office, &left, "cancel", &json!({"reason": "Left the school"})).await.expect(200);
    assert_eq!(cancelled["rebill"], json!(false));
    assert_eq!(tally(&school.run(&structure, 1).await), [2, 0, 1, 1], "the student left");
    let cancelled =
        school.act(&school.office, &returned, "cancel", &json!({"reason": "A wrong category", "rebill": true})).await.expect(200);
    assert_eq!(cancelled["rebill"], json!(true));
    assert_eq!(tally(&school.run(&structure, 1).await), [2, 1, 0, 1]);
    assert_eq!(tally(&school.run(&structure, 1).await), [2, 0, 1, 1]);
    // The last word counts.
    school.act(&school.office, &own(school.classmate_id).await, "cancel", &json!({"reason": "Left, too"})).await.expect(200);
    assert_eq!(tally(&school.run(&structure, 1).await), [2, 0, 0, 2]);
    // The other instalment is another matter.
    assert_eq!(tally(&school.run(&structure, 2).await), [2, 2, 0, 0]);
    school.books_agree().await;
}

#[tokio::test]
async fn while_a_run_goes_on_whoever_is_cancelled_is_billed_again_once_or_not_at_all_as_was_said() {
    let school = School::open().await;
    fill(&school).await;
    let structure = school.structure("Fees").await;
    run_as(&school, &structure, true).await;
    let list = school.office.get("/api/v1/invoices?limit=40").await.expect(200);
    let cancel = async |n: usize, invoice: &Value| {
        let path = format!("/api/v1/invoices/{}", crate::school::id(invoice));
        school.act(&school.office, &path, "cancel", &json!({"reason": "x", "rebill": n.is_multiple_of(2)})).await.expect(200)
    };
    let cancelled =
        futures_util::future::join_all(list["items"].as_array().unwrap().iter().enumerate().map(|(n, invoice)| cancel(n, invoice)));
    let (_, cancelled) = tokio::join!(run_as(&school, &structure, true), cancelled);
    // Whom the run had passed by already, the next one finds.
    run_as(&school, &structure, true).await;
    assert_eq!(cancelled.len(), 40);
    for (n, invoice) in cancelled.iter().enumerate() {
        let owed =
            format!("SELECT count(*) FROM invoices WHERE status = 'issued' AND student_id = '{}'", invoice["student_id"].as_str().unwrap());
        assert_eq!(school.count(&owed).await, i64::from(n.is_multiple_of(2)), "{invoice:#}");
    }
    assert_eq!(school.count("SELECT count(*) FROM invoices WHERE status = 'issued'").await, STUDENTS - 20);
    school.books_agree().await;
}
