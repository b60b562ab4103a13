//! What a front-end needs beside invoices and payments, and lists of everything.

use domain::{ClassId, Role};
use serde_json::{Value, json};
use testkit::Api;
use uuid::Uuid;

use crate::school::{School, id};

fn ids(page: &Value) -> Vec<String> {
    page["items"].as_array().unwrap_or_else(|| panic!("no list: {page:#}")).iter().map(id).collect()
}

/// All pages of a list, one by one.
async fn all(who: &Api, path: &str) -> Vec<Value> {
    let join = if path.contains('?') { '&' } else { '?' };
    let (mut next, mut items) = (format!("{path}{join}limit=1"), Vec::new());
    loop {
        let page = who.get(&next).await.expect(200);
        items.extend(page["items"].as_array().unwrap().iter().cloned());
        match page["next_cursor"].as_str() {
            Some(cursor) => next = format!("{path}{join}limit=1&cursor={cursor}"),
            None => return items,
        }
    }
}

async fn back(school: &School, payment: &Value, amount: i64) -> Value {
    let body = json!({"amount_minor": amount, "method": "cash", "reason": "x"});
    school.office.post_once(&format!("/api/v1/payments/{}/refunds", id(payment)), &Uuid::now_v7().to_string(), &body).await.expect(201)
}

async fn stranger(school: &School) -> Api {
    let other = school.fleet.school("Riverside").await;
    school.fleet.member(other, Role::Admin, "office@b.example").await;
    school.fleet.login("office@b.example").await
}

/// The class becomes the student's home.
async fn at_home(school: &School) {
    let home = "UPDATE students SET class_id = $1 WHERE id = $2";
    let query = sqlx::query(home).bind(school.class.as_uuid()).bind(school.student_id.as_uuid());
    query.execute(&mut school.fleet.database.superuser().await).await.unwrap();
}

#[tokio::test]
async fn an_invoice_tells_what_paid_it_and_what_was_given_up_and_a_payment_where_it_went_and_what_went_back() {
    let school = School::open().await;
    let invoice = school.invoice(school.student_id, 1_000).await;
    assert_eq!((&invoice["payments"], &invoice["waivers"]), (&json!([]), &json!([])));
    let (first, second) = (school.cash(&invoice, 400).await.expect(201), school.cash(&invoice, 300).await.expect(201));
    assert_eq!(
        first["allocations"],
        json!([{"invoice_id": invoice["id"], "invoice_number": invoice["number"], "period": "Excursion", "amount_minor": 400, "released_minor": 0}])
    );
    assert_eq!(first["refunds"], json!([]));
    let path = format!("/api/v1/invoices/{}", id(&invoice));
    school.act(&school.head, &path, "waive", &json!({"amount_minor": 50, "reason": "Illness"})).await.expect(200);
    let refund = back(&school, &first, 100).await;
    for who in [&school.office, &school.parent, &school.student] {
        let seen = who.get(&path).await.expect(200);
        let paid: Vec<Value> = seen["payments"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| json!([one["payment_id"], one["amount_minor"], one["released_minor"], one["receipt"], one["status"], one["method"]]))
            .collect();
        assert_eq!(
            paid,
            [
                json!([first["id"], 300, 100, first["receipt"], "captured", "cash"]),
                json!([second["id"], 300, 0, second["receipt"], "captured", "cash"])
            ]
        );
        // Why is the office's own.
        let reason = if who.token() == school.office.token() { json!("Illness") } else { Value::Null };
        assert_eq!((&seen["waivers"][0]["amount_minor"], &seen["waivers"][0]["reason"]), (&json!(50), &reason));
        assert_eq!((seen["waivers"].as_array().unwrap().len(), seen["waivers"][0]["approved_by"].is_null()), (1, reason.is_null()));
        let payment = who.get(&format!("/api/v1/payments/{}", id(&first))).await.expect(200);
        assert_eq!((&payment["allocations"][0]["amount_minor"], &payment["allocations"][0]["released_minor"]), (&json!(300), &json!(100)));
        assert_eq!((ids(&json!({"items": payment["refunds"]})), &payment["refunds"][0]["voucher_number"]), (vec![id(&refund)], &json!(1)));
    }
    // In lists, that is left out; and it is nobody else's.
    let list = school.office.get("/api/v1/payments").await.expect(200);
    assert_eq!((&list["items"][0]["allocations"], &list["items"][0]["refunds"]), (&json!(null), &json!(null)));
    assert_eq!(school.office.get("/api/v1/invoices").await.expect(200)["items"][0]["payments"], json!(null));
    for who in [&school.classmate, &stranger(&school).await] {
        who.get(&path).await.expect(404);
        who.get(&format!("/api/v1/payments/{}", id(&first))).await.expect(404);
    }
}

