//! Fines of everything that is late, by one rule at once.

use futures_util::future::join_all;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection};
use testkit::{Api, count};
use uuid::Uuid;

use crate::school::{School, eventually, id};

const RUNS: &str = "/api/v1/fees/fine-runs";

async fn rule(school: &School, change: &Value) -> String {
    let mut rule =
        json!({"name": format!("Late {}", Uuid::now_v7()), "kind": "per_day", "currency": "INR", "amount_minor": 100, "grace_days": 2});
    rule.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
    id(&school.office.post("/api/v1/fine-rules", &rule).await.expect(201))
}

/// An issued invoice that has been late for so many days.
async fn late(school: &School, days: i64, currency: &str) -> Value {
    let body = json!({"student_id": school.student_id, "period": "Camp", "currency": currency, "due_on": school.day(-days), "issue": true,
        "charges": [{"head": "Camp", "amount_minor": 5_000}]});
    school.office.post("/api/v1/invoices", &body).await.expect(201)
}

async fn done(who: &Api, path: &str) -> Value {
    eventually(async || who.get(path).await.expect(200), |run| matches!(run["status"].as_str(), Some("succeeded" | "failed"))).await
}

/// Asks for a run, and waits until it is done.
async fn run(school: &School, rule: &str) -> Value {
    let asked = school.office.post(RUNS, &json!({"fine_rule_id": rule})).await;
    let path = asked.header("location").to_owned();
    asked.expect(202);
    done(&school.office, &path).await
}

fn tally(run: &Value) -> [i64; 3] {
    ["invoices", "fined", "amount_minor"].map(|name| run[name].as_i64().unwrap_or_else(|| panic!("{run:#}")))
}

#[tokio::test]
async fn a_run_fines_all_that_is_late_by_the_rule_and_once_more_only_for_what_came_since() {
    let school = School::open().await;
    let (five, ten) = (late(&school, 5, "INR").await, late(&school, 10, "INR").await);
    let (grace, dollars, paid) = (late(&school, 2, "INR").await, late(&school, 5, "USD").await, late(&school, 5, "INR").await);
    school.cash(&paid, 5_000).await.expect(201);
    let draft = json!({"student_id": school.student_id, "period": "Draft", "currency": "INR", "due_on": school.day(-9), "charges": [{"head": "x", "amount_minor": 9}]});
    let draft = school.office.post("/api/v1/invoices", &draft).await.expect(201);
    let late_fee = rule(&school, &json!({})).await;
    // What the rule has charged on one of them by itself counts.
    school.act(&school.office, &format!("/api/v1/invoices/{}", id(&ten)), "fine", &json!({"fine_rule_id": late_fee})).await.expect(200);
    let first = run(&school, &late_fee).await;
    assert_eq!((&first["status"], tally(&first), &first["as_of"]), (&json!("succeeded"), [3, 1, 300], &json!(school.day(0))), "{first:#}");
    let total = async |invoice: &Value| school.seen(invoice).await["total_minor"].as_i64().unwrap();
    assert_eq!([total(&five).await, total(&ten).await, total(&grace).await], [5_300, 5_800, 5_000]);
    assert_eq!([total(&dollars).await, total(&paid).await, total(&draft).await], [5_000, 5_000, 9]);
    let again = run(&school, &late_fee).await;
    assert_eq!((id(&again), tally(&again)), (id(&first), [3, 0, 0]), "one run a rule and day, and nothing twice");
    late(&school, 3, "INR").await;
    assert_eq!(tally(&run(&school, &late_fee).await), [4, 1, 100]);
    // Another rule is another matter, up to its cap.
    let capped = rule(&school, &json!({"grace_days": 0, "cap_minor": 150})).await;
    assert_eq!(tally(&run(&school, &capped).await), [4, 4, 600]);
    school.books_agree().await;
}

#[tokio::test]
async fn only_the_office_fines_and_by_a_rule_in_use_of_its_own_school() {
    let school = School::open().await;
    let invoice = late(&school, 5, "INR").await;
    let late_fee = rule(&school, &json!({})).await;
    let body = json!({"fine_rule_id": late_fee});
    for who in [&school.parent, &school.student, &school.teacher] {
        who.post(RUNS, &body).await.expect(403);
    }
    school.fleet.anonymous().post(RUNS, &body).await.expect(401);
    for wrong in [json!({}), json!({"fine_rule_id": Uuid::now_v7()}), json!({"fine_rule_id": null})] {
        assert_eq!(school.office.post(RUNS, &wrong).await.pointers(), ["/fine_rule_id"], "{wrong}");
    }
    let other = school.fleet.school("Riverside").await;
    school.fleet.member(other, domain::Role::Admin, "office@b.example").await;
    let stranger = school.fleet.login("office@b.example").await;
    assert_eq!(stranger.post(RUNS, &body).await.pointers(), ["/fine_rule_id"]);
    let path = format!("/api/v1/fine-rules/{late_fee}");
    let etag = school.office.get(&path).await.etag();
    school.office.patch(&path, &etag, &json!({"is_active": false})).await.expect(200);
    assert_eq!(school.office.post(RUNS, &body).await.pointers(), ["/fine_rule_id"], "it is not in use");
    let etag = school.office.get(&path).await.etag();
    school.office.patch(&path, &etag, &json!({"is_active": true})).await.expect(200);
    let made = run(&school, &late_fee).await;
    let path = format!("{RUNS}/{}", id(&made));
    stranger.get(&path).await.expect(404);
    school.parent.get(&path).await.expect(403);
    school.office.get(&format!("{RUNS}/{}", Uuid::now_v7())).await.expect(404);
    // A run of invoices is none of fines, and the other way round.
    school.office.get(&format!("/api/v1/invoices/runs/{}", id(&made))).await.expect(404);
    assert_eq!(school.seen(&invoice).await["total_minor"], json!(5_300));
}

