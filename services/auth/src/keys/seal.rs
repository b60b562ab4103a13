//! Private keys at rest: PKCS#8, sealed with AES-256-GCM under a key that HKDF derives from the JWT secret. A copy of the database signs nothing.

use anyhow::anyhow;
use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::hkdf::{HKDF_SHA256, Salt};
use aws_lc_rs::rsa::KeyPair;
use secrecy::ExposeSecret;
use service_kit::Platform;

/// Seals and opens private keys.
pub struct Sealer(Option<RandomizedNonceKey>);

impl Sealer {
    /// The sealer that belongs to the platform's JWT secret.
    #[must_use]
    pub fn of(platform: &Platform) -> Self {
        Self::derive(platform.config().tokens.secret.expose_secret().as_bytes())
    }

    /// The sealer that belongs to `secret`.
    #[must_use]
    pub fn derive(secret: &[u8]) -> Self {
        let derived = || {
            let mut key = [0; 32];
            Salt::new(HKDF_SHA256, b"schools24 signing keys v1").extract(secret).expand(&[b"aes-256-gcm"], HKDF_SHA256)?.fill(&mut key)?;
            RandomizedNonceKey::new(&AES_256_GCM, &key)
        };
        // The lengths are the algorithms' own, so this can't fail; if it did, nothing could be sealed or opened.
        Self(derived().ok())
    }

    /// The private half of `pair`, sealed for the key's name: `nonce ‖ ciphertext ‖ tag`.
    pub fn seal(&self, kid: &str, pair: &KeyPair) -> anyhow::Result<Vec<u8>> {
        let failed = |_: Unspecified| anyhow!("a signing key could not be sealed");
        let key = self.0.as_ref().ok_or(Unspecified).map_err(failed)?;
        let pkcs8: Pkcs8V1Der<'_> = pair.as_der().map_err(failed)?;
        let mut sealed = pkcs8.as_ref().to_vec();
        let nonce = key.seal_in_place_append_tag(Aad::from(kid.as_bytes()), &mut sealed).map_err(failed)?;
        Ok([nonce.as_ref(), sealed.as_slice()].concat())
    }

    /// The pair, if it was sealed here under this name.
    #[must_use]
    pub fn open(&self, kid: &str, mut sealed: Vec<u8>) -> Option<KeyPair> {
        let (nonce, ciphertext) = sealed.split_at_mut_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let pkcs8 = self.0.as_ref()?.open_in_place(nonce, Aad::from(kid.as_bytes()), ciphertext).ok()?;
        KeyPair::from_pkcs8(pkcs8).ok()
    }
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::rsa::KeySize;
    use aws_lc_rs::signature::KeyPair as _;

    use super::*;

    #[test]
    fn a_sealed_key_opens_under_its_name_and_secret_only() {
        let pair = KeyPair::generate(KeySize::Rsa2048).unwrap();
        let sealer = Sealer::derive(b"secret");
        let at_rest = sealer.seal("one", &pair).unwrap();
        let opened = sealer.open("one", at_rest.clone()).unwrap();
        assert_eq!(opened.public_key().as_ref(), pair.public_key().as_ref());
        assert!(sealer.open("two", at_rest.clone()).is_none());
        assert!(Sealer::derive(b"other").open("one", at_rest.clone()).is_none());
        let mut edited = at_rest.clone();
        *edited.last_mut().unwrap() ^= 1;
        assert!(sealer.open("one", edited).is_none());
        assert!(sealer.open("one", Vec::new()).is_none());
        assert_ne!(sealer.seal("one", &pair).unwrap(), at_rest, "a nonce is used once");
    }
}
