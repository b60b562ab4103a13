//! Values of a generation are forgotten by all at once, also those that are filled in while the change is made.

use std::time::Duration;

use cache::Generations;
use fred::interfaces::KeysInterface;
use testkit::RedisServer;

const TTL: Duration = Duration::from_mins(4);

async fn read(generations: &Generations, stored: &str) -> (Option<u64>, String) {
    let load = async || Ok::<_, &str>(stored.to_owned());
    generations.get_or_load("generation", "value", TTL, load).await.unwrap()
}

#[tokio::test]
async fn a_value_holds_until_its_generation_moves_on() {
    let redis = RedisServer::start().await;
    let pool = redis.pool(1).await;
    let generations = Generations::new(pool.clone());
    assert_eq!(read(&generations, "old").await, (Some(0), "old".to_owned()));
    assert_eq!(read(&generations, "new").await, (Some(0), "old".to_owned()), "it was cached");
    generations.moved_on("generation").await;
    assert_eq!(generations.present("generation").await, Some(1));
    assert_eq!(read(&generations, "new").await, (Some(1), "new".to_owned()));
    assert_eq!(read(&generations, "newer").await, (Some(1), "new".to_owned()));
    let (value, generation): (i64, i64) = (pool.pttl("value").await.unwrap(), pool.pttl("generation").await.unwrap());
    assert!(value > 0 && u128::try_from(value).unwrap() <= TTL.as_millis(), "{value}");
    assert!(generation > 100 * value, "a generation is kept far longer than what was cached under it: {generation}");
}

#[tokio::test]
async fn what_was_read_before_a_change_and_cached_after_it_counts_as_missing() {
    let redis = RedisServer::start().await;
    let generations = Generations::new(redis.pool(1).await);
    let load = async || {
        generations.moved_on("generation").await;
        Ok::<_, &str>("old".to_owned())
    };
    let (generation, value) = generations.get_or_load("generation", "value", TTL, load).await.unwrap();
    assert_eq!((generation, value.as_str()), (Some(0), "old"), "of the generation before it was read");
    assert_eq!(read(&generations, "new").await, (Some(1), "new".to_owned()));
}

#[tokio::test]
async fn a_load_that_fails_is_kept_nowhere_and_without_redis_there_is_no_generation() {
    let mut redis = RedisServer::start().await;
    let generations = Generations::new(redis.pool(1).await);
    let failed: Result<(_, String), _> = generations.get_or_load("generation", "value", TTL, async || Err("no such thing")).await;
    assert_eq!(failed, Err("no such thing"));
    assert_eq!(read(&generations, "old").await, (Some(0), "old".to_owned()));
    redis.kill().await;
    assert_eq!(read(&generations, "new").await, (None, "new".to_owned()), "its store knows");
    assert_eq!(generations.present("generation").await, None);
    redis.launch().await;
}
