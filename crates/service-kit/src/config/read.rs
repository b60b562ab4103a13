//! Reading the variables. Every fault is collected, so that one start tells all of them.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt::{self, Display};
use std::str::FromStr;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use store::{PostgresConfig, SslMode};
use thiserror::Error;
use write_behind::WriteMode;

use super::{
    BatchConfig, Config, EventsConfig, HttpConfig, LogFormat, MongoConfig, PaymentsConfig, ProviderKeys, RazorpayKeys, RedisConfig,
    StripeKeys, TelemetryConfig, TokensConfig, ValuesConfig, WriteBufferConfig, variables,
};

/// One variable that is wrong or missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigFault {
    /// Which.
    pub name: String,
    /// Why; never with a secret's value.
    pub reason: String,
}

/// All variables that are wrong or missing.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub struct ConfigFaults(pub Vec<ConfigFault>);

impl Display for ConfigFaults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, fault) in self.0.iter().enumerate() {
            write!(f, "{}{} {}", if index == 0 { "" } else { "\n" }, fault.name, fault.reason)?;
        }
        Ok(())
    }
}

/// Values by name, before they are checked. Its `Debug` shows names only.
#[derive(Clone, Default)]
pub struct Source(HashMap<String, String>);

impl Source {
    /// The process's environment over the file `.env`, if there is one.
    // The one place that may look there.
    #[allow(clippy::disallowed_methods)]
    pub fn environment() -> Result<Self, ConfigFaults> {
        let mut values = HashMap::new();
        match dotenvy::dotenv_iter() {
            Ok(lines) => {
                for line in lines {
                    match line {
                        Ok((name, value)) => {
                            values.insert(name, value);
                        }
                        // The line itself is not shown: it may hold a secret.
                        Err(_) => return Err(file_fault("has a line that is not NAME=value")),
                    }
                }
            }
            Err(error) if error.not_found() => {}
            Err(error) => return Err(file_fault(&format!("can't be read: {error}"))),
        }
        for variable in variables::all() {
            if let Some(value) = std::env::var_os(variable.name) {
                let value = value.into_string().map_err(|_| {
                    ConfigFaults(vec![ConfigFault { name: variable.name.to_owned(), reason: "is not valid UTF-8".to_owned() }])
                })?;
                values.insert(variable.name.to_owned(), value);
            }
        }
        Ok(Self(values))
    }

    /// Exactly these values.
    pub fn of<N: Into<String>, V: Into<String>>(values: impl IntoIterator<Item = (N, V)>) -> Self {
        Self(values.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut names: Vec<_> = self.0.keys().collect();
        names.sort();
        f.debug_tuple("Source").field(&names).finish()
    }
}

fn file_fault(reason: &str) -> ConfigFaults {
    ConfigFaults(vec![ConfigFault { name: ".env".to_owned(), reason: reason.to_owned() }])
}

struct Reader<'s> {
    source: &'s Source,
    faults: RefCell<Vec<ConfigFault>>,
}

