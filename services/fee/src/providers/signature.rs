//! HMAC-SHA256 over the bytes as they came: parsing and printing JSON again would change them.

use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;

/// Whether `signature`, in hexadecimal, is that of the `parts` one after the other. Takes as long for a wrong one as for a right one.
#[must_use]
pub(super) fn is_of(secret: &SecretString, parts: &[&[u8]], signature: &str) -> bool {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.expose_secret().as_bytes()) else { return false };
    for part in parts {
        mac.update(part);
    }
    hex::decode(signature).is_ok_and(|bytes| mac.verify_slice(&bytes).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_test_vector_of_rfc_4231_and_nothing_near_it() {
        let secret = SecretString::from("Jefe");
        let right = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        let parts: [&[u8]; 2] = [b"what do ya want ", b"for nothing?"];
        assert!(is_of(&secret, &parts, right));
        assert!(!is_of(&secret, &parts, &right[..62]), "cut short");
        assert!(!is_of(&secret, &parts, &format!("{right}00")));
        assert!(!is_of(&secret, &parts, &right.replace('5', "6")));
        assert!(!is_of(&secret, &[b"what do ya want for nothing"], right));
        assert!(!is_of(&SecretString::from("jefe"), &parts, right));
        assert!(!is_of(&secret, &parts, "no hex"));
    }
}
