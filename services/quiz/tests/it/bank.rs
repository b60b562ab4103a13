//! The question bank: versions, search, draws.

use serde_json::{Value, json};

use crate::school::School;

#[tokio::test]
async fn a_change_is_a_new_version_and_an_attempt_stays_with_the_one_it_was_given() {
    let school = School::open().await;
    let question = school.true_or_false("The first wording").await;
    let path = format!("/api/v1/questions/{question}");
    let mut paper = school.draft(&school.settings("Pinned"), std::slice::from_ref(&question)).await;
    school.publish(&mut paper).await;
    let sitting = school.start(&school.student, &paper).await;
    let content = json!({"name": "n", "stem": "The second wording", "answer": {"type": "true_false", "correct": false}});
    let changed = school.teacher.patch(&path, "\"v1\"", &json!({"content": content, "publish": true})).await;
    assert_eq!((changed.status, changed.etag().as_str()), (200, "\"v2\""), "{:#}", changed.body);
    assert_eq!(school.teacher.patch(&path, "\"v1\"", &json!({"tags": []})).await.status, 412);
    let now = school.student.get(&sitting.path).await.expect(200);
    assert_eq!(now["questions"][0]["question"]["stem"], json!("The first wording"));
    let versions = school.teacher.get(&format!("{path}/versions")).await.expect(200);
    let stems: Vec<&Value> = versions.as_array().unwrap().iter().map(|version| &version["content"]["stem"]).collect();
    assert_eq!(stems, [&json!("The second wording"), &json!("The first wording")], "the first one is as it was");
    let first = school.teacher.get(&format!("{path}/versions/1")).await.expect(200);
    assert_eq!(first["content"]["stem"], json!("The first wording"));
    let deleted = school.teacher.delete(&path, "\"v2\"").await;
    assert_eq!(deleted.status, 204);
    assert_eq!(school.teacher.get(&path).await.status, 404);
    school.save(&school.student, &sitting, &paper.slots[0], &json!({"is_true": true})).await.expect(200);
    let submitted = school.student.post(&format!("{}/submit", sitting.path), &json!({})).await.expect(200);
    assert_eq!(submitted["score"], json!(1), "retired questions are still marked where they were asked");
}

#[tokio::test]
async fn questions_are_found_by_words_tags_type_and_difficulty_page_by_page() {
    let school = School::open().await;
    for n in 0..5 {
        school.true_or_false(&format!("Photosynthesis number {n}")).await;
    }
    school.question("Respiration", json!({"type": "short_answer", "accepted": [{"text": "x"}]})).await;
    let found = async |query: &str| {
        let page = school.teacher.get(&format!("/api/v1/questions?{query}")).await.expect(200);
        page["items"].as_array().unwrap().len()
    };
    assert_eq!(found("search=photosynthesis").await, 5);
    assert_eq!(found("search=photosynthesis&type=short_answer").await, 0);
    assert_eq!(found("tags=tested&difficulty=2").await, 6);
    assert_eq!(found("tags=tested,other").await, 0);
    assert_eq!(found(&format!("category_id={}", school.category)).await, 6);
    assert_eq!(found("status=draft").await, 0);
    let mut seen = Vec::new();
    let mut path = "/api/v1/questions?limit=4".to_owned();
    loop {
        let page = school.teacher.get(&path).await.expect(200);
        seen.extend(page["items"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap().to_owned()));
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        path = format!("/api/v1/questions?limit=4&cursor={cursor}");
    }
    assert_eq!(seen.len(), 6);
    assert!(seen.is_sorted_by(|a, b| a > b), "latest first, none twice");
    assert_eq!(
        school.teacher.delete(&format!("/api/v1/question-categories/{}", school.category), "\"v1\"").await.status,
        409,
        "it holds questions"
    );
}

