//! Redis is away, or the batch processor is.

use serde_json::json;

use crate::school::School;

#[tokio::test]
async fn without_redis_homework_can_be_set_and_read_and_what_can_not_be_proved_answers_503() {
    let mut school = School::open().await;
    let saved = school.draft("Saved before").await;
    school.saved().await;
    school.fleet.redis.kill().await;
    let created = school.teacher.post_once("/api/v1/homework", "key", &school.assignment("Set without Redis", 7)).await;
    assert_eq!(created.status, 201, "{:#}", created.body);
    let again = school.teacher.post_once("/api/v1/homework", "key", &school.assignment("Set without Redis", 7)).await;
    assert_eq!(again.status, 422, "another due time is another body: {:#}", again.body);
    assert_eq!(school.teacher.get(created.header("location")).await.status, 200);
    assert_eq!(school.teacher.get("/api/v1/homework").await.expect(200)["items"].as_array().map(Vec::len), Some(2));
    let publish = format!("{}/publish", saved.header("location"));
    let refused = school.teacher.post_if(&publish, &saved.etag(), &json!({})).await;
    assert_eq!(refused.status, 503, "{:#}", refused.body);
    assert!(!refused.header("retry-after").is_empty());
    school.fleet.redis.launch().await;
    let mut published = refused;
    for _ in 0..100 {
        published = school.teacher.post_if(&publish, &saved.etag(), &json!({})).await;
        if published.status == 200 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert_eq!(published.status, 200, "{:#}", published.body);
    school.saved().await;
    assert_eq!(school.count("SELECT count(*) FROM homework").await, 2);
    assert_eq!(school.count("SELECT count(*) FROM dead_letters").await, 0);
}
