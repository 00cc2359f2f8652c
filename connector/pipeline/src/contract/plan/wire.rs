//! Avro's primitives and Confluent's frame, written to the end of a buffer.
//!
//! Invariant: every number has its shortest form, so that equal data are equal bytes.

/// The frame: a zero, the schema's id in big endian.
pub(crate) fn frame(schema_id: u32, out: &mut Vec<u8>) {
    out.push(0);
    out.extend_from_slice(&schema_id.to_be_bytes());
}

/// `int` and `long`.
#[inline]
pub(crate) fn long(n: i64, out: &mut Vec<u8>) {
    let mut rest = zigzag(n);
    while rest >= 0x80 {
        out.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}

fn zigzag(n: i64) -> u64 {
    ((n << 1) ^ (n >> 63)) as u64
}

/// `string` and `bytes`.
#[inline]
pub(crate) fn bytes(data: &[u8], out: &mut Vec<u8>) {
    long(data.len() as i64, out);
    out.extend_from_slice(data);
}

/// The second branch of a union `["null", T]`.
#[inline]
pub(crate) fn some(out: &mut Vec<u8>) {
    out.push(2);
}

/// The first branch of a union `["null", T]`.
#[inline]
pub(crate) fn null(out: &mut Vec<u8>) {
    out.push(0);
}

/// A long that is known only when what follows it has been written: put in at `at`, what follows moves up.
pub(crate) fn insert_long(at: usize, n: i64, out: &mut Vec<u8>) {
    let mut rest = zigzag(n);
    let mut digits = [0_u8; 10];
    let mut len = 0;
    loop {
        let more = rest >= 0x80;
        digits[len] = rest as u8 & 0x7f | if more { 0x80 } else { 0 };
        len += 1;
        rest >>= 7;
        if !more {
            break;
        }
    }
    let end = out.len();
    out.resize(end + len, 0);
    out.copy_within(at..end, at + len);
    out[at..at + len].copy_from_slice(&digits[..len]);
}

/// A `string` whose text `write` writes.
pub(crate) fn text<E>(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>) -> Result<(), E>) -> Result<(), E> {
    let at = out.len();
    write(out)?;
    insert_long(at, (out.len() - at) as i64, out);
    Ok(())
}

/// The unscaled integer of a `decimal`: `bytes`, big endian, two's complement, as few as can be.
pub(crate) fn decimal(unscaled: i128, out: &mut Vec<u8>) {
    let all = unscaled.to_be_bytes();
    let sign = if unscaled < 0 { 0xff } else { 0 };
    let mut from = 0;
    while from < 15 && all[from] == sign && (all[from + 1] ^ sign) & 0x80 == 0 {
        from += 1;
    }
    bytes(&all[from..], out);
}

/// Lower-case hexadecimal digits.
#[inline]
pub(crate) fn hex(data: &[u8], out: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for byte in data {
        out.extend_from_slice(&[DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
    }
}

/// A UUID's text, 8-4-4-4-12.
pub(crate) fn uuid(data: &[u8; 16], out: &mut Vec<u8>) {
    for (place, part) in [&data[..4], &data[4..6], &data[6..8], &data[8..10], &data[10..]].into_iter().enumerate() {
        if place > 0 {
            out.push(b'-');
        }
        hex(part, out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn longs_written_late_are_longs() {
        for n in [0, 1, -1, 63, 64, -65, 8191, 8192, i64::MAX, i64::MIN] {
            let (mut early, mut late) = (vec![7], vec![7, 8, 9]);
            long(n, &mut early);
            early.extend([8, 9]);
            insert_long(1, n, &mut late);
            assert_eq!(early, late, "{n}");
        }
    }

    #[test]
    fn decimals_are_as_short_as_can_be() {
        for (n, expected) in [
            (0, vec![2, 0]),
            (-1, vec![2, 0xff]),
            (127, vec![2, 0x7f]),
            (128, vec![4, 0, 0x80]),
            (-128, vec![2, 0x80]),
            (-129, vec![4, 0xff, 0x7f]),
        ] {
            let mut out = Vec::new();
            decimal(n, &mut out);
            assert_eq!(out, expected, "{n}");
        }
    }
}
