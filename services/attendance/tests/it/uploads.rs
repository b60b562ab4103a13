//! A register as a file, and the class list as one.

use std::time::Instant;

use reqwest::Method;
use serde_json::json;
use testkit::{Answer, Api};

use crate::school::School;
use crate::workbook::{self, XLSX};

const CSV: &str = "text/csv";

impl School {
    fn upload(&self, more: &str) -> String {
        format!("/api/v1/attendance/uploads?class_id={}&held_on={}{more}", self.class, self.today)
    }

    /// A file that marks the three so.
    fn rows(&self, codes: [&str; 3]) -> Vec<Vec<String>> {
        let heading = ["student_id", "code", "minutes_late", "note"].map(str::to_owned).to_vec();
        let row = |(student, code): (&domain::StudentId, &str)| {
            let late = if code == "L" { "12" } else { "" };
            vec![student.to_string(), code.to_owned(), late.to_owned(), String::new()]
        };
        std::iter::once(heading).chain(self.pupils.iter().zip(codes).map(row)).collect()
    }
}

fn csv(rows: &[Vec<String>]) -> String {
    rows.iter().map(|row| row.join(",") + "\r\n").collect()
}

async fn send(who: &Api, path: &str, media: &str, body: impl Into<reqwest::Body>, headers: &[(&str, &str)]) -> Answer {
    let request = who.request(Method::POST, path).header("Content-Type", media).body(body);
    who.send(headers.iter().fold(request, |request, (name, value)| request.header(*name, *value))).await
}

const FRESH: &[(&str, &str)] = &[("If-None-Match", "*")];

#[tokio::test]
async fn a_dry_run_tells_what_would_come_of_a_file_and_writes_nothing() {
    let school = School::open().await;
    let body = csv(&school.rows(["P", "A", "L"]));
    let dry = send(&school.teacher, &school.upload("&dry_run=true"), CSV, body.clone(), &[]).await;
    assert_eq!((dry.status, &dry.body["rows"], &dry.body["register"]["absent"]), (200, &json!(3), &json!(1)), "{:#}", dry.body);
    assert_eq!(dry.body["changes"].as_array().map(Vec::len), Some(3));
    school.saved().await;
    assert_eq!(school.count("SELECT count(*) FROM attendance_sessions").await, 0);

    assert_eq!(send(&school.teacher, &school.upload(""), CSV, body.clone(), &[]).await.status, 428);
    let done = send(&school.teacher, &school.upload(""), CSV, body.clone(), FRESH).await;
    assert_eq!((done.status, done.etag()), (201, "\"v1\"".to_owned()), "{:#}", done.body);
    assert_eq!(done.body["changes"], dry.body["changes"]);
    assert_eq!(send(&school.teacher, &school.upload(""), CSV, body, FRESH).await.status, 412);
    let again = send(&school.colleague, &school.upload(""), CSV, csv(&school.rows(["P", "P", "L"])), &[("If-Match", "\"v1\"")]).await;
    assert_eq!((again.status, again.etag(), again.body["changes"].as_array().map(Vec::len)), (200, "\"v2\"".to_owned(), Some(1)));
    school.saved().await;
    assert_eq!(school.count("SELECT count(*) FROM attendance_records WHERE code = 'L' AND minutes_late = 12").await, 1);
}

#[tokio::test]
async fn a_workbook_says_the_same_as_a_csv_file() {
    let school = School::open().await;
    let book = || workbook::of(&school.rows(["A", "P", "L"]));
    let dry = send(&school.teacher, &school.upload("&dry_run=true"), XLSX, book(), &[]).await;
    assert_eq!((dry.status, &dry.body["dry_run"], dry.etag()), (200, &json!(true), String::new()), "{:#}", dry.body);
    school.saved().await;
    assert_eq!(school.count("SELECT count(*) FROM attendance_sessions").await, 0);
    let done = send(&school.teacher, &school.upload(""), XLSX, book(), FRESH).await;
    assert_eq!(done.body["changes"], dry.body["changes"]);
    assert_eq!(
        (done.status, &done.body["register"]["late"], &done.body["register"]["absent"]),
        (201, &json!(1), &json!(1)),
        "{:#}",
        done.body
    );
    // A line of a workbook is named as one of a file is.
    let answer = send(&school.teacher, &school.upload("&dry_run=true"), XLSX, workbook::of(&school.rows(["?", "P", "P"])), &[]).await;
    assert_eq!((answer.status, answer.pointers()), (422, vec!["/rows/2/code"]), "{:#}", answer.body);
    let record = done.body["register"]["records"].as_array().unwrap().iter().find(|row| row["code"] == "L").cloned().unwrap();
    assert_eq!(record["minutes_late"], 12);
}

