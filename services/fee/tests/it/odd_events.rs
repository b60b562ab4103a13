//! What providers told and nobody could enter: it waits until a person has settled it, once.

use domain::Role;
use futures_util::future::join_all;
use serde_json::{Value, json};
use testkit::count;

use crate::school::{School, id};
use crate::stand_in::StandIn;
use crate::webhooks::{captured, razorpay, variables};

const EVENTS: &str = "/api/v1/fees/provider-events";

/// A school that was told of so many payments of orders that it does not know, and of one that it does.
async fn open(odd: usize) -> (School, StandIn) {
    let provider = StandIn::start().await;
    let school = School::open_with(&variables(&provider)).await;
    for n in 0..odd {
        let unknown = json!({"provider_order_id": format!("order_unknown_{n}")});
        razorpay(&school, &format!("evt_{n}"), &captured("payment.captured", &unknown, &format!("pay_{n}"), &json!(1), "INR"))
            .await
            .expect(200);
    }
    let invoice = school.invoice(school.student_id, 50_000).await;
    let body = json!({"invoice_id": invoice["id"], "provider": "razorpay"});
    let order = school.parent.post_once("/api/v1/payments/orders", "k", &body).await.expect(201);
    razorpay(&school, "evt_right", &captured("payment.captured", &order, "pay_right", &json!(50_000), "INR")).await.expect(200);
    (school, provider)
}

async fn listed(school: &School, query: &str) -> Vec<Value> {
    school.office.get(&format!("{EVENTS}{query}")).await.expect(200)["items"].as_array().unwrap().clone()
}

fn resolve(event: &Value) -> String {
    format!("{EVENTS}/{}/resolve", id(event))
}

#[tokio::test]
async fn an_odd_event_is_settled_once_by_somebody_who_says_why_and_stays_on_the_list() {
    let (school, _provider) = open(2).await;
    let waiting = listed(&school, "?state=open").await;
    assert_eq!(waiting.iter().map(|one| one["event_id"].as_str().unwrap()).collect::<Vec<_>>(), ["evt_0", "evt_1"]);
    let why = json!({"reason": "Paid at another school, which was told"});
    let settled = school.office.post(&resolve(&waiting[0]), &why).await.expect(200);
    assert_eq!((&settled["state"], &settled["resolution"]), (&json!("resolved"), &why["reason"]), "{settled:#}");
    assert!(settled["resolved_by"].is_string() && settled["resolved_at"].is_string(), "{settled:#}");
    // The same again is the same, whoever says it; in other words it comes too late.
    let again = school.head.post(&resolve(&waiting[0]), &why).await.expect(200);
    assert_eq!(again, settled);
    school.head.post(&resolve(&waiting[0]), &json!({"reason": "Something else"})).await.expect(409);
    // Nothing is to be settled of what was entered.
    let applied = listed(&school, "?state=applied").await;
    assert_eq!(applied[0]["event_id"], json!("evt_right"));
    school.office.post(&resolve(&applied[0]), &why).await.expect(409);
    for body in [json!({}), json!({"reason": ""}), json!({"reason": "x".repeat(1_001)})] {
        assert_eq!(school.office.post(&resolve(&waiting[1]), &body).await.pointers(), ["/reason"]);
    }
    // It left the reconciliation, and not the list; the whole of it can be read.
    let seen = school.office.get("/api/v1/fees/reconciliation").await.expect(200);
    let left: Vec<&Value> = seen["unmatched_events"].as_array().unwrap().iter().map(|one| &one["id"]).collect();
    assert_eq!(left, [&waiting[1]["id"]]);
    let mut in_the_list = settled.clone();
    assert!(in_the_list["payload"].take().is_object(), "word for word where it is read by itself");
    assert_eq!(listed(&school, "?state=resolved").await, [in_the_list.clone()]);
    assert_eq!((listed(&school, "").await.len(), listed(&school, "?provider=stripe").await.len()), (3, 0));
    let whole = school.office.get(&format!("{EVENTS}/{}", id(&settled))).await.expect(200);
    assert_eq!(whole["payload"]["payload"]["payment"]["entity"]["id"], json!("pay_0"), "{whole:#}");
    // Told of again, it stays settled.
    let unknown = json!({"provider_order_id": "order_unknown_0"});
    razorpay(&school, "evt_0", &captured("payment.captured", &unknown, "pay_0", &json!(1), "INR")).await.expect(200);
    assert_eq!(listed(&school, "?state=resolved").await, [in_the_list]);
    school.books_agree().await;
}