/// What is under a payment's key.
#[derive(serde::Serialize, serde::Deserialize)]
struct Cached {
    school_id: domain::SchoolId,
    payment: fee::routes::views::PaymentView,
}

#[tokio::test]
async fn what_an_earlier_release_has_cached_of_a_payment_is_read_anew() {
    use fred::interfaces::KeysInterface;
    let school = School::open().await;
    let invoice = school.invoice(school.student_id, 1_000).await;
    let payment = school.cash(&invoice, 400).await.expect(201);
    let key = format!("write_buffer:payment:{}:{}", domain::Partition::of(school.school), id(&payment));
    let redis = school.fleet.platform.redis();
    let cached: Vec<u8> = redis.get(&key).await.unwrap();
    let (head, Cached { school_id, payment: known }) = cache::codec::decode::<Cached>(&cached).unwrap();
    let mut fields = json!(known);
    for field in ["allocations", "refunds"] {
        assert!(fields.as_object_mut().unwrap().remove(field).is_some(), "{fields:#}");
    }
    let older = Cached { school_id, payment: serde_json::from_value(fields).unwrap() };
    let codec = school.fleet.platform.config().values.codec;
    let older = cache::codec::encode(&older, codec, head.version, [0; 8], 0).unwrap().with_sequence(0).as_slice().to_vec();
    let () = redis.set(&key, older, None, None, false).await.unwrap();
    let seen = school.office.get(&format!("/api/v1/payments/{}", id(&payment))).await.expect(200);
    assert_eq!(seen["allocations"][0]["amount_minor"], json!(400), "{seen:#}");
}

