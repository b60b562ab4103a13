//! Every environment variable there is: the one table from which defaults, `.env.example` and the reference come.

/// An environment variable.
#[derive(Debug, Clone, Copy)]
pub struct Variable {
    /// Its name.
    pub name: &'static str,
    /// What holds if it is not set; none if that means "off" or "none".
    pub default: Option<&'static str>,
    /// Whether its value must never be shown.
    pub secret: bool,
    /// What it is for, with its unit.
    pub about: &'static str,
}

const fn variable(name: &'static str, default: &'static str, about: &'static str) -> Variable {
    Variable { name, default: Some(default), secret: false, about }
}
const fn optional(name: &'static str, about: &'static str) -> Variable {
    Variable { name, default: None, secret: false, about }
}
const fn secret(name: &'static str, default: Option<&'static str>, about: &'static str) -> Variable {
    Variable { name, default, secret: true, about }
}

/// A headline and the variables under it.
pub type Section = (&'static str, &'static [Variable]);

/// All of them, by section.
pub const VARIABLES: &[Section] = &[
    (
        "Server",
        &[
            variable("HTTP_HOST", "0.0.0.0", "Address to listen on."),
            variable("PORT", "8080", "Port to listen on."),
            optional("HTTP_WORKERS", "Threads that serve requests; as many as there are cores if not set."),
            variable("HTTP_MAX_CONNECTIONS", "25000", "Connections that one worker keeps open at once."),
            variable("HTTP_KEEP_ALIVE_SECONDS", "75", "How long an idle connection stays open."),
            variable("PUBLIC_URL", "http://localhost:8080", "Where clients reach the API; stands in the OpenAPI document."),
            variable("CORS_ALLOWED_ORIGINS", "", "Origins of web apps that may call, separated by commas; * for any."),
            variable("RATE_LIMIT_PER_MINUTE", "0", "Requests a minute that one session or address may send; 0 is no limit."),
            variable("TRUSTED_PROXY_HOPS", "0", "Proxies in front whose X-Forwarded-For entries are true."),
            variable("SHUTDOWN_TIMEOUT_SECONDS", "30", "How long requests in flight may take when the process is told to stop."),
        ],
    ),
    (
        "PostgreSQL",
        &[
            variable("POSTGRES_HOST", "localhost", "Host, or the directory of a Unix socket."),
            variable("POSTGRES_PORT", "5432", "Port."),
            variable("POSTGRES_DB", "schools24", "Database."),
            variable("POSTGRES_USER", "schools24_app", "Login role of services and the batch processor."),
            secret("POSTGRES_PASSWORD", Some("dev_password"), "Its password."),
            variable("POSTGRES_OWNER_USER", "schools24_owner", "Login role of migrations."),
            secret("POSTGRES_OWNER_PASSWORD", None, "Its password; that of POSTGRES_USER if not set."),
            variable("POSTGRES_SSL_MODE", "prefer", "disable, allow, prefer, require, verify-ca or verify-full."),
            variable("POSTGRES_MAX_CONNECTIONS", "100", "Connections that one process opens, all its services together."),
            variable("POSTGRES_ACQUIRE_TIMEOUT_MS", "3000", "How long to wait for a connection before the database counts as away."),
        ],
    ),
    (
        "MongoDB",
        &[
            secret("MONGODB_URI", Some("mongodb://localhost:27017/schools24"), "Where it is, with credentials and database."),
            variable("MONGO_MAX_POOL_SIZE", "100", "Connections that one process opens."),
        ],
    ),
    (
        "Redis",
        &[
            variable("REDIS_HOST", "localhost", "Host of the write buffer."),
            variable("REDIS_PORT", "6379", "Port."),
            secret("REDIS_PASSWORD", None, "Password."),
            variable("REDIS_DB", "0", "Database number."),
            variable("REDIS_POOL_SIZE", "4", "Connections; each carries many requests at once."),
            variable("REDIS_COMMAND_TIMEOUT_MS", "2000", "How long one command may take."),
            optional("REDIS_CACHE_HOST", "Host of a second server for caches; the write buffer's if not set."),
            variable("REDIS_CACHE_PORT", "6379", "Its port."),
            secret("REDIS_CACHE_PASSWORD", None, "Its password."),
            variable("REDIS_COMPRESSION_ENABLED", "true", "Whether values are compressed, where that makes them smaller."),
            variable("REDIS_COMPRESSION_ALGORITHM", "snappy", "snappy or lz4."),
            variable("REDIS_DEFAULT_TTL", "3600", "Seconds that a cached value lives."),
            variable("REDIS_WRITE_BUFFER_TTL", "7200", "Seconds that a saved row stays in Redis. Unsaved rows never expire."),
            variable("REDIS_WRITE_BUFFER_MODE", "buffered", "buffered, or through: every write commits in PostgreSQL first."),
            variable("REDIS_WRITE_BUFFER_BACKLOG", "100000", "Unsaved writes in one partition before writers must wait."),
            variable("REDIS_WRITE_BUFFER_ACK_REPLICAS", "0", "Replicas that must have a write before it is acknowledged."),
        ],
    ),
    (
        "Batch processor",
        &[
            variable("BATCH_PROCESSOR_ENABLED", "true", "Whether this process saves what its services have buffered."),
            variable("BATCH_PROCESSOR_INTERVAL", "0.5", "Seconds that it rests when less than a batch waits."),
            variable("BATCH_PROCESSOR_PARALLEL_WORKERS", "10", "Transactions at once."),
            variable("BATCH_PROCESSOR_BATCH_SIZE", "1000", "Writes that one transaction saves."),
            variable("BATCH_PROCESSOR_LEASE", "15", "Seconds after which another processor takes over from one that does not answer."),
        ],
    ),
    ("Events", &[variable("EVENTS_CLAIM_AFTER", "30", "Seconds after which another process takes over events that one has not finished.")]),
    (
        "Payments",
        &[
            optional("RAZORPAY_KEY_ID", "Account with Razorpay, for schools that have none of their own. Off if not set."),
            secret("RAZORPAY_KEY_SECRET", None, "Its secret."),
            secret("RAZORPAY_WEBHOOK_SECRET", None, "What its webhooks are signed with."),
            variable("RAZORPAY_API_URL", "https://api.razorpay.com", "Where Razorpay answers."),
            secret("STRIPE_SECRET_KEY", None, "Account with Stripe, for schools that have none of their own. Off if not set."),
            secret("STRIPE_WEBHOOK_SECRET", None, "What its webhooks are signed with."),
            variable("STRIPE_API_URL", "https://api.stripe.com", "Where Stripe answers."),
            secret(
                "PAYMENT_SCHOOLS",
                None,
                "Accounts by school, as JSON: {\"<school id>\": {\"razorpay\": {\"key_id\", \"key_secret\", \"webhook_secret\"}, \"stripe\": {\"secret_key\", \"webhook_secret\"}}}.",
            ),
        ],
    ),
    (
        "Tokens",
        &[
            secret("JWT_SECRET", None, "At least 32 characters; seals cursors and the private signing keys. Required."),
            variable("JWT_EXPIRY_HOURS", "1", "How long an access token is good."),
            variable("JWT_LEEWAY_SECONDS", "0", "How far the clocks of two machines may disagree."),
            variable("REFRESH_TOKEN_DAYS", "30", "How long a refresh token is good."),
        ],
    ),
    (
        "Telemetry",
        &[
            variable("RUST_LOG", "info", "Which log lines are written."),
            variable("LOG_FORMAT", "json", "json or pretty."),
            optional("OTEL_EXPORTER_OTLP_ENDPOINT", "Where traces go, over OTLP/HTTP, such as http://localhost:4318. Off if not set."),
            variable("ENABLE_PROMETHEUS", "true", "Whether metrics are served."),
            variable("PROMETHEUS_PORT", "9090", "Port that serves /metrics; not the public one."),
        ],
    ),
];

/// All variables, without the headlines.
pub fn all() -> impl Iterator<Item = &'static Variable> {
    VARIABLES.iter().flat_map(|(_, variables)| variables.iter())
}

/// The text of `.env.example`.
#[must_use]
pub fn env_example() -> String {
    use std::fmt::Write;
    let mut text = String::from(
        "# Every variable that Schools24 reads, with its default. Copy to .env and change what you need.\n# Generated from the table in crates/service-kit/src/config/variables.rs.\n",
    );
    for (title, variables) in VARIABLES {
        let _ = write!(text, "\n# --- {title} ---\n");
        for variable in *variables {
            let _ = writeln!(text, "\n# {}", variable.about);
            let _ = match (variable.name, variable.default) {
                // The one value that has no default and can't be left out.
                ("JWT_SECRET", _) => writeln!(text, "JWT_SECRET=change-me-to-32-characters-or-more"),
                (name, Some(default)) => writeln!(text, "{name}={default}"),
                (name, None) => writeln!(text, "# {name}="),
            };
        }
    }
    text
}
