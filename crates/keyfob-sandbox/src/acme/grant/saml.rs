//! The SAML bearer grant (RFC 7522 §2.1): an assertion by the identity provider that `acme` trusts, which is in this house too. Its assertions are
//! written in one form alone, so that what is signed needs no canonical one; and it shares a key with `acme`, as HMAC in an XML signature has it.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use quick_xml::events::{BytesStart, Event};
use quick_xml::{Reader, escape};
use sha2::{Digest as _, Sha256};

use crate::acme::person::{SUBJECT, is_known};
use crate::acme::token::{Ask, field, needed};
use crate::acme::{Acme, refuse};
use crate::chance;
use crate::clock::timestamp;
use crate::desk::{Desk, held};
use crate::message::Reply;

/// The identity provider's entity id.
const PROVIDER: &str = "urn:acme:identity-provider";
const BEARER: &str = "urn:oasis:names:tc:SAML:2.0:cm:bearer";
/// An assertion that is good for longer is none for the bearer (§3 rule 5: the window has to be limited).
const LONGEST: i64 = 600;

/// What an assertion says (RFC 7522 §3).
#[derive(Clone, Debug)]
pub struct SamlAssertion {
    /// Who it is about (`NameID`).
    pub subject: String,
    /// Whom it is for (`Audience`): the server's issuer.
    pub audience: String,
    /// Where it may be handed in (`Recipient`): the server's token endpoint.
    pub recipient: String,
    /// For how many seconds it is good.
    pub lifetime: i64,
}

impl SamlAssertion {
    pub(crate) fn at(origin: &str) -> Self {
        Self { subject: SUBJECT.to_owned(), audience: origin.to_owned(), recipient: format!("{origin}/token"), lifetime: 300 }
    }
}

/// The key of identity provider and server, made at the first use.
pub(in crate::acme) struct SamlKey([u8; 32]);

impl Default for SamlKey {
    fn default() -> Self {
        Self(chance::bytes())
    }
}

impl SamlKey {
    /// An assertion as XML, signed.
    pub(in crate::acme) fn write(&self, says: &SamlAssertion, now: i64) -> String {
        let id = format!("_{}", chance::hex(32));
        let (issued, ends) = (timestamp(now), timestamp(now.saturating_add(says.lifetime)));
        let [subject, audience, recipient] = [&says.subject, &says.audience, &says.recipient].map(|text| escape::escape(text.as_str()));
        let before = format!(
            "<saml:Assertion xmlns:saml=\"urn:oasis:names:tc:SAML:2.0:assertion\" ID=\"{id}\" IssueInstant=\"{issued}\" Version=\"2.0\">\
             <saml:Issuer>{PROVIDER}</saml:Issuer>"
        );
        let after = format!(
            "<saml:Subject><saml:NameID>{subject}</saml:NameID><saml:SubjectConfirmation Method=\"{BEARER}\">\
             <saml:SubjectConfirmationData NotOnOrAfter=\"{ends}\" Recipient=\"{recipient}\"></saml:SubjectConfirmationData>\
             </saml:SubjectConfirmation></saml:Subject>\
             <saml:Conditions NotBefore=\"{issued}\" NotOnOrAfter=\"{ends}\"><saml:AudienceRestriction>\
             <saml:Audience>{audience}</saml:Audience></saml:AudienceRestriction></saml:Conditions>\
             <saml:AuthnStatement AuthnInstant=\"{issued}\"><saml:AuthnContext><saml:AuthnContextClassRef>\
             urn:oasis:names:tc:SAML:2.0:ac:classes:Password</saml:AuthnContextClassRef></saml:AuthnContext></saml:AuthnStatement>\
             </saml:Assertion>"
        );
        let signature = self.signature(&id, &format!("{before}{after}"));
        format!("{before}{signature}{after}")
    }

    /// The enveloped signature of an assertion that is given without it.
    fn signature(&self, id: &str, assertion: &str) -> String {
        let digest = STANDARD.encode(Sha256::digest(assertion));
        let info = format!(
            "<ds:SignedInfo xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\">\
             <ds:CanonicalizationMethod Algorithm=\"http://www.w3.org/2001/10/xml-exc-c14n#\"></ds:CanonicalizationMethod>\
             <ds:SignatureMethod Algorithm=\"http://www.w3.org/2001/04/xmldsig-more#hmac-sha256\"></ds:SignatureMethod>\
             <ds:Reference URI=\"#{id}\"><ds:Transforms>\
             <ds:Transform Algorithm=\"http://www.w3.org/2000/09/xmldsig#enveloped-signature\"></ds:Transform>\
             <ds:Transform Algorithm=\"http://www.w3.org/2001/10/xml-exc-c14n#\"></ds:Transform></ds:Transforms>\
             <ds:DigestMethod Algorithm=\"http://www.w3.org/2001/04/xmlenc#sha256\"></ds:DigestMethod>\
             <ds:DigestValue>{digest}</ds:DigestValue></ds:Reference></ds:SignedInfo>"
        );
        let mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes keys of any length").chain_update(&info).finalize();
        let value = STANDARD.encode(mac.into_bytes());
        format!(
            "<ds:Signature xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\">{}<ds:SignatureValue>{value}</ds:SignatureValue></ds:Signature>",
            info.replacen(" xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\"", "", 1)
        )
    }

    /// What it says, if it is signed, all of it: the one signature is taken out, made anew and compared, so that nothing can be wrapped around.
    fn read(&self, text: &str) -> Option<Read> {
        const END: &str = "</ds:Signature>";
        let begin = text.find("<ds:Signature ")?;
        let end = begin + text[begin..].find(END)? + END.len();
        let unsigned = format!("{}{}", &text[..begin], &text[end..]);
        let read = Read::of(&unsigned)?;
        let (found, expected) = (Sha256::digest(&text[begin..end]), Sha256::digest(self.signature(&read.id, &unsigned)));
        (found == expected).then_some(read)
    }
}