#[tokio::test]
async fn invoices_and_payments_are_listed_by_class_state_days_method_and_term() {
    let school = School::open().await;
    at_home(&school).await;
    let (own, theirs) = (school.invoice(school.student_id, 1_000).await, school.invoice(school.classmate_id, 2_000).await);
    let later = json!({"student_id": school.student_id, "period": "Camp", "currency": "INR", "due_on": school.day(40), "issue": true,
        "charges": [{"head": "Camp", "amount_minor": 10}]});
    let later = school.office.post("/api/v1/invoices", &later).await.expect(201);
    let term = Uuid::now_v7();
    sqlx::query("INSERT INTO terms (school_id, id, academic_year_id, name, starts_on, ends_on) VALUES ($1, $2, $3, 'Spring', $4::text::date, $5::text::date)")
        .bind(school.school.as_uuid())
        .bind(term)
        .bind(school.year)
        .bind(school.day(-10))
        .bind(school.day(10))
        .execute(&mut school.fleet.database.superuser().await)
        .await
        .unwrap();
    // Due after the term, and of it all the same: its structure is.
    let body = json!({"academic_year_id": school.year, "term_id": term, "class_id": school.class, "name": "Spring", "currency": "INR", "heads": [
        {"head": "Lab", "amount_minor": 500, "instalments": [{"due_on": school.day(60)}]}]});
    let made = school.office.post("/api/v1/fee-structures", &body).await;
    let structure = id(&made.body);
    school.office.post_if(&format!("/api/v1/fee-structures/{structure}/activate"), &made.etag(), &json!({})).await.expect(200);
    school.run(&structure, 1).await;
    let lab = school.office.get(&format!("/api/v1/invoices?fee_structure_id={structure}&class_id={}", school.class)).await.expect(200);
    let [lab] = ids(&lab).try_into().expect("one of the class");
    let list = async |query: &str| ids(&school.office.get(&format!("/api/v1/invoices?{query}")).await.expect(200));
    let (own_id, their_id, later_id) = (id(&own), id(&theirs), id(&later));
    assert_eq!(list(&format!("class_id={}", school.class)).await, [own_id.clone(), later_id.clone(), lab.clone()]);
    assert_eq!(list(&format!("class_id={}", ClassId::generate())).await, [""; 0]);
    assert_eq!(list(&format!("from={}&to={}", school.day(40), school.day(41))).await, [later_id.as_str()]);
    assert_eq!(list(&format!("to={}", school.day(-5))).await, [own_id.clone(), their_id.clone()]);
    let in_term = list(&format!("term_id={term}&student_id={}", school.student_id)).await;
    assert_eq!(in_term, [own_id.clone(), lab.clone()]);

    let cash = school.cash(&own, 100).await.expect(201);
    let upi = json!({"invoice_id": theirs["id"], "method": "upi", "reference": "UTR1", "amount_minor": 20, "currency": "INR"});
    let upi = school.office.post_once("/api/v1/payments", "upi", &upi).await.expect(201);
    school.act(&school.head, &format!("/api/v1/payments/{}", id(&upi)), "void", &json!({"reason": "x"})).await.expect(200);
    let list = async |query: &str| ids(&school.office.get(&format!("/api/v1/payments?{query}")).await.expect(200));
    let (cash, upi) = (id(&cash), id(&upi));
    assert_eq!(list("method=cash").await, [cash.as_str()]);
    assert_eq!(list("status=voided").await, [upi.as_str()]);
    assert_eq!(list(&format!("class_id={}", school.class)).await, [cash.as_str()]);
    assert_eq!(list(&format!("from={}&to={}", school.day(0), school.day(0))).await, [cash.clone(), upi.clone()]);
    assert_eq!(list(&format!("from={}", school.day(1))).await, [""; 0]);
    assert_eq!(list(&format!("term_id={term}&method=upi")).await, [upi.as_str()]);
    assert_eq!(all(&school.office, &format!("/api/v1/payments?from={}", school.day(0))).await.len(), 2);
    // What is no such thing is refused, and a family's list stays the family's.
    for query in ["status=lost", "method=card", "from=yesterday", "class_id=7A"] {
        assert!(matches!(school.office.get(&format!("/api/v1/payments?{query}")).await.status, 400 | 422), "{query}");
    }
    assert_eq!(ids(&school.parent.get(&format!("/api/v1/payments?from={}", school.day(0))).await.expect(200)), [cash]);
}

