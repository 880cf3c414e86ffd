//! Numbers as a reader wants them: with the digits they deserve.

/// A number on the bar with the digits that the bar's end deserves.
pub(super) fn tick(value: f64, limit: f64) -> String {
    let sign = if value > 0.0 {
        "+"
    } else if value < 0.0 {
        "−"
    } else {
        ""
    };
    let size = value.abs();
    if size == 0.0 {
        return "0".into();
    }
    if !(1e-4..1e5).contains(&limit) {
        return format!("{sign}{}", format!("{size:.1e}").replace('-', "−"));
    }
    // Two digits of the end, one more for the half of it.
    let decimals = (2 - limit.log10().floor() as i32).clamp(0, 6) as usize;
    format!("{sign}{size:.decimals$}")
}

/// Three significant digits, without an exponent.
pub(super) fn significant(value: f64) -> String {
    if !value.is_finite() {
        return "–".into();
    }
    let magnitude = if value == 0.0 {
        0
    } else {
        value.abs().log10().floor() as i32
    };
    let decimals = (2 - magnitude).clamp(0, 6) as usize;
    format!("{value:.decimals$}").replace('-', "−")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_the_digits_they_deserve() {
        assert_eq!(tick(0.02, 0.04), "+0.0200");
        assert_eq!(tick(-12.5, 25.0), "−12.5");
        assert_eq!(tick(0.0, 1.0), "0");
        assert_eq!(tick(-5e-7, 1e-6), "−5.0e−7");
        assert_eq!(significant(3.4149), "3.41");
        assert_eq!(significant(-0.012345), "−0.0123");
        assert_eq!(significant(1234.5), "1234");
        assert_eq!(significant(0.0), "0.00");
        assert_eq!(significant(f64::NAN), "–");
    }
}
