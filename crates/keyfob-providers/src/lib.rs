//! OAuth providers as checked data: endpoints, habits, deviations and actions.
