//! What the manifests of deploy/kubernetes and the chart deploy/helm/roster render, and what a cluster says to it.
//! `ROSTER_TEST_BLESS=1` writes anew what is generated or kept for comparison.

mod applied;
mod chart;
mod connections;
mod encrypted;
mod generated;
mod golden;
mod kustomize;
mod pods;
mod render;
mod same;
mod secrets;
mod selectors;
