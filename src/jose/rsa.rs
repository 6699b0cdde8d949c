//! Which RSA public keys are sound enough to verify with (RFC 7518 section 6.3.1, RFC 8725bis section 3.4).

use super::unsound_key::UnsoundKey;

/// The shortest modulus accepted, in bits (RFC 7518 section 3.3).
pub const MIN_MODULUS_BITS: usize = 2048;
/// The longest modulus accepted, in bits: the cost of each verification grows with the square of the length.
pub const MAX_MODULUS_BITS: usize = 8192;
/// The longest public exponent accepted, in bits.
const MAX_EXPONENT_BITS: usize = 33;

/// The residues by these primes show a modulus of the flawed generator of CVE-2017-15361 (ROCA).
const ROCA_PRIMES: [u32; 38] = [
    3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97, 101, 103, 107, 109,
    113, 127, 131, 137, 139, 149, 151, 157, 163, 167,
];
const ROCA_GENERATOR: u32 = 65_537;

/// An RSA public key within bounds: big-endian numbers without leading zero octets.
#[derive(Clone, PartialEq, Eq)]
pub struct RsaPublicKey {
    modulus: Box<[u8]>,
    exponent: Box<[u8]>,
}

impl RsaPublicKey {
    /// Checks the numbers of an RSA public key. Leading zero octets are dropped, as some issuers write one.
    ///
    /// # Errors
    /// The modulus has fewer than 2048 or more than 8192 bits, is even, or carries the ROCA fingerprint; the exponent
    /// is even, 1, or longer than 33 bits.
    pub fn new(modulus: &[u8], exponent: &[u8]) -> Result<Self, UnsoundKey> {
        let modulus = without_leading_zeros(modulus);
        let exponent = without_leading_zeros(exponent);
        let bits = bit_len(modulus);
        if bits < MIN_MODULUS_BITS {
            return Err(UnsoundKey("the RSA modulus has fewer than 2048 bits"));
        }
        if bits > MAX_MODULUS_BITS {
            return Err(UnsoundKey("the RSA modulus has more than 8192 bits"));
        }
        if is_even(modulus) {
            return Err(UnsoundKey("the RSA modulus is even"));
        }
        if is_even(exponent) || exponent == [1] || bit_len(exponent) > MAX_EXPONENT_BITS {
            return Err(UnsoundKey("the RSA exponent is weak: it must be odd, above 1 and at most 33 bits long"));
        }
        if has_roca_fingerprint(modulus) {
            return Err(UnsoundKey("the RSA modulus comes from a flawed generator (CVE-2017-15361)"));
        }
        Ok(Self { modulus: modulus.into(), exponent: exponent.into() })
    }

    /// The modulus `n`, big-endian.
    #[must_use]
    pub fn modulus(&self) -> &[u8] {
        &self.modulus
    }

    /// The public exponent `e`, big-endian.
    #[must_use]
    pub fn exponent(&self) -> &[u8] {
        &self.exponent
    }
}

impl std::fmt::Debug for RsaPublicKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "RSA public key of {} bits", bit_len(&self.modulus))
    }
}

fn without_leading_zeros(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|&&octet| octet == 0).count();
    &number[zeros..]
}

fn is_even(number: &[u8]) -> bool {
    number.last().is_none_or(|octet| octet % 2 == 0)
}

fn bit_len(number: &[u8]) -> usize {
    number.first().map_or(0, |first| number.len() * 8 - first.leading_zeros() as usize)
}

fn remainder(number: &[u8], modulus: u32) -> u32 {
    number.iter().fold(0, |rest, &octet| (rest * 256 + u32::from(octet)) % modulus)
}

/// Whether the number lies, modulo every prime of the list, in the subgroup that 65537 generates.
///
/// A random modulus does so with a probability of about 2^-27.
fn has_roca_fingerprint(modulus: &[u8]) -> bool {
    ROCA_PRIMES.iter().all(|&prime| {
        let wanted = remainder(modulus, prime);
        let mut power = 1;
        loop {
            if power == wanted {
                return true;
            }
            power = power * (ROCA_GENERATOR % prime) % prime;
            if power == 1 {
                return false;
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn modulus(bits: usize) -> Vec<u8> {
        let mut number = vec![0xff; bits.div_ceil(8)];
        if !bits.is_multiple_of(8) {
            number[0] = (1 << (bits % 8)) - 1;
        }
        number
    }

    #[test]
    fn the_modulus_has_2048_to_8192_bits() {
        for (bits, good) in [(1024, false), (2047, false), (2048, true), (8192, true), (8193, false), (16_384, false)] {
            assert_eq!(RsaPublicKey::new(&modulus(bits), &[1, 0, 1]).is_ok(), good, "{bits}");
        }
        assert!(RsaPublicKey::new(&[], &[1, 0, 1]).is_err());
    }

    #[test]
    fn a_leading_zero_octet_is_tolerated_and_counts_for_nothing() {
        let padded = [&[0, 0], modulus(2048).as_slice()].concat();
        assert_eq!(RsaPublicKey::new(&padded, &[0, 1, 0, 1]), RsaPublicKey::new(&modulus(2048), &[1, 0, 1]));
        let padded = [&[0; 256], modulus(1024).as_slice()].concat();
        assert!(RsaPublicKey::new(&padded, &[1, 0, 1]).is_err());
    }

    #[test]
    fn weak_exponents_are_refused() {
        let two_kib = [1; 2048];
        for weak in [&[][..], &[0], &[1], &[2], &[1, 0, 0], &[2, 0, 0, 0, 1], &two_kib] {
            assert!(RsaPublicKey::new(&modulus(2048), weak).is_err(), "{weak:?}");
        }
        for sound in [&[3][..], &[17], &[1, 0, 1], &[1, 0, 0, 0, 1]] {
            assert!(RsaPublicKey::new(&modulus(2048), sound).is_ok(), "{sound:?}");
        }
    }

    #[test]
    fn an_even_modulus_is_refused() {
        let mut even = modulus(2048);
        even[255] = 0xfe;
        assert!(RsaPublicKey::new(&even, &[1, 0, 1]).is_err());
    }

    #[test]
    fn the_roca_fingerprint_is_membership_in_the_subgroup() {
        // 65537^2 mod 2^32 is a power of the generator only as a whole number, not modulo 2^32.
        assert!(has_roca_fingerprint(&u64::from(ROCA_GENERATOR).pow(3).to_be_bytes()));
        assert!(has_roca_fingerprint(&[1]));
        assert!(!has_roca_fingerprint(&modulus(2048)));
        assert!(!has_roca_fingerprint(&[2]));
    }
}
