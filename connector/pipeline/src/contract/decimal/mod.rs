//! Decimal128 by our own decoding of BID (binary integer decimal), the form that MongoDB stores.
//!
//! Invariants: every one of the 2^128 bit patterns has a value, as IEEE 754 asks; a coefficient over 34 digits is zero;
//! nothing here rounds, [`rounding`] does: a number that another type cannot hold exactly is not converted to it.

mod rounding;

pub use rounding::rounded_double;

/// Exponents are stored from zero up; this is what stands for exponent 0.
const BIAS: i32 = 6176;
/// The largest coefficient has 34 digits.
const COEFFICIENT_LIMIT: u128 = 10_u128.pow(34);
/// Whole numbers below it are doubles exactly.
const DOUBLE_WHOLE: u128 = 1 << 53;

/// A decoded Decimal128.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decimal {
    /// `coefficient * 10^exponent`, negative or not; zero has both a sign and an exponent.
    Finite {
        /// Whether the sign bit is set.
        negative: bool,
        /// Below 10^34.
        coefficient: u128,
        /// -6176 to 6111 in canonical encodings; up to 10207 beside a coefficient that was made zero.
        exponent: i32,
    },
    /// Infinity, negative or not.
    Infinity {
        /// Whether the sign bit is set.
        negative: bool,
    },
    /// Any NaN; sign and payload carry no meaning to the server.
    NaN,
}

/// A number that another BSON type holds as exactly, so that the server's index takes the two for one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Number {
    /// Whole and an int64.
    Integer(i64),
    /// Exactly a double, and no int64; NaN and the infinities too.
    Double(f64),
}

impl Decimal {
    /// Of the 16 bytes of BSON.
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        let bits = u128::from_le_bytes(bytes);
        let negative = bits >> 127 == 1;
        let combination = (bits >> 122) as u8 & 0x1f;
        if combination == 0x1f {
            return Self::NaN;
        }
        if combination == 0x1e {
            return Self::Infinity { negative };
        }
        // Two leading ones shift the exponent and put 100 before the coefficient, which is then over 34 digits: zero.
        let (exponent, coefficient) = if combination >> 3 == 3 {
            ((bits >> 111) as i32 & 0x3fff, 0)
        } else {
            ((bits >> 113) as i32 & 0x3fff, bits & ((1 << 113) - 1))
        };
        let coefficient = if coefficient < COEFFICIENT_LIMIT { coefficient } else { 0 };
        Self::Finite { negative, coefficient, exponent: exponent - BIAS }
    }

    /// The int64 or double that is exactly this number; `None` if there is none, as for 0.1.
    pub fn to_number(self) -> Option<Number> {
        let (negative, coefficient, exponent) = match self {
            Self::NaN => return Some(Number::Double(f64::NAN)),
            Self::Infinity { negative } => {
                return Some(Number::Double(if negative { f64::NEG_INFINITY } else { f64::INFINITY }));
            }
            Self::Finite { coefficient: 0, .. } => return Some(Number::Integer(0)),
            Self::Finite { negative, coefficient, exponent } => (negative, coefficient, exponent),
        };
        let (coefficient, exponent) = stripped(coefficient, exponent);
        if let Ok(power) = u32::try_from(exponent) {
            let whole = 10_u128.checked_pow(power).and_then(|p| coefficient.checked_mul(p));
            let signed = whole.and_then(|w| i128::try_from(w).ok()).map(|w| if negative { -w } else { w });
            if let Some(n) = signed.and_then(|w| i64::try_from(w).ok()) {
                return Some(Number::Integer(n));
            }
        }
        // 10^e is 2^e * 5^e: the powers of two go to the double's exponent, the powers of five must fit the odd part.
        let (odd, twos) = (coefficient >> coefficient.trailing_zeros(), coefficient.trailing_zeros() as i32 + exponent);
        let fives = 5_u128.checked_pow(exponent.unsigned_abs())?;
        let odd = if exponent < 0 { (odd % fives == 0).then_some(odd / fives)? } else { odd.checked_mul(fives)? };
        if odd >= DOUBLE_WHOLE {
            return None;
        }
        // The exponent of five bounds that of two to about 170 either way, so the power of two is a normal double.
        let magnitude = odd as f64 * f64::from_bits(((1023 + i64::from(twos)) as u64) << 52);
        Some(Number::Double(if negative { -magnitude } else { magnitude }))
    }

    /// One text for all encodings of one number: digits without trailing zeros, `E`, exponent. Zero is `0`.
    pub fn normalised(self) -> String {
        match self {
            Self::Finite { coefficient: 0, .. } => "0".into(),
            Self::Finite { negative, coefficient, exponent } => {
                let (coefficient, exponent) = stripped(coefficient, exponent);
                format!("{}{coefficient}E{exponent}", sign(negative))
            }
            special => special.plain(),
        }
    }

    /// One text for all encodings of one number, in plain notation: a whole number has digits only, any other no zero at
    /// its end. At most about 6,200 characters.
    pub fn shortest(self) -> String {
        match self {
            Self::Finite { coefficient: 0, .. } => "0".into(),
            Self::Finite { negative, coefficient, exponent } => {
                let (coefficient, exponent) = stripped(coefficient, exponent);
                Self::Finite { negative, coefficient, exponent }.plain()
            }
            special => special.plain(),
        }
    }

    /// The text that the Decimal128 specification asks for: as stored, exponent included; what Extended JSON has.
    pub fn scientific(self) -> String {
        let Self::Finite { negative, coefficient, exponent } = self else { return self.plain() };
        let digits = coefficient.to_string();
        let adjusted = exponent + digits.len() as i32 - 1;
        if exponent <= 0 && adjusted >= -6 {
            return self.plain();
        }
        let (first, others) = digits.split_at(1);
        let point = if others.is_empty() { "" } else { "." };
        format!("{}{first}{point}{others}E{adjusted:+}", sign(negative))
    }

    /// Plain notation, never with an exponent; zeros after the point stay as they were stored. At most about 6,200
    /// characters.
    pub fn plain(self) -> String {
        let (negative, coefficient, exponent) = match self {
            Self::NaN => return "NaN".into(),
            Self::Infinity { negative } => return format!("{}Infinity", sign(negative)),
            Self::Finite { negative, coefficient, exponent } => (negative, coefficient, exponent),
        };
        let mut text = String::from(sign(negative));
        let digits = coefficient.to_string();
        let after_point = exponent.min(0).unsigned_abs() as usize;
        if exponent >= 0 {
            text.push_str(&digits);
            if coefficient != 0 {
                text.extend(std::iter::repeat_n('0', exponent as usize));
            }
        } else if digits.len() > after_point {
            let (whole, fraction) = digits.split_at(digits.len() - after_point);
            text.push_str(whole);
            text.push('.');
            text.push_str(fraction);
        } else {
            text.push_str("0.");
            text.extend(std::iter::repeat_n('0', after_point - digits.len()));
            text.push_str(&digits);
        }
        text
    }

    /// The unscaled integer of an Avro `decimal(precision, scale)`, if the number is exactly that; -0 is 0.
    pub fn unscaled(self, scale: u32, precision: u32) -> Option<i128> {
        match self {
            Self::Finite { coefficient: 0, .. } => Some(0),
            Self::Finite { negative, coefficient, exponent } => {
                let (coefficient, exponent) = stripped(coefficient, exponent);
                let shift = u32::try_from(i64::from(exponent) + i64::from(scale)).ok()?;
                let digits = coefficient.checked_mul(10_u128.checked_pow(shift)?)?;
                bounded(negative, digits, precision)
            }
            Self::Infinity { .. } | Self::NaN => None,
        }
    }
}

