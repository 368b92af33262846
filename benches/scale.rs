//! How time and memory grow with the number of samples, from a thousand to a million: a table, and a chart beside this file.
//!
//! Each training is a process of its own in Moodle's local mode, on a generated dataset of 400 columns in which four of five
//! cells are empty. `cargo bench --bench scale` takes about ten minutes, two GB of disk and as much memory as the table says;
//! `-- --quick` is a smoke test that leaves the chart as it is, and `-- --evaluation` evaluates the largest dataset with ten
//! iterations instead, of which the time limit of evaluations leaves as many as fit.
#![allow(clippy::unwrap_used, reason = "a bench stops when it cannot go on")]

#[path = "common/mod.rs"]
mod common;

use std::error::Error;
use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use comfy_table::{Table, presets};
use plotters::prelude::*;

const ROWS: [usize; 7] = [1_000, 3_000, 10_000, 30_000, 100_000, 300_000, 1_000_000];

/// What a training took.
struct Measured {
    rows: usize,
    wall: Duration,
    /// Seconds of all cores.
    processor: f64,
    /// Peak of memory in MB.
    megabytes: f64,
}

fn main() -> Result<(), Box<dyn Error>> {
    // `cargo bench` passes --bench, `cargo test --benches` does not.
    let quick = std::env::args().any(|arg| arg == "--quick") || !std::env::args().any(|arg| arg == "--bench");
    let evaluation = std::env::args().any(|arg| arg == "--evaluation");
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN);
    table.set_header(["Samples", "Time", "Processor time", "Memory"]);
    let mut all = Vec::new();
    let (rows, work) = match (quick, evaluation) {
        (true, _) => (&ROWS[..1], Work::Training),
        (false, true) => (&ROWS[ROWS.len() - 1..], Work::Evaluation),
        (false, false) => (&ROWS[..], Work::Training),
    };
    for &rows in rows {
        let measured = measure(rows, work)?;
        table.add_row([
            rows.to_string(),
            format!("{:.2} s", measured.wall.as_secs_f64()),
            format!("{:.2} s", measured.processor),
            format!("{:.0} MB", measured.megabytes),
        ]);
        eprintln!("measured: {rows} samples");
        all.push(measured);
    }
    println!("{table}");
    if !quick && !evaluation {
        draw(&all, &Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/scale.svg"))?;
    }
    Ok(())
}

/// What is measured.
#[derive(Clone, Copy)]
enum Work {
    Training,
    /// With ten iterations.
    Evaluation,
}

/// Trains on that many samples, or evaluates them.
fn measure(rows: usize, work: Work) -> Result<Measured, Box<dyn Error>> {
    let directory = tempfile::tempdir()?;
    let dataset = directory.path().join("dataset.csv");
    let mut file = BufWriter::new(File::create_new(&dataset)?);
    common::write_sparse(rows, &mut file)?;
    file.flush()?;
    let began = Instant::now();
    let mut command = Command::new(env!("CARGO_BIN_EXE_moodle-mlbackend"));
    let model = directory.path().join("model");
    match work {
        Work::Training => command
            .args(["-m", "moodlemlbackend.training", "m"])
            .args([&model, &dataset])
            .stdout(Stdio::null()),
        // Its reply, whose info says how many iterations the time limit left, is printed.
        Work::Evaluation => command
            .args(["-m", "moodlemlbackend.evaluation", "m"])
            .args([&model, &dataset])
            .args(["0.6", "0.05", "10"]),
    };
    let mut child = command.spawn()?;
    // The kernel forgets a process with its end, so the last look before it counts.
    let (mut processor, mut megabytes) = (0.0, 0.0);
    let status = loop {
        if let Some(used) = used(child.id()) {
            (processor, megabytes) = used;
        }
        if let Some(status) = child.try_wait()? {
            break status;
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    assert!(status.success(), "{rows} samples failed");
    Ok(Measured { rows, wall: began.elapsed(), processor, megabytes })
}

/// The processor time in seconds and the peak of memory in MB of a running process.
fn used(process: u32) -> Option<(f64, f64)> {
    let proc = Path::new("/proc").join(process.to_string());
    let stat = fs::read_to_string(proc.join("stat")).ok()?;
    let (_, fields) = stat.rsplit_once(") ")?; // the name in parentheses can hold anything
    let ticks: f64 = fields.split(' ').skip(11).take(2).map(|field| field.parse().unwrap_or(0.0)).sum();
    let status = fs::read_to_string(proc.join("status")).ok()?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: f64 = peak.trim().trim_end_matches(" kB").parse().ok()?;
    Some((ticks / 100.0, kibibytes * 1.024 / 1000.0))
}

/// Both logarithmic, so that growth in proportion to the samples is a line of slope 1.
fn draw(measured: &[Measured], path: &Path) -> Result<(), Box<dyn Error>> {
    let root = SVGBackend::new(path, (720, 440)).into_drawing_area();
    root.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&root)
        .caption("Training on 400 columns: processor time and memory", ("sans-serif", 18))
        .margin(12)
        .x_label_area_size(40)
        .y_label_area_size(64)
        .build_cartesian_2d((1e3..1e6).log_scale(), (0.1..10_000.0).log_scale())?;
    chart.configure_mesh().x_desc("samples").y_desc("seconds, MB").draw()?;
    let line = |value: fn(&Measured) -> f64| -> Vec<(f64, f64)> {
        measured.iter().map(|one| (one.rows as f64, value(one))).collect()
    };
    for (name, color, points) in [
        ("processor time, s", RGBColor(0, 96, 180), line(|one| one.processor)),
        ("memory, MB", RGBColor(200, 80, 0), line(|one| one.megabytes)),
    ] {
        let series = LineSeries::new(points, color.stroke_width(2)).point_size(3);
        chart
            .draw_series(series)?
            .label(name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 20, y)], color.stroke_width(2)));
    }
    chart.configure_series_labels().background_style(WHITE).border_style(BLACK).draw()?;
    root.present()?;
    Ok(())
}
