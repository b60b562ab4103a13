//! Currencies with their own exponents, from the invoice to the receipt; and numbers that have no gap although payments fail.

use futures_util::future::join_all;
use serde_json::{Value, json};
use testkit::count;
use tokio::io::AsyncWriteExt;

use crate::school::{School, id};

/// What the receipt of a payment says, as a program that is not ours reads it.
pub async fn receipt(school: &School, payment: &Value) -> String {
    let path = format!("/api/v1/payments/{}/receipt", id(payment));
    let bytes = school.parent.request(reqwest::Method::GET, &path).send().await.unwrap().bytes().await.unwrap();
    let mut reader = tokio::process::Command::new("pdftotext")
        .args(["-layout", "-", "-"])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .expect("pdftotext, of poppler-utils");
    reader.stdin.take().unwrap().write_all(&bytes).await.unwrap();
    let read = reader.wait_with_output().await.unwrap();
    assert!(read.status.success());
    String::from_utf8(read.stdout).unwrap()
}

/// The lines without the room between their words.
pub fn lines(text: &str) -> Vec<String> {
    text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).filter(|line| !line.is_empty()).collect()
}

#[tokio::test]
async fn a_yen_a_rupee_and_a_dinar_have_none_two_and_three_decimals_down_to_the_receipt() {
    let school = School::open().await;
    for (currency, owed, paid, credit) in
        [("JPY", "1,234", "1,500", "266"), ("INR", "12.34", "15.00", "2.66"), ("KWD", "1.234", "1.500", "0.266")]
    {
        let body = json!({"student_id": school.student_id, "period": "Camp", "currency": currency, "due_on": school.day(5), "issue": true,
            "charges": [{"head": "Camp", "amount_minor": 1_234}]});
        let invoice = school.office.post("/api/v1/invoices", &body).await.expect(201);
        let pay = |amount: i64, currency: &str| json!({"invoice_id": invoice["id"], "method": "cash", "amount_minor": amount, "currency": currency});
        let other = if currency == "INR" { "JPY" } else { "INR" };
        assert_eq!(school.office.post_once("/api/v1/payments", "other", &pay(1, other)).await.pointers(), ["/currency"]);
        let payment = school.office.post_once("/api/v1/payments", currency, &pay(1_500, currency)).await.expect(201);
        let said = lines(&receipt(&school, &payment).await);
        for line in [
            "Greenfield".to_owned(),
            "Fee receipt".to_owned(),
            format!("Invoice {} {owed}", invoice["number"].as_str().unwrap()),
            format!("Credit for later invoices {credit}"),
            format!("Received, {currency} {paid}"),
        ] {
            assert!(said.contains(&line), "{line}: {said:#?}");
        }
        let number = format!("R/{}/{:06}", payment["fiscal_year"].as_str().unwrap(), payment["receipt_number"].as_i64().unwrap());
        assert!(said.contains(&format!("Receipt {number}")), "{said:#?}");
    }
    // Credit in one currency pays nothing in another.
    let statement = school.parent.get(&format!("/api/v1/students/{}/ledger", school.student_id)).await.expect(200);
    let closing: Vec<(&str, i64)> = statement["currencies"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (one["currency"].as_str().unwrap(), one["closing_minor"].as_i64().unwrap()))
        .collect();
    assert_eq!(closing.len(), 3);
    assert!(closing.iter().all(|(_, minor)| *minor == -266), "{closing:?}");
    school.books_agree().await;
}

#[tokio::test]
async fn the_receipt_of_a_cheque_that_bounced_says_so_and_keeps_its_number() {
    let school = School::open().await;
    let invoice = school.invoice(school.student_id, 100_000).await;
    let body = json!({"invoice_id": invoice["id"], "method": "cheque", "amount_minor": 100_000, "currency": "INR", "paid_by": "Rohan Verma",
        "cheque": {"number": "004521", "bank": "State Bank", "date": school.day(-1)}});
    let paid = school.office.post_once("/api/v1/payments", "k", &body).await.expect(201);
    let said = lines(&receipt(&school, &paid).await);
    let date = school.day(-1).parse::<chrono::NaiveDate>().unwrap().format("%-d %B %Y");
    for line in
        [format!("Paid by Cheque 004521, State Bank, {date}"), "Handed in by Rohan Verma".to_owned(), "Received, INR 1,000.00".to_owned()]
    {
        assert!(said.contains(&line), "{line}: {said:#?}");
    }
    let path = format!("/api/v1/payments/{}", id(&paid));
    school.act(&school.office, &path, "bounce", &json!({"reason": "Insufficient funds"})).await.expect(200);
    let void = lines(&receipt(&school, &paid).await);
    assert!(void.iter().any(|line| line.starts_with("Void: the bank did not honour the cheque")), "{void:#?}");
    let number = said.iter().find(|line| line.starts_with("Receipt R/")).unwrap();
    assert!(void.contains(number), "{void:#?}");
    for line in ["Cheque over 1,000.00", "Not honoured −1,000.00", "Received, INR 0.00"] {
        assert!(void.contains(&line.to_owned()), "{line}: {void:#?}");
    }
    assert!(!void.contains(&"Received, INR 1,000.00".to_owned()), "{void:#?}");
}

