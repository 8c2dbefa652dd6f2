use crate::desk::{Desk, Service};
use crate::fault::Zone;
use crate::message::{Call, Reply};

#[derive(Default)]
pub(crate) struct Fitbit;

impl Service for Fitbit {
    fn zone(&self, _: &Call) -> Zone {
        Zone::Api
    }
    fn answer(&self, _: &Desk, _: &Call) -> Reply {
        Reply::empty(501)
    }
    fn expire_access_tokens(&self, _: &Desk) {}
    fn too_many_requests(&self) -> Reply {
        Reply::empty(429)
    }
}