#[tokio::test]
async fn every_fault_of_a_file_is_named_by_line_and_column() {
    let school = School::open().await;
    let [first, second, _] = school.pupils;
    let body = format!(
        "student_id,code,minutes_late\n{first},?,\n{second},P,9\n{first},P,\n{},P,\n{},L,-3\nx,P,\n",
        school.stranger, school.pupils[2]
    );
    for query in ["", "&dry_run=true"] {
        let answer = send(&school.teacher, &school.upload(query), CSV, body.clone(), if query.is_empty() { FRESH } else { &[] }).await;
        assert_eq!(answer.status, 422, "{:#}", answer.body);
        assert_eq!(answer.pointers(), ["/rows/5/student_id", "/rows/6/minutes_late", "/rows/7/student_id"], "{:#}", answer.body);
    }
    let body = format!("student_id,code,minutes_late\n{first},?,\n{second},P,9\n{first},P,\n");
    let answer = send(&school.teacher, &school.upload(""), CSV, body, FRESH).await;
    let mut pointers = answer.pointers();
    pointers.sort_unstable();
    assert_eq!(pointers, ["/rows", "/rows/2/code", "/rows/3/minutes_late", "/rows/4/student_id"], "{:#}", answer.body);
    for (body, pointers) in [
        ("colour,code\nred,P\n", vec!["/rows/1", "/rows/1"]),
        ("student_id,name\n1,2\n", vec!["/rows/1"]),
        ("student_id,code,code\n", vec!["/rows/1/code"]),
        ("", vec![""]),
    ] {
        let answer = send(&school.teacher, &school.upload(""), CSV, body, FRESH).await;
        assert_eq!((answer.status, answer.pointers()), (422, pointers), "{body:?}: {:#}", answer.body);
    }
    let future = school.upload("").replace(&school.today.to_string(), &school.day(-1).to_string());
    assert_eq!(send(&school.teacher, &future, CSV, csv(&school.rows(["P", "P", "P"])), FRESH).await.pointers(), ["query:held_on"]);
    assert_eq!(send(&school.other_teacher, &school.upload(""), CSV, "x", FRESH).await.pointers(), ["query:class_id"]);
    assert_eq!(send(&school.student, &school.upload(""), CSV, "x", FRESH).await.status, 403);
    school.saved().await;
    assert_eq!(school.count("SELECT count(*) FROM attendance_sessions").await, 0);
}

#[tokio::test]
async fn files_that_are_none_or_explode_are_refused_quickly() {
    let school = School::open().await;
    let rows = school.rows(["P", "P", "P"]);
    let whole = workbook::of(&rows);
    let post = async |media: &'static str, body: Vec<u8>| send(&school.teacher, &school.upload(""), media, body, FRESH).await;
    let started = Instant::now();
    assert_eq!(post("application/json", b"{}".to_vec()).await.status, 415);
    assert_eq!(post(CSV, vec![b'x'; 10 * 1024 * 1024]).await.status, 413);
    assert_eq!(post(CSV, b"student_id,code\n\xff\xfe,P\n".to_vec()).await.status, 400);
    assert_eq!(post(XLSX, b"not a zip".to_vec()).await.status, 400);
    assert_eq!(post(XLSX, whole[..whole.len() / 2].to_vec()).await.status, 400);
    assert_eq!(post(XLSX, Vec::new()).await.status, 400);
    // A zip that is no workbook, and one whose sheet is no XML.
    assert_eq!(post(XLSX, workbook::with_sheet("<row", &[])).await.status, 400);
    // A gigabyte of zeros in a megabyte, as the sheet's neighbour and as the sheet itself.
    let zeros = vec![0_u8; 64 * 1024 * 1024];
    let bomb = post(XLSX, workbook::with_sheet("", &[("xl/media/bomb.bin", zeros)])).await;
    assert_eq!((bomb.status, bomb.body["type"].as_str()), (413, Some("/docs/problems#payload-too-large")), "{:#}", bomb.body);
    let padded = format!("<row r=\"1\"><c r=\"A1\" t=\"inlineStr\"><is><t>{}</t></is></c></row>", " ".repeat(32 * 1024 * 1024));
    assert_eq!(post(XLSX, workbook::with_sheet(&padded, &[])).await.status, 413);
    // A sheet that claims its last corner: nobody lays it out in memory.
    let corner = "<row r=\"1\"><c r=\"A1\"><v>1</v></c></row><row r=\"1048576\"><c r=\"XFD1048576\"><v>1</v></c></row>";
    assert_eq!(post(XLSX, workbook::with_sheet(corner, &[])).await.status, 413);
    // Entities are not expanded.
    let laughs = "<row r=\"1\"><c r=\"A1\" t=\"inlineStr\"><is><t>&lol9;</t></is></c></row>";
    assert!(matches!(post(XLSX, workbook::with_sheet(laughs, &[])).await.status, 400 | 422));
    let many = format!("{},P\n", school.pupils[0]).repeat(600);
    assert_eq!(post(CSV, format!("student_id,code\n{many}").into_bytes()).await.status, 413);
    assert!(started.elapsed().as_secs() < 60, "{:?}", started.elapsed());
    // The service is alive and none of it was written.
    assert_eq!(post(XLSX, whole).await.status, 201);
}

