//! Who may do what, and who sees whose.

use serde_json::json;

use crate::school::{School, id};

#[tokio::test]
async fn students_and_parents_see_their_own_loans_and_nothing_else() {
    let school = School::open().await;
    let atlas = school.book("Atlas", 2, None).await;
    let own = id(&school.lend("Atlas-1").await.expect(201));
    let other = json!({"serial_number": "Atlas-2", "student_id": school.stranger_id});
    let other = id(&school.keeper.post("/api/v1/inventory/loans", &other).await.expect(201));
    let waits = json!({"item_id": atlas, "student_id": school.student_id});
    let waits = id(&school.keeper.post("/api/v1/inventory/reservations", &waits).await.expect(201));
    for (who, sees) in [(&school.student, 1), (&school.parent, 1), (&school.stranger, 1), (&school.teacher, 2), (&school.keeper, 2)] {
        let list = who.get("/api/v1/inventory/loans").await.expect(200);
        assert_eq!(list["items"].as_array().unwrap().len(), sees);
    }
    for (who, loan, reservation) in
        [(&school.student, 200, 200), (&school.parent, 200, 200), (&school.stranger, 404, 404), (&school.outsider, 404, 404)]
    {
        assert_eq!(who.get(&format!("/api/v1/inventory/loans/{own}")).await.status, loan);
        assert_eq!(who.get(&format!("/api/v1/inventory/reservations/{waits}")).await.status, reservation);
    }
    assert_eq!(school.student.get(&format!("/api/v1/inventory/loans/{other}")).await.status, 404);
    for path in
        ["items", "movements", "locations", "categories", "suppliers", "low-stock", "valuation", "items.csv", "repairs", "stock-takes"]
    {
        let path = format!("/api/v1/inventory/{path}");
        for who in [&school.student, &school.parent] {
            assert_eq!(who.get(&path).await.status, 403, "{path}");
        }
        assert_eq!(school.teacher.get(&path).await.status, 200, "{path}");
    }
    assert_eq!(school.fleet.anonymous().get("/api/v1/inventory/items").await.status, 401);
}

#[tokio::test]
async fn teachers_read_and_change_nothing() {
    let school = School::open().await;
    let atlas = school.book("Atlas", 1, None).await;
    let loan = school.lend("Atlas-1").await.expect(201);
    let tries = [
        ("/api/v1/inventory/items", json!({"name": "X", "kind": "asset"})),
        ("/api/v1/inventory/movements", json!({"kind": "receive", "item_id": atlas, "location_id": school.store, "serial_numbers": ["X"]})),
        ("/api/v1/inventory/issues", json!({"item_id": atlas, "location_id": school.library, "serial_numbers": ["Atlas-1"]})),
        ("/api/v1/inventory/returns", json!({"loan_id": loan["id"]})),
        ("/api/v1/inventory/loans", json!({"serial_number": "Atlas-1", "borrower_user_id": school.teacher_user})),
        ("/api/v1/inventory/stock-takes", json!({"location_id": school.library})),
    ];
    for (path, body) in &tries {
        for who in [&school.teacher, &school.student, &school.parent] {
            assert_eq!(who.post(path, body).await.status, 403, "{path}");
        }
    }
    let path = format!("/api/v1/inventory/items/{atlas}");
    assert_eq!(school.teacher.patch(&path, "\"v1\"", &json!({"name": "Y"})).await.status, 403);
    assert_eq!(school.teacher.get(&path).await.status, 200);
    school.office.patch(&path, "\"v1\"", &json!({"name": "Y"})).await.expect(200);
}

#[tokio::test]
async fn another_school_finds_nothing_of_it() {
    let school = School::open().await;
    let atlas = school.book("Atlas", 1, None).await;
    let path = format!("/api/v1/inventory/items/{atlas}");
    for path in [path.clone(), format!("{path}/movements"), format!("{path}/units"), format!("{path}/label.svg")] {
        assert_eq!(school.outsider.get(&path).await.status, 404, "{path}");
    }
    assert_eq!(school.outsider.get("/api/v1/inventory/barcodes?code=Atlas-1").await.status, 404);
    assert_eq!(school.outsider.patch(&path, "\"v1\"", &json!({"name": "Y"})).await.status, 404);
    let take = json!({"item_id": atlas, "location_id": school.library, "serial_numbers": ["Atlas-1"]});
    let answer = school.outsider.post("/api/v1/inventory/issues", &take).await;
    assert_eq!((answer.status, answer.pointers()), (422, vec!["/item_id"]));
    let borrower = json!({"serial_number": "Atlas-1", "student_id": school.student_id});
    assert_eq!(school.outsider.post("/api/v1/inventory/loans", &borrower).await.status, 422);
}
