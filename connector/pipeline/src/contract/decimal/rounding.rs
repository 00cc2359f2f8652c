//! Decimals where they are asked to be rounded, and how many digits they need.
//!
//! Invariants: to the nearest, a tie to the even digit; of a double it is the exact binary value that is rounded, not
//! its shortest text.

use super::{Decimal, bounded, sign, stripped, unscaled_double};

impl Decimal {
    /// The nearest double; infinite where it is beyond all doubles.
    pub fn nearest(self) -> f64 {
        match self {
            Self::Finite { negative, coefficient, exponent } => {
                format!("{}{coefficient}e{exponent}", sign(negative)).parse().unwrap_or(f64::NAN)
            }
            Self::Infinity { negative: true } => f64::NEG_INFINITY,
            Self::Infinity { negative: false } => f64::INFINITY,
            Self::NaN => f64::NAN,
        }
    }

    /// Digits before and after the point that a `decimal(p,s)` needs to hold it; `None` for what is no number.
    pub fn digits(self) -> Option<(u32, u32)> {
        match self {
            Self::Finite { coefficient: 0, .. } => Some((0, 0)),
            Self::Finite { coefficient, exponent, .. } => {
                let (coefficient, exponent) = stripped(coefficient, exponent);
                let before = i64::from(coefficient.ilog10()) + 1 + i64::from(exponent);
                Some((u32::try_from(before).unwrap_or_default(), exponent.min(0).unsigned_abs()))
            }
            Self::Infinity { .. } | Self::NaN => None,
        }
    }

    /// As [`Self::unscaled`], where more digits than the scale has are rounded, a tie to the even digit.
    pub fn rounded(self, scale: u32, precision: u32) -> Option<i128> {
        let Self::Finite { negative, coefficient, exponent } = self else { return None };
        let Ok(surplus) = u32::try_from(-(i64::from(exponent) + i64::from(scale))) else {
            return self.unscaled(scale, precision);
        };
        // A coefficient has 34 digits, so with more to cut off nothing is left, not even a tie.
        let Some(unit) = 10_u128.checked_pow(surplus) else { return Some(0) };
        let (whole, cut) = (coefficient / unit, coefficient % unit);
        let up = cut > unit / 2 || (unit > 1 && cut == unit / 2 && whole % 2 == 1);
        bounded(negative, whole + u128::from(up), precision)
    }
}

/// As [`unscaled_double`], where the exact binary value is rounded, a tie to the even digit.
pub fn rounded_double(x: f64, scale: u32, precision: u32) -> Option<i128> {
    if let exact @ Some(_) = unscaled_double(x, scale, precision) {
        return exact;
    }
    // With an exponent of zero or more a double is whole, and only its size was in the way.
    let bits = x.to_bits();
    let stored = (bits >> 52) as i32 & 0x7ff;
    let fraction = u128::from(bits & ((1 << 52) - 1));
    let mantissa = if stored == 0 { fraction } else { fraction | 1 << 52 };
    let down = u32::try_from(1075 - stored.max(1)).ok().filter(|_| x.is_finite())?;
    let digits = mantissa.checked_mul(10_u128.checked_pow(scale)?)?;
    let (whole, up) = match 1_u128.checked_shl(down) {
        Some(unit) => {
            let (whole, cut) = (digits / unit, digits % unit);
            (whole, unit > 1 && (cut > unit / 2 || (cut == unit / 2 && whole % 2 == 1)))
        }
        // The digits are less than half of 2^129; of 2^128 they may be more than half.
        None => (0, down == 128 && digits > 1 << 127),
    };
    bounded(x < 0.0, whole + u128::from(up), precision)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decimal(text: &str) -> Decimal {
        Decimal::from_bytes(text.parse::<bson::Decimal128>().expect("a decimal").bytes())
    }

    #[test]
    fn rounding_is_to_the_nearest_and_ties_are_even() {
        for (stored, rounded) in [
            ("1.005", Some(100)),
            ("1.015", Some(102)),
            ("1.0050000001", Some(101)),
            ("-1.015", Some(-102)),
            ("1.5", Some(150)),
            ("1E+1", Some(1000)),
            ("0.004999", Some(0)),
            ("1E-6176", Some(0)),
            ("99.995", None),
            ("99.985", Some(9998)),
            ("NaN", None),
            ("Infinity", None),
        ] {
            assert_eq!(decimal(stored).rounded(2, 4), rounded, "{stored}");
        }
        for (x, rounded) in [
            (0.1, Some(10)),
            (0.125, Some(12)),
            (0.375, Some(38)),
            (-0.375, Some(-38)),
            (1e-300, Some(0)),
            (99.999, None),
            (f64::NAN, None),
            (1e300, None),
        ] {
            assert_eq!(rounded_double(x, 2, 4), rounded, "{x}");
        }
    }

    #[test]
    fn the_nearest_double_and_the_digits() {
        for (stored, double, digits) in [
            ("0.1", 0.1, (0, 1)),
            ("-12.50", -12.5, (2, 1)),
            ("1E+3", 1000.0, (4, 0)),
            ("0.00", 0.0, (0, 0)),
            ("1E-400", 0.0, (0, 400)),
        ] {
            assert_eq!((decimal(stored).nearest(), decimal(stored).digits()), (double, Some(digits)), "{stored}");
        }
        assert_eq!(decimal("1E+400").nearest(), f64::INFINITY);
        assert!(decimal("NaN").nearest().is_nan() && decimal("NaN").digits().is_none());
    }
}