impl Reader<'_> {
    fn fault(&self, name: &str, reason: impl Into<String>) {
        let fault = ConfigFault { name: name.to_owned(), reason: reason.into() };
        let mut faults = self.faults.borrow_mut();
        // Some are read twice, for two login roles.
        if !faults.contains(&fault) {
            faults.push(fault);
        }
    }

    /// The value, or the table's default. An empty value counts as not set.
    fn text(&self, name: &str) -> Option<String> {
        let set = self.source.0.get(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty());
        set.or_else(|| variables::all().find(|variable| variable.name == name)?.default.map(str::to_owned))
    }

    /// The value as a `T`, for which `expected` says what it must be.
    fn parse<T: FromStr>(&self, name: &str, expected: &str, fits: impl Fn(&T) -> bool, otherwise: T) -> T {
        let Some(text) = self.text(name) else {
            self.fault(name, format!("is required: {expected}"));
            return otherwise;
        };
        if let Some(value) = text.parse().ok().filter(fits) {
            return value;
        }
        self.fault(name, format!("must be {expected}, not {text:?}"));
        otherwise
    }

    fn number(&self, name: &str, least: u64, most: u64) -> u64 {
        self.parse(name, &format!("a whole number from {least} to {most}"), |n| (least..=most).contains(n), least)
    }

    fn narrow<T: TryFrom<u64> + Default>(&self, name: &str, least: u64, most: u64) -> T {
        T::try_from(self.number(name, least, most)).unwrap_or_default()
    }

    fn port(&self, name: &str) -> u16 {
        self.narrow(name, 0, 65_535)
    }

    fn flag(&self, name: &str) -> bool {
        match self.text(name).as_deref() {
            Some("true" | "1" | "yes" | "on") => true,
            Some("false" | "0" | "no" | "off") => false,
            other => {
                self.fault(name, format!("must be true or false, not {:?}", other.unwrap_or_default()));
                false
            }
        }
    }

    fn one_of<T: Copy>(&self, name: &str, options: &[(&str, T)]) -> Option<T> {
        let text = self.text(name).unwrap_or_default();
        let found = options.iter().find(|(option, _)| *option == text).map(|(_, value)| *value);
        if found.is_none() {
            let names: Vec<&str> = options.iter().map(|(option, _)| *option).collect();
            self.fault(name, format!("must be one of {}, not {text:?}", names.join(", ")));
        }
        found
    }

    fn secret(&self, name: &str) -> Option<SecretString> {
        self.text(name).map(SecretString::from)
    }

    fn seconds(&self, name: &str, least: f64, most: f64) -> Duration {
        let expected = format!("a number of seconds from {least} to {most}");
        Duration::from_secs_f64(self.parse(name, &expected, |n| (least..=most).contains(n), least))
    }
}

impl Config {
    /// The configuration of this process, from its environment and `.env`.
    pub fn from_environment() -> Result<Self, ConfigFaults> {
        Self::from_source(&Source::environment()?)
    }

    /// The configuration in `source`, or everything that is wrong with it.
    pub fn from_source(source: &Source) -> Result<Self, ConfigFaults> {
        let read = Reader { source, faults: RefCell::default() };
        let config = Self::read(&read);
        let faults = read.faults.into_inner();
        if faults.is_empty() { Ok(config) } else { Err(ConfigFaults(faults)) }
    }

    fn read(read: &Reader<'_>) -> Self {
        let redis = redis(read);
        Self {
            http: http(read),
            postgres: postgres(read, "POSTGRES_USER", read.secret("POSTGRES_PASSWORD")),
            postgres_owner: postgres(
                read,
                "POSTGRES_OWNER_USER",
                read.secret("POSTGRES_OWNER_PASSWORD").or_else(|| read.secret("POSTGRES_PASSWORD")),
            ),
            mongo: mongo(read),
            redis_cache: match read.text("REDIS_CACHE_HOST") {
                None => redis.clone(),
                Some(host) => RedisConfig {
                    host,
                    port: read.port("REDIS_CACHE_PORT"),
                    password: read.secret("REDIS_CACHE_PASSWORD"),
                    ..redis.clone()
                },
            },
            redis,
            values: ValuesConfig { codec: codec(read), default_ttl: Duration::from_secs(read.number("REDIS_DEFAULT_TTL", 1, 2_592_000)) },
            write_buffer: WriteBufferConfig {
                mode: read
                    .one_of("REDIS_WRITE_BUFFER_MODE", &[("buffered", WriteMode::Buffered), ("through", WriteMode::Through)])
                    .unwrap_or_default(),
                saved_ttl: Duration::from_secs(read.number("REDIS_WRITE_BUFFER_TTL", 1, 2_592_000)),
                backlog_limit: read.number("REDIS_WRITE_BUFFER_BACKLOG", 1, 100_000_000),
                ack_replicas: read.narrow("REDIS_WRITE_BUFFER_ACK_REPLICAS", 0, 16),
            },
            batch: BatchConfig {
                enabled: read.flag("BATCH_PROCESSOR_ENABLED"),
                interval: read.seconds("BATCH_PROCESSOR_INTERVAL", 0.05, 86_400.0),
                workers: read.narrow("BATCH_PROCESSOR_PARALLEL_WORKERS", 1, 256),
                batch_size: read.number("BATCH_PROCESSOR_BATCH_SIZE", 1, 100_000),
                lease: read.seconds("BATCH_PROCESSOR_LEASE", 1.0, 3_600.0),
            },
            events: EventsConfig { claim_after: read.seconds("EVENTS_CLAIM_AFTER", 1.0, 86_400.0) },
            payments: payments(read),
            tokens: tokens(read),
            telemetry: telemetry(read),
        }
    }
}

