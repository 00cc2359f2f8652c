//! Decimals: two's complement bytes as digits.
//!
//! Invariant: exact at any length; the text has as many digits behind the point as the scale says.

/// Appends the digits.
pub(super) fn text(bytes: &[u8], scale: u32, out: &mut String) {
    let negative = bytes.first().is_some_and(|first| first & 0x80 != 0);
    // The magnitude in base 2^32, most significant first; what is there is one limb more, for the lowest of numbers.
    let mut limbs: Vec<u32> = vec![0];
    for chunk in padded(bytes, negative).chunks_exact(4) {
        let limb = chunk.iter().fold(0u32, |number, byte| number << 8 | u32::from(*byte));
        limbs.push(if negative { !limb } else { limb });
    }
    if negative {
        for limb in limbs.iter_mut().rev() {
            let (sum, over) = limb.overflowing_add(1);
            *limb = sum;
            if !over {
                break;
            }
        }
    }
    // Nine digits at a time, lowest first.
    let mut groups = Vec::new();
    while limbs.iter().any(|limb| *limb != 0) {
        let mut rest = 0u64;
        for limb in &mut limbs {
            let number = rest << 32 | u64::from(*limb);
            *limb = (number / 1_000_000_000) as u32;
            rest = number % 1_000_000_000;
        }
        groups.push(rest);
    }
    let mut digits: String = groups.iter().rev().map(|group| format!("{group:09}")).collect();
    let scale = scale as usize;
    digits = digits.trim_start_matches('0').to_owned();
    if digits.len() <= scale {
        digits = format!("{digits:0>width$}", width = scale + 1);
    }
    if negative {
        out.push('-');
    }
    let point = digits.len() - scale;
    out.push_str(&digits[..point]);
    if scale > 0 {
        out.push('.');
        out.push_str(&digits[point..]);
    }
}

/// The number in so many bytes, by repeating its sign; `None` where it needs more.
pub(super) fn widened<const N: usize>(bytes: &[u8]) -> Option<[u8; N]> {
    let sign = if bytes.first().is_some_and(|first| first & 0x80 != 0) { 0xFF } else { 0 };
    let surplus = bytes.len().saturating_sub(N);
    let kept = &bytes[surplus..];
    let same_sign = kept.first().is_none_or(|first| (first & 0x80 != 0) == (sign == 0xFF));
    if bytes[..surplus].iter().any(|byte| *byte != sign) || (surplus > 0 && !same_sign) {
        return None;
    }
    let mut out = [sign; N];
    out[N - kept.len()..].copy_from_slice(kept);
    Some(out)
}

fn padded(bytes: &[u8], negative: bool) -> Vec<u8> {
    let sign = if negative { 0xFF } else { 0 };
    let mut out = vec![sign; bytes.len().next_multiple_of(4) - bytes.len()];
    out.extend_from_slice(bytes);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_of_numbers_near_and_far() {
        for number in [0i128, 1, -1, 127, 128, -128, -129, 10i128.pow(20), i128::MAX, i128::MIN, -(1 << 32), 1 << 32] {
            let mut out = String::new();
            text(&number.to_be_bytes(), 0, &mut out);
            assert_eq!(out, number.to_string());
            assert_eq!(widened::<16>(&number.to_be_bytes()), Some(number.to_be_bytes()));
        }
        for (bytes, expected) in
            [(&[][..], "0.00"), (&[5], "0.05"), (&[0xFF], "-0.01"), (&[0x80], "-1.28"), (&[0, 0xC8], "2.00")]
        {
            let mut out = String::new();
            text(bytes, 2, &mut out);
            assert_eq!(out, expected);
        }
        assert_eq!(widened::<2>(&[0, 0, 0x7F]), Some([0, 0x7F]));
        assert_eq!(widened::<2>(&[0, 0x80, 0]), None);
        assert_eq!(widened::<2>(&[0xFF]), Some([0xFF, 0xFF]));
    }
}