/// An assertion, taken apart.
#[derive(Debug, Default)]
struct Read {
    id: String,
    issuer: String,
    subject: String,
    audiences: Vec<String>,
    method: String,
    recipient: String,
    not_before: Option<i64>,
    /// Of condition and confirmation, in this order.
    ends: Vec<i64>,
}

impl Read {
    fn of(text: &str) -> Option<Self> {
        let mut reader = Reader::from_str(text);
        let (mut read, mut within, mut content) = (Self::default(), Vec::new(), String::new());
        loop {
            match reader.read_event().ok()? {
                Event::Start(start) => {
                    let name = start.local_name().as_ref().to_owned();
                    read.begin(&name, &start)?;
                    within.push(name);
                    content.clear();
                }
                Event::Text(text) => content.push_str(&text),
                // `&amp;` and its like; no document of ours defines others.
                Event::GeneralRef(entity) => content.push_str(escape::resolve_xml_entity(entity.as_ref())?),
                Event::End(_) => {
                    let text = std::mem::take(&mut content);
                    match within.pop()?.as_str() {
                        "Issuer" => read.issuer = text,
                        "NameID" => read.subject = text,
                        "Audience" => read.audiences.push(text),
                        _ => {}
                    }
                }
                Event::Eof => return within.is_empty().then_some(read),
                // No declaration, comment or instruction belongs into one.
                _ => return None,
            }
        }
    }

    fn begin(&mut self, name: &str, start: &BytesStart<'_>) -> Option<()> {
        let value = |wanted: &str| {
            let attribute = start.attributes().filter_map(Result::ok).find(|attribute| attribute.key.as_ref() == wanted)?;
            Some(escape::unescape(&attribute.value).ok()?.into_owned())
        };
        let time = |wanted: &str| value(wanted)?.parse::<jiff::Timestamp>().ok().map(|at| at.as_second());
        match name {
            "Assertion" => self.id = value("ID")?,
            "SubjectConfirmation" => self.method = value("Method")?,
            "SubjectConfirmationData" => {
                self.recipient = value("Recipient")?;
                self.ends.push(time("NotOnOrAfter")?);
            }
            "Conditions" => {
                self.not_before = time("NotBefore");
                self.ends.push(time("NotOnOrAfter")?);
            }
            _ => {}
        }
        Some(())
    }
}

impl Acme {
    pub(in crate::acme) fn saml_assertion(&self, ask: &Ask<'_>) -> Result<Reply, Reply> {
        let subject = self.judge_saml(ask).map_err(|why| refuse(400, "invalid_grant", why));
        if !is_known(&subject?) {
            return Err(refuse(400, "invalid_grant", "the subject is nobody whom we know"));
        }
        self.for_person(ask, field(ask.call, "scope"))
    }

    /// §3, rule by rule.
    fn judge_saml(&self, ask: &Ask<'_>) -> Result<String, &'static str> {
        let Ask { desk, call, .. } = ask;
        let text = needed(call, "assertion").map_err(|_| "assertion is missing")?;
        // §2.1: base64url, without padding.
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| "the assertion is not in base64url without padding")?;
        let text = String::from_utf8(bytes).map_err(|_| "the assertion is no text")?;
        let read = self.saml.read(&text).ok_or("the assertion is not signed by the identity provider that is trusted here")?;
        let now = desk.now();
        if read.issuer != PROVIDER {
            return Err("another Issuer");
        }
        if !read.audiences.contains(&call.origin) {
            return Err("the Audience has to be the issuer of this server");
        }
        if read.method != BEARER {
            return Err("the SubjectConfirmation has to be that of the bearer");
        }
        let endpoints = [Some(&call.origin), desk.door().map(|door| &door.origin)];
        if !endpoints.into_iter().flatten().any(|origin| read.recipient == format!("{origin}/token")) {
            return Err("the Recipient has to be this token endpoint");
        }
        let ends = read.ends.iter().min().copied().unwrap_or(0);
        if ends <= now || ends > now + LONGEST || read.not_before.is_some_and(|begins| begins > now + 60) {
            return Err("the assertion has ended, has not begun, or is good for too long");
        }
        if !held(&self.once).first(&format!("saml {}", read.id), ends, now) {
            return Err("the assertion was used before (ID)");
        }
        Ok(read.subject)
    }

    /// As the identity provider writes one.
    pub(in crate::acme) fn written_saml(&self, desk: &Desk, says: &SamlAssertion) -> String {
        self.saml.write(says, desk.now())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_signed_is_all_of_it() {
        let key = SamlKey::default();
        let says = SamlAssertion { subject: "robin & <co>".into(), ..SamlAssertion::at("http://127.0.0.1:1") };
        let text = key.write(&says, 1_000_000);
        let read = key.read(&text).expect("it is ours");
        assert_eq!((read.subject.as_str(), read.audiences.as_slice()), ("robin & <co>", &["http://127.0.0.1:1".to_owned()][..]));
        assert_eq!((read.not_before, read.ends), (Some(1_000_000), vec![1_000_300, 1_000_300]));
        assert!(SamlKey::default().read(&text).is_none(), "another's key");
        for (from, to) in [("robin &amp; ", "eve"), ("</saml:Assertion>", "<x></x></saml:Assertion>"), ("ID=\"_", "ID=\"_0"), ("<ds:", "<")]
        {
            assert!(text.contains(from) && key.read(&text.replacen(from, to, 1)).is_none(), "{from}");
        }
        assert!(key.read("<a></a>").is_none() && key.read("<!DOCTYPE a><a></a>").is_none());
    }
}
