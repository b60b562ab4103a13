//! A process that is killed in the midst of what many do: whatever it had answered is there, whatever it had not is there as a whole or not at all.

use std::collections::HashSet;
use std::time::Duration;

use futures_util::future::join_all;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};
use testkit::Api;
use uuid::Uuid;

use crate::school::{SERVICES, School};

/// Not a test: the process that the test kills.
#[test]
#[ignore = "started by the test of this module"]
fn child() {
    testkit::run(SERVICES);
}

const PEOPLE: u64 = 16;
const COPIES: usize = 12;

/// A request under its key, and what was answered, if anything was.
struct Asked {
    key: String,
    path: &'static str,
    body: Value,
    answer: Option<(u16, Value)>,
}

/// Something that a keeper does: `issued` are movements whose pieces can come back.
fn something(school: &School, chalk: &str, issued: &[Value], random: &mut StdRng) -> (&'static str, Value) {
    let places = [&school.store, &school.library];
    let from = random.random_range(0..2);
    let serial = format!("Atlas-{}", random.random_range(1..=COPIES));
    match random.random_range(0..6) {
        0 => ("issues", json!({"item_id": chalk, "location_id": places[from], "quantity": random.random_range(1..4)})),
        1 if !issued.is_empty() => ("returns", json!({"issue_id": issued[random.random_range(0..issued.len())], "quantity": 1})),
        1 | 2 => (
            "transfers",
            json!({"item_id": chalk, "from_location_id": places[from], "to_location_id": places[1 - from], "quantity": random.random_range(1..6)}),
        ),
        3 | 4 => ("loans", json!({"serial_number": serial, "student_id": school.student_id})),
        _ => ("returns", json!({"serial_number": serial})),
    }
}

async fn ask(who: &Api, key: &str, path: &str, body: &Value) -> Option<(u16, Value)> {
    let request = who.request(reqwest::Method::POST, &format!("/api/v1/inventory/{path}")).header("Idempotency-Key", key).json(body);
    let answer = request.send().await.ok()?;
    // What breaks off in the middle was not answered.
    Some((answer.status().as_u16(), answer.json().await.ok()?))
}

/// Does one thing after the other until nobody answers any more.
async fn works(school: &School, process: &Api, chalk: &str, random: &mut StdRng) -> Vec<Asked> {
    let (mut asked, mut issued) = (Vec::new(), Vec::new());
    loop {
        let (path, body) = something(school, chalk, &issued, random);
        let key = Uuid::now_v7().to_string();
        let answer = ask(process, &key, path, &body).await;
        if let Some((201, answer)) = &answer
            && path == "issues"
        {
            issued.push(answer["movements"][0]["id"].clone());
        }
        let is_over = answer.is_none();
        asked.push(Asked { key, path, body, answer });
        if is_over {
            return asked;
        }
    }
}

