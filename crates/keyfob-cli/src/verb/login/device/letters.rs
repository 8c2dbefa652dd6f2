//! A user code in big letters, to be read from where the other device is.

/// Two rows of these dots are one row of characters.
const HIGH: usize = 6;

/// The code, big: lines of one width. None where a letter is not among these: codes are of capitals and digits (RFC 8628 §6.1), and whether
/// another one's case counts nobody knows.
pub(super) fn big(code: &str) -> Option<Vec<String>> {
    let mut rows = vec![String::new(); HIGH];
    for (at, c) in code.chars().enumerate() {
        let dots: Vec<&str> = letter(c)?.split('/').collect();
        for (row, line) in rows.iter_mut().enumerate() {
            if at > 0 {
                line.push('.');
            }
            let blank = ".".repeat(dots[0].len());
            line.push_str(dots.get(row).copied().unwrap_or(&blank));
        }
    }
    let half = |pair: &[String]| {
        let both = pair[0].chars().zip(pair[1].chars());
        let drawn = both.map(|dots| match dots {
            ('#', '#') => '█',
            ('#', _) => '▀',
            (_, '#') => '▄',
            _ => ' ',
        });
        drawn.collect::<String>()
    };
    Some(rows.chunks(2).map(half).collect()).filter(|_| !code.is_empty())
}

/// Five rows of dots.
fn letter(c: char) -> Option<&'static str> {
    Some(match c {
        'A' => ".#./#.#/###/#.#/#.#",
        'B' => "##./#.#/##./#.#/##.",
        'C' => ".##/#../#../#../.##",
        'D' => "##./#.#/#.#/#.#/##.",
        'E' => "###/#../##./#../###",
        'F' => "###/#../##./#../#..",
        'G' => ".###/#.../#.##/#..#/.###",
        'H' => "#.#/#.#/###/#.#/#.#",
        'I' => "###/.#./.#./.#./###",
        'J' => "..#/..#/..#/#.#/.#.",
        'K' => "#..#/#.#./##../#.#./#..#",
        'L' => "#../#../#../#../###",
        'M' => "#...#/##.##/#.#.#/#...#/#...#",
        'N' => "#..#/##.#/#.##/#..#/#..#",
        'O' => ".##./#..#/#..#/#..#/.##.",
        'P' => "##./#.#/##./#../#..",
        'Q' => ".##./#..#/#..#/#.#./.#.#",
        'R' => "##./#.#/##./#.#/#.#",
        'S' => ".##/#../.#./..#/##.",
        'T' => "###/.#./.#./.#./.#.",
        'U' => "#..#/#..#/#..#/#..#/.##.",
        'V' => "#.#/#.#/#.#/#.#/.#.",
        'W' => "#...#/#...#/#.#.#/##.##/#...#",
        'X' => "#.#/#.#/.#./#.#/#.#",
        'Y' => "#.#/#.#/.#./.#./.#.",
        'Z' => "####/...#/.##./#.../####",
        '0' => ".##./#.##/##.#/#..#/.##.",
        '1' => ".#./##./.#./.#./###",
        '2' => "##./..#/.#./#../###",
        '3' => "##./..#/.#./..#/##.",
        '4' => "#.#/#.#/###/..#/..#",
        '5' => "###/#../##./..#/##.",
        '6' => ".##/#../###/#.#/###",
        '7' => "###/..#/.#./.#./.#.",
        '8' => "###/#.#/###/#.#/###",
        '9' => "###/#.#/###/..#/##.",
        '-' => "../../##/../..",
        ' ' => "../../../../..",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_letter_is_a_rectangle_and_looks_like_no_other() {
        let mut seen = BTreeSet::new();
        for c in ('A'..='Z').chain('0'..='9').chain(['-', ' ']) {
            let dots = letter(c).unwrap_or_else(|| panic!("{c}"));
            let rows: Vec<&str> = dots.split('/').collect();
            assert!(rows.len() == 5 && rows.iter().all(|row| row.len() == rows[0].len()), "{c}");
            assert!(seen.insert(dots), "{c} looks like another letter");
        }
    }

    #[test]
    fn a_code_is_drawn_or_left_alone() {
        let drawn = big("WDJB-MJHT").expect("capitals");
        assert_eq!(
            drawn,
            ["█   █ █▀▄   █ █▀▄    █▄ ▄█   █ █ █ ▀█▀", "█▄▀▄█ █ █ ▄ █ █▀▄ ▀▀ █ ▀ █ ▄ █ █▀█  █ ", "▀   ▀ ▀▀   ▀  ▀▀     ▀   ▀  ▀  ▀ ▀  ▀ ",]
        );
        for other in ["wdjb", "É", "A\u{1b}[2J", ""] {
            assert!(big(other).is_none(), "{other:?}");
        }
    }
}
