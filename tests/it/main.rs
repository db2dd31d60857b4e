//! The service through the doors its users take, on both engines, as one test binary.
//!
//! [`harness`] runs the service; [`engines`] makes two tests of each body and gives each a database of its
//! own; [`postgres`] runs the throw-away PostgreSQL under them. Nothing here reaches a database that
//! existed before.

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot be set up has failed, and JSON is looked into by its names"
)]

#[macro_use]
mod engines;
mod accept;
mod access;
mod admin_lists;
mod api_keys;
mod arbitrary;
mod archive;
mod archive_refusals;
mod archive_webhooks;
mod attention;
mod audit;
mod audit_access;
mod bodies;
mod browser;
mod browser_looks;
mod browser_order;
mod browser_orders;
mod browser_pay;
mod browser_safety;
mod browser_work;
mod catch_up;
mod checkout_cuts;
mod checkout_minimum;
mod checkout_payments;
mod cli;
mod cli_refusals;
mod cli_start;
mod clients;
mod connections;
mod courier;
mod courier_crash;
mod courier_lost;
mod crash;
mod creations;
mod csv;
mod database_file;
mod deliveries;
mod descriptors;
mod docs;
mod doctor;
mod doctor_signature;
mod evidence_doors;
mod evidence_metrics;
mod evidence_order;
mod faults;
mod fuzz;
mod gui_actions;
mod gui_order;
mod gui_orders;
mod gui_overview;
mod gui_session;
mod gui_weight;
mod gui_work;
mod guides;
mod harness;
mod harness_program;
mod heads;
mod idempotency;
mod ipns;
mod isolation;
mod key_rotation;
mod limits;
mod lists;
mod log;
mod methods;
mod money;
mod money_told;
mod next_attempts;
mod nodes;
mod openapi;
mod orders;
mod own_faults;
mod path_prefix;
mod pay;
mod pay_stream;
mod payments;
mod permissions;
mod plans;
mod poller;
mod pooled;
mod postgres;
mod postgres_start;
mod problems;
mod provider_client;
mod provider_login;
mod readiness;
mod readme;
mod receipts;
mod received_ipns;
mod records;
mod replays;
mod reports;
mod retention;
mod runbook;
mod scenarios;
mod schema;
mod search;
mod seed;
mod shutdown;
mod simulator;
mod simulator_clients;
mod simulator_routes;
mod smoke;
mod stats;
mod storage;
mod time;
mod top_up;
mod unknown;
mod waiting;
mod webhook_address;
mod webhook_docs;
mod webhook_send;
mod webhook_signatures;
mod webhook_standing;
mod webhooks;
mod witnesses;
