//! Calls to a provider: time limits, a bound on what is read, and errors that name no secret.

use std::time::Duration;

use reqwest::{Client, RequestBuilder, StatusCode};
use serde::de::DeserializeOwned;

use super::ProviderError;

/// What an answer may measure.
const MOST: usize = 1024 * 1024;

/// The client for all calls. Redirects are not followed: a provider's API makes none, and credentials would go along.
pub(super) fn client() -> Result<Client, ProviderError> {
    Client::builder()
        .connect_timeout(Duration::from_secs(3))
        .timeout(Duration::from_secs(10))
        .redirect(reqwest::redirect::Policy::none())
        .user_agent(concat!("schools24/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(|_| ProviderError::Unusable("no HTTP client can be made".to_owned()))
}

/// Sends `request` and reads the answer; `explain` finds the provider's reason in a refusal.
pub(super) async fn send<T: DeserializeOwned>(
    request: RequestBuilder,
    explain: fn(&serde_json::Value) -> Option<String>,
) -> Result<T, ProviderError> {
    // A reqwest error names the URL, and no header.
    let mut response = request.send().await.map_err(|error| ProviderError::Away(error.without_url().to_string()))?;
    let status = response.status();
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| ProviderError::Away(error.without_url().to_string()))? {
        if body.len() + chunk.len() > MOST {
            return Err(ProviderError::Unusable("the provider's answer is too long".to_owned()));
        }
        body.extend_from_slice(&chunk);
    }
    if status.is_success() {
        return serde_json::from_slice(&body)
            .map_err(|error| ProviderError::Unusable(format!("the provider's answer can't be read: {error}")));
    }
    let reason = serde_json::from_slice(&body).ok().and_then(|body| explain(&body)).unwrap_or_default();
    let told = format!("{status} {reason}");
    let later =
        status.is_server_error() || matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::CONFLICT | StatusCode::REQUEST_TIMEOUT);
    Err(if later { ProviderError::Away(told) } else { ProviderError::Refused(told) })
}

/// `application/x-www-form-urlencoded`.
pub(super) fn form(fields: &[(&str, &str)]) -> String {
    let encode = |text: &str, into: &mut String| {
        for byte in text.bytes() {
            match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' => into.push(char::from(byte)),
                b' ' => into.push('+'),
                other => {
                    into.push('%');
                    into.push_str(&hex::encode_upper([other]));
                }
            }
        }
    };
    let mut body = String::new();
    for (name, value) in fields {
        if !body.is_empty() {
            body.push('&');
        }
        encode(name, &mut body);
        body.push('=');
        encode(value, &mut body);
    }
    body
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_keeps_what_it_carries_apart() {
        assert_eq!(form(&[("metadata[payment_id]", "a b&c=d"), ("x", "₹")]), "metadata%5Bpayment_id%5D=a+b%26c%3Dd&x=%E2%82%B9");
    }
}
