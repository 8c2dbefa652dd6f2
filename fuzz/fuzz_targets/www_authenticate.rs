#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| keyfob_fuzz_targets::www_authenticate::run(data));