#[tokio::test]
async fn asked_for_by_fifty_while_others_pay_and_fine_by_hand_each_invoice_is_fined_once() {
    let school = School::open().await;
    let mut invoices = Vec::new();
    for _ in 0..12 {
        invoices.push(late(&school, 5, "INR").await);
    }
    let late_fee = rule(&school, &json!({})).await;
    let body = json!({"fine_rule_id": late_fee});
    let asked = join_all((0..50).map(|_| school.office.post(RUNS, &body)));
    let paid = join_all(invoices.iter().take(4).map(|invoice| school.cash(invoice, 100)));
    let by_hand = join_all(
        invoices
            .iter()
            .skip(4)
            .take(4)
            .map(async |invoice| school.act(&school.office, &format!("/api/v1/invoices/{}", id(invoice)), "fine", &body).await.status),
    );
    let (asked, paid, by_hand) = tokio::join!(asked, paid, by_hand);
    assert_eq!((count(&asked, 202), count(&paid, 201)), (50, 4));
    assert!(by_hand.iter().all(|status| matches!(status, 200 | 409 | 412)), "{by_hand:?}");
    assert!(asked.iter().all(|answer| id(&answer.body) == id(&asked[0].body)), "one run");
    done(&school.office, asked[0].header("location")).await;
    let fines = "SELECT count(*) FROM invoice_lines WHERE kind = 'fine' AND amount_minor = 300";
    let settled = eventually(
        async || (school.count("SELECT count(*) FROM jobs WHERE finished_at IS NULL").await, school.count(fines).await),
        |seen| *seen == (0, 12),
    )
    .await;
    assert_eq!(settled, (0, 12));
    assert_eq!(school.count("SELECT count(*) FROM invoice_lines WHERE kind = 'fine'").await, 12);
    school.books_agree().await;
}

#[tokio::test]
async fn a_run_whose_connection_is_cut_in_the_middle_goes_on_from_its_mark_and_fines_nothing_twice() {
    let school = School::open_with(&[("EVENTS_CLAIM_AFTER", "1")]).await;
    // Two hundred and fifty late invoices of as many students, issued as they are by the service itself.
    let fill = format!(
        "WITH new AS (SELECT gen_random_uuid() AS id, n FROM generate_series(3, 250) n),
         people AS (INSERT INTO users (id, email, full_name) SELECT id, 'pupil' || n || '@a.example', 'Pupil ' || n FROM new),
         pupils AS (INSERT INTO students (school_id, id, user_id, admission_number) SELECT '{school}', id, id, 'P' || n FROM new)
         INSERT INTO enrollments (school_id, id, class_id, student_id, begin_date) SELECT '{school}', gen_random_uuid(), '{class}', id, current_date - 50 FROM new",
        school = school.school,
        class = school.class
    );
    sqlx::raw_sql(AssertSqlSafe(fill)).execute(&mut school.fleet.database.superuser().await).await.unwrap();
    let body = json!({"academic_year_id": school.year, "class_id": school.class, "name": "Fees", "currency": "INR", "heads": [
        {"head": "Tuition", "amount_minor": 5_000, "instalments": [{"due_on": school.day(-5)}]}]});
    let made = school.office.post("/api/v1/fee-structures", &body).await;
    let structure = id(&made.body);
    school.office.post_if(&format!("/api/v1/fee-structures/{structure}/activate"), &made.etag(), &json!({})).await.expect(200);
    assert_eq!(school.run(&structure, 1).await["issued"], json!(250));
    let late_fee = rule(&school, &json!({})).await;

    // Somebody pays for one of the second hundred just now.
    let mut held = school.fleet.database.superuser().await;
    let lock = format!(
        "BEGIN; SELECT pg_advisory_xact_lock(hashtextextended(concat('{0}'::uuid, student_id), 17))
         FROM (SELECT student_id FROM invoices WHERE school_id = '{0}' ORDER BY id OFFSET 150 LIMIT 1) s",
        school.school
    );
    sqlx::raw_sql(AssertSqlSafe(lock)).execute(&mut held).await.unwrap();
    let asked = school.office.post(RUNS, &json!({"fine_rule_id": late_fee})).await;
    let path = asked.header("location").to_owned();
    let fines = "SELECT count(*) FROM invoice_lines WHERE kind = 'fine'";
    assert_eq!(eventually(async || school.count(fines).await, |made| *made > 0).await, 100, "the first hundred are there for good");
    let waits = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'advisory'";
    assert_eq!(eventually(async || school.count(waits).await, |waiting| *waiting > 0).await, 1);
    let cut =
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'advisory'";
    assert_eq!(school.count(cut).await, 1);
    assert_eq!(eventually(async || school.count(waits).await, |waiting| *waiting > 0).await, 1, "it is at it again");
    assert_eq!((school.count(fines).await, tally(&school.office.get(&path).await.expect(200))), (100, [100, 100, 30_000]));
    held.close().await.unwrap();
    let run = done(&school.office, &path).await;
    assert_eq!((&run["status"], tally(&run)), (&json!("succeeded"), [250, 250, 75_000]), "{run:#}");
    assert_eq!(
        (school.count(fines).await, school.count("SELECT count(DISTINCT invoice_id) FROM invoice_lines WHERE kind = 'fine'").await),
        (250, 250)
    );
    school.books_agree().await;
}
