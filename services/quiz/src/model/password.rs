//! The password of a quiz: what is written on the blackboard when the exam begins.
//!
//! A whole class shares it and two thousand students may send it in the same minute, so it is stretched a little (PBKDF2 with HMAC-SHA-256), not like a login's.
//! Kept as `pbkdf2-sha256$<rounds>$<salt>$<hash>`, in hexadecimal.

use std::num::NonZeroU32;

use aws_lc_rs::pbkdf2;

const ROUNDS: u32 = 2_000;
const NAME: &str = "pbkdf2-sha256";

/// What is kept of `password`; `salt` is random.
#[must_use]
pub fn keep(password: &str, salt: [u8; 16]) -> String {
    let mut hash = [0; 32];
    pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, NonZeroU32::new(ROUNDS).unwrap_or(NonZeroU32::MIN), &salt, password.as_bytes(), &mut hash);
    format!("{NAME}${ROUNDS}${}${}", hex::encode(salt), hex::encode(hash))
}

/// Whether `given` is the password of which `kept` was kept. Takes the same time wherever they differ.
#[must_use]
pub fn fits(kept: &str, given: &str) -> bool {
    let mut parts = kept.split('$');
    let (Some(NAME), Some(rounds), Some(salt), Some(hash), None) = (parts.next(), parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return false;
    };
    let (Ok(rounds), Ok(salt), Ok(hash)) = (rounds.parse::<NonZeroU32>(), hex::decode(salt), hex::decode(hash)) else { return false };
    pbkdf2::verify(pbkdf2::PBKDF2_HMAC_SHA256, rounds, &salt, given.as_bytes(), &hash).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_password_fits_and_nothing_else_does() {
        let kept = keep("blackboard", [7; 16]);
        assert!(fits(&kept, "blackboard") && !fits(&kept, "Blackboard") && !fits(&kept, ""));
        assert_ne!(kept, keep("blackboard", [8; 16]));
        for damaged in ["", "pbkdf2-sha256$2000$$", "plain$1$00$00", "pbkdf2-sha256$0$00$00"] {
            assert!(!fits(damaged, "blackboard"), "{damaged}");
        }
    }
}
