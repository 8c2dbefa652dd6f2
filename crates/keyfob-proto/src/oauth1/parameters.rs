//! The parameters of a request, normalised (RFC 5849 §3.4.1.3).

use crate::arena::Arena;

/// The parameters of a request (§3.4.1.3), each name and value encoded twice already, as the base string has them. That keeps the order that
/// they have encoded once (§3.4.1.3.2): `%25` sorts as `%` does, before every other character there is.
#[derive(Clone, Default)]
pub(crate) struct Parameters {
    arena: Arena,
    pairs: Vec<Pair>,
    /// Whether they were added in another order than theirs.
    unsorted: bool,
    /// Whether a name begins with `oauth_`.
    any_protocol: bool,
}

/// Where a pair lies, in one piece as the base string has it behind another one: `%26`, name, `%3D`, value.
#[derive(Clone, Copy)]
struct Pair {
    /// The first eight bytes of the name. Most comparisons end here.
    order: u64,
    begin: usize,
    name_end: usize,
    end: usize,
}

/// The protocol parameters that one signer sends with every request, as a base string has them, with gaps for nonce and timestamp. They stay
/// together there: no name sorts between two that begin with `oauth_`, but one that does so, too.
#[derive(Clone, Default)]
pub(crate) struct Protocol {
    before_nonce: Arena,
    between: Arena,
    behind_timestamp: Arena,
}

/// `=` and `&`, in a base string.
const EQUALS: &[u8] = b"%3D";
const AND: &[u8] = b"%26";

/// How names of the protocol begin, as [`Pair::order`] has it.
const PROTOCOL: u64 = u64::from_be_bytes(*b"oauth_\0\0");
const PROTOCOL_MASK: u64 = u64::from_be_bytes([0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0]);

impl Parameters {
    pub(crate) fn clear(&mut self) {
        self.arena.clear();
        self.pairs.clear();
        (self.unsorted, self.any_protocol) = (false, false);
    }

    /// Adds the parameters of a raw query or form body, in one pass: `a=b&c` as [`encode::raw_pairs`](crate::encode::raw_pairs) splits it.
    pub(crate) fn add_raw(&mut self, mut text: &[u8]) {
        loop {
            while let [b'&', rest @ ..] = text {
                text = rest;
            }
            if text.is_empty() {
                return;
            }
            let begin = self.begin();
            text = self.arena.twice_name(text);
            let name_end = self.arena.len();
            self.arena.plain(EQUALS);
            if let [b'=', rest @ ..] = text {
                text = self.arena.twice_value(rest);
            }
            self.done(begin, name_end);
        }
    }

    /// Adds a parameter given as text.
    pub(crate) fn add(&mut self, name: &str, value: &str) {
        let begin = self.begin();
        self.arena.twice(name.as_bytes());
        let name_end = self.arena.len();
        self.arena.plain(EQUALS);
        self.arena.twice(value.as_bytes());
        self.done(begin, name_end);
    }

    /// Whether a name begins with `oauth_`.
    pub(crate) fn any_protocol(&self) -> bool {
        self.any_protocol
    }

    /// Whether one of the names is such. Only names that need no encoding can be asked for.
    pub(crate) fn any(&self, is: impl Fn(&[u8]) -> bool) -> bool {
        self.pairs.iter().any(|pair| is(&self.arena.bytes()[pair.begin + AND.len()..pair.name_end]))
    }

    /// Writes them in order: by encoded name, then by encoded value (§3.4.1.3.2). `protocol` are those of the protocol, for a nonce and a time;
    /// then none of these may be [one of them](Self::any_protocol).
    pub(crate) fn write(&mut self, out: &mut Arena, protocol: Option<(&Protocol, &str, &Arena)>) {
        self.sort();
        let split = if protocol.is_some() { self.pairs.partition_point(|pair| pair.order < PROTOCOL) } else { 0 };
        let (before, behind) = self.pairs.split_at(split);
        let mut skip = AND.len();
        for pair in before {
            out.piece(&self.arena, pair.begin + skip..pair.end);
            skip = 0;
        }
        if let Some((protocol, nonce, timestamp)) = protocol {
            protocol.write(out, skip, nonce, timestamp);
            skip = 0;
        }
        for pair in behind {
            out.piece(&self.arena, pair.begin + skip..pair.end);
            skip = 0;
        }
    }

    fn begin(&mut self) -> usize {
        let begin = self.arena.len();
        self.arena.plain(AND);
        begin
    }

    /// The pair that was written last.
    fn done(&mut self, begin: usize, name_end: usize) {
        let name = begin + AND.len();
        let order = self.arena.word(name, name_end - name);
        self.any_protocol |= order & PROTOCOL_MASK == PROTOCOL;
        self.unsorted |= self.pairs.last().is_some_and(|last| last.order >= order);
        self.pairs.push(Pair { order, begin, name_end, end: self.arena.len() });
    }

    fn sort(&mut self) {
        if self.unsorted {
            let bytes = self.arena.bytes();
            let whole = |pair: &Pair| (&bytes[pair.begin..pair.name_end], &bytes[pair.name_end..pair.end]);
            self.pairs.sort_unstable_by(|a, b| a.order.cmp(&b.order).then_with(|| whole(a).cmp(&whole(b))));
        }
    }
}

impl Protocol {
    /// Of these parameters, beside which only nonce and timestamp will be.
    pub(crate) fn of(fixed: &[(&str, &str)]) -> Self {
        let mut fixed = [fixed, &[("oauth_nonce", ""), ("oauth_timestamp", "")]].concat();
        fixed.sort_unstable();
        let mut protocol = Self::default();
        let mut part = &mut protocol.before_nonce;
        for (name, value) in fixed {
            part.plain(AND);
            part.twice(name.as_bytes());
            part.plain(EQUALS);
            match name {
                "oauth_nonce" => part = &mut protocol.between,
                "oauth_timestamp" => part = &mut protocol.behind_timestamp,
                _ => part.twice(value.as_bytes()),
            }
        }
        protocol
    }

    fn write(&self, out: &mut Arena, skip: usize, nonce: &str, timestamp: &Arena) {
        out.piece(&self.before_nonce, skip..self.before_nonce.len());
        out.twice(nonce.as_bytes());
        out.all(&self.between);
        out.all(timestamp);
        out.all(&self.behind_timestamp);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// What is sorted in is what sorting all of them gives.
        #[test]
        fn protocol_parameters_stand_where_they_sort(pairs in prop::collection::vec(("(o|oauth|oauth-|oauth`|z|.{0,9})", ".{0,3}"), 0..9)) {
            let fixed = [("oauth_token", "t"), ("oauth_consumer_key", "k&"), ("oauth_version", "1.0")];
            let (mut around, mut all) = (Parameters::default(), Parameters::default());
            for (name, value) in &pairs {
                around.add(name, value);
                all.add(name, value);
            }
            prop_assume!(!around.any_protocol());
            fixed.iter().chain(&[("oauth_nonce", "n n"), ("oauth_timestamp", "12")]).for_each(|(name, value)| all.add(name, value));
            let (mut timestamp, mut left, mut right) = (Arena::default(), Arena::default(), Arena::default());
            timestamp.number(12);
            around.write(&mut left, Some((&Protocol::of(&fixed), "n n", &timestamp)));
            all.write(&mut right, None);
            prop_assert_eq!(left.text(), right.text());
        }
    }
}