/// The unscaled integer of a whole number; see [`Decimal::unscaled`].
pub fn unscaled_integer(n: i64, scale: u32, precision: u32) -> Option<i128> {
    let digits = u128::from(n.unsigned_abs()).checked_mul(10_u128.checked_pow(scale)?)?;
    bounded(n < 0, digits, precision)
}

/// The unscaled integer of a double, if its exact binary value (not its shortest text) has so few digits.
pub fn unscaled_double(x: f64, scale: u32, precision: u32) -> Option<i128> {
    if !x.is_finite() {
        return None;
    }
    if x == 0.0 {
        return Some(0);
    }
    let bits = x.to_bits();
    let stored = (bits >> 52) as i32 & 0x7ff;
    let fraction = u128::from(bits & ((1 << 52) - 1));
    let mantissa = if stored == 0 { fraction } else { fraction | 1 << 52 };
    let odd = mantissa >> mantissa.trailing_zeros();
    let twos = stored.max(1) - 1075 + mantissa.trailing_zeros() as i32;
    // odd * 2^twos * 10^scale, where 10^scale has as many twos as fives.
    let fives = odd.checked_mul(5_u128.checked_pow(scale)?)?;
    let shift = u32::try_from(i64::from(twos) + i64::from(scale)).ok()?;
    let digits = fives.checked_mul(1_u128.checked_shl(shift)?)?;
    bounded(x < 0.0, digits, precision)
}

fn bounded(negative: bool, digits: u128, precision: u32) -> Option<i128> {
    // Over 38 digits the precision is no bound that a u128 could break before the i128 does.
    if 10_u128.checked_pow(precision).is_some_and(|limit| digits >= limit) {
        return None;
    }
    let signed = i128::try_from(digits).ok()?;
    Some(if negative { -signed } else { signed })
}

fn sign(negative: bool) -> &'static str {
    if negative { "-" } else { "" }
}

