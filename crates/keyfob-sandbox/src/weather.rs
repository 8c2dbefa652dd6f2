//! Measurements that look like weather and are functions of time alone, so that two runs agree.

use std::f64::consts::TAU;

const DAY: f64 = 86_400.0;
const YEAR: f64 = 365.25 * DAY;

/// Outdoor temperature in °C: mild, coldest in late January before sunrise.
pub(crate) fn outdoor_temperature(unix: i64) -> f64 {
    let t = unix as f64;
    8.0 - 10.0 * wave(t - 25.0 * DAY, YEAR) - 3.5 * wave(t - 4.0 * 3600.0, DAY) + 6.0 * noise(1, t, 5.0 * DAY)
}

/// Outdoor relative humidity in percent: high when it is cold.
pub(crate) fn outdoor_humidity(unix: i64) -> f64 {
    let t = unix as f64;
    (78.0 + 14.0 * wave(t - 4.0 * 3600.0, DAY) + 16.0 * noise(2, t, 2.0 * DAY)).clamp(25.0, 100.0)
}

/// Indoor temperature in °C: heated, lowered at night.
pub(crate) fn indoor_temperature(unix: i64) -> f64 {
    let t = unix as f64;
    21.2 - 0.9 * wave(t - 5.0 * 3600.0, DAY) - 0.6 * wave(t - 25.0 * DAY, YEAR) + 0.7 * noise(3, t, 9.0 * 3600.0)
}

/// Indoor relative humidity in percent: dry in winter.
pub(crate) fn indoor_humidity(unix: i64) -> f64 {
    let t = unix as f64;
    (46.0 - 9.0 * wave(t - 25.0 * DAY, YEAR) + 8.0 * noise(4, t, 6.0 * 3600.0)).clamp(20.0, 80.0)
}

/// CO2 in ppm: it rises while people are in.
pub(crate) fn co2(unix: i64) -> f64 {
    let t = unix as f64;
    let people_in = (wave(t - 22.0 * 3600.0, DAY) + 0.4).max(0.0);
    430.0 + 520.0 * people_in + 90.0 * (1.0 + noise(5, t, 2.0 * 3600.0))
}

/// Noise in dB: quiet at night.
pub(crate) fn sound(unix: i64) -> f64 {
    let t = unix as f64;
    44.0 - 7.0 * wave(t - 3.0 * 3600.0, DAY) + 4.0 * noise(6, t, 1800.0)
}

/// Pressure at sea level in mbar.
pub(crate) fn pressure(unix: i64) -> f64 {
    1012.0 + 19.0 * noise(7, unix as f64, 4.0 * DAY)
}

/// Rain in mm per hour: mostly none.
pub(crate) fn rain(unix: i64) -> f64 {
    let t = unix as f64;
    (6.0 * (noise(8, t, 0.7 * DAY) - 0.45) + 1.5 * (noise(9, t, 3600.0) - 0.6)).clamp(0.0, 12.0)
}

/// Wind in km/h.
pub(crate) fn wind(unix: i64) -> f64 {
    let t = unix as f64;
    (12.0 + 11.0 * noise(10, t, DAY) + 4.0 * noise(11, t, 1200.0)).max(0.0)
}

/// Gusts in km/h.
pub(crate) fn gust(unix: i64) -> f64 {
    wind(unix) * (1.5 + 0.3 * noise(12, unix as f64, 900.0))
}

/// Wind direction in degrees.
pub(crate) fn wind_angle(unix: i64) -> f64 {
    (225.0 + 120.0 * noise(13, unix as f64, 1.5 * DAY)).rem_euclid(360.0)
}

/// A well mixed number for things that happen or do not.
pub(crate) fn hash(seed: u64, n: i64) -> u64 {
    let mut x = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ n.cast_unsigned();
    x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^ (x >> 31)
}

/// One decimal, as the services round.
pub(crate) fn round1(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

/// 1 at 0, -1 half a period later.
fn wave(t: f64, period: f64) -> f64 {
    (TAU * t / period).cos()
}

/// Smooth noise between -1 and 1 that changes about once in a period.
fn noise(seed: u64, t: f64, period: f64) -> f64 {
    let x = t / period;
    let (floor, part) = (x.floor(), x - x.floor());
    let knot = |n: f64| {
        // Wraps for absurd times; it only has to give the same number again.
        (hash(seed, n as i64) >> 11) as f64 / (1_u64 << 52) as f64 - 1.0
    };
    let smooth = part * part * (3.0 - 2.0 * part);
    knot(floor) * (1.0 - smooth) + knot(floor + 1.0) * smooth
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn winter_is_colder_than_summer_and_rain_is_rare() {
        let mean = |from: i64| (0..30 * 24).map(|h| outdoor_temperature(from + h * 3600)).sum::<f64>() / 720.0;
        let (january, july) = (mean(1_704_067_200), mean(1_719_792_000));
        assert!(january + 8.0 < july, "{january} {july}");
        let wet = (0..1000).filter(|h| rain(1_704_067_200 + h * 3600) > 0.0).count();
        assert!((20..600).contains(&wet), "{wet} of 1000 hours");
    }

    #[test]
    fn values_stay_in_nature_s_range_at_any_time() {
        for t in [i64::MIN, -1, 0, 1_577_836_800, i64::MAX] {
            assert!((-40.0..45.0).contains(&outdoor_temperature(t)));
            assert!((900.0..1100.0).contains(&pressure(t)));
            assert!((0.0..360.0).contains(&wind_angle(t)));
        }
    }
}
