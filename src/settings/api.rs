//! `[api]`: what a transaction may hold.

use super::reader::Reader;
use crate::ledger::ask::draft::Rules;
use crate::ledger::ask::draft::rules::{ASSET_CODE, is_asset_code};
use crate::ledger::model::strkey::StrkeyCheck;

pub(super) fn api(r: &mut Reader) -> Rules {
    Rules {
        strkey_check: r.choice(
            "api.strkey_check",
            &[("full", StrkeyCheck::Full), ("shape", StrkeyCheck::Shape)],
            StrkeyCheck::Full,
        ),
        asset_codes: asset_codes(r),
    }
}

/// Asset codes that are accepted. An invalid one is a problem: no transaction can have it, so a list of such codes would refuse every
/// create.
fn asset_codes(r: &mut Reader) -> Vec<String> {
    let key = "api.asset_codes";
    let codes = r.list(key);
    if !codes.iter().all(|code| is_asset_code(code)) {
        r.problem(key, &format!("each {ASSET_CODE}"));
    }
    codes
}