#[tokio::test]
async fn events_are_listed_page_by_page_and_are_the_offices_of_their_school_alone() {
    let (school, _provider) = open(3).await;
    let (mut path, mut seen) = (format!("{EVENTS}?state=open&limit=1"), Vec::new());
    loop {
        let page = school.office.get(&path).await.expect(200);
        seen.extend(page["items"].as_array().unwrap().iter().map(|one| one["event_id"].as_str().unwrap().to_owned()));
        match page["next_cursor"].as_str() {
            Some(cursor) => path = format!("{EVENTS}?state=open&limit=1&cursor={cursor}"),
            None => break,
        }
    }
    assert_eq!(seen, ["evt_0", "evt_1", "evt_2"]);
    let event = listed(&school, "?state=open").await.remove(0);
    let (show, why) = (format!("{EVENTS}/{}", id(&event)), json!({"reason": "x"}));
    for who in [&school.parent, &school.student, &school.teacher] {
        who.get(EVENTS).await.expect(403);
        who.get(&show).await.expect(403);
        who.post(&resolve(&event), &why).await.expect(403);
    }
    school.fleet.anonymous().post(&resolve(&event), &why).await.expect(401);
    let other = school.fleet.school("Riverside").await;
    school.fleet.member(other, Role::SchoolAdmin, "head@b.example").await;
    let stranger = school.fleet.login("head@b.example").await;
    assert_eq!(stranger.get(EVENTS).await.expect(200)["items"], json!([]));
    stranger.get(&show).await.expect(404);
    stranger.post(&resolve(&event), &why).await.expect(404);
    school.office.post(&format!("{EVENTS}/x/resolve"), &why).await.expect(400);
    assert_eq!(listed(&school, "?state=open").await.len(), 3);
}

#[tokio::test]
async fn of_fifty_who_settle_an_event_at_once_in_their_own_words_one_does_and_in_the_same_words_all_do() {
    let (school, _provider) = open(2).await;
    let waiting = listed(&school, "?state=open").await;
    let words: Vec<Value> = (0..50).map(|n| json!({"reason": format!("Reason {n}")})).collect();
    let path = resolve(&waiting[0]);
    let answers = join_all(words.iter().map(|why| school.office.post(&path, why))).await;
    assert_eq!((count(&answers, 200), count(&answers, 409)), (1, 49));
    let (path, same) = (resolve(&waiting[1]), json!({"reason": "The same"}));
    let answers = join_all((0..50).map(|_| school.office.post(&path, &same))).await;
    assert_eq!(count(&answers, 200), 50);
    assert!(answers.iter().all(|answer| answer.body == answers[0].body), "one moment, one person");
    assert_eq!(school.count("SELECT count(*) FROM provider_events WHERE version = 3 AND resolved_at IS NOT NULL").await, 2);
}

#[tokio::test]
async fn what_was_told_and_what_became_of_it_can_not_be_rewritten_at_the_database_either() {
    let (school, _provider) = open(2).await;
    let waiting = listed(&school, "?state=open").await;
    school.office.post(&resolve(&waiting[0]), &json!({"reason": "x"})).await.expect(200);
    for (sql, constraint) in [
        ("UPDATE provider_events SET payload = '{}'", "provider_event_is_final"),
        ("UPDATE provider_events SET event_id = 'evt_9' WHERE event_id = 'evt_1'", "provider_event_is_final"),
        ("UPDATE provider_events SET resolution = 'y' WHERE event_id = 'evt_0'", "provider_event_is_final"),
        (
            "UPDATE provider_events SET resolved_at = NULL, resolved_by = NULL, resolution = NULL WHERE event_id = 'evt_0'",
            "provider_event_is_final",
        ),
        ("UPDATE provider_events SET outcome = 'applied', applied_at = now() WHERE event_id = 'evt_0'", "provider_event_is_final"),
        ("UPDATE provider_events SET applied_at = NULL WHERE event_id = 'evt_right'", "provider_event_is_final"),
        ("DELETE FROM provider_events WHERE event_id = 'evt_1'", "provider_event_is_final"),
        ("UPDATE provider_events SET resolved_at = now() WHERE event_id = 'evt_1'", "provider_events_resolved_by_somebody"),
        (
            "UPDATE provider_events SET applied_at = now(), resolved_at = now(), resolution = 'x', resolved_by = (SELECT id FROM users LIMIT 1) WHERE event_id = 'evt_1'",
            "provider_events_applied_or_resolved",
        ),
    ] {
        let refused = school.attacker().attempt(sql).await.expect_err(sql);
        assert_eq!(refused.constraint(), Some(constraint), "{sql}: {refused}");
    }
}
