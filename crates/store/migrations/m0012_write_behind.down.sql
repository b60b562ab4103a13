DROP TABLE jobs;
DROP TABLE idempotency_keys;
DROP TABLE outbox;
DROP TABLE dead_letters;
DROP TABLE drain_watermarks;
