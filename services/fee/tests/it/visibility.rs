//! Whose money is whose.

use serde_json::json;

use crate::school::{School, id};

#[tokio::test]
async fn a_family_sees_its_own_and_nobody_elses() {
    let school = School::open().await;
    let own = school.invoice(school.student_id, 1_000).await;
    let theirs = school.invoice(school.classmate_id, 2_000).await;
    let payment = id(&school.cash(&own, 100).await.expect(201));
    for who in [&school.student, &school.parent] {
        let list = who.get("/api/v1/invoices").await.expect(200);
        assert_eq!(list["items"].as_array().unwrap().len(), 1);
        assert_eq!(list["items"][0]["id"], own["id"]);
        who.get(&format!("/api/v1/invoices/{}", id(&own))).await.expect(200);
        who.get(&format!("/api/v1/invoices/{}", id(&theirs))).await.expect(404);
        who.get(&format!("/api/v1/payments/{payment}")).await.expect(200);
        who.get(&format!("/api/v1/students/{}/ledger", school.student_id)).await.expect(200);
        who.get(&format!("/api/v1/students/{}/ledger", school.classmate_id)).await.expect(404);
        for path in [
            "/api/v1/fees/dues",
            "/api/v1/fees/reconciliation",
            "/api/v1/concessions",
            "/api/v1/fee-structures",
            "/api/v1/fees/day-closings",
        ] {
            assert_eq!(who.get(path).await.status, 403, "{path}");
        }
        let pay = json!({"invoice_id": own["id"], "method": "cash", "amount_minor": 1, "currency": "INR"});
        who.post_once("/api/v1/payments", "k", &pay).await.expect(403);
    }
    school.classmate.get(&format!("/api/v1/payments/{payment}")).await.expect(404);
    school.teacher.get("/api/v1/invoices").await.expect(403);
    school.fleet.anonymous().get("/api/v1/invoices").await.expect(401);
}

#[tokio::test]
async fn a_draft_is_the_offices_own() {
    let school = School::open().await;
    let body = json!({"student_id": school.student_id, "period": "x", "currency": "INR", "due_on": school.day(5),
        "charges": [{"head": "x", "amount_minor": 100}]});
    let draft = school.office.post("/api/v1/invoices", &body).await.expect(201);
    school.parent.get(&format!("/api/v1/invoices/{}", id(&draft))).await.expect(404);
    assert_eq!(school.parent.get("/api/v1/invoices").await.expect(200)["items"], json!([]));
    school.cash(&draft, 100).await.expect(409);
}