#[tokio::test]
async fn draws_give_each_attempt_questions_of_its_own_and_none_twice() {
    let school = School::open().await;
    for n in 0..6 {
        school.true_or_false(&format!("Statement {n}")).await;
    }
    let fixed = school.true_or_false("Fixed").await;
    let mut settings = school.settings("Draws");
    settings["max_attempts"] = Value::Null;
    let mut paper = school.draft(&settings, std::slice::from_ref(&fixed)).await;
    for _ in 0..3 {
        school.add(&mut paper, &json!({"random_from": {"category_id": school.category, "tags": ["tested"]}})).await;
    }
    school.publish(&mut paper).await;
    let mut drawn = std::collections::HashSet::new();
    for _ in 0..6 {
        let sitting = school.start(&school.student, &paper).await;
        let stems: Vec<String> =
            sitting.body["questions"].as_array().unwrap().iter().map(|q| q["question"]["stem"].as_str().unwrap().to_owned()).collect();
        let distinct: std::collections::HashSet<&String> = stems.iter().collect();
        assert_eq!(distinct.len(), 4, "{stems:?}");
        assert_eq!(stems[0], "Fixed");
        drawn.extend(stems);
        school.student.post(&format!("{}/submit", sitting.path), &json!({})).await.expect(200);
    }
    assert!(drawn.len() > 4, "attempts draw differently: {drawn:?}");

    let mut short = school.draft(&school.settings("Too few"), &[]).await;
    school.add(&mut short, &json!({"random_from": {"category_id": school.category, "tags": ["none has this"]}})).await;
    let refused = school.teacher.post_if(&format!("{}/publish", short.path), &short.etag, &json!({})).await;
    assert_eq!(refused.status, 409, "{:#}", refused.body);
}

const GIFT: &str = "\
$CATEGORY: Arithmetic

::Sum:: What is 2 + 2? {=4 ~5 ~six \\{6\\}}