#[tokio::test]
async fn the_class_list_goes_out_harmless_and_comes_back_as_it_was() {
    let school = School::open().await;
    school.sql("UPDATE users SET full_name = '=HYPERLINK(\"http://evil\")' WHERE email = 'student@a.example'").await;
    let mut body = school.marks(school.today, ["P", "L", "P"]);
    body["records"][1]["minutes_late"] = json!(7);
    body["records"][1]["note"] = json!("=cmd|' /C calc'!A0");
    let path = school.register(school.today).await;
    crate::school::fresh(&school.teacher, &format!("{path}/records"), &body).await.expect(201);
    let list = format!("/api/v1/attendance/sheet.csv?class_id={}", school.class);
    let file = school.teacher.get(&list).await;
    assert_eq!((file.status, file.header("content-type")), (200, "text/csv; charset=utf-8"));
    assert!(file.header("content-disposition").contains(&format!("register-{}.csv", school.today)));
    let text = file.body.as_str().unwrap().to_owned();
    assert!(text.contains("\"'=HYPERLINK") && text.contains("'=cmd|"), "{text}");
    assert!(text.lines().flat_map(|line| line.split(',')).all(|cell| !cell.trim_matches('"').starts_with(['=', '+', '-', '@'])), "{text}");
    let same = send(&school.teacher, &school.upload(""), CSV, text, &[("If-Match", "\"v1\"")]).await;
    assert_eq!((same.status, same.etag(), &same.body["changes"]), (200, "\"v1\"".to_owned(), &json!([])), "{:#}", same.body);
    assert_eq!(school.other_teacher.get(&list).await.status, 404);
    assert_eq!(school.student.get(&list).await.status, 403);
}

#[tokio::test]
async fn a_forgotten_quotation_mark_makes_nobody_present_who_was_not() {
    let school = School::open().await;
    let [first, second, third] = school.pupils;
    let heading = "student_id,code,minutes_late,note\n";
    for (body, line) in [
        (format!("{heading}{first},P,,\"forgot\n{second},A,,\n{third},A,,\n"), "/rows/2"),
        (format!("{heading}{first},P,,\n{second},A,,\"forgot\n{third},A,,\"sick\"\n"), "/rows/3"),
        (format!("{heading}{first},P,,\n{second},A,,\"x\"y\n"), "/rows/3"),
    ] {
        for (query, headers) in [("&others=P", FRESH), ("&others=P&dry_run=true", &[])] {
            let answer = send(&school.teacher, &school.upload(query), CSV, body.clone(), headers).await;
            assert_eq!((answer.status, answer.pointers()), (422, vec![line]), "{body:?}: {:#}", answer.body);
        }
    }
    school.saved().await;
    assert_eq!(school.count("SELECT count(*) FROM attendance_sessions").await, 0);
}

#[tokio::test]
async fn a_fault_is_told_in_the_words_of_the_file() {
    let school = School::open().await;
    let [first, ..] = school.pupils;
    let list = school.teacher.get(&format!("/api/v1/attendance/sheet?class_id={}", school.class)).await.expect(200);
    let number = list["rows"][0]["admission_number"].as_str().unwrap().to_owned();
    let others = school.upload("&others=P");
    let body = format!("admission_number,code\n{number},P\n{number},A\n");
    let twice = send(&school.teacher, &others, CSV, body, FRESH).await;
    assert_eq!((twice.status, twice.pointers()), (422, vec!["/rows/3/admission_number"]), "{:#}", twice.body);
    assert_eq!(twice.body["detail"], "1 value is not valid; see `errors`.");
    let body = format!("student_id,code\n{first},P\n{first},?\n{},?\n", school.pupils[1]);
    let twice = send(&school.teacher, &others, CSV, body, FRESH).await;
    assert_eq!(
        (twice.pointers(), &twice.body["detail"]),
        (vec!["/rows/3/student_id", "/rows/4/code"], &json!("2 values are not valid; see `errors`."))
    );
    let text = |place: &str, text: &str| format!("<c r=\"{place}\" t=\"inlineStr\"><is><t>{text}</t></is></c>");
    let heading = format!("<row r=\"1\">{}{}{}</row>", text("A1", "student_id"), text("B1", "code"), text("C1", "note"));
    let row = format!("<row r=\"2\">{}{}<c r=\"C2\"><f>1+1</f></c></row>", text("A2", &first.to_string()), text("B2", "P"));
    let answer = send(&school.teacher, &others, XLSX, workbook::with_sheet(&format!("{heading}{row}"), &[]), FRESH).await;
    assert_eq!((answer.status, answer.pointers()), (422, vec!["/rows/2/note"]), "{:#}", answer.body);
}