fn payments(read: &Reader<'_>) -> PaymentsConfig {
    let url = |name: &str| {
        let url = read.text(name).unwrap_or_default();
        if !url.starts_with("https://") && !url.starts_with("http://") {
            read.fault(name, "must be an http or https URL");
        }
        url.trim_end_matches('/').to_owned()
    };
    // All of an account or nothing: half of one would refuse every webhook, or every order.
    let whole = |names: &[&str]| {
        let set = names.iter().filter(|name| read.text(name).is_some()).count();
        for name in names.iter().filter(|name| set > 0 && read.text(name).is_none()) {
            read.fault(name, format!("is required together with {}", names.join(", ")));
        }
        set == names.len()
    };
    let mut shared = ProviderKeys::default();
    if whole(&["RAZORPAY_KEY_ID", "RAZORPAY_KEY_SECRET", "RAZORPAY_WEBHOOK_SECRET"]) {
        let secret = |name| read.secret(name).unwrap_or_default();
        let key_id = read.text("RAZORPAY_KEY_ID").unwrap_or_default();
        shared.razorpay =
            Some(RazorpayKeys { key_id, key_secret: secret("RAZORPAY_KEY_SECRET"), webhook_secret: secret("RAZORPAY_WEBHOOK_SECRET") });
    }
    if whole(&["STRIPE_SECRET_KEY", "STRIPE_WEBHOOK_SECRET"]) {
        let secret = |name| read.secret(name).unwrap_or_default();
        shared.stripe = Some(StripeKeys { secret_key: secret("STRIPE_SECRET_KEY"), webhook_secret: secret("STRIPE_WEBHOOK_SECRET") });
    }
    let schools = match read.text("PAYMENT_SCHOOLS").map(|text| serde_json::from_str(&text)) {
        None => HashMap::new(),
        Some(Ok(schools)) => schools,
        Some(Err(error)) => {
            // Where it is wrong, not what stands there.
            read.fault("PAYMENT_SCHOOLS", format!("is not the JSON that is expected, at line {}, column {}", error.line(), error.column()));
            HashMap::new()
        }
    };
    PaymentsConfig { razorpay_url: url("RAZORPAY_API_URL"), stripe_url: url("STRIPE_API_URL"), shared, schools }
}

fn http(read: &Reader<'_>) -> HttpConfig {
    let origins = read.text("CORS_ALLOWED_ORIGINS").unwrap_or_default();
    let origins: Vec<String> = origins.split(',').map(str::trim).filter(|origin| !origin.is_empty()).map(str::to_owned).collect();
    for origin in &origins {
        let bare = origin.split_once("://").is_some_and(|(scheme, host)| !scheme.is_empty() && !host.is_empty() && !host.contains('/'));
        if origin != "*" && !bare {
            read.fault("CORS_ALLOWED_ORIGINS", format!("must list origins such as https://app.school.example, not {origin:?}"));
        }
    }
    let public_url = read.text("PUBLIC_URL").unwrap_or_default();
    if !public_url.starts_with("http://") && !public_url.starts_with("https://") {
        read.fault("PUBLIC_URL", format!("must be an http or https URL, not {public_url:?}"));
    }
    HttpConfig {
        host: read.text("HTTP_HOST").unwrap_or_default(),
        port: read.port("PORT"),
        workers: read.text("HTTP_WORKERS").map(|_| read.narrow("HTTP_WORKERS", 1, 1024)),
        max_connections: read.narrow("HTTP_MAX_CONNECTIONS", 1, 1_000_000),
        keep_alive: Duration::from_secs(read.number("HTTP_KEEP_ALIVE_SECONDS", 0, 3600)),
        public_url: public_url.trim_end_matches('/').to_owned(),
        cors_allowed_origins: origins,
        rate_limit_per_minute: read.narrow("RATE_LIMIT_PER_MINUTE", 0, 10_000_000),
        trusted_proxy_hops: read.narrow("TRUSTED_PROXY_HOPS", 0, 10),
        shutdown_timeout: Duration::from_secs(read.number("SHUTDOWN_TIMEOUT_SECONDS", 0, 3600)),
    }
}

