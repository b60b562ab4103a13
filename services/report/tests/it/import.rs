//! The book as a file: out, and marks back in.

use serde_json::json;

use crate::school::School;

#[tokio::test]
async fn the_book_goes_out_as_a_file_and_marks_come_back_in_all_or_nothing() {
    let school = School::open().await;
    let item = school.item("=SUM(A1)", json!({"max_points": 20})).await;
    let out = school.teacher.get(&format!("{}.csv", school.book())).await;
    assert_eq!(out.status, 200);
    let (etag, text) = (out.etag(), out.body.as_str().unwrap().to_owned());
    assert!(text.contains(&format!("{item} =SUM(A1)")), "{text}");
    let file = |first: &str, second: &str| {
        format!("student_id,{item} Sum\r\n{},{first}\r\n{},{second}\r\n", school.student_id, school.classmate_id)
    };
    let wrong = school.import(&etag, "", file("12.5", "21")).await;
    assert_eq!((wrong.status, wrong.pointers()), (422, vec!["/rows/3/2"]));
    let nameless = school.import(&etag, "", file("12.5,,20", "7")).await;
    assert_eq!((nameless.status, nameless.pointers()), (422, vec!["/rows/2/4"]));
    let dry = school.import(&etag, "?dry_run=true", file("12.5", "7")).await.expect(200);
    assert_eq!((&dry["changed"], &dry["dry_run"]), (&json!(2), &json!(true)));
    let done = school.import(&etag, "", file("12.5", "7")).await.expect(200);
    assert_eq!(done["changed"], json!(2));
    assert_eq!(school.line().await["totals"]["overall"]["percent"], json!(62.5));
    school.import(&etag, "", file("1", "1")).await.expect(412);
}

#[tokio::test]
async fn what_a_spreadsheet_would_run_goes_out_as_text_and_comes_back_as_it_was() {
    let school = School::open().await;
    let scale =
        json!({"name": "Signs", "is_default": true, "steps": [{"letter": "+", "from_percent": 50}, {"letter": "=1+1", "from_percent": 0}]});
    school.office.post("/api/v1/grade-scales", &scale).await.expect(201);
    sqlx::query("UPDATE users SET full_name = '=HYPERLINK(\"http://x.example\")' WHERE email = 'student@a.example'")
        .execute(&mut school.fleet.database.superuser().await)
        .await
        .unwrap();
    let item = school.item("@SUM(1)", json!({})).await;
    school.mark(&item, json!({"points": 40}), json!({"points": 60.5})).await;
    let out = school.teacher.get(&format!("{}.csv", school.book())).await;
    assert_eq!(out.header("content-type"), "text/csv; charset=utf-8");
    let text = out.body.as_str().unwrap().to_owned();
    for harmless in ["\"'=HYPERLINK(\"\"http://x.example\"\")\"", ",40,40.00,'=1+1\r\n", ",60.5,60.50,'+\r\n"] {
        assert!(text.contains(harmless), "{harmless} is not in {text}");
    }
    // As it went out it changes nothing; and with another mark that one alone.
    let unchanged = school.import(&out.etag(), "", text.clone()).await;
    assert_eq!((&unchanged.body["changed"], unchanged.etag()), (&json!(0), out.etag()), "{:#}", unchanged.body);
    let done = school.import(&out.etag(), "", text.replace(",60.5,60.50", ",61,60.50")).await.expect(200);
    assert_eq!((&done["changed"], &done["rows"]), (&json!(1), &json!(2)));
    school.student.get(&format!("{}.csv", school.book())).await.expect(403);
}

#[tokio::test]
async fn a_file_that_is_none_is_refused_with_what_is_wrong_and_where() {
    let school = School::open().await;
    let item = school.item("Test", json!({"max_points": 20})).await;
    let locked = school.item("Locked", json!({})).await;
    school.lock(&locked, "lock").await;
    let etag = school.teacher.get(&school.book()).await.etag();
    let other = school.another_class().await;
    let (student, classmate) = (school.student_id, school.classmate_id);
    let refused = async |file: String| {
        let answer = school.import(&etag, "", file).await;
        assert_eq!(answer.status, 422, "{:#}", answer.body);
        answer.pointers().into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(refused(String::new()).await, [""]);
    assert_eq!(refused(format!("student_id,{item} Test,colour\r\n")).await, ["/rows/1/3"]);
    assert_eq!(refused(format!("name,{item}\r\n")).await, ["/rows/1"]);
    assert_eq!(refused(format!("student_id,{item},{item}\r\n")).await, ["/rows/1/3"]);
    assert_eq!(refused(format!("student_id,{item}\r\n{other},1\r\nnobody,2\r\n")).await, ["/rows/2", "/rows/3"]);
    assert_eq!(refused(format!("student_id,{item}\r\n{student},1\r\n{student},2\r\n")).await, ["/rows/3"]);
    assert_eq!(refused(format!("student_id,{locked}\r\n{student},1\r\n")).await, ["/rows/2/2"]);
    for none in ["NaN", "Infinity", "-1", "1e400", "1.005", "=1+1", "'=1+1", "21", "twelve", "0x10", "1 2", "20.01"] {
        let faults = refused(format!("student_id,{item}\r\n{student},{none}\r\n{classmate},1\r\n")).await;
        assert_eq!(faults, ["/rows/2/2"], "{none}");
    }
    let semicolons = format!("\u{feff}student_id;{item}\r\n\r\n{student};\"12,5\"\r\n");
    assert_eq!(school.import(&etag, "?dry_run=true", semicolons).await.expect(200)["changed"], json!(1));
    let mut latin = format!("student_id,{item},name\r\n{student},1,").into_bytes();
    latin.extend([0xe9, b'\r', b'\n']);
    assert_eq!(school.import(&etag, "", latin).await.pointers(), [""]);
    school.import(&etag, "", vec![b'x'; 2 * 1024 * 1024]).await.expect(413);
    let rows = format!("student_id,{item}\r\n") + &format!("{student},1\r\n").repeat(600);
    assert_eq!(refused(rows).await, [""]);
    school.import(&etag, "", vec![b','; 1000]).await.expect(422);
    school.import(&etag, "?dryrun=true", "student_id\r\n").await.expect(422);
    let path = format!("{}/import", school.book());
    let as_json = school.teacher.request(reqwest::Method::POST, &path).header("If-Match", &etag).json(&json!({}));
    school.teacher.send(as_json).await.expect(415);
    let without = school.teacher.request(reqwest::Method::POST, &path).header("Content-Type", "text/csv").body("student_id\r\n");
    school.teacher.send(without).await.expect(428);
    assert_eq!(school.teacher.get(&school.book()).await.etag(), etag, "nothing was written");
}
