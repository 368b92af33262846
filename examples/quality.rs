use moodle_mlbackend::dataset::{Class, Features, Labelled, Limits, read_labelled, read_unlabelled};
use moodle_mlbackend::learning::*;
use std::time::Instant;
fn open(path: &str) -> Box<dyn std::io::Read> {
    let f = std::fs::File::open(path).unwrap();
    if path.ends_with(".gz") { Box::new(flate2::read::GzDecoder::new(f)) } else { Box::new(f) }
}
struct R(u64);
impl R {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        let mut x = self.0;
        x ^= x >> 33;
        x = x.wrapping_mul(0xff51afd7ed558ccd);
        x ^= x >> 33;
        (x >> 11) as f64 / (1u64 << 53) as f64
    }
}
fn cossin(n: usize, seed: u64) -> Labelled {
    let mut r = R(seed * 7919 + 13);
    for _ in 0..10 {
        r.next();
    }
    let pi = std::f64::consts::PI;
    let (mut a, mut b, mut t) = (vec![], vec![], vec![]);
    for _ in 0..n {
        let x = (r.next() * 2. - 1.) * pi;
        let y = (r.next() * 2. - 1.) * pi;
        a.push(x as f32);
        b.push(y as f32);
        t.push(u32::from(x.cos() > y.sin()));
    }
    Labelled::new(
        Features::of_columns(vec!["a".into(), "b".into()], &[a, b]),
        t,
        vec![Class::new(0.).unwrap(), Class::new(1.).unwrap()],
    )
}
fn main() {
    let args: Vec<String> = std::env::args().collect();
    match args[1].as_str() {
        "cossin" => {
            for n in [10usize, 50, 100, 1000, 10000] {
                let mut acc = vec![];
                let mut ll = 0.;
                let t = Instant::now();
                let seeds = if n < 2000 { 10 } else { 2 };
                let test = cossin(20000, 999);
                let rows: Vec<u32> = (0..20000).collect();
                let mut said = String::new();
                for s in 0..seeds {
                    let d = cossin(n, s);
                    match train(&d) {
                        Ok(m) => {
                            let p = m.probabilities(test.features(), &rows);
                            let e = rate(&test, &p);
                            acc.push(e.mean.accuracy);
                            ll += e.mean.log_loss;
                            said = m.decisions().join(" | ");
                        }
                        Err(e) => println!("{e}"),
                    }
                }
                acc.sort_by(f64::total_cmp);
                println!(
                    "n={n} mean acc {:.4} min {:.4} ll {:.4} time {:.3}\n   {said}",
                    acc.iter().sum::<f64>() / acc.len() as f64,
                    acc[0],
                    ll / acc.len() as f64,
                    t.elapsed().as_secs_f64() / acc.len() as f64
                );
            }
        }
        "eval" => {
            for p in &args[2..] {
                let t = Instant::now();
                let d = read_labelled(open(p), &Limits::default())
                    .unwrap()
                    .into_samples()
                    .unwrap()
                    .canonical(usize::MAX);
                let tr = t.elapsed();
                let t = Instant::now();
                let m = train(&d).unwrap();
                let tt = t.elapsed();
                let t = Instant::now();
                let e = evaluate(&d, 10).unwrap();
                println!(
                    "{p}: read {tr:.3?} train {tt:.3?} eval {:.3?}\n {:?} dev {:.4}\n {:#?}",
                    t.elapsed(),
                    e.mean,
                    e.score_deviation,
                    m.decisions()
                );
            }
        }
        "answers" => {
            let d = read_labelled(open(&args[2]), &Limits::default())
                .unwrap()
                .into_samples()
                .unwrap()
                .canonical(usize::MAX);
            let u = read_unlabelled(open(&args[3]), &Limits::default()).unwrap();
            let ans: std::collections::HashMap<String, f64> =
                serde_json::from_reader(std::fs::File::open(&args[4]).unwrap()).unwrap();
            let t = Instant::now();
            let m = train(&d).unwrap();
            let tt = t.elapsed();
            let targets = u
                .ids
                .iter()
                .map(|id| m.classes().iter().position(|c| c.number() == ans[id]).unwrap() as u32)
                .collect();
            let rows: Vec<u32> = (0..u.ids.len() as u32).collect();
            let t = Instant::now();
            let p = m.probabilities(&u.features, &rows);
            let tp = t.elapsed();
            let e = rate(&Labelled::new(u.features, targets, m.classes().to_vec()), &p);
            println!("train {tt:.3?} predict {tp:.3?} {:?}\n {:#?}", e.mean, m.decisions());
        }
        "sub" => {
            // rows, then files: train on the first rows in canonical order, rate on the rest
            let n: usize = args[2].parse().unwrap();
            for p in &args[3..] {
                let d = read_labelled(open(p), &Limits::default())
                    .unwrap()
                    .into_samples()
                    .unwrap()
                    .canonical(usize::MAX);
                let pick = |rows: &[u32]| {
                    Labelled::new(
                        d.features().select(rows),
                        rows.iter().map(|&r| d.targets()[r as usize]).collect(),
                        d.classes().to_vec(),
                    )
                };
                let a: Vec<u32> = (0..n as u32).collect();
                let b: Vec<u32> = (n as u32..d.targets().len() as u32).collect();
                let (tr, te) = (pick(&a), pick(&b));
                let t = Instant::now();
                let m = train(&tr).unwrap();
                let tt = t.elapsed();
                let rows: Vec<u32> = (0..b.len() as u32).collect();
                let e = rate(&te, &m.probabilities(te.features(), &rows));
                println!(
                    "{p} n={n} train {tt:.2?} acc {:.4} auc {:?} ll {:.4} {:#?}",
                    e.mean.accuracy,
                    e.mean.auc,
                    e.mean.log_loss,
                    m.decisions()
                );
            }
        }
        "onnx" => {
            for p in &args[2..] {
                let d = read_labelled(open(p), &Limits::default())
                    .unwrap()
                    .into_samples()
                    .unwrap()
                    .canonical(usize::MAX);
                let m = train(&d).unwrap();
                let t = Instant::now();
                let bytes = moodle_mlbackend::model::to_onnx(&m);
                let tw = t.elapsed();
                let t = Instant::now();
                std::fs::write("/tmp/m.onnx", &bytes).unwrap();
                let run = moodle_mlbackend::model::Model::load(&bytes).unwrap();
                let tl = t.elapsed();
                let t = Instant::now();
                let q = run.predict(d.features().clone()).unwrap();
                let tp = t.elapsed();
                let rows: Vec<u32> = (0..d.targets().len() as u32).collect();
                let p = m.probabilities(d.features(), &rows);
                let diff = p.iter().zip(&q).map(|(a, b)| (a - b).abs()).fold(0., f64::max);
                println!("write {tw:.3?} load {tl:.3?} predict {} rows {tp:.3?} diff {diff:e}", rows.len());
            }
        }
        "make" => {
            // rows features varying
            let (n, f, v): (usize, usize, usize) =
                (args[2].parse().unwrap(), args[3].parse().unwrap(), args[4].parse().unwrap());
            use std::io::Write;
            let mut o = std::io::BufWriter::new(std::io::stdout());
            let mut r = R(77);
            for _ in 0..9 {
                r.next();
            }
            writeln!(o,"timesplitting,nfeatures,moodleversion,targetcolumn,targettype,targetclasses\n\"\\core\\quarters\",{f},2024100700,\"\\core_course\\dropout\",discrete,\"[0,1]\"").unwrap();
            for i in 0..f {
                write!(o, "\"\\mod_x\\analytics\\indicator\\i{i}\",").unwrap();
            }
            writeln!(o, "target").unwrap();
            for _ in 0..n {
                let act = r.next() * 2. - 1.;
                let skill = r.next() * 2. - 1.;
                let mut m = -1.6 + 1.8 * act * act * act.signum() * -1. - skill;
                let mut cells = vec![];
                for i in 0..f {
                    let cell = if i % f >= v {
                        if i % 2 == 0 { "".to_string() } else { "-1".to_string() }
                    } else {
                        let q = (i * 37 % 101) as f64 / 101.;
                        let dense = 0.02 + 0.35 * q * q;
                        if r.next() > dense * (0.6 + 0.4 * act) {
                            "".into()
                        } else {
                            let x = (0.5 * act * ((i % 7) as f64 / 7.)
                                + 0.3 * skill * ((i % 5) as f64 / 5.)
                                + (r.next() * 2. - 1.) * 0.5)
                                .clamp(-1., 1.);
                            let x = (x * if i % 3 == 0 { 3. } else { 50. }).round()
                                / if i % 3 == 0 { 3. } else { 50. };
                            if i % 11 == 0 {
                                m += 0.6 * x * act;
                                m -= 0.5 * (x > 0.2) as u8 as f64;
                            }
                            if x == 0. { "0".into() } else { format!("{x:.2}") }
                        }
                    };
                    cells.push(cell);
                }
                let y = r.next() < 1. / (1. + (-2.5 * m).exp());
                writeln!(o, "{},{}", cells.join(","), y as u8).unwrap();
            }
        }
        _ => {}
    }
}
