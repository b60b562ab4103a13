//! What may become a password. What already is one is never judged again: a rule that grows stricter locks nobody out.

use domain::{Email, Fault};

/// Characters that a new password has at least.
pub const SHORTEST: usize = 10;

/// Bytes that bcrypt looks at. More would be cut off silently, and two different passwords would be one.
pub const LONGEST_BYTES: usize = 72;

/// The most used ones among those that the length lets pass, in lower case.
const COMMON: &[&str] = &[
    "0123456789",
    "0987654321",
    "1111111111",
    "11111111111",
    "111111111111",
    "1234512345",
    "1234554321",
    "12345678910",
    "1234567890",
    "12345678900",
    "123456789a",
    "123456789q",
    "1234567891",
    "123456789123",
    "1029384756",
    "1q2w3e4r5t",
    "1q2w3e4r5t6y",
    "1qaz2wsx3edc",
    "abcdefghij",
    "administrator",
    "adminadmin",
    "basketball",
    "changeme123",
    "correct horse battery staple",
    "iloveyou123",
    "letmein123",
    "password01",
    "password10",
    "password11",
    "password12",
    "password123",
    "password1234",
    "password12345",
    "passwordpassword",
    "princess123",
    "q1w2e3r4t5",
    "q1w2e3r4t5y6",
    "qazwsxedcrfv",
    "qwerty1234",
    "qwerty12345",
    "qwerty123456",
    "qwertyqwerty",
    "qwertyuiop",
    "schools24123",
    "superman123",
    "welcome123",
    "welcome1234",
    "zaq12wsxcde3",
    "zxcvbnm123",
];

/// Every rule that `password` breaks; `pointer` says which field it came in.
#[must_use]
pub fn faults(password: &str, email: &Email, pointer: &str) -> Vec<Fault> {
    let mut faults = Vec::new();
    let mut require = |holds: bool, detail: String| {
        if !holds {
            faults.push(Fault::new(pointer, detail));
        }
    };
    require(password.chars().count() >= SHORTEST, format!("must have at least {SHORTEST} characters"));
    require(password.len() <= LONGEST_BYTES, format!("must have at most {LONGEST_BYTES} bytes in UTF-8"));
    require(!password.chars().any(char::is_control), "must not contain control characters".to_owned());
    let lower = password.to_lowercase();
    let one_character = lower.chars().next().is_some_and(|first| lower.chars().all(|c| c == first));
    require(!COMMON.contains(&lower.as_str()) && !one_character, "is among the passwords that are tried first".to_owned());
    require(lower != email.as_str(), "must not be the e-mail address".to_owned());
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    fn broken(password: &str) -> usize {
        faults(password, &Email::try_from("ada.lovelace@school.example").unwrap(), "/password").len()
    }

    #[test]
    fn a_long_uncommon_password_passes_in_any_script() {
        assert_eq!(broken("correct horse"), 0);
        assert_eq!(broken("नमस्ते दुनिया"), 0);
    }

    #[test]
    fn each_rule_refuses_what_it_is_for() {
        assert_eq!(broken("admin123"), 1);
        assert_eq!(broken("Password123"), 1);
        assert_eq!(broken("zzzzzzzzzzzz"), 1);
        assert_eq!(broken("Ada.Lovelace@School.example"), 1);
        assert_eq!(broken("a bell\u{7}rings"), 1);
        assert_eq!(broken(&"x1".repeat(36)), 0);
        assert_eq!(broken(&"x1".repeat(37)), 1);
        // 25 characters, but 75 bytes.
        assert_eq!(broken(&"न".repeat(25)), 2);
    }

    #[test]
    fn the_common_ones_are_sorted_out_in_lower_case() {
        assert!(COMMON.iter().all(|password| password.to_lowercase() == *password && password.len() >= SHORTEST));
    }
}