fn postgres(read: &Reader<'_>, user: &str, password: Option<SecretString>) -> PostgresConfig {
    let modes = [
        ("disable", SslMode::Disable),
        ("allow", SslMode::Allow),
        ("prefer", SslMode::Prefer),
        ("require", SslMode::Require),
        ("verify-ca", SslMode::VerifyCa),
        ("verify-full", SslMode::VerifyFull),
    ];
    let mut config = PostgresConfig::new(
        &read.text("POSTGRES_HOST").unwrap_or_default(),
        read.port("POSTGRES_PORT"),
        &read.text("POSTGRES_DB").unwrap_or_default(),
        &read.text(user).unwrap_or_default(),
        password.unwrap_or_default(),
    );
    config.ssl_mode = read.one_of("POSTGRES_SSL_MODE", &modes).unwrap_or(SslMode::Prefer);
    config.max_connections = read.narrow("POSTGRES_MAX_CONNECTIONS", 1, 10_000);
    config.acquire_timeout = Duration::from_millis(read.number("POSTGRES_ACQUIRE_TIMEOUT_MS", 50, 60_000));
    config
}

fn mongo(read: &Reader<'_>) -> MongoConfig {
    let uri = read.text("MONGODB_URI").unwrap_or_default();
    if !uri.starts_with("mongodb://") && !uri.starts_with("mongodb+srv://") {
        read.fault("MONGODB_URI", "must start with mongodb:// or mongodb+srv://");
    }
    MongoConfig { uri: uri.into(), max_pool_size: read.narrow("MONGO_MAX_POOL_SIZE", 1, 10_000) }
}

fn redis(read: &Reader<'_>) -> RedisConfig {
    RedisConfig {
        host: read.text("REDIS_HOST").unwrap_or_default(),
        port: read.port("REDIS_PORT"),
        password: read.secret("REDIS_PASSWORD"),
        database: read.narrow("REDIS_DB", 0, 255),
        pool_size: read.narrow("REDIS_POOL_SIZE", 1, 1024),
        command_timeout: Duration::from_millis(read.number("REDIS_COMMAND_TIMEOUT_MS", 10, 60_000)),
    }
}

fn codec(read: &Reader<'_>) -> cache::Codec {
    let algorithm = read.one_of("REDIS_COMPRESSION_ALGORITHM", &[("snappy", cache::Codec::Snappy), ("lz4", cache::Codec::Lz4)]);
    if read.flag("REDIS_COMPRESSION_ENABLED") { algorithm.unwrap_or(cache::Codec::Snappy) } else { cache::Codec::Raw }
}

fn tokens(read: &Reader<'_>) -> TokensConfig {
    let secret = read.secret("JWT_SECRET");
    match &secret {
        None => read.fault("JWT_SECRET", "is required: at least 32 characters, the same for all processes"),
        Some(secret) if secret.expose_secret().len() < 32 => read.fault("JWT_SECRET", "must have at least 32 characters"),
        Some(_) => {}
    }
    TokensConfig {
        secret: secret.unwrap_or_default(),
        access_life: read.seconds("JWT_EXPIRY_HOURS", 0.01, 24.0) * 3600,
        leeway: Duration::from_secs(read.number("JWT_LEEWAY_SECONDS", 0, 300)),
        refresh_life: Duration::from_secs(read.number("REFRESH_TOKEN_DAYS", 1, 365) * 86_400),
    }
}

fn telemetry(read: &Reader<'_>) -> TelemetryConfig {
    let filter = read.text("RUST_LOG").unwrap_or_default();
    if let Err(error) = tracing_subscriber::EnvFilter::try_new(&filter) {
        read.fault("RUST_LOG", format!("is not a filter: {error}"));
    }
    let otlp_endpoint = read.text("OTEL_EXPORTER_OTLP_ENDPOINT");
    if otlp_endpoint.as_deref().is_some_and(|url| !url.starts_with("http://") && !url.starts_with("https://")) {
        read.fault("OTEL_EXPORTER_OTLP_ENDPOINT", "must be an http or https URL");
    }
    TelemetryConfig {
        filter,
        format: read.one_of("LOG_FORMAT", &[("json", LogFormat::Json), ("pretty", LogFormat::Pretty)]).unwrap_or(LogFormat::Json),
        otlp_endpoint,
        prometheus_port: read.flag("ENABLE_PROMETHEUS").then(|| read.port("PROMETHEUS_PORT")),
    }
}
