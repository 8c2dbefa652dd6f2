//! Sessions for OAuth APIs: log in once, then call; attach, sign, refresh and retry.
