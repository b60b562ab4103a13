//! The bus-route service as a process of its own.

use std::process::ExitCode;

fn main() -> ExitCode {
    service_kit::main(&[bus_route::SERVICE])
}
