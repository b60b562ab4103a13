//! Configuration: every fault at once, no secret ever shown.

use std::path::Path;

use service_kit::Config;
use service_kit::config::{Source, all_variables, env_example};

#[test]
fn every_wrong_or_missing_value_is_named_at_once() {
    let source = Source::of([
        ("PORT", "eighty"),
        ("POSTGRES_SSL_MODE", "maybe"),
        ("REDIS_COMPRESSION_ENABLED", "perhaps"),
        ("REDIS_COMPRESSION_ALGORITHM", "zip"),
        ("MONGODB_URI", "http://user:hunter2-mongo@localhost"),
        ("CORS_ALLOWED_ORIGINS", "https://ok.example, not-an-origin"),
        ("BATCH_PROCESSOR_BATCH_SIZE", "0"),
        ("JWT_SECRET", "hunter2-short"),
    ]);
    let faults = Config::from_source(&source).unwrap_err();
    insta::assert_snapshot!(faults, @r#"
    CORS_ALLOWED_ORIGINS must list origins such as https://app.school.example, not "not-an-origin"
    PORT must be a whole number from 0 to 65535, not "eighty"
    POSTGRES_SSL_MODE must be one of disable, allow, prefer, require, verify-ca, verify-full, not "maybe"
    MONGODB_URI must start with mongodb:// or mongodb+srv://
    REDIS_COMPRESSION_ALGORITHM must be one of snappy, lz4, not "zip"
    REDIS_COMPRESSION_ENABLED must be true or false, not "perhaps"
    BATCH_PROCESSOR_BATCH_SIZE must be a whole number from 1 to 100000, not "0"
    JWT_SECRET must have at least 32 characters
    "#);
}

#[test]
fn secrets_are_never_printed() {
    let source = Source::of([
        ("JWT_SECRET", "hunter2-hunter2-hunter2-hunter2-hunter2"),
        ("POSTGRES_PASSWORD", "hunter2"),
        ("POSTGRES_OWNER_PASSWORD", "hunter2"),
        ("REDIS_PASSWORD", "hunter2"),
        ("REDIS_CACHE_HOST", "other"),
        ("REDIS_CACHE_PASSWORD", "hunter2"),
        ("MONGODB_URI", "mongodb://user:hunter2@localhost/db"),
    ]);
    let config = Config::from_source(&source).unwrap();
    let printed = format!("{config:?} {config:#?} {source:?}");
    assert!(!printed.contains("hunter2"), "{printed}");
}

#[test]
fn the_defaults_are_valid_once_the_secret_is_set() {
    let config = Config::from_source(&Source::of([("JWT_SECRET", "x".repeat(32))])).unwrap();
    assert_eq!((config.http.port, config.telemetry.prometheus_port), (8080, Some(9090)));
    assert_eq!(config.redis.host, config.redis_cache.host);
    assert_eq!(config.tokens.access_life.as_secs(), 3600);
}

#[test]
fn an_empty_value_counts_as_not_set() {
    let config =
        Config::from_source(&Source::of([("JWT_SECRET", "x".repeat(32)), ("REDIS_PASSWORD", String::new()), ("PORT", " ".to_owned())]))
            .unwrap();
    assert!(config.redis.password.is_none());
    assert_eq!(config.http.port, 8080);
}

/// The file is written by this test when `UPDATE_ENV_EXAMPLE` is set, and compared otherwise.
#[test]
#[allow(clippy::disallowed_methods)]
fn env_example_lists_every_variable_with_its_default() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.env.example");
    if std::env::var_os("UPDATE_ENV_EXAMPLE").is_some() {
        std::fs::write(&path, env_example()).unwrap();
    }
    let committed = std::fs::read_to_string(path).unwrap_or_default();
    assert_eq!(committed, env_example(), ".env.example is out of date: run this test with UPDATE_ENV_EXAMPLE=1");
    for variable in all_variables() {
        assert!(committed.contains(&format!("{}=", variable.name)), "{}", variable.name);
    }
}

#[test]
fn env_example_is_a_configuration_that_starts() {
    let lines = env_example();
    let values = lines.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once('='));
    Config::from_source(&Source::of(values)).unwrap();
}