#[tokio::test]
async fn of_fifty_payments_at_once_those_that_fail_after_their_number_was_taken_leave_no_gap() {
    let school = School::open().await;
    let invoice = school.invoice(school.student_id, 1_000_000).await;
    // Every second one names a transfer that only one of them can be: the others are refused by the database, behind the counter.
    let bodies: Vec<Value> = (0..50)
        .map(|n| {
            let reference = if n % 2 == 0 { "UTR-SAME".to_owned() } else { format!("UTR-{n}") };
            json!({"invoice_id": invoice["id"], "method": "upi", "reference": reference, "amount_minor": 100 + n, "currency": "INR"})
        })
        .collect();
    let keys: Vec<String> = (0..50).map(|n| format!("key-{n}")).collect();
    let answers = join_all(bodies.iter().zip(&keys).map(|(body, key)| school.office.post_once("/api/v1/payments", key, body))).await;
    assert_eq!((count(&answers, 201), count(&answers, 409)), (26, 24), "{:?}", answers.iter().map(|a| a.status).collect::<Vec<_>>());
    let mut receipts: Vec<i64> = answers.iter().filter_map(|answer| answer.body["receipt_number"].as_i64()).collect();
    receipts.sort_unstable();
    assert_eq!(receipts, (1..=26).collect::<Vec<i64>>());
    school.books_agree().await;
}

#[tokio::test]
async fn money_that_goes_back_has_a_voucher_and_vouchers_have_no_gap() {
    let school = School::open().await;
    let invoice = school.invoice(school.student_id, 5_000).await;
    let payment = id(&school.cash(&invoice, 5_000).await.expect(201));
    let path = format!("/api/v1/payments/{payment}/refunds");
    let body = json!({"amount_minor": 300, "method": "cash", "reason": "Moved away"});
    let keys: Vec<String> = (0..50).map(|n| format!("refund-{n}")).collect();
    let answers = join_all(keys.iter().map(|key| school.office.post_once(&path, key, &body))).await;
    assert_eq!((count(&answers, 201), count(&answers, 422)), (16, 34), "{:?}", answers.iter().map(|a| a.status).collect::<Vec<_>>());
    let mut vouchers: Vec<i64> = answers.iter().filter_map(|answer| answer.body["voucher_number"].as_i64()).collect();
    vouchers.sort_unstable();
    assert_eq!(vouchers, (1..=16).collect::<Vec<i64>>());
    // The cash box has what came in less what went out, by the way in which it did.
    let close = json!({"closed_on": school.day(0), "cash": [{"currency": "INR", "counted_minor": 200}]});
    let closed = school.office.post("/api/v1/fees/day-closings", &close).await.expect(201);
    assert_eq!(
        closed["totals"],
        json!([{"currency": "INR", "method": "cash", "received_minor": 5_000, "refunded_minor": 4_800, "payments": 1}])
    );
    school.books_agree().await;
}

#[tokio::test]
async fn a_receipt_that_was_handed_out_keeps_its_number_whatever_the_settings_say_later() {
    let school = School::open().await;
    let invoice = school.invoice(school.student_id, 1_000).await;
    let old = school.cash(&invoice, 100).await.expect(201);
    let number = format!("R/{}/000001", old["fiscal_year"].as_str().unwrap());
    assert_eq!(old["receipt"], json!(number));
    let etag = school.office.get("/api/v1/fees/settings").await.etag();
    school.office.patch("/api/v1/fees/settings", &etag, &json!({"receipt_prefix": "NEW/X"})).await.expect(200);
    let new = school.cash(&invoice, 100).await.expect(201);
    assert_eq!(new["receipt"], json!(format!("NEW/X/{}/000002", old["fiscal_year"].as_str().unwrap())), "the series goes on");
    let path = format!("/api/v1/payments/{}", id(&old));
    assert_eq!(school.office.get(&path).await.expect(200)["receipt"], json!(number));
    assert!(lines(&receipt(&school, &old).await).contains(&format!("Receipt {number}")));
    let named = school.office.get(&format!("{path}/receipt")).await;
    assert!(named.header("content-disposition").contains(&format!("receipt-{}.pdf", number.replace('/', "-"))));
}

#[tokio::test]
async fn a_receipt_shows_what_was_given_back_and_long_names_within_the_page() {
    let school = School::open().await;
    let invoice = school.invoice(school.student_id, 123_456_789).await;
    let wide = "W".repeat(200);
    let body = json!({"invoice_id": invoice["id"], "method": "cash", "amount_minor": 123_456_789, "currency": "INR", "paid_by": wide});
    let paid = school.office.post_once("/api/v1/payments", "k", &body).await.expect(201);
    let back = json!({"amount_minor": 7_000, "method": "cash", "reason": "x"});
    school.office.post_once(&format!("/api/v1/payments/{}/refunds", id(&paid)), "r", &back).await.expect(201);
    let said = lines(&receipt(&school, &paid).await);
    // As rupees are grouped: lakhs and crores.
    for line in [
        format!("Invoice {} 12,34,497.89", invoice["number"].as_str().unwrap()),
        "Received 12,34,567.89".to_owned(),
        "Given back −70.00".to_owned(),
        "Kept, INR 12,34,497.89".to_owned(),
    ] {
        assert!(said.contains(&line), "{line}: {said:#?}");
    }
    let handed: Vec<&String> = said.iter().filter(|line| line.contains("WWWW")).collect();
    assert_eq!(handed.len(), 3, "{said:#?}");
    assert!(handed.iter().all(|line| line.matches('W').count() < 45) && handed[2].ends_with('…'), "{said:#?}");
}
