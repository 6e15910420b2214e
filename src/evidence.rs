//! Evidence: what goes on a defect ticket, and how it gets there.
//!
//! [`bundle`] packs everything that a ticket needs into one archive; [`attach`] uploads files to a Jira issue and says
//! in a comment what they show.

pub mod attach;
pub mod bundle;