/// Without trailing zeros; the coefficient is not zero.
fn stripped(mut coefficient: u128, mut exponent: i32) -> (u128, i32) {
    while coefficient != 0 && coefficient.is_multiple_of(10) {
        coefficient /= 10;
        exponent += 1;
    }
    (coefficient, exponent)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decimal(text: &str) -> Decimal {
        Decimal::from_bytes(text.parse::<bson::Decimal128>().expect("a decimal").bytes())
    }

    #[test]
    fn plain_notation_keeps_zeros_and_has_no_exponent() {
        for (stored, plain) in [
            ("1", "1"),
            ("1.50", "1.50"),
            ("-0", "-0"),
            ("0.00", "0.00"),
            ("1E+3", "1000"),
            ("0E+3", "0"),
            ("12E-5", "0.00012"),
            ("-1.2E-1", "-0.12"),
            ("NaN", "NaN"),
            ("Infinity", "Infinity"),
            ("-Infinity", "-Infinity"),
            ("9999999999999999999999999999999999", "9999999999999999999999999999999999"),
        ] {
            assert_eq!(decimal(stored).plain(), plain, "{stored}");
        }
        assert_eq!(decimal("1E-6176").plain().len(), 2 + 6176);
        assert_eq!(decimal("1E+6144").plain().len(), 6145);
    }

    #[test]
    fn numbers_that_another_type_holds_exactly() {
        for (stored, number) in [
            ("1", Some(Number::Integer(1))),
            ("1.000", Some(Number::Integer(1))),
            ("-0E+9", Some(Number::Integer(0))),
            ("9223372036854775807", Some(Number::Integer(i64::MAX))),
            ("-9223372036854775808", Some(Number::Integer(i64::MIN))),
            ("9223372036854775808", Some(Number::Double(9_223_372_036_854_775_808.0))),
            ("9223372036854775809", None),
            ("0.5", Some(Number::Double(0.5))),
            ("-0.375", Some(Number::Double(-0.375))),
            ("0.1", None),
            ("1E+22", Some(Number::Double(1e22))),
            ("1E+23", None),
            ("1E+6144", None),
            ("1E-6176", None),
            ("Infinity", Some(Number::Double(f64::INFINITY))),
            ("-Infinity", Some(Number::Double(f64::NEG_INFINITY))),
        ] {
            assert_eq!(decimal(stored).to_number(), number, "{stored}");
        }
        assert!(matches!(decimal("NaN").to_number(), Some(Number::Double(x)) if x.is_nan()));
    }

    #[test]
    fn one_number_has_one_normalised_text() {
        for (a, b) in [("0.10", "0.1"), ("1E+23", "10E+22"), ("-0.0", "0E+7")] {
            assert_eq!(decimal(a).normalised(), decimal(b).normalised());
        }
        assert_eq!(decimal("-1.230").normalised(), "-123E-2");
    }

    #[test]
    fn rescaling_is_exact_or_nothing() {
        assert_eq!(decimal("1.5").unscaled(2, 12), Some(150));
        assert_eq!(decimal("1.500").unscaled(2, 12), Some(150));
        assert_eq!(decimal("1.505").unscaled(2, 12), None);
        assert_eq!(decimal("-0").unscaled(2, 12), Some(0));
        assert_eq!(decimal("NaN").unscaled(2, 12), None);
        assert_eq!(decimal("99.99").unscaled(2, 4), Some(9999));
        assert_eq!(decimal("100").unscaled(2, 4), None);
        assert_eq!(decimal("1E+6144").unscaled(2, 38), None);
        assert_eq!(unscaled_integer(-7, 2, 4), Some(-700));
        assert_eq!(unscaled_integer(i64::MIN, 0, 19), Some(i128::from(i64::MIN)));
        assert_eq!(unscaled_double(0.5, 2, 4), Some(50));
        assert_eq!(unscaled_double(-3.0, 2, 4), Some(-300));
        assert_eq!(unscaled_double(0.1, 2, 4), None);
        assert_eq!(unscaled_double(f64::MAX, 0, 38), None);
        assert_eq!(unscaled_double(f64::MIN_POSITIVE / 3.0, 2, 38), None);
    }

    #[test]
    fn patterns_that_are_not_canonical_are_zero() {
        let over = (10_u128.pow(34) | (6176 << 113)).to_le_bytes();
        assert_eq!(Decimal::from_bytes(over), Decimal::Finite { negative: false, coefficient: 0, exponent: 0 });
        assert_eq!(Decimal::from_bytes((3_u128 << 125).to_le_bytes()).to_number(), Some(Number::Integer(0)));
        assert_eq!(Decimal::from_bytes([0xff; 16]), Decimal::NaN);
        assert_eq!(Decimal::from_bytes((0x1e_u128 << 122).to_le_bytes()), Decimal::Infinity { negative: false });
    }
}