/// Waits until the database has ended what the process had begun.
async fn settled(school: &School) {
    let open =
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND xact_start IS NOT NULL";
    for _ in 0..500 {
        if school.count(open).await == 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("something is never over");
}

/// The ids of all movements that an answer names.
fn movements(answer: &Value) -> impl Iterator<Item = Uuid> {
    answer["movements"].as_array().into_iter().flatten().map(|movement| movement["id"].as_str().unwrap().parse().unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn when_the_process_is_killed_in_the_midst_of_issues_returns_and_transfers_the_books_are_right_and_what_was_answered_is_in_them() {
    let school = School::open().await;
    let chalk = school.consumable("Chalk").await;
    school.book("Atlas", COPIES, None).await;
    school.receive(&chalk, 400, 333).await;
    // Between what a transaction writes and its commit there is time to be killed in.
    school
        .sql(
            "CREATE FUNCTION linger() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(0.004); RETURN NULL; END $$;
             CREATE TRIGGER linger AFTER INSERT ON stock_movements FOR EACH ROW EXECUTE FUNCTION linger()",
        )
        .await;
    let mut asked: Vec<Asked> = Vec::new();
    for round in 0..4 {
        let mut process = school.fleet.process("killed::child", &[]);
        process.ready().await;
        let there = school.keeper.at(process.url());
        let people = (0..PEOPLE).map(|person| {
            let (school, there, chalk) = (&school, &there, &chalk);
            async move { works(school, there, chalk, &mut StdRng::seed_from_u64(100 * round + person)).await }
        });
        let killed = async {
            tokio::time::sleep(Duration::from_millis(700 + 150 * round)).await;
            process.kill();
        };
        let (done, ()) = tokio::join!(join_all(people), killed);
        settled(&school).await;
        school.check_books().await;
        let done: Vec<Asked> = done.into_iter().flatten().collect();
        let answered = done.iter().filter(|asked| matches!(asked.answer, Some((201, _)))).count();
        assert!(answered > 20, "only {answered} were answered in round {round}");
        asked.extend(done);
    }
    let unanswered = asked.iter().filter(|asked| asked.answer.is_none()).count();
    assert!(unanswered > 30, "only {unanswered} were in the midst of something");
    let statuses: Vec<u16> = asked.iter().filter_map(|asked| Some(asked.answer.as_ref()?.0)).collect();
    assert!(statuses.iter().all(|status| matches!(status, 201 | 404 | 409 | 422 | 503)), "{statuses:?}");

    // Whoever got no answer asks again, under the same key: what was done is told, and what was not is done now.
    for asked in asked.iter_mut().filter(|asked| asked.answer.is_none()) {
        asked.answer = ask(&school.keeper, &asked.key, asked.path, &asked.body).await;
        assert!(asked.answer.is_some(), "the others still answer");
    }
    school.check_books().await;
    let done: Vec<(&str, &Value)> = asked
        .iter()
        .filter_map(|asked| asked.answer.as_ref().filter(|(status, _)| *status == 201).map(|(_, body)| (asked.path, body)))
        .collect();

    // Each movement that anybody was told of is there, and nothing moved of which nobody was told: the chalk that came first, and the copies, are the exception.
    let told: Vec<Uuid> = done.iter().flat_map(|(_, body)| movements(body)).collect();
    let distinct: HashSet<Uuid> = told.iter().copied().collect();
    assert_eq!(told.len(), distinct.len(), "no two answers tell of one movement");
    let there: Vec<Uuid> = sqlx::query_scalar(
        "SELECT id FROM stock_movements WHERE kind IN ('issue', 'return', 'transfer_out', 'transfer_in', 'loan_return')",
    )
    .fetch_all(&mut school.fleet.database.superuser().await)
    .await
    .unwrap();
    assert_eq!(there.iter().copied().collect::<HashSet<_>>(), distinct);

    // A transfer is two movements that are one, wherever the process was when it was killed.
    let transfers = i64::try_from(done.iter().filter(|(path, _)| *path == "transfers").count()).unwrap();
    let whole = "SELECT count(*) FROM (SELECT FROM stock_movements WHERE transfer_id IS NOT NULL GROUP BY transfer_id
        HAVING count(*) = 2 AND sum(quantity) = 0 AND count(DISTINCT location_id) = 2) t";
    assert_eq!(school.count(whole).await, transfers);
    assert_eq!(school.count("SELECT count(*) FROM stock_movements WHERE transfer_id IS NOT NULL").await, 2 * transfers);

    // Each loan that was told of is there, is out once and back at most once, and is closed if its return was told of.
    let loans = i64::try_from(done.iter().filter(|(path, _)| *path == "loans").count()).unwrap();
    let closed: Vec<&str> = done.iter().filter_map(|(_, body)| body["loan"]["id"].as_str()).collect();
    assert_eq!(closed.len(), closed.iter().collect::<HashSet<_>>().len(), "a loan is closed once");
    assert!(closed.len() > 4, "some came back: {}", closed.len());
    assert_eq!(school.count("SELECT count(*) FROM inventory_loans").await, loans);
    assert_eq!(school.count("SELECT count(*) FROM inventory_loans WHERE state = 'returned'").await, i64::try_from(closed.len()).unwrap());
    let once = "SELECT count(*) FROM inventory_loans l WHERE
            (SELECT count(*) FROM stock_movements m WHERE m.loan_id = l.id AND m.kind = 'loan') = 1
        AND (SELECT count(*) FROM stock_movements m WHERE m.loan_id = l.id AND m.kind = 'loan_return') = CASE WHEN l.state = 'returned' THEN 1 ELSE 0 END";
    assert_eq!(school.count(once).await, loans);
    assert_eq!(school.count("SELECT count(*) FROM inventory_stock WHERE on_hand < 0").await, 0);
}