#[tokio::test]
async fn runs_refunds_deposits_and_the_ledger_are_listed_page_by_page_for_those_who_may() {
    let school = School::open().await;
    let structure = school.structure("Fees").await;
    let (first, second) = (school.run(&structure, 1).await, school.run(&structure, 2).await);
    let runs = all(&school.office, &format!("/api/v1/invoices/runs?fee_structure_id={structure}&status=succeeded")).await;
    assert_eq!(runs.iter().map(id).collect::<Vec<_>>(), [id(&second), id(&first)], "the latest first");
    assert!(all(&school.office, "/api/v1/invoices/runs?status=failed").await.is_empty());

    at_home(&school).await;
    let (own, theirs) = (school.invoice(school.student_id, 1_000).await, school.invoice(school.classmate_id, 1_000).await);
    let (paid, other) = (school.cash(&own, 1_000).await.expect(201), school.cash(&theirs, 1_000).await.expect(201));
    let (gone, else_gone) = (back(&school, &paid, 10).await, back(&school, &other, 20).await);
    let seen: Vec<String> = all(&school.office, "/api/v1/refunds").await.iter().map(id).collect();
    assert_eq!(seen, [id(&gone), id(&else_gone)]);
    let own_refunds = school.parent.get("/api/v1/refunds").await.expect(200);
    assert_eq!(
        (ids(&own_refunds), &own_refunds["items"][0]["student_id"]),
        (vec![id(&gone)], &json!(school.student_id)),
        "{own_refunds:#}"
    );
    for (query, found) in [
        (format!("student_id={}", school.classmate_id), vec![id(&else_gone)]),
        (format!("class_id={}", school.class), vec![id(&gone)]),
        ("status=pending".to_owned(), vec![]),
        (format!("from={}&to={}", school.day(0), school.day(0)), vec![id(&gone), id(&else_gone)]),
        (format!("to={}", school.day(-1)), vec![]),
    ] {
        assert_eq!(ids(&school.office.get(&format!("/api/v1/refunds?{query}")).await.expect(200)), found, "{query}");
    }

    for (key, amount) in [("a", 700), ("b", 200)] {
        let deposit = json!({"from": "cash", "amount_minor": amount, "currency": "INR", "reference": format!("Slip {amount}")});
        school.office.post_once("/api/v1/fees/deposits", key, &deposit).await.expect(201);
    }
    let deposits = all(&school.office, "/api/v1/fees/deposits").await;
    let told: Vec<Value> =
        deposits.iter().map(|one| json!([one["from"], one["amount_minor"], one["fee_minor"], one["reference"]])).collect();
    assert_eq!(told, [json!(["cash", 700, 0, "Slip 700"]), json!(["cash", 200, 0, "Slip 200"])]);
    assert_eq!(school.office.get(&format!("/api/v1/fees/deposits?from={}", school.day(1))).await.expect(200)["items"], json!([]));
    school.office.get(&format!("/api/v1/fees/deposits?from={}&to={}", school.day(1), school.day(0))).await.expect(422);

    // The cash box, entry by entry, is what the reconciliation says of it.
    let cash = all(&school.office, &format!("/api/v1/fees/ledger?account=cash&from={0}&to={0}", school.day(0))).await;
    let balance: i64 = cash.iter().map(|entry| entry["debit_minor"].as_i64().unwrap() - entry["credit_minor"].as_i64().unwrap()).sum();
    assert_eq!((cash.len(), balance), (6, 2_000 - 30 - 900));
    let refunded = all(&school.office, &format!("/api/v1/fees/ledger?payment_id={}&account=cash", id(&paid))).await;
    assert_eq!(
        refunded
            .iter()
            .map(|entry| json!([entry["receipt"], entry["voucher_number"], entry["debit_minor"], entry["credit_minor"]]))
            .collect::<Vec<_>>(),
        [json!([paid["receipt"], null, 1_000, 0]), json!([paid["receipt"], gone["voucher_number"], 0, 10])]
    );
    let transaction = refunded[0]["transaction_id"].as_str().unwrap();
    let whole = all(&school.office, &format!("/api/v1/fees/ledger?transaction_id={transaction}")).await;
    assert_eq!(whole.iter().map(|entry| entry["debit_minor"].as_i64().unwrap() - entry["credit_minor"].as_i64().unwrap()).sum::<i64>(), 0);
    assert!(whole.iter().any(|entry| entry["invoice_number"] == own["number"]), "{whole:#?}");
    assert_eq!(
        i64::try_from(all(&school.office, "/api/v1/fees/ledger").await.len()).unwrap(),
        school.count("SELECT count(*) FROM ledger_entries").await
    );
    school.office.get(&format!("/api/v1/fees/ledger?from={}&to={}", school.day(1), school.day(0))).await.expect(422);
    assert!(matches!(school.office.get("/api/v1/fees/ledger?account=slush_fund").await.status, 400 | 422));

    for path in ["/api/v1/invoices/runs", "/api/v1/fees/deposits", "/api/v1/fees/ledger"] {
        for who in [&school.parent, &school.student, &school.teacher] {
            assert_eq!(who.get(path).await.status, 403, "{path}");
        }
    }
    school.teacher.get("/api/v1/refunds").await.expect(403);
    let stranger = stranger(&school).await;
    for path in ["/api/v1/invoices/runs", "/api/v1/fees/deposits", "/api/v1/fees/ledger", "/api/v1/refunds"] {
        assert_eq!(stranger.get(path).await.expect(200)["items"], json!([]), "{path}");
    }
    // A cursor of one list opens no other, nor the same one for other days.
    let cursor = school.office.get("/api/v1/fees/ledger?limit=1").await.expect(200)["next_cursor"].as_str().unwrap().to_owned();
    school.office.get(&format!("/api/v1/fees/ledger?limit=1&account=cash&cursor={cursor}")).await.expect(400);
    school.office.get(&format!("/api/v1/fees/deposits?cursor={cursor}")).await.expect(400);
}