::Pi:: What is pi? {#3.14:0.01}

::Story:: Write a story. {}
";

async fn import(school: &School, format: &str, more: &str, file: Vec<u8>) -> testkit::Answer {
    let path = format!("/api/v1/questions/import?format={format}&category_id={}{more}", school.category);
    school.teacher.send(school.teacher.request(reqwest::Method::POST, &path).body(file)).await
}

#[tokio::test]
async fn questions_come_in_and_go_out_in_three_formats() {
    let school = School::open().await;
    let dry = import(&school, "gift", "&dry_run=true", GIFT.into()).await.expect(200);
    assert_eq!((&dry["questions"][1]["type"], &dry["questions"][1]["id"]), (&json!("numerical"), &Value::Null), "{dry:#}");
    assert_eq!(dry["losses"][0]["detail"], json!("the category Arithmetic"));
    assert_eq!(school.teacher.get("/api/v1/questions").await.expect(200)["items"], json!([]), "a dry run writes nothing");
    let report = import(&school, "gift", "&publish=true&create_categories=true", GIFT.into()).await.expect(200);
    assert_eq!((report["questions"].as_array().unwrap().len(), &report["losses"]), (3, &json!([])));
    let categories = school.teacher.get("/api/v1/question-categories").await.expect(200);
    let made = categories.as_array().unwrap().iter().find(|category| category["name"] == "Arithmetic").unwrap();
    assert_eq!(made["parent_id"], json!(school.category));
    for (format, encoding) in [("gift", "utf-8"), ("moodle-xml", "utf-8"), ("qti", "base64")] {
        let exported =
            school.teacher.post("/api/v1/questions/export", &json!({"format": format, "category_id": made["id"]})).await.expect(200);
        assert_eq!((&exported["questions"], &exported["encoding"]), (&json!(3), &json!(encoding)), "{format}");
        let content = exported["content"].as_str().unwrap();
        let file = if encoding == "utf-8" { content.as_bytes().to_vec() } else { base64_decode(content) };
        let back = import(&school, format, "", file).await.expect(200);
        let kinds: Vec<&Value> = back["questions"].as_array().unwrap().iter().map(|question| &question["type"]).collect();
        assert_eq!(kinds, [&json!("essay"), &json!("numerical"), &json!("single_choice")], "{format}");
    }
    let difficult = school.true_or_false("How difficult").await;
    let exported = school.teacher.post("/api/v1/questions/export", &json!({"format": "moodle-xml", "question_ids": [difficult]})).await;
    let back = import(&school, "moodle-xml", "", exported.expect(200)["content"].as_str().unwrap().into()).await.expect(200);
    let back = school.teacher.get(&format!("/api/v1/questions/{}", back["questions"][0]["id"].as_str().unwrap())).await.expect(200);
    assert_eq!((&back["difficulty"], &back["tags"]), (&json!(2), &json!(["tested"])));
    let ordering = school.question("Order", json!({"type": "ordering", "items": [{"text": "one"}, {"text": "two"}]})).await;
    let lost = school.teacher.post("/api/v1/questions/export", &json!({"format": "gift", "question_ids": [ordering]})).await.expect(200);
    assert!(lost["losses"].to_string().contains("Order"), "nothing is dropped in silence: {lost:#}");
}

#[tokio::test]
async fn files_that_are_attacks_or_no_files_of_their_format_are_refused_with_their_lines() {
    let school = School::open().await;
    let unbalanced = import(&school, "gift", "", b"Fine {T}\n\nOpen {=a ~b\n\nClosed }\n".to_vec()).await;
    assert_eq!((unbalanced.status, unbalanced.pointers()), (422, vec!["line:3", "line:5"]), "{:#}", unbalanced.body);
    let xxe = b"<!DOCTYPE quiz [<!ENTITY x SYSTEM \"file:///etc/passwd\">]>\n<quiz><question type=\"essay\"><name><text>&x;</text></name></question></quiz>";
    let refused = import(&school, "moodle-xml", "", xxe.to_vec()).await;
    assert_eq!(refused.status, 422, "{:#}", refused.body);
    assert!(!refused.body.to_string().contains("root:"));
    let laughs = b"<!DOCTYPE l [<!ENTITY a \"ha\"><!ENTITY b \"&a;&a;&a;&a;\"><!ENTITY c \"&b;&b;&b;&b;\">]><quiz>&c;</quiz>";
    assert_eq!(import(&school, "moodle-xml", "", laughs.to_vec()).await.status, 422);
    assert_eq!(import(&school, "qti", "", laughs.to_vec()).await.status, 422);
    assert_eq!(import(&school, "gift", "", vec![b'x'; 10_000_000]).await.status, 413);
    let nothing_right = import(&school, "gift", "", b"::Bad:: None is right {~a ~b}".to_vec()).await;
    assert_eq!(nothing_right.pointers(), ["line:1/answer/options"], "{:#}", nothing_right.body);
    assert_eq!(import(&school, "gift", "", vec![0xff, 0xfe]).await.status, 422);
    for (format, file) in [
        ("gift", "// nothing but a remark\n"),
        ("moodle-xml", "<quiz><question type=\"calculatedmulti\"><name><text>Sum</text></name></question></quiz>"),
    ] {
        let empty = import(&school, format, "", file.into()).await;
        assert_eq!((empty.status, empty.pointers()[0]), (422, ""), "{format}: {:#}", empty.body);
        assert_eq!(empty.body.to_string().contains("Sum: the whole question"), format == "moodle-xml", "{:#}", empty.body);
        import(&school, format, "&dry_run=true", file.into()).await.expect(200);
    }
    assert_eq!(import(&school, "docx", "", Vec::new()).await.status, 422);
    assert_eq!(school.teacher.get("/api/v1/questions").await.expect(200)["items"], json!([]));
}

fn base64_decode(text: &str) -> Vec<u8> {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.decode(text).unwrap()
}
